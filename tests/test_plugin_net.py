"""Whatever a plugin raises, prints or does to its process, it costs itself alone, and is named in one line."""

import signal
import sys

import pytest

from harness.errors import HarnessError, PluginError
from harness.plugins.foreign import foreign, interrupt
from harness.plugins.loading import load_installed
from tests.plugins_on_disk import FINE, errors, install
from tests.tiny import TINY

ENDINGS = {
    "exit": ("raise SystemExit(0)", "SystemExit: 0"),
    "skipped": ("import pytest; pytest.importorskip('no_such_module')", "Skipped: could not import 'no_such_module'"),
    "generator": ("raise GeneratorExit", "GeneratorExit"),
    "cancelled": ("import asyncio; raise asyncio.CancelledError('late')", "CancelledError: late"),
    "interrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_an_import_raises_quarantines_it(site, ending):
    """Not exceptions alone: what ends a process, a generator, a task, or a test."""
    source, output = ENDINGS[ending]
    install(site, "harness-bad", source)
    install(site, "harness-fine", FINE)
    plugins = load_installed()
    assert errors(plugins)["harness-bad"].startswith(output)
    assert "fine" in plugins.named("optimizer")


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_imported_later_is_an_error_in_a_line(site, ending):
    """A component that is registered by its place."""
    source, output = ENDINGS[ending]
    install(site, "harness-bad", FINE.replace('"fine", Rule', '"fine", "bad_part:Rule"'), bad_part=source)
    with pytest.raises(HarnessError, match=r"^optimizer 'fine' \(harness-bad 0.1\): bad_part:Rule: ") as caught:
        load_installed().find("optimizer", "fine").load()
    assert f"bad_part:Rule: {output}" in str(caught.value)


def turned_into_an_exit():
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        sys.exit(1)


def test_ctrl_c_passes():
    """The user's, and what a plugin made of it; on the command line, and in a program that uses harness."""
    command_line = signal.signal(signal.SIGINT, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt), foreign():
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt), foreign():
            turned_into_an_exit()
        with pytest.raises(PluginError, match=r"^KeyboardInterrupt: mine$"), foreign():
            raise KeyboardInterrupt("mine")
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with pytest.raises(KeyboardInterrupt), foreign():
            raise KeyboardInterrupt
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in a worker
        with pytest.raises(PluginError), foreign():
            raise KeyboardInterrupt
    finally:
        signal.signal(signal.SIGINT, command_line)


def test_what_an_import_prints_is_no_result(site, capfd):
    """Python's print, a descriptor's, a child's: all go to standard error."""
    source = "import os\nprint('one')\nos.write(1, b'two\\n')\nos.system('echo three')\n" + FINE
    install(site, "harness-fine", source)
    sys.stdout.write("before\n")
    assert "fine" in load_installed().named("optimizer")
    sys.stdout.write("after\n")
    output = capfd.readouterr()
    assert output.out == "before\nafter\n"
    assert sorted(output.err.split()) == ["one", "three", "two"]


DATASET = """
import harness

@harness.hookimpl
def register_datasets(register):
    register("rude", Rude)

class Rude:
    def __init__(self):
        self.end("init")
    def unavailable(self):
        self.end("unavailable")
    def source(self):
        self.end("source")
        return "1"
    def load(self):
        self.end("load")
    def end(self, where):
        if where == {where!r}:
            {ending}
"""


@pytest.mark.slow
@pytest.mark.parametrize("where", ["init", "unavailable", "source", "load"])
@pytest.mark.parametrize("ending", ["exit", "interrupt"])
def test_a_dataset_that_exits_ends_the_command_with_its_reason(site, typed, tmp_path, where, ending):
    """And with exit code 2, not with its own."""
    source, output = ENDINGS[ending]
    install(site, "harness-bad", DATASET.format(where=where, ending=source))
    (tmp_path / "tiny.toml").write_text(TINY)
    error = typed("run", "tiny.toml", "--dataset", "rude", "--jobs", "0", code=2).err
    assert f"{output}" in error
    assert error.startswith("error: ")
    assert error.count("\n") == 1


@pytest.mark.slow
def test_a_dataset_that_exits_in_a_worker_ends_the_command_with_its_reason(site, typed, tmp_path):
    """Where third parties' datasets are read."""
    install(site, "harness-bad", DATASET.format(where="load", ending="import os; os._exit(0)"))
    (tmp_path / "tiny.toml").write_text(TINY)
    error = typed("run", "tiny.toml", "--dataset", "rude", "--jobs", "1", code=2).err
    assert error == "error: --dataset rude: dataset 'rude': worker died (exit code 0)\n"


def test_an_optimizer_that_exits_is_a_mistake_of_the_suite(site, typed, tmp_path):
    """It is made in the driver, to check its options."""
    source = FINE.replace("    pass", "    def __init__(self):\n        raise SystemExit(0)")
    install(site, "harness-bad", source)
    (tmp_path / "tiny.toml").write_text(TINY.replace('name = "adam"', 'name = "fine"'))
    error = typed("plan", "tiny.toml", code=2).err
    assert error.rstrip().endswith("optimizer 'fine' (harness-bad 0.1): SystemExit: 0")
