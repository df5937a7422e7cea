"""A plugin-based benchmarking harness for neural networks.

>>> run = harness.run("quick")  # doctest: +SKIP
>>> run.leaderboard("test_accuracy")  # doctest: +SKIP

Importing this package is cheap: it loads neither NumPy nor any framework, so that the command line can settle the
thread variables first. What it offers is loaded when it is asked for. The contracts of plugins are in
`harness.interfaces`.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    import pluggy

    from harness.api.handle import Run
    from harness.api.judging import Comparison, Verification, compare, verify
    from harness.api.networks import TrainedNetwork
    from harness.api.planning import Plan, plan
    from harness.api.reproducing import Reproduction, reproduce
    from harness.api.running import load_suite, open_run, run, runs
    from harness.errors import HarnessError
    from harness.suite.loading import LoadedSuite

    hookimpl: pluggy.HookimplMarker
    """Marks a plugin's function as the implementation of the hook of the same name."""
    __version__: str
    """The installed version, ``"0+unknown"`` in a source tree that was never installed."""

__all__ = [
    "Comparison",
    "HarnessError",
    "LoadedSuite",
    "Plan",
    "Reproduction",
    "Run",
    "TrainedNetwork",
    "Verification",
    "__version__",
    "compare",
    "hookimpl",
    "load_suite",
    "open_run",
    "plan",
    "reproduce",
    "run",
    "runs",
    "verify",
]
_PLACES = {
    "harness.api.handle": ("Run",),
    "harness.api.judging": ("Comparison", "Verification", "compare", "verify"),
    "harness.api.networks": ("TrainedNetwork",),
    "harness.api.planning": ("Plan", "plan"),
    "harness.api.reproducing": ("Reproduction", "reproduce"),
    "harness.api.running": ("load_suite", "open_run", "run", "runs"),
    "harness.errors": ("HarnessError",),
    "harness.suite.loading": ("LoadedSuite",),
}
"""The modules that have what is offered here."""

if not TYPE_CHECKING:  # a type checker is not to take any name for one that is offered

    def __getattr__(name: str) -> object:
        """Load what is asked for, and keep it."""
        value = _loaded(name)
        globals()[name] = value
        return value


def _loaded(name: str) -> object:
    if name == "hookimpl":
        import pluggy

        return pluggy.HookimplMarker("harness")
    if name == "__version__":
        return _version()
    for module, names in _PLACES.items():
        if name in names:
            from importlib import import_module

            return getattr(import_module(module), name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError

    from harness.machine.installed import version

    try:
        return version("nn-harness")
    except PackageNotFoundError:
        return "0+unknown"


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
