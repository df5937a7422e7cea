"""An edited plugin of an unchanged version is another plugin: its source counts where its version does not say it."""

import os
import sys
from contextlib import contextmanager

import pytest

from harness.execution.plan import make_plan
from harness.execution.pools import InProcess, Processes
from harness.execution.resume import reasons
from harness.execution.run import execute
from harness.plugins import sources
from harness.plugins.loading import load_installed, registry
from harness.store import Run, locked
from harness.suite import load_suite
from tests.plugins_on_disk import distribution
from tests.tiny import run_suite, without_times

SOURCE = """
import harness
from dataclasses import dataclass

@harness.hookimpl
def register_optimizers(register):
    register("lion", Rule)

@dataclass(frozen=True)
class Rule:
    def init(self, parameters):
        return {}
    def update(self, parameters, gradients, state, learning_rate):
        return parameters - learning_rate * gradients, state
"""
NO_STEP = SOURCE.replace("parameters - learning_rate * gradients", "parameters + 0.0 * gradients")
SUITE = """
[suite]
name = "tiny"
seeds = [1]
[defaults]
hidden_layers = [8]
batch_size = 256
epochs = 1
[experiments.A]
optimizer = { name = "lion", learning_rate = 0.1 }
"""


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Return a folder on the path, as an environment's."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # a file edited within a second has a stale one
    yield folder
    registry.cache_clear()
    forget()


def forget():
    """Let the next import read the files, as a new process does."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "harness_lion"]:
        del sys.modules[name]
    registry.cache_clear()


def lion(site, source=SOURCE, **options):
    distribution(site, "harness-lion", "0.1", {"harness_lion": source}, {"lion": "harness_lion"}, **options)


def identity(kind="optimizer", name="lion"):
    forget()
    return load_installed().find(kind, name).identity


@pytest.fixture
def run(tmp_path):
    """Return a function that runs the suite as a new process would, and gives its row and what was changed."""

    def again():
        forget()
        outcome, _ = run_suite(tmp_path, SUITE, plugins=registry())
        return without_times(outcome.rows[0]), outcome.stale

    return again


def why(tmp_path):
    forget()
    _, here = run_suite(tmp_path, SUITE, only=["A"], plugins=registry(), dry=True)
    loaded = load_suite(tmp_path / "tiny.toml", registry())
    plan = make_plan(loaded, registry(), InProcess(registry()))
    return reasons(here, [plan.trials[0]], registry())[0]


def test_an_install_as_it_was_recorded_is_identified_by_its_version(site):
    """So are rows that were stored before sources counted."""
    lion(site, record=True)
    assert identity() == "harness-lion 0.1"


def test_an_altered_file_of_an_install_shows(site):
    """The same edit gives the same identity, another edit another, and undoing it the version alone."""
    lion(site, record=True)
    path = site / "harness_lion.py"
    path.write_text(NO_STEP)
    altered = identity()
    assert altered.startswith("harness-lion 0.1 (source ")
    assert identity() == altered
    path.write_text(SOURCE + "\n# another\n")
    assert identity() not in {altered, "harness-lion 0.1"}
    path.write_text(SOURCE)
    assert identity() == "harness-lion 0.1"


def test_an_edit_of_one_size_and_time_shows(site):
    """The content is read."""
    lion(site, editable=site)
    path = site / "harness_lion.py"
    before, times = identity(), path.stat()
    path.write_text(SOURCE.replace("- learning_rate", "+ learning_rate"))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert path.stat().st_size == times.st_size
    assert identity() != before


@pytest.mark.parametrize("change", ["edit", "add", "remove", "extension"])
def test_every_file_of_the_package_counts(site, change):
    """A module beside the one that registers, one that was added or removed, an extension module."""
    distribution(
        site, "harness-lion", "0.1",
        {"harness_lion/__init__": SOURCE, "harness_lion/rule": "x = 1", "harness_lion/deep/more": "y = 1"},
        {"lion": "harness_lion"}, record=True,
    )  # fmt: skip
    assert identity() == "harness-lion 0.1"
    folder = site / "harness_lion"
    changed = {"edit": folder / "deep" / "more.py", "add": folder / "new.py", "extension": folder / "fast.abi3.so"}
    if change == "remove":
        (folder / "rule.py").unlink()
    else:
        changed[change].write_text("y = 2")
    assert "source" in identity()


def test_what_is_no_source_does_not_count(site):
    """Compiled caches, notes, data."""
    distribution(site, "harness-lion", "0.1", {"harness_lion/__init__": SOURCE}, {"lion": "harness_lion"}, record=True)
    (site / "harness_lion" / "__pycache__").mkdir()
    (site / "harness_lion" / "__pycache__" / "__init__.cpython-311.pyc").write_bytes(b"")
    (site / "harness_lion" / "notes.txt").write_text("x")
    assert identity() == "harness-lion 0.1"


def test_a_librarys_files_are_not_the_plugins(site):
    """A factory that a plugin takes from elsewhere is identified by the plugin."""
    source = SOURCE.replace('"lion", Rule', '"lion", "argparse:Namespace"')
    lion(site, source, record=True)
    assert identity() == "harness-lion 0.1"


def test_a_package_below_a_namespace_counts_alone(site):
    """Others' packages in the same namespace are not its source."""
    modules = {"shared_space/lion": SOURCE}
    distribution(site, "harness-lion", "0.1", modules, {"lion": "shared_space.lion"}, record=True)
    (site / "shared_space" / "other.py").write_text("x = 1")
    assert identity() == "harness-lion 0.1"
    (site / "shared_space" / "lion.py").write_text(NO_STEP)
    assert "source" in identity()
    sys.modules.pop("shared_space.lion")


def test_harness_itself_counts_by_the_root_of_each_component():
    """An edit of a report, or of another component, leaves a checkout's runs to be resumed."""
    assert set(sources.source_files("harness.optimizers")) == {"harness.optimizers/optimizers.py"}
    names = set(sources.source_files("harness.datasets.digits"))
    assert "harness.datasets/digits.py" in names
    assert not any("report" in name for name in names)
    assert set(sources.source_files("harness_array.backends")) >= {"harness_array/__init__.py"}
    identities = {component.name: component.identity for component in registry().components}
    assert identities["adam"] == identities["sgd"]


def test_an_edited_plugin_is_trained_anew_and_why_says_so(site, tmp_path, run):
    """An optimizer made a no-op, its version unchanged: what it learned before does not serve."""
    lion(site, editable=site)
    first, _ = run()
    assert run() == (first, [])
    before = first.components["optimizer lion"]
    (site / "harness_lion.py").write_text(NO_STEP)
    after = identity()
    output = f"optimizer lion was '{before}', is '{after}'"
    assert why(tmp_path) == f"will be trained again, because its row is stale: {output}"
    second, changed = run()
    assert changed == [f"A seed 1: {output}"]
    assert second.components["optimizer lion"] == after
    assert second.metrics.val_loss > first.metrics.val_loss


@pytest.mark.slow
def test_a_plugin_that_is_edited_while_the_run_goes_on_makes_no_row(site, tmp_path):
    """Its row would say that the plugin of the plan has made it; the same command trains with the new one."""
    lion(site, editable=site)
    (tmp_path / "tiny.toml").write_text(SUITE)
    plugins = registry()
    before = plugins.find("optimizer", "lion").identity
    loaded = load_suite(tmp_path / "tiny.toml", plugins)
    with closing_pool() as pool:
        plan = make_plan(loaded, plugins, pool)
        (site / "harness_lion.py").write_text(NO_STEP)
        run = Run(tmp_path / "run", loaded.suite, plan.dataset, [("A", 1)])
        with locked(run.directory):
            run.write_header({})
            row = execute(run, plan, plugins, pool).rows[0]
    assert row.status == "failed"
    after = identity()
    assert row.reason == (
        f"optimizer lion was {before} when the run began, and is {after}: the same command trains with that"
    )


@contextmanager
def closing_pool():
    pool = Processes(1)
    try:
        yield pool
    finally:
        pool.stop()


def test_a_row_from_before_sources_counted_serves_an_unaltered_install(site, run):
    """Its component is named by its version."""
    lion(site, record=True)
    first, _ = run()
    assert first.components["optimizer lion"] == "harness-lion 0.1"
    assert run() == (first, [])


DATASET = """
import harness
import numpy as np
from harness.interfaces import Labelled

@harness.hookimpl
def register_datasets(register):
    register("dots", Dots)

class Dots:
    def unavailable(self):
        return None
    def source(self):
        return "1"
    def load(self):
        images = np.arange(400, dtype=np.uint8).reshape(100, 2, 2) // 1
        return Labelled(images, np.arange(100) % 2, ("even", "odd"), "image")
"""


@pytest.mark.slow
def test_an_edited_dataset_is_read_anew(site, typed):
    """Its source says the same; what it loads does not."""
    distribution(site, "harness-lion", "0.1", {"harness_lion": DATASET}, {"lion": "harness_lion"}, editable=site)
    forget()
    before = typed("datasets", "describe", "dots").out
    assert typed("datasets", "describe", "dots").out == before
    (site / "harness_lion.py").write_text(DATASET.replace("// 1", "// 2"))
    forget()
    assert typed("datasets", "describe", "dots").out != before
