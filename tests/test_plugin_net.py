"""Whatever a plugin raises, prints or does to its process, it costs itself alone, and is named in one line."""

import json
import signal
import sys

import pytest

from harness import vetting
from harness.errors import HarnessError, PluginError
from harness.foreign import foreign, interrupt
from harness.plugins import load_installed, registry
from tests.plugins_on_disk import distribution
from tests.tiny import TINY

FINE = """
import harness

@harness.hookimpl
def register_optimizers(register):
    register("fine", Rule)

class Rule:
    pass
"""
ENDINGS = {
    "exit": ("raise SystemExit(0)", "SystemExit: 0"),
    "skipped": ("import pytest; pytest.importorskip('no_such_module')", "Skipped: could not import 'no_such_module'"),
    "generator": ("raise GeneratorExit", "GeneratorExit"),
    "cancelled": ("import asyncio; raise asyncio.CancelledError('late')", "CancelledError: late"),
    "interrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
}


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Return a folder on the path; whoever handles Ctrl-C is as on the command line."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    before = signal.signal(signal.SIGINT, interrupt)
    forget_modules()
    yield folder
    signal.signal(signal.SIGINT, before)
    forget_modules()


def forget_modules():
    registry.cache_clear()
    for name in ("harness_bad", "harness_fine", "bad_part"):
        sys.modules.pop(name, None)


def install(site, name, source, **more):
    module = name.replace("-", "_")
    return distribution(site, name, "0.1", {module: source} | more, {module: module})


def errors(found):
    return {one.distribution: one.error for one in found.quarantined}


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_an_import_raises_quarantines_it(site, ending):
    """Not exceptions alone: what ends a process, a generator, a task, or a test."""
    source, told = ENDINGS[ending]
    install(site, "harness-bad", source)
    install(site, "harness-fine", FINE)
    found = load_installed()
    assert errors(found)["harness-bad"].startswith(told)
    assert "fine" in found.named("optimizer")


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_imported_later_is_an_error_in_a_line(site, ending):
    """A component that is registered by its place."""
    source, told = ENDINGS[ending]
    install(site, "harness-bad", FINE.replace('"fine", Rule', '"fine", "bad_part:Rule"'), bad_part=source)
    with pytest.raises(HarnessError, match=r"^optimizer 'fine' \(harness-bad 0.1\): bad_part:Rule: ") as caught:
        load_installed().find("optimizer", "fine").load()
    assert f"bad_part:Rule: {told}" in str(caught.value)


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
    told = capfd.readouterr()
    assert told.out == "before\nafter\n"
    assert sorted(told.err.split()) == ["one", "three", "two"]


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


@pytest.mark.parametrize("where", ["init", "unavailable", "source", "load"])
@pytest.mark.parametrize("ending", ["exit", "interrupt"])
def test_a_dataset_that_exits_ends_the_command_with_its_reason(site, typed, tmp_path, where, ending):
    """And with exit code 2, not with its own."""
    source, told = ENDINGS[ending]
    install(site, "harness-bad", DATASET.format(where=where, ending=source))
    (tmp_path / "tiny.toml").write_text(TINY)
    error = typed("run", "tiny.toml", "--dataset", "rude", "--jobs", "0", code=2).err
    assert f"{told}" in error
    assert error.startswith("error: ")
    assert error.count("\n") == 1


def test_a_dataset_that_exits_in_a_worker_ends_the_command_with_its_reason(site, typed, tmp_path):
    """Where third parties' datasets are read."""
    install(site, "harness-bad", DATASET.format(where="load", ending="import os; os._exit(0)"))
    (tmp_path / "tiny.toml").write_text(TINY)
    error = typed("run", "tiny.toml", "--dataset", "rude", "--jobs", "1", code=2).err
    assert error == "error: --dataset rude: dataset 'rude': worker died (it exited)\n"


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import os; os._exit(0)", "importing harness_bad ended the process, exit code 0"),
        (
            "import os, signal\nos.kill(os.getpid(), 9)",
            "importing harness_bad ended the process, signal 9",
        ),
        ("import time; time.sleep(600)", "importing harness_bad took longer than 3 s (HARNESS_PLUGIN_TIMEOUT)"),
    ],
    ids=["exit", "killed", "hangs"],
)
def test_an_import_that_ends_or_hangs_its_process_is_quarantined(site, monkeypatch, source, told):
    """It is tried in a process of its own first; the outcome is remembered."""
    if "longer" in told:
        monkeypatch.setenv("HARNESS_PLUGIN_TIMEOUT", "3")
    install(site, "harness-bad", source)
    assert errors(registry())["harness-bad"] == f"{told}. 'harness plugins' tries it again"
    assert "adam" in registry().named("optimizer")
    monkeypatch.setattr(vetting, "_tried", None)
    registry.cache_clear()
    assert errors(registry())["harness-bad"].startswith(told)


def test_what_is_imported_later_is_tried_first_too(site):
    """The driver imports optimizers, datasets and perturbations; backends are a worker's."""
    bad = FINE.replace('"fine", Rule', '"fine", "bad_part:Rule"')
    install(site, "harness-bad", bad, bad_part="import os; os._exit(0)")
    assert errors(registry())["harness-bad"].startswith(
        "importing optimizer 'fine', bad_part:Rule, ended the process, exit code 0"
    )


def test_what_was_loaded_well_costs_nothing_until_it_changes(site, monkeypatch):
    """Harness's own is never tried; a damaged memory is none; 'harness plugins' tries what was refused again."""
    tried = []
    outcomes = {"harness_fine": "", "harness_bad": "importing it ended the process"}

    def trial(point):
        tried.append(point.name)
        return outcomes[point.name]

    monkeypatch.setattr(vetting, "_tried", trial)

    def again():
        tried.clear()
        registry.cache_clear()
        registry()
        return sorted(tried)

    install(site, "harness-fine", FINE)
    install(site, "harness-bad", FINE.replace('"fine"', '"bad"'))
    assert again() == ["harness_bad", "harness_fine"]
    assert again() == []
    (site / "harness_fine.py").write_text(FINE + "\n")
    assert again() == ["harness_fine"]
    for record in vetting._folder().glob("*.json"):
        if json.loads(record.read_bytes())["outcome"] == "":
            record.write_bytes(b'{"outcome": 3')
    assert again() == ["harness_fine"]
    vetting.forget()
    assert again() == ["harness_bad"]


def test_a_worker_loads_nothing_that_the_driver_refused(site, typed, tmp_path):
    """It asks the memory; else every worker would end."""
    source = "import multiprocessing, os\nif multiprocessing.parent_process():\n    os._exit(7)\n"
    install(site, "harness-bad", source + "os._exit(8)")
    (tmp_path / "tiny.toml").write_text(TINY)
    told = typed("run", "tiny.toml", "--only", "A", "--jobs", "1")
    assert "plugin harness_bad (harness-bad 0.1) is quarantined: importing harness_bad ended the process" in told.err
    assert "1 of 1 trial done" in told.out


def test_an_optimizer_that_exits_is_a_mistake_of_the_suite(site, typed, tmp_path):
    """It is made in the driver, to check its options."""
    source = FINE.replace("    pass", "    def __init__(self):\n        raise SystemExit(0)")
    install(site, "harness-bad", source)
    (tmp_path / "tiny.toml").write_text(TINY.replace('name = "adam"', 'name = "fine"'))
    error = typed("plan", "tiny.toml", code=2).err
    assert error.rstrip().endswith("optimizer 'fine' (harness-bad 0.1): SystemExit: 0")
