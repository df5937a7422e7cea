"""pytest's door to the conformance kit and the benchmarks: shut, unless the command line names them."""

import pytest

KIT = "harness.conformance"
BENCHMARKS = "harness.benchmarks"


def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> None:
    """Load the options of what ``pytest --pyargs harness.conformance`` or ``harness.benchmarks`` asks for.

    pytest parses the command line before it looks into the packages that ``--pyargs`` names, so that they cannot bring
    their options along by themselves. Other people's runs load this file and nothing else.
    """
    for package in (KIT, BENCHMARKS):
        if package in args:
            early_config.pluginmanager.import_plugin(f"{package}.plugin")
