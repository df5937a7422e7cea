"""Several runs as a static site: an index, their pages, and their results side by side and over time."""

from harness.publish.site import publish

__all__ = ["publish"]
