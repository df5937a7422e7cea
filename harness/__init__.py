"""A plugin-based benchmarking harness for neural networks.

Importing this package is cheap: it loads neither NumPy nor any framework, so that the command line can settle the
thread variables first. The contracts are in `harness.interfaces`.
"""

import pluggy

hookimpl = pluggy.HookimplMarker("harness")
"""Marks a plugin's function as the implementation of the hook of the same name."""

__version__: str
"""The installed version, ``"0+unknown"`` in a source tree that was never installed."""

__all__ = ["__version__", "hookimpl"]


def __getattr__(name: str) -> str:
    """Read the version when it is asked for: that takes longer than everything else here."""
    if name != "__version__":
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    from importlib.metadata import PackageNotFoundError

    from harness.machine.installed import version

    try:
        return version("nn-harness")
    except PackageNotFoundError:
        return "0+unknown"
