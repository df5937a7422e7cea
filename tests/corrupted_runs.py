"""Runs of several perturbations made of rows and predictions, for tests of corruption errors: no training."""

from dataclasses import replace

import numpy as np

from harness.datasets.info import DatasetInfo
from harness.metrics import confusion_matrix
from harness.plugins.loading import registry
from harness.rows import EvaluationRow
from harness.store import Run, write_classes
from harness.suite import load_suite
from harness.trial.evaluation import measures
from harness.trial.gallery import confused
from harness.trial.robustness import conditions
from tests.report_runs import CLASSES, SIDE, _row, _trained

SEVERITIES = {"gaussian_noise": [0.1, 0.2], "rotation": [10.0, 20.0], "translation": [0.05, 0.1]}
FAMILIES = {"gaussian_noise": "noise", "rotation": "geometry", "translation": "geometry"}
BOARD = '[leaderboard]\nbaseline = "base"\n'


def corrupted_run(folder, wrong, *, images=40, board=BOARD, more="", severities=SEVERITIES, families=FAMILIES,
                  unavailable=None):  # fmt: skip
    """Write a run into ``folder / "run"`` and return it.

    ``wrong``: by experiment and seed, by perturbation (None: clean), at each severity how many of the images are
    wrong, or an array (images,) of which are. ``unavailable``: by experiment, the perturbations without measures.
    """
    experiments = list(dict.fromkeys(name for name, _ in wrong))
    seeds = sorted({seed for _, seed in wrong})
    tables = "".join(f"[experiments.{name}]\n" for name in experiments)
    tables += "".join(
        f'[[robustness]]\nperturbation = "{name}"\nseverities = {each}\n' for name, each in severities.items()
    )
    path = folder / "corrupted.toml"
    path.write_text(
        f'[suite]\nname = "corrupted"\nseeds = {seeds}\n[defaults]\nhidden_layers = [8]\nepochs = 2\n'
        f'optimizer = {{ name = "sgd", learning_rate = 0.1 }}\n{tables}{board}{more}'
    )
    suite = load_suite(path, registry()).suite
    sizes = {"train": 700, "val": 100, "test": images}
    about = DatasetInfo("digits", "d" * 64, 1000, tuple("abcd"), sizes, "made, 1,000 images", shape=(SIDE, SIDE))
    planned = [(name, seed) for name in experiments for seed in seeds]
    run = Run(folder / "run", suite, about, planned)
    run.directory.mkdir()
    run.write_header({"harness": "0.1.0", "last_started": "2026-01-02T03:04:05+00:00", "command": ["harness", "run"]})
    pixels = np.random.default_rng(7).integers(0, 256, (1000, SIDE, SIDE), dtype=np.uint8)
    counts = np.full((3, CLASSES), 25)
    write_classes(run, {"counts": counts, "glyphs": pixels[:CLASSES]})
    for name, seed in planned:
        reasons = (unavailable or {}).get(name, {})
        measured = [table for table in suite.robustness if table.perturbation not in reasons]
        shares = wrong[name, seed]
        each = [shares[None], *(value for table in measured for value in shares[table.perturbation])]
        assert len(each) == len(conditions(measured))
        predictions = _predictions(np.stack([_which(value, images) for value in each]))
        evaluation = EvaluationRow(
            "", measures(predictions, measured, CLASSES), 0.5, families=families, unavailable=reasons
        )
        arrays = {"evaluation.npz": predictions, "examples.npz": confused(predictions, pixels, CLASSES)}
        row = replace(_trained(_row(suite.experiments[name], name, seed), 2, 0.3, 0), evaluation=evaluation)
        run.write(row, arrays)
    return run


def _which(value, images):
    return np.arange(images) < value if np.ndim(value) == 0 else np.asarray(value, dtype=bool)


def _predictions(wrong):
    """Return predictions that are wrong where asked, (conditions, images), each taken for the next class."""
    images = wrong.shape[1]
    labels = np.arange(images) % CLASSES
    predicted = np.where(wrong, (labels + 1) % CLASSES, labels)
    confidence = np.full(wrong.shape, 0.9, dtype=np.float32)
    return {
        "rows": np.arange(800, 800 + images),
        "labels": labels,
        "predicted": predicted,
        "log_probability": np.log(np.where(wrong, np.float32(0.05), confidence)),
        "confidence": confidence,
        "confusion": np.stack([confusion_matrix(labels, classes, CLASSES) for classes in predicted]),
    }
