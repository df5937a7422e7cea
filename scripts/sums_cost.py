"""Measure what comparisons cost at the paper's sizes: the sums when a run ends, and the tables afterwards.

    python scripts/sums_cost.py /tmp/cost
    python scripts/sums_cost.py /tmp/cost --experiments 4 --seeds 3 --images 43277 --perturbations 21

Writes a run of 12 experiments with 5 seeds each, measured on 161,955 made images, clean and under 5 severities: 1 GB,
and removes it. The second command is of a whole suite of corruptions, 106 conditions. Times are of the wall clock and
of the processor.
"""

import argparse
import shutil
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

from harness.datasets.info import DatasetInfo
from harness.plugins.loading import registry
from harness.plugins.perturbations import suites_of, usable
from harness.results.leaderboard import differences, tables
from harness.results.results import Results
from harness.rows import EvaluationRow, TrialMetrics, TrialRow
from harness.store import Run, read_sums
from harness.suite import load_suite
from harness.trial.evaluation import measures
from harness.trial.robustness import Robustness

SEVERITIES = (0.1, 0.2, 0.3, 0.4, 0.5)
CLASSES = 47


def made(place: Path, experiments: int, seeds: int, images: int, perturbations: int) -> Run:
    """Write a run whose networks find the same images hard, under some of the corruptions, noise the first of them."""
    plugins = registry()
    chosen = list(dict.fromkeys(["gaussian_noise", *suites_of(plugins)["corruptions"]]))[:perturbations]
    robustness = tuple(Robustness(perturbation=name, severities=list(SEVERITIES)) for name in chosen)
    families = {name: family for name, family in usable(plugins).items() if name in chosen and family}
    tests = "".join(f'[[robustness]]\nperturbation = "{name}"\nseverities = {list(SEVERITIES)}\n' for name in chosen)
    names = [f"M{number}" for number in range(experiments)]
    suite = place / "suite.toml"
    tables_ = "\n".join(f"[experiments.{name}]" for name in names)
    suite.write_text(
        f'[suite]\nname = "cost"\nseeds = {list(range(1, seeds + 1))}\n[defaults]\nhidden_layers = [8]\n'
        f'optimizer = {{ name = "sgd", learning_rate = 0.1 }}\n{tables_}\n'
        f'{tests}[leaderboard]\nbaseline = "M0"\n'
    )
    loaded = load_suite(suite, plugins).suite
    sizes = {"train": 1, "val": 1, "test": images}
    about = DatasetInfo("digits", "d" * 64, images + 2, tuple(map(str, range(CLASSES))), sizes, title="made")
    run = Run(place / "run", loaded, about, [(name, seed) for name in names for seed in range(1, seeds + 1)])
    run.directory.mkdir()
    run.write_header({"command": ["harness", "run", "suite.toml"]})
    rng = np.random.default_rng(1)
    hard, labels = rng.normal(size=images), rng.integers(0, CLASSES, images)
    for number, (name, seed) in enumerate(run.planned):
        skill = 1.2 + 0.01 * names.index(name) + 0.01 * rng.normal()
        noise = np.array([0.0, *SEVERITIES * len(chosen)])[:, None]
        right = skill - 2 * noise + hard + 0.5 * rng.normal(size=(len(noise), images)) > 0
        predicted = np.where(right, labels, (labels + 1) % CLASSES)
        confidence = rng.uniform(0.3, 1.0, right.shape).astype(np.float32)
        arrays = {
            "rows": np.arange(images), "labels": labels, "predicted": predicted,
            "log_probability": np.log(confidence), "confidence": confidence,
            "likeliest": np.zeros((*right.shape, 5), dtype=np.uint16),
        }  # fmt: skip
        measured = measures(arrays, robustness, CLASSES)
        table = loaded.experiments[name]
        trained = TrialMetrics(
            0.1, 0.9, 0.1, 0.9, 1, 1, stopped_early=False, seconds=1.0, samples_per_second=1.0,
            values={"val_macro_f1": 0.9, "val_ece": 0.1, "val_balanced_accuracy": 0.9},
        )  # fmt: skip
        row = TrialRow(
            name, seed, "", "", "done", f"{number:064d}", "numpy", table.model_dump(mode="json"), 100, metrics=trained,
            evaluation=EvaluationRow("", measured, 1.0, families=families),
        )  # fmt: skip
        run.write(row, {"evaluation.npz": arrays})
    return run


def timed(what: str, call: Callable[[], Any]) -> Any:
    """Print how long a call takes."""
    wall, cpu = perf_counter(), process_time()
    result = call()
    print(f"{what}: {perf_counter() - wall:.2f} s, {process_time() - cpu:.2f} s of processor time", flush=True)
    return result


def main() -> None:
    """Write the run, and measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("place", type=Path, help="a folder that does not exist yet")
    parser.add_argument("--experiments", type=int, default=12)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--images", type=int, default=161_955)
    parser.add_argument("--perturbations", type=int, default=1, help="each at 5 severities")
    arguments = parser.parse_args()
    arguments.place.mkdir(parents=True)
    try:
        size = (arguments.experiments, arguments.seeds, arguments.images, arguments.perturbations)
        run = made(arguments.place, *size)
        sums = timed("rows and sums when the run ends", lambda: read_sums(run, list(run.rows())))
        results = timed("rows of a later command", lambda: Results.of(run))
        timed(f"all tables of {len(sums)} quantities' sums", lambda: tables(results))
        timed("all pairs of every ranking", lambda: differences(results))
    finally:
        shutil.rmtree(arguments.place)


if __name__ == "__main__":
    main()
