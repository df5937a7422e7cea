"""Plugins: found, loaded, quarantined and named."""

from harness.plugins.loading import Registry, load, registry

__all__ = ["Registry", "load", "registry"]
