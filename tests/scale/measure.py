"""What the harness costs beside its trials, and how well it uses two cores, on a machine that has nothing else to do.

    python -m tests.scale.measure

Prints each figure beside what it should be; the exit code is 1 where one is missed. Times of a busy machine say
nothing: the suite of tests holds what does not depend on time (`tests.scale.test_scale`).
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_digits

from tests.tiny import run_suite

HARNESS = [sys.executable, "-m", "harness"]
HEAD = '[suite]\nname = "scale"\nseeds = [1, 2]\n[defaults]\nbackend = "numpy"\n'
ADAM = 'optimizer = { name = "adam", learning_rate = 0.001 }\n'
LAUNCHER = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:])
_, status, usage = os.wait4(process.pid, 0)
print(usage.ru_maxrss, usage.ru_utime + usage.ru_stime)
process.returncode = os.waitstatus_to_exitcode(status)
sys.exit(process.returncode)
"""
"""A new process counts the memory of the one that it was forked from: this one is small."""
PAPER = {"M0": [128, 64], "M1a": [128, 64], "M1b": [128, 64], "M1g": [400, 240, 120], "M1h": [370, 370]}


class Ran(NamedTuple):
    """What a command said, its seconds, the memory of its largest process, and the seconds of the processor."""

    printed: str
    seconds: float
    megabytes: float
    processor_seconds: float


def run(folder: Path, *arguments: str) -> Ran:
    """Run a command."""
    started = time.perf_counter()
    command = [sys.executable, "-c", LAUNCHER, *HARNESS, *arguments]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
    printed, _, usage = done.stdout.rstrip().rpartition("\n")
    kilobytes, seconds = usage.split()
    return Ran(printed, time.perf_counter() - started, int(kilobytes) / 1024, float(seconds))


def trained_seconds(run: Path) -> list[float]:
    """Return the seconds that each of a run's trials took by itself."""
    rows = [json.loads(path.read_text())["row"] for path in run.glob("trials/*/*/row.json")]
    return [row["metrics"]["seconds"] for row in rows]


def write_many(folder: Path, trials: int) -> None:
    """Write a suite of tiny trials of one epoch, two for each experiment."""
    rates = "".join(
        f"[experiments.E{i}]\noptimizer.learning_rate = {0.001 * (i + 1):.4f}\n" for i in range(trials // 2)
    )
    settings = f"hidden_layers = [8]\nepochs = 1\n{ADAM}[finalists]\none = 'E0'\n"
    (folder / "many.toml").write_text(HEAD + settings + rates)


def write_results(folder: Path, experiments: int, seeds: int) -> Path:
    """Make a run of many tested trials without training them: one is trained, the others have its row, varied."""
    tables = "".join(
        f"[experiments.E{i}]\noptimizer.learning_rate = {0.001 * (i + 1):.4f}\n" for i in range(experiments)
    )
    suite = (
        f"[suite]\nname = 'many'\nseeds = {list(range(seeds))}\n[defaults]\nhidden_layers = [4]\nepochs = 1\n{ADAM}"
        "[[robustness]]\nperturbation = 'gaussian_noise'\nseverities = [0.1, 0.2, 0.3, 0.4, 0.5]\n"
        f"[leaderboard]\nbaseline = 'E0'\ncompare = [['E0', 'E1']]\n{tables}"
    )
    run_suite(folder, suite, only=["E0"])
    _, template = run_suite(folder, suite, dry=True)
    template.write_header({})
    trained = next(template.rows())
    predictions = template.arrays("E0", 0, "evaluation.npz")
    draw = np.random.default_rng(0)
    settings = {name: table.model_dump(mode="json") for name, table in template.suite.experiments.items()}
    for name, seed in template.planned:
        shift = float(draw.normal(0, 0.01))
        history = [replace(trained.history[0], epoch=epoch) for epoch in range(1, 13)]
        measures = [
            replace(measure, values=measure.values | {"test_accuracy": measure.values["test_accuracy"] + shift})
            for measure in trained.evaluation.measures
        ]
        row = replace(
            trained,
            experiment=name,
            seed=seed,
            settings=settings[name],
            history=history,
            metrics=replace(trained.metrics, val_accuracy=trained.metrics.val_accuracy + shift),
            evaluation=replace(trained.evaluation, measures=measures),
        )
        others = draw.integers(0, 10, predictions["predicted"].shape)
        wrong = draw.random(others.shape) < 0.1
        predicted = np.where(wrong, others, predictions["predicted"])
        template.write(row, {"evaluation.npz": predictions | {"predicted": predicted}})
    return template.directory


def leaderboard(folder: Path) -> dict[str, tuple[float, float, str]]:
    """Measure the leaderboard of many experiments."""
    results = write_results(folder, 200, 5)
    run(folder, "leaderboard", results.name)  # which makes the sums of products that a run ends with
    seconds = median(run(folder, "leaderboard", results.name).seconds for _ in range(3))
    return {"seconds for the leaderboard of 200 experiments with 5 seeds": (seconds, 3.0, "at most")}


def published(folder: Path) -> dict[str, tuple[float, float, str]]:
    """Measure what a program and a site have of many experiments."""
    results = write_results(folder, 300, 5)
    run(folder, "leaderboard", results.name)  # which makes the sums of products that a run ends with
    for name in ("second", "third"):
        shutil.copytree(results, folder / name)
    code = "import sys, time, harness; run = harness.open_run(sys.argv[1]); began = time.perf_counter(); run.measures()"
    command = [sys.executable, "-c", f"{code}; print(time.perf_counter() - began)", str(results)]
    seconds = median(float(subprocess.check_output(command, text=True)) for _ in range(3))
    site = run(folder, "publish", results.name, "second", "third", "--to", "site")
    return {
        "seconds for the measures of 300 experiments with 5 seeds": (seconds, 2.0, "at most"),
        "seconds for a site of three such runs": (site.seconds, 60.0, "at most"),
        "seconds of the processor for that": (site.processor_seconds, 30.0, "at most"),
    }


def write_busy(folder: Path) -> None:
    """Write a suite of the paper's networks on digits, forty times over, and its data."""
    images, labels = load_digits(return_X_y=True)
    np.save(folder / "x.npy", np.tile(images.reshape(-1, 8, 8).astype(np.uint8) * 15, (40, 1, 1)))
    np.save(folder / "y.npy", np.tile(labels, 40))
    data = '[dataset]\nname = "files"\nimages = "x.npy"\nlabels = "y.npy"\n[finalists]\none = "M0"\n'
    tables = "".join(f"[experiments.{name}]\nhidden_layers = {layers}\n" for name, layers in PAPER.items())
    (folder / "busy.toml").write_text(f"{HEAD}hidden_layers = [8]\nepochs = 12\n{ADAM}{data}{tables}")


def beside(folder: Path, trials: int = 2000) -> dict[str, tuple[float, float, str]]:
    """Measure many tiny trials: each figure with its bound."""
    write_many(folder, trials)
    planned = median(run(folder, "plan", "many.toml").seconds for _ in range(3))
    first, again = (run(folder, "run", "many.toml", "--jobs", "1", "--quiet") for _ in range(2))
    seconds = trained_seconds(folder / "runs" / "many")
    assert len(seconds) == trials
    # A run that has nothing to do takes what start and end take: the rest is trials, and what is beside them.
    outside = (first.seconds - again.seconds - sum(seconds)) / trials * 1000
    return {
        f"seconds to plan {trials:,} trials": (planned, 2.0, "at most"),
        "milliseconds a trial outside it": (outside, 5.0, "at most"),
        "megabytes of the largest process": (max(first.megabytes, again.megabytes), 300.0, "at most"),
    }


def ten_thousand(folder: Path) -> dict[str, tuple[float, float, str]]:
    """Measure ten thousand tiny trials: planned, and run by one driver."""
    write_many(folder, 10_000)
    plans = [run(folder, "plan", "many.toml") for _ in range(3)]
    ran = run(folder, "run", "many.toml", "--jobs", "1", "--quiet")
    return {
        "seconds to plan 10,000 trials": (median(plan.seconds for plan in plans), 5.0, "at most"),
        "seconds of the processor for that": (median(plan.processor_seconds for plan in plans), 4.0, "at most"),
        "megabytes of the largest process that runs them": (ran.megabytes, 1000.0, "at most"),
    }


def throughput(folder: Path) -> dict[str, tuple[float, float, str]]:
    """Measure one process against two: the median ratio of three rounds, start and end included."""
    write_busy(folder)
    run(folder, "run", "busy.toml", "--only", "M0", "--out", "warm", "--quiet")
    ratios = []
    for number in range(3):
        alone, together = (
            run(folder, "run", "busy.toml", "--jobs", jobs, "--out", f"{number}-{jobs}", "--quiet").seconds
            for jobs in ("1", "2")
        )
        ratios.append(alone / together)
        print(f"  one process {alone:.1f} s, two {together:.1f} s")
    return {"times the throughput with two processes": (median(ratios), 1.85, "at least")}


def main() -> None:
    """Measure, print, and say by the exit code whether all is as it should be."""
    with tempfile.TemporaryDirectory() as name:
        (many := Path(name) / "results").mkdir()
        (ten := Path(name) / "ten").mkdir()
        (three := Path(name) / "three").mkdir()
        figures = leaderboard(many) | published(three) | beside(Path(name)) | ten_thousand(ten) | throughput(Path(name))
    met = []
    for quantity, (figure, bound, sense) in figures.items():
        met.append(figure <= bound if sense == "at most" else figure >= bound)
        print(f"{'met   ' if met[-1] else 'missed'} {figure:8.2f} {quantity} ({sense} {bound:g})")
    sys.exit(0 if all(met) else 1)


if __name__ == "__main__":
    main()
