"""Runs made of rows, with what evaluation stores, for tests of the report: any size, no training."""

from dataclasses import replace

import numpy as np

from harness.datasets.info import DatasetInfo
from harness.metrics import confusion_matrix
from harness.plugins.loading import registry
from harness.rows import EpochRecord, EvaluationRow, TrialMetrics, TrialRow
from harness.store import Run, write_classes
from harness.suite import load_suite
from harness.trial.evaluation import measures
from harness.trial.gallery import confused
from harness.trial.robustness import Robustness

NOISE = Robustness(perturbation="gaussian_noise", severities=[0.0, 0.2, 0.4], seed=42)
CLASSES, SIDE, TESTED = 4, 6, 200


def suite_text(experiments, seeds, *, noise=True, more=""):
    """Return a suite of experiments, each a name and its group."""
    tables = "\n".join(f'[experiments."{name}"]\ngroup = {group!r}\n' for name, group in experiments.items())
    robustness = '[[robustness]]\nperturbation = "gaussian_noise"\nseverities = [0.0, 0.2, 0.4]\n' if noise else ""
    return f"""
[suite]
name = "made"
seeds = {list(seeds)}
[defaults]
hidden_layers = [8]
epochs = 20
optimizer = {{ name = "sgd", learning_rate = 0.1 }}
{tables}{robustness}{more}"""


def make_run(
    folder, experiments, seeds=(1,), *, epochs=20, noise=True, failed=(), more="", class_names="abcd", shares=None
):
    """Write a run into ``folder / "run"`` and return it.

    ``failed``: experiment, seed and reason. ``shares``: of the images that an experiment has right, by its name.
    """
    path = folder / "made.toml"
    path.write_text(suite_text(experiments, seeds, noise=noise, more=more))
    suite = load_suite(path, registry()).suite
    sizes = {"train": 700, "val": 100, "test": TESTED}
    about = DatasetInfo("digits", "d" * 64, 1000, tuple(class_names), sizes, "made, 1,000 images")
    planned = [(name, seed) for name in suite.experiments for seed in seeds]
    run = Run(folder / "run", suite, about, planned)
    run.directory.mkdir()
    run.write_header({"harness": "0.1.0", "last_started": "2026-01-02T03:04:05+00:00", "command": ["harness", "run"]})
    rng = np.random.default_rng(7)
    images = rng.integers(0, 256, (1000, SIDE, SIDE), dtype=np.uint8)
    write_classes(
        run,
        {
            "counts": np.full((3, CLASSES), [[175], [25], [50]]),
            "glyphs": images[:CLASSES],
        },
    )
    reasons = {(name, seed): reason for name, seed, reason in failed}
    for index, (name, seed) in enumerate(planned):
        row = _row(suite.experiments[name], name, seed)
        if (name, seed) in reasons:
            run.write(replace(row, status="failed", reason=reasons[name, seed]))
            continue
        row = _trained(row, epochs, 0.2 + 0.5 * rng.random(), index)
        share = 0.6 + 0.3 * rng.random()
        predictions = _predictions(rng, (shares or {}).get(name, share), noise=noise)
        measured = measures(predictions, (NOISE,) if noise else (), CLASSES)
        arrays = {"evaluation.npz": predictions, "examples.npz": confused(predictions, images, CLASSES)}
        run.write(replace(row, evaluation=EvaluationRow("", measured, 0.5)), arrays)
    return run


def _row(experiment, name, seed):
    settings = experiment.model_dump(mode="json")
    about = {"group": experiment.group, "description": experiment.description, "backend": "numpy", "settings": settings}
    where = {"system": "Linux", "python": "3.11", "device": "cpu", "numpy": "2.4"}
    return TrialRow(name, seed, status="done", fingerprint="", parameters=100, environment=where, **about)


def _trained(row, epochs, end, index):
    history = []
    for epoch in range(1, epochs + 1):
        loss = end + 2.0 / epoch + 0.001 * index
        accuracy = 0.9 - 0.5 / epoch
        history.append(EpochRecord(epoch, 0.1, loss, accuracy, loss + 0.1, accuracy - 0.05, 0.5, 1000.0 + index, 0.1))
    last = history[-1]
    metrics = TrialMetrics(
        last.train_loss, last.train_accuracy, last.val_loss, last.val_accuracy, epochs, epochs,
        stopped_early=index % 2 == 1, seconds=0.6 * epochs, samples_per_second=1000.0 + index,
        values={"val_macro_f1": 0.8, "val_ece": 0.02},
    )  # fmt: skip
    return replace(row, history=history, metrics=metrics)


def _predictions(rng, right, *, noise):
    conditions = 1 + (len(NOISE.severities) if noise else 0)
    labels = np.arange(TESTED) % CLASSES
    wrong = (labels + rng.integers(1, CLASSES, (conditions, TESTED))) % CLASSES
    predicted = np.where(rng.random((conditions, TESTED)) < right, labels, wrong)
    confidence = rng.uniform(0.3, 1.0, (conditions, TESTED)).astype(np.float32)
    return {
        "rows": np.arange(800, 1000),
        "labels": labels,
        "predicted": predicted,
        "log_probability": np.log(confidence),
        "confidence": confidence,
        "confusion": np.stack([confusion_matrix(labels, classes, CLASSES) for classes in predicted]),
    }
