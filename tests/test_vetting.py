"""A third party's plugin that is new or has changed is loaded first in a separate process, by the driver alone."""

import json
import os

import pytest

from harness.plugins import vetting
from harness.plugins.loading import registry
from tests.plugins_on_disk import FINE, errors, install
from tests.tiny import TINY

WORKING = FINE.replace(
    "    pass",
    """    def init(self, parameters):
        return {}
    def update(self, parameters, gradients, state, learning_rate):
        return parameters - learning_rate * gradients, state""",
)
SAY_WHERE = """
import os, sys
with open({log!r}, "a") as file:
    vetted = "HARNESS_PLUGINS_VETTED" in os.environ
    file.write("" if sys.argv[0] != "-c" else "worker " if vetted else "vetting ")
"""


@pytest.mark.parametrize(
    ("source", "output"),
    [
        ("import os; os._exit(0)", "importing harness_bad ended the process, exit code 0"),
        (
            "import os, signal\nos.kill(os.getpid(), 9)",
            "importing harness_bad ended the process, signal 9",
        ),
        pytest.param(
            "import time; time.sleep(600)",
            "importing harness_bad took longer than 3 s (HARNESS_PLUGIN_TIMEOUT)",
            marks=pytest.mark.slow,
        ),
    ],
    ids=["exit", "killed", "hangs"],
)
def test_an_import_that_ends_or_hangs_its_process_is_quarantined(site, monkeypatch, source, output):
    """It is tried in a separate process first; the outcome is remembered."""
    if "longer" in output:
        monkeypatch.setenv("HARNESS_PLUGIN_TIMEOUT", "3")
    install(site, "harness-bad", source)
    assert errors(registry())["harness-bad"] == f"{output}. 'harness plugins' tries it again"
    assert "adam" in registry().named("optimizer")
    monkeypatch.setattr(vetting, "_tried", None)
    registry.cache_clear()
    assert errors(registry())["harness-bad"].startswith(output)


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


@pytest.mark.slow
def test_a_worker_loads_nothing_that_the_driver_refused(site, typed, tmp_path):
    """It asks the memory; else every worker of a third party's trial would end."""
    install(site, "harness-bad", "import os\nos._exit(8)")
    install(site, "harness-fine", WORKING)
    (tmp_path / "tiny.toml").write_text(TINY.replace('name = "adam"', 'name = "fine"'))
    output = typed("run", "tiny.toml", "--only", "A", "--jobs", "1")
    assert "plugin harness_bad (harness-bad 0.1) is quarantined: importing harness_bad ended the process" in output.err
    assert "1 of 1 trial done" in output.out


@pytest.mark.slow
def test_a_worker_vets_nothing(site, typed, tmp_path):
    """The driver has done so, also where the cache cannot remember it."""
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "plugins").write_text("not a folder")
    log = tmp_path / "log.txt"
    install(site, "harness-fine", SAY_WHERE.format(log=str(log)) + WORKING)
    (tmp_path / "tiny.toml").write_text(TINY.replace('name = "adam"', 'name = "fine"'))
    typed("run", "tiny.toml", "--only", "A", "--jobs", "1")
    places = log.read_text().split()
    assert places.count("vetting") == 1
    assert "worker" in places


def test_a_plugin_is_loaded_unvetted_where_no_process_can_be_had(site, monkeypatch):
    """As without a temporary folder: it costs no traceback."""

    def none(**_):
        raise FileNotFoundError(2, "No usable temporary directory found")

    install(site, "harness-fine", FINE)
    monkeypatch.setattr("tempfile.NamedTemporaryFile", none)
    assert "fine" in registry().named("optimizer")


@pytest.mark.parametrize("damage", ["nested", "a pipe"])
def test_a_memory_that_is_no_memory_is_made_anew(site, monkeypatch, damage):
    """It costs no traceback, and a pipe is not waited for."""
    monkeypatch.setattr(vetting, "_tried", lambda _: "")
    install(site, "harness-fine", FINE)
    registry()
    (record,) = vetting._folder().glob("*.json")
    record.unlink()
    if damage == "nested":
        record.write_text("[" * 200_000)
    else:
        os.mkfifo(record)
    registry.cache_clear()
    assert "fine" in registry().named("optimizer")
    assert json.loads(record.read_bytes())["outcome"] == ""
