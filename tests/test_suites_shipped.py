"""The suites that harness ships with: the paper's matrix, and what varies it."""

import json
from pathlib import Path

import numpy as np
import pytest

from harness.plugins.loading import registry
from harness.suite import load_suite
from harness.suite.schema import suite_schema
from harness.suite.shipped import suite_path

SUITES = Path(__file__).parent.parent / "suites"


@pytest.mark.parametrize("name", sorted(path.stem for path in SUITES.glob("*.toml")))
def test_shipped_suites_load_and_name_their_schema(name):
    """Editors complete keys because the first line says where the schema is."""
    path = SUITES / f"{name}.toml"
    assert load_suite(path, registry(), dataset="digits").suite.experiments
    assert path.read_text().startswith("#:schema ./suite.schema.json\n")


def test_a_folder_does_not_hide_a_shipped_suite_and_a_file_does(tmp_path, monkeypatch):
    """A folder is no suite, and a user who has written a file of that name means it."""
    monkeypatch.chdir(tmp_path)
    Path("quick").mkdir()
    Path("full").write_text("")
    assert suite_path("quick") == SUITES / "quick.toml"
    assert suite_path("full") == Path("full")
    assert suite_path("./quick/mine.toml") == Path("quick/mine.toml")


def test_the_shipped_schema_is_the_current_one():
    """``harness schema > suites/suite.schema.json`` makes it."""
    assert json.loads((SUITES / "suite.schema.json").read_text()) == suite_schema()


def test_the_paper_as_it_was_run():
    """The matrix of the paper, as its logs have it: what makes its numbers."""
    suite = load_suite(SUITES / "full.toml", registry(), dataset="digits").suite
    collected = {}
    for name, spec in suite.experiments.items():
        stopping = spec.early_stopping
        collected[name] = (
            spec.hidden_layers, spec.activation,
            spec.optimizer.name, spec.optimizer.options.get("momentum", 0), spec.epochs,
            stopping and stopping.patience, stopping and stopping.min_delta, spec.gradient, spec.l2, spec.weight_decay,
        )  # fmt: skip
        assert spec.batch_size == 512
        assert spec.optimizer.learning_rate == 0.001
    small, deep = [128, 64], [400, 240, 120]
    assert collected == {
        "M0": (small, "relu", "sgd", 0, 100, False, False, "sum", 0, 0),
        "M1a": (small, "relu", "sgd", 0.9, 50, 5, 1e-4, "sum", 0, 0),
        "M1b": (small, "relu", "adam", 0, 50, 5, 1e-4, "sum", 0, 0),
        "M1c": (small, "relu", "adam", 0, 100, False, False, "sum", 0.01, 0),
        "M1d": (small, "relu", "sgd", 0.9, 100, 10, 1e-4, "sum", 0.01, 0),
        "M1e": (small, "relu", "adam", 0, 100, 5, 1e-4, "sum", 0, 0),
        "M1f": (small, "relu", "adam", 0, 100, 5, 1e-4, "sum", 0, 0),
        "M1g": (deep, "relu", "adam", 0, 50, 5, 1e-4, "sum", 0, 0),
        "M1h": ([370, 370], "relu", "adam", 0, 50, 5, 1e-4, "sum", 0, 0),
        "M2": (deep, "relu", "adam", 0, 50, 5, 0.0, "mean", 0, 0),
        "M3a": ([256, 128, 64, 64], "gelu", "adam", 0, 50, 7, 0.0, "mean", 0, 1e-4),
        "M3b": ([400, 400], "silu", "adam", 0, 50, 7, 0.0, "mean", 0, 1e-4),
    }
    assert suite.experiments["M1e"].schedule.model_dump() == {"name": "linear", "decay": 1e-5, "floor": 1e-6}
    assert suite.experiments["M1f"].schedule.model_dump() == {"name": "exponential", "gamma": 0.98}
    assert (suite.experiments["M3a"].dropout, suite.experiments["M3b"].dropout) == (0.2, 0.3)
    assert suite.experiments["M3b"].batch_norm
    assert not any(
        experiment.early_stopping and experiment.early_stopping.restore_best
        for experiment in suite.experiments.values()
    )


def shipped(name):
    return load_suite(SUITES / f"{name}.toml", registry(), dataset="digits").suite


def test_the_paper_as_it_was_written():
    """What its text says otherwise, and nothing else."""
    full, written = shipped("full").experiments, shipped("as-written").experiments
    changed = {}
    for name, experiment in full.items():
        before, after = experiment.model_dump(), written[name].model_dump()
        changed |= {(name, key): after[key] for key in before if before[key] != after[key]}
    assert changed == {
        ("M0", "epochs"): 50,
        ("M1f", "schedule"): {"name": "exponential", "gamma": 0.95},
        ("M3a", "weight_decay"): 0.01,
        ("M3b", "weight_decay"): 0.01,
    }


def test_gradient_reduction_has_the_papers_two_and_a_grid_of_the_mean():
    """The paper's two are full.toml's but for what names them; the others differ in reduction and learning rate."""
    full, grid = shipped("full").experiments, shipped("gradient-reduction").experiments
    named = {"group", "description"}
    for name in ("M1a", "M1b"):
        assert grid[name].model_dump(exclude=named) == full[name].model_dump(exclude=named)
    for name, experiment in grid.items():
        paper = full["M1a" if name.startswith(("M1a", "SGD")) else "M1b"]
        other = {"gradient", "optimizer"}
        assert experiment.model_dump(exclude=named | other) == paper.model_dump(exclude=named | other)
        assert experiment.gradient == ("sum" if name in {"M1a", "M1b"} else "mean")
        assert experiment.optimizer.options == paper.optimizer.options
    rates = [experiment.optimizer.learning_rate for name, experiment in grid.items() if name.startswith("SGD")]
    assert rates == [0.001, 0.01, 0.1, 0.5]


def test_batch_size_varies_nothing_else():
    """From 128 to 2,048, the paper's Adam experiment."""
    full, grid = shipped("full").experiments["M1b"], shipped("batch-size").experiments
    assert [experiment.batch_size for experiment in grid.values()] == [128, 256, 512, 1024, 2048]
    for experiment in grid.values():
        other = {"group", "description", "batch_size"}
        assert experiment.model_dump(exclude=other) == full.model_dump(exclude=other)


def test_future_work_changes_one_thing_at_a_time():
    """M4c, M4d and M4e are M3b but for the loss and its weights; M4b is M4a but for the augmentation."""
    full, experiments = shipped("full").experiments, shipped("future-work").experiments
    assert {name: experiments[name] for name in full} == full
    about = {"group", "description"}
    for name, base, key in (
        ("M4b", "M4a", "augment"),
        ("M4c", "M3b", "class_weights"),
        ("M4d", "M3b", "loss"),
        ("M4e", "M3b", "loss"),
    ):
        before, after = (experiments[each].model_dump(exclude=about) for each in (base, name))
        assert {each for each in after | before if before.get(each) != after.get(each)} == {key}, name
    models = {name: experiments[name].model.name for name in ("M4a", "M4f")}
    assert models == {"M4a": "cnn", "M4f": "resnet"}


@pytest.mark.slow
@pytest.mark.parametrize(("dataset", "shape", "test_rows"), [("breast-cancer", 30, 115), ("wine", 13, 39)])
def test_the_suite_of_small_tables_serves_both(typed, tmp_path, dataset, shape, test_rows):
    """A linear model and multilayer perceptrons, an ensemble of seeds, noise in standard deviations."""
    short = ("--seeds", "1", "--set", "defaults.epochs=3", "--out", tmp_path / "run")
    planned = typed("plan", SUITES / "tabular.toml", "--dataset", dataset, *short).out
    assert f"vectors of {shape} float32 values" in " ".join(planned.split())
    typed("run", SUITES / "tabular.toml", "--dataset", dataset, "--jobs", "0", "--quiet", *short)
    tables = typed("leaderboard", tmp_path / "run").out
    assert all(name in tables for name in ("T0", "T6", "T1-seeds", "under gaussian_noise"))
    for experiment in ("T0", "T4"):
        with np.load(tmp_path / "run" / "trials" / experiment / "seed-1" / "evaluation.npz") as predictions:
            assert len(predictions["labels"]) == test_rows
