"""The benchmarks as a pytest plugin: which cases are measured, as options choose."""

from pathlib import Path

import pytest

from harness.bench import ROWS, Case, cases_for, load_networks
from harness.benchmarks.speed import test_speed
from harness.errors import HarnessError
from harness.plugins.loading import registry
from harness.suite.shipped import suite_path
from harness.trial.jobs import load_backend

CASES = pytest.StashKey[list[Case]]()
_COLLECTED = Path(__file__).with_name("speed.py")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that choose backends, networks and how they are measured."""
    group = parser.getgroup("harness benchmarks")
    group.addoption("--bench-backend", action="append", metavar="NAME", help="only this backend (repeatable)")
    group.addoption(
        "--bench-network", action="append", metavar="NAME", help="an experiment of the suite, such as M0 (repeatable)"
    )
    group.addoption("--bench-suite", metavar="FILE", help="suite whose networks these are (as harness bench)")
    group.addoption("--bench-device", default="auto", metavar="NAME", help="auto (the backend's best), cpu, cuda, …")
    group.addoption("--bench-rounds", type=int, default=7, metavar="N", help="runs of a case (7)")
    group.addoption("--bench-rows", type=int, default=ROWS, metavar="N", help=f"images of a run ({ROWS})")
    group.addoption("--bench-threads", type=int, default=1, metavar="N", help="threads of a matrix product (1)")


def pytest_configure(config: pytest.Config) -> None:
    """Choose the cases; an unknown name ends the command here, in one line."""
    config.addinivalue_line("markers", "cpu: runs on the CPU (-m cpu)")
    config.addinivalue_line("markers", "gpu: runs on an accelerator (-m gpu)")
    if not config.pluginmanager.hasplugin("benchmark"):
        msg = "harness.benchmarks: pytest-benchmark is not installed. Install it: pip install pytest-benchmark"
        raise pytest.UsageError(msg)
    option = config.option
    try:
        plugins = registry()
        suite = None if option.bench_suite is None else suite_path(option.bench_suite)
        config.stash[CASES] = cases_for(
            plugins,
            load_networks(plugins, suite).named(option.bench_network or ()),
            option.bench_backend or (),
            device=option.bench_device,
            threads=option.bench_threads,
            rows=option.bench_rows,
        )
    except HarnessError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Collect the module of the benchmarks, whatever the names of test files are here."""
    return pytest.Module.from_parent(parent, path=file_path) if file_path == _COLLECTED else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a benchmark its cases, each marked by its device and skipped, with the reason, where it cannot run."""
    if metafunc.function is test_speed and "case" in metafunc.fixturenames:
        cases = metafunc.config.stash[CASES]
        metafunc.parametrize(
            "case", [pytest.param(case, marks=_marks(case), id=case.title.replace(" ", "-")) for case in cases]
        )


def _marks(case: Case) -> list[pytest.MarkDecorator]:
    """Return the markers of a case."""
    answer = case.ask(registry())
    if answer.backend is None:
        return [*(getattr(pytest.mark, kind) for kind in _kinds(case)), pytest.mark.skip(reason=answer.reason)]
    return [pytest.mark.cpu if answer.devices[0] == "cpu" else pytest.mark.gpu]


def _kinds(case: Case) -> list[str]:
    """Return where a case that cannot run would: on both where that is not known, so that every selection shows it."""
    if case.device != "auto":
        return ["cpu" if case.device == "cpu" else "gpu"]
    try:
        return ["gpu"] if load_backend(registry().find("backend", case.backend)).unavailable("cpu") else ["cpu"]
    except Exception:  # noqa: BLE001 - a backend that does not even load
        return ["cpu", "gpu"]
