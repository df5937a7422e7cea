"""The kit as a pytest plugin: its options, and the tests that they ask for."""

import json
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from harness.conformance.kinds import UNVERIFIED
from harness.conformance.target import Conformance, Target
from harness.errors import HarnessError
from harness.plugins.components import KINDS, OBSERVER, Kind
from harness.plugins.loading import registry
from harness.pytest_plugin import KIT

USAGE = (
    f"usage: pytest --pyargs {KIT} --harness-backend NAME (or --harness-optimizer, --harness-loss, --harness-model, "
    "--harness-perturbation, --harness-dataset, --harness-observer; `harness plugins` lists the names)"
)
_CERTIFIED: tuple[Kind, ...] = (*KINDS, OBSERVER)
_COLLECTED = Path(__file__).with_name("certify.py")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add an option for each kind of component, and those that say how it is tested."""
    group = parser.getgroup("harness", "conformance of harness plugins")
    for kind in _CERTIFIED:
        group.addoption(
            f"--harness-{kind}", metavar="NAME", action="append", default=[], help=f"certify a {kind}; may be repeated"
        )
    group.addoption("--harness-options", metavar="TABLE", help="options of the component: TOML or JSON")
    group.addoption("--harness-device", metavar="DEVICE", default="auto", help="where backends run (auto)")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a run of the kit that names no component, or one that is not there."""
    named = [(kind, name) for kind in _CERTIFIED for name in config.getoption(f"harness_{kind}")]
    if KIT in config.args and not named:
        raise pytest.UsageError(USAGE)
    _options(config)
    try:
        for kind, name in named:
            registry().find(kind, name)
    except HarnessError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Collect the kit's module, whatever the names of test files are here."""
    return pytest.Module.from_parent(parent, path=file_path) if file_path == _COLLECTED else None


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class, name: str, obj: object
) -> pytest.Class | list[pytest.Item] | None:
    """Collect the classes of those kinds alone that are asked for."""
    if collector.path != _COLLECTED or not isinstance(obj, type) or not issubclass(obj, Conformance):
        return None
    targets = _targets(collector.config, obj.kind)
    return pytest.Class.from_parent(collector, name=name) if targets else []


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test of the kit's module for each component that is named."""
    if metafunc.definition.path == _COLLECTED and metafunc.cls is not None and "target" in metafunc.fixturenames:
        targets = _targets(metafunc.config, metafunc.cls.kind)
        metafunc.parametrize("target", targets, ids=[target.name for target in targets])


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Name what the kit could not verify, which pytest's own summary does not show."""
    for report in terminalreporter.stats.get("skipped", ()):
        reason = report.longrepr[-1] if isinstance(report.longrepr, tuple) else ""
        if UNVERIFIED in reason:
            name = report.nodeid.rpartition("[")[2].rstrip("]")
            terminalreporter.write_line(f"{name}: {reason.partition('Skipped: ')[2]}")


def _targets(config: pytest.Config, kind: Kind) -> list[Target]:
    names = config.getoption(f"harness_{kind}")
    options = _options(config)
    models = dict.fromkeys(config.getoption("harness_model"), options) if kind == "backend" else {}
    return [Target(kind, name, options, config.getoption("harness_device"), models) for name in names]


def _options(config: pytest.Config) -> Mapping[str, Any]:
    text = config.getoption("harness_options")
    if not text:
        return {}
    options: Any = None
    with suppress(ValueError):
        options = json.loads(text)
    try:
        options = options or _toml(text)
    except ValueError as error:
        msg = f"--harness-options {text}: {error}"
        raise pytest.UsageError(msg) from None
    if not isinstance(options, dict):
        msg = f"--harness-options {text}: a table is needed, such as '{{ momentum = 0.9 }}'"
        raise pytest.UsageError(msg)
    return options


def _toml(text: str) -> Any:
    """Return an inline table, or the keys of a document."""
    return tomllib.loads(f"options = {text}")["options"] if text.lstrip().startswith("{") else tomllib.loads(text)
