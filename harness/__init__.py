"""A plugin-based benchmarking harness for neural networks.

Importing this package is cheap: it loads neither NumPy nor any framework, so that the command line can settle the
thread variables first. The contracts are in `harness.interfaces`.
"""

from importlib.metadata import PackageNotFoundError

import pluggy

from harness.machine.installed import version

hookimpl = pluggy.HookimplMarker("harness")
"""Marks a plugin's function as the implementation of the hook of the same name."""

try:
    __version__ = version("nn-harness")
except PackageNotFoundError:  # running from a source tree that was never installed
    __version__ = "0+unknown"

__all__ = ["__version__", "hookimpl"]
