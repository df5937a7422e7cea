"""What the command line collects: the test classes of the kinds that it names components of."""

from harness.conformance import *  # noqa: F403 - each class of the kit, so that a new kind's is collected too
