"""A component that no plugin offers: what may be the reason, and what would do."""

import logging
import re

import pytest

from harness.errors import HarnessError
from harness.plugins.components import OWN
from harness.plugins.loading import DISABLE, GROUP, Quarantined, load, registry
from tests.plugins_on_disk import distribution


def placed(folder, name, group, requires="nn-harness>=0.1"):
    """Install a distribution with an entry point in a group."""
    distribution(folder, name, "0.2", {}, {})
    (info,) = folder.glob(f"{name.replace('-', '_')}-*.dist-info")
    (info / "entry_points.txt").write_text(f"[{group}]\nmine = mine\n" if group else "")
    with (info / "METADATA").open("a") as file:
        file.write(f"Requires-Dist: {requires}\n")


@pytest.mark.parametrize(
    ("group", "hint"),
    [
        ("harness.plugins", "harness-rff 0.2 has no entry point in the group 'harness', but in 'harness.plugins'. A"),
        ("Harness", "harness-rff 0.2 has no entry point in the group 'harness', but in 'Harness'. A plugin"),
        ("", "harness-rff 0.2 has no entry point in the group 'harness'. A plugin is found by"),
    ],
)
def test_a_wrong_group_of_entry_points_is_named(tmp_path, monkeypatch, group, hint):
    """Of a distribution that requires harness, with what the table is called."""
    monkeypatch.syspath_prepend(tmp_path)
    placed(tmp_path, "harness-rff", group)
    with pytest.raises(HarnessError, match=rf"unknown backend 'rff'\..* {re.escape(hint)}") as error:
        load([]).find("backend", "rff")
    assert "[project.entry-points.harness] in its pyproject.toml" in str(error.value)


@pytest.mark.parametrize(
    ("group", "requires"), [("harness.plugins", "numpy"), (GROUP, OWN), ("", "nn-harness ; extra == 'x'")]
)
def test_other_distributions_are_not(tmp_path, monkeypatch, group, requires):
    """One that does not need harness, and a plugin that is found."""
    monkeypatch.syspath_prepend(tmp_path)
    placed(tmp_path, "other-rff", group, requires)
    with pytest.raises(HarnessError) as error:
        load([]).find("backend", "rff")
    assert "other-rff" not in str(error.value)


def test_a_quarantined_plugins_error_ends_with_one_full_stop():
    """Whether or not its message has one."""
    registry = load([], unreadable=[Quarantined("bad", "p", "1", "unknown hook 'x'. Known: trial_started.")])
    with pytest.raises(HarnessError, match=r"Quarantined: bad \(p 1\): .*trial_started\.( |$)"):
        registry.find("backend", "mine")


@pytest.mark.parametrize(
    ("names", "lines"),
    [
        ("harness_torhc", [f"{DISABLE}: no plugin is called 'harness_torhc'. Did you mean 'harness_torch'?"]),
        ("harness_torch, ,*", []),
    ],
)
def test_a_name_to_disable_that_no_plugin_has_is_named(monkeypatch, caplog, names, lines):
    """In a line, where nothing would say why the plugin is still there."""
    monkeypatch.setenv(DISABLE, names)
    registry.cache_clear()
    with caplog.at_level(logging.WARNING):
        registry()
    registry.cache_clear()
    assert len(caplog.messages) == len(lines)
    assert all(said.startswith(line) for said, line in zip(caplog.messages, lines, strict=True))
