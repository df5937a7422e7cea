"""Numbers that a command line or an environment variable gives wrongly: the value is named, and a unit is said."""

import pytest

from harness.plugins.foreign import patience
from harness.text import seconds
from tests.tiny import TINY


@pytest.mark.parametrize(
    ("arguments", "variables", "text"),
    [
        (["run", "tiny.toml", "--jobs", "two"], {}, "(env var: 'HARNESS_JOBS'): not a whole number: 'two'"),
        (["run", "tiny.toml", "--jobs=two"], {}, "not a whole number: 'two'"),
        (["run", "tiny.toml", "-jtwo"], {}, "not a whole number: 'two'"),
        (["plan", "tiny.toml", "--threads", "1.5"], {}, "--threads 1.5: not a whole number from 1 to 4096"),
        (["plan", "tiny.toml"], {"HARNESS_JOBS": "all"}, "not a whole number: 'all'"),
        (["plugins"], {"HARNESS_PLUGIN_TIMEOUT": "x"}, "HARNESS_PLUGIN_TIMEOUT='x': not a number of seconds above 0"),
        (["plan", "tiny.toml"], {"HARNESS_PLUGIN_TIMEOUT": "-1"}, "HARNESS_PLUGIN_TIMEOUT='-1': not a number"),
        (["run", "tiny.toml", "--timeout", "5 min"], {}, "'5 min' is not a duration. Write 90s, 30m or 2h (90 is 90s)"),
    ],
)  # fmt: skip
def test_a_wrong_number_is_named(tmp_path, typed, monkeypatch, arguments, variables, text):
    """One line, exit code 2."""
    (tmp_path / "tiny.toml").write_text(TINY)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    error = typed(*arguments, code=2).err
    assert text in error
    assert error.count("\n") == 1


def test_a_number_without_a_unit_is_seconds(monkeypatch):
    """Of a time limit, as its help says, and of the limit of plugins."""
    assert seconds("5") == seconds("5s") == 5.0
    monkeypatch.setenv("HARNESS_PLUGIN_TIMEOUT", "300")
    assert patience() == 300.0
    monkeypatch.setenv("HARNESS_PLUGIN_TIMEOUT", "")
    assert patience() == 120.0


def test_an_interrupt_before_a_command_has_begun_is_said(typed, monkeypatch):
    """It ends with exit code 130."""

    def interrupted(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr("harness.cli.commands.run.settle", interrupted)
    assert typed("run", "tiny.toml", code=130).err == "interrupted\n"


def test_a_dataset_that_is_not_here_is_not_downloaded_unasked(typed, monkeypatch):
    """What would be downloaded is said, and how to do it."""
    monkeypatch.setattr("harness.datasets.emnist.download.fetch", lambda: pytest.fail("downloads"))
    error = typed("datasets", "describe", "emnist-bymerge", code=2).err
    fetch = "'harness datasets fetch emnist-bymerge' downloads the archive of all variants, 561.8 MB, from https://"
    assert error.startswith(f"error: dataset 'emnist-bymerge': is not here. {fetch}")
    assert error.count("\n") == 1
