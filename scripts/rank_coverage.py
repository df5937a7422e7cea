"""Measure how often the comparisons of leaderboards are wrong, on networks that are trained for it.

    python scripts/rank_coverage.py runs/rank-coverage

Five recipes are trained on digits with 120 seeds each, some ten minutes on one core; the same command takes up what is
there. Then suites of a few seeds are drawn from them many times over, and compared as a leaderboard does:

- copies: the same recipe twice or eight times, of seeds drawn without overlap. Whatever is significant is false.
- recipes: all five with the same seeds. The truth is the mean over all 120 seeds and all test images: how often do rank
  sets hold every true rank, and 95 % intervals a true difference; how often is a difference significant. Once on test
  images drawn with replacement, as a test set is drawn from all images that could be, and once on these very images.

The paired t-test, and the rule of version 0.1 (that test, but no error below the sampling error of two proportions
divided by √n), are measured beside it.
"""

import argparse
import math
import subprocess
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from harness.metrics.analysis import Analysis, analyse
from harness.metrics.crossed import summed
from harness.metrics.ranking import ranks
from harness.store import Run

SUITE = """
[suite]
name = "rank coverage"
seeds = {seeds}
[dataset]
name = "digits"
split = {{ train = 0.7, val = 0.1, test = 0.2, seed = 42 }}
[defaults]
hidden_layers = [128, 64]
batch_size = 64
gradient = "mean"
optimizer = {{ name = "adam", learning_rate = 0.001 }}
epochs = 15
[experiments.M0]
optimizer = {{ name = "sgd", learning_rate = 0.1 }}
[experiments.M0-slow]
optimizer = {{ name = "sgd", learning_rate = 0.05 }}
[experiments.M0-short]
optimizer = {{ name = "sgd", learning_rate = 0.1 }}
epochs = 12
[experiments.M1b]
[experiments.M1g]
hidden_layers = [400, 240, 120]
"""
Correct = NDArray[np.float64]
"""Which images each network gets right: (recipes, seeds, images)."""


def trained(place: Path, seeds: int) -> tuple[list[str], Correct]:
    """Train what is not trained yet, and return the recipes' names and which images their networks get right."""
    place.mkdir(parents=True, exist_ok=True)
    suite = place / "suite.toml"
    suite.write_text(SUITE.format(seeds=list(range(1, seeds + 1))))
    subprocess.run(
        ["harness", "run", str(suite), "--out", str(place / "run"), "--quiet"], check=True, stdout=subprocess.DEVNULL
    )
    run = Run.open(place / "run")
    names = list(run.suite.experiments)
    correct = []
    for name in names:
        arrays = [run.arrays(name, seed, "evaluation.npz") for seed in range(1, seeds + 1)]
        correct.append([predictions["predicted"][0] == predictions["labels"] for predictions in arrays])
    return names, np.array(correct, dtype=np.float64)


def analysed(values: Correct) -> Analysis:
    """Return the comparisons of networks (recipes, seeds, images) in accuracy."""
    names = [str(place) for place in range(len(values))]
    return analyse(names, summed(list(map(list, values.swapaxes(0, 1)))), higher_is_better=True, proportion=True)


def paired_t(first: Correct, second: Correct) -> float:
    """Return half the 95 % interval of the difference of two recipes (seeds, images) by the paired t-test."""
    change = first.mean(axis=1) - second.mean(axis=1)
    return float(stdtrit(len(change) - 1, 0.975) * change.std(ddof=1) / math.sqrt(len(change)))


def floored(first: Correct, second: Correct) -> float:
    """Return half the interval of version 0.1."""
    sampling = sum(p * (1 - p) for p in (first.mean(), second.mean())) / first.size
    return max(paired_t(first, second), 1.96 * math.sqrt(sampling))


OTHERS: dict[str, Callable[[Correct, Correct], float]] = {"paired t-test": paired_t, "version 0.1": floored}


def copies(pool: Correct, count: int, n: int, draws: int, rng: np.random.Generator) -> Iterator[Correct]:
    """Yield tables of copies (count, n, images) of one recipe's networks (seeds, images), drawn without overlap."""
    tables = len(pool) // (count * n)
    for _ in range(-(-draws // tables)):
        order = rng.permutation(len(pool))[: tables * count * n].reshape(tables, count, n)
        yield from (pool[each] for each in order)


def of_copies(pool: Correct, draws: int, rng: np.random.Generator) -> Iterator[str]:
    """Yield lines about tables of copies."""
    for n in (2, 3, 5):
        tables = list(copies(pool, 2, n, draws, rng))
        wrong = {"seeds x images": np.mean([analysed(table).pairs[0].significant for table in tables])}
        for name, half in OTHERS.items():
            wrong[name] = np.mean([abs(table[0].mean() - table[1].mean()) > half(*table) for table in tables])
        yield f"two copies, n = {n}: significant in {shares(wrong)} of {len(tables)} pairs"
    for n in (2, 3, 5):
        tables = list(copies(pool, 8, n, draws, rng))
        claims = {"seeds x images": np.mean([analysed(table).undecided < math.comb(8, 2) for table in tables])}
        for name, half in OTHERS.items():
            claims[name] = np.mean(
                [any(abs(a.mean() - b.mean()) > half(a, b) for a, b in combinations(table, 2)) for table in tables]
            )
        yield f"eight copies, n = {n}: any claim in {shares(claims)} of {len(tables)} tables"


def of_recipes(
    names: list[str], correct: Correct, draws: int, rng: np.random.Generator, *, drawn: bool
) -> Iterator[str]:
    """Yield lines about tables of all recipes, on ``drawn`` test images or on all."""
    on = "drawn images" if drawn else "these images"
    truth = correct.mean(axis=(1, 2))
    places = ranks(truth)
    pairs = list(combinations(range(len(names)), 2))
    for n in (2, 3, 5, 10):
        covered, widths, wrong_order = [], [], []
        inside: dict[str, list[list[bool]]] = {"seeds x images": [], **{name: [] for name in OTHERS}}
        significant: dict[str, list[list[bool]]] = {"Holm": [], **{name: [] for name in inside}}
        for _ in range(draws):
            seeds = rng.choice(correct.shape[1], n, replace=False)
            every = correct.shape[2]
            images = rng.integers(0, every, every) if drawn else np.arange(every)
            table = correct[:, seeds][:, :, images]
            analysis = analysed(table)
            sets = [analysis.ranks[str(place)] for place in range(len(names))]
            ends = [(rank.rank_low or 0, rank.rank_high or 0) for rank in sets]
            covered.append(all(low <= place <= high for (low, high), place in zip(ends, places, strict=True)))
            widths.append(np.mean([high - low + 1 for low, high in ends]))
            wrong_order.append(np.mean([rank.rank != place for rank, place in zip(sets, places, strict=True)]))
            halves = {name: [half(table[a], table[b]) for a, b in pairs] for name, half in OTHERS.items()}
            halves["seeds x images"] = [((pair.high or 0) - (pair.low or 0)) / 2 for pair in analysis.pairs]
            differences = [pair.difference for pair in analysis.pairs]
            for name, half in halves.items():
                off = [abs(value - (truth[a] - truth[b])) for value, (a, b) in zip(differences, pairs, strict=True)]
                inside[name].append([error <= each for error, each in zip(off, half, strict=True)])
                significant[name].append([abs(value) > each for value, each in zip(differences, half, strict=True)])
            significant["Holm"].append([pair.significant for pair in analysis.pairs])
        yield (
            f"five recipes, {on}, n = {n}: rank sets hold all true ranks in {np.mean(covered):.1%} of {draws} suites, "
            f"mean width {np.mean(widths):.1f}; {np.mean(wrong_order):.0%} of the ranks by means are wrong"
        )
        yield f"    95 % intervals hold the true difference in {shares({k: np.mean(v) for k, v in inside.items()})}"
        for place, (a, b) in enumerate(pairs):
            powers = {name: np.mean([each[place] for each in suites]) for name, suites in significant.items()}
            held_here = np.mean([each[place] for each in inside["seeds x images"]])
            yield (
                f"    {names[a]} and {names[b]}, {100 * (truth[a] - truth[b]):+.2f} points: significant in "
                f"{shares(powers)}; interval holds it in {held_here:.1%}"
            )


def shares(values: dict[str, np.floating]) -> str:
    """Return ``"2.1 % (seeds x images), 5.0 % (paired t-test)"``."""
    return ", ".join(f"{100 * value:.1f} % ({name})" for name, value in values.items())


def main() -> None:
    """Train, measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("place", type=Path, help="a folder, for the suite and its run")
    parser.add_argument("--seeds", type=int, default=120)
    parser.add_argument("--draws", type=int, default=2000, help="suites that are drawn for each figure")
    arguments = parser.parse_args()
    names, correct = trained(arguments.place, arguments.seeds)
    print(f"{arguments.seeds} seeds of {', '.join(names)}; {correct.shape[2]} test images")
    for name, accuracies in zip(names, correct.mean(axis=2), strict=True):
        print(f"{name}: {accuracies.mean():.2%} (SD {100 * accuracies.std(ddof=1):.2f} points)")
    rng = np.random.default_rng(1)
    for line in of_copies(correct[0], arguments.draws, rng):
        print(line, flush=True)
    for drawn in (True, False):
        for line in of_recipes(names, correct, arguments.draws, rng, drawn=drawn):
            print(line, flush=True)


if __name__ == "__main__":
    main()
