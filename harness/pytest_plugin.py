"""pytest's door to the conformance kit: shut, unless the command line names the kit."""

import pytest

KIT = "harness.conformance"


def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> None:
    """Load the kit's options where ``pytest --pyargs harness.conformance`` asks for them.

    pytest parses the command line before it looks into the packages that ``--pyargs`` names, so that the kit cannot
    bring its options along by itself. Other people's runs load this file and nothing else.
    """
    if KIT in args:
        early_config.pluginmanager.import_plugin(f"{KIT}.plugin")
