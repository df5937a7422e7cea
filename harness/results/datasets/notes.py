"""What the tables over datasets say beside their figures: what is missing, what tests find, and what they cannot."""

from __future__ import annotations

from harness.metrics.over_datasets import APPROXIMATE, ENOUGH, smallest_p
from harness.results.datasets.compared import Compared
from harness.results.datasets.several import SeveralResults
from harness.text import counted, some

MEANING = {
    "mean_rank": "Mean rank: 1 is the best.",
    "win_rate": "Wins %: over the other ranked experiments, a tie as half.",
}
INTERVALS = "[low, high]: 95 % CI over datasets."
LETTERS = "Letters: two that share one do not differ significantly."
PAIRS = "p: Wilcoxon's signed-rank test over datasets, adjusted for all pairs (Holm); Nemenyi's test of mean ranks."
TESTS = (
    "Friedman's χ² is corrected for ties; F is Iman and Davenport's; the exact p decides where there is one. "
    "The critical difference is Nemenyi's, at 5 %."
)


def missing_datasets(several: SeveralResults) -> list[str]:
    """Return which datasets have no results, and why."""
    sentences = [f"No results on {label}: {reason}" for label, reason in several.missing.items()]
    return [text if text.endswith((".", "?")) else f"{text}." for text in sentences]


def not_ranked(comparison: Compared) -> list[str]:
    """Return who is not ranked, and which datasets do not count."""
    sentences = []
    missing = [name for name in comparison.tested if name not in comparison.ranked]
    if missing and comparison.counting:
        absent = {
            name: [label for label in comparison.counting if label not in comparison.where(name)] for name in missing
        }
        words = some([f"{name} (not on {some(labels)})" for name, labels in absent.items()], most=8, between="; ")
        sentences.append(f"Not ranked: {words}. The others' ranks are among themselves.")
    few = [label for label in comparison.labels if comparison.values.get(label) and label not in comparison.counting]
    if few:
        sentences.append(f"Not counted: {some(few)}, where fewer than half of the experiments are tested.")
    return sentences


def without_tests(several: SeveralResults, comparison: Compared) -> list[str]:
    """Return which datasets have no values because they are not tested under perturbations that others are."""
    ranking = comparison.ranking
    if ranking.clean:
        return []
    under = {label: set(results.severities) for label, results in several.results.items()}
    every = dict.fromkeys(name for results in several.results.values() for name in results.severities)
    sentences = []
    for label in comparison.labels:
        absent = [name for name in every if label in under and name not in under[label]]
        if ranking.perturbation:
            absent = [name for name in absent if name == ranking.perturbation]
        if absent and not comparison.values.get(label):
            rest = "" if ranking.perturbation else ", and a mean is over two perturbations at least"
            sentences.append(f"No values on {label}: it is not tested under {some(absent)}{rest}.")
    return sentences


def tests(comparison: Compared) -> list[str]:
    """Return what tests find, in words with the numbers, then what they cannot."""
    sentences = too_few(comparison)
    test = comparison.over.friedman if comparison.over else None
    if test is None or comparison.over is None or comparison.over.critical is None:
        return sentences
    first, second = test.degrees
    verdict = "experiments differ" if test.significant else "no difference is significant"
    if test.exact_p is None:
        statistic = f"χ² = {test.chi2:.2f}, p = {test.p:.3g}; F({first}, {second}) = {test.f:.2f}, p = {test.f_p:.3g}"
    else:
        statistic = f"χ² = {test.chi2:.2f}, exact p = {test.exact_p:.3g}"
    return [
        f"Friedman: {statistic}: {verdict}.",
        *sentences,
        f"Nemenyi: critical difference {comparison.over.critical:.2f}.",
    ]


def too_few(comparison: Compared) -> list[str]:
    """Return that the datasets are too few for a test, with the numbers; nothing where they are enough."""
    datasets, count = len(comparison.counting), len(comparison.ranked)
    if comparison.over is None or count < 2:
        return []
    if datasets < 2:
        return [f"{counted(datasets, 'dataset')}: nothing is known of other datasets, so nothing is tested."]
    sentences = []
    if datasets < ENOUGH:
        smallest = f"Wilcoxon's p is at least {smallest_p(datasets):.3g}"
        sentences.append(
            f"{datasets} datasets: {smallest}, and mean ranks have no intervals; {ENOUGH} are the fewest for both."
        )
    test = comparison.over.friedman
    if datasets < APPROXIMATE and test is not None and comparison.over.critical is not None:
        ends = f"mean ranks {comparison.over.critical:.2f} apart, of at most {count - 1}, differ by Nemenyi's test"
        rough = "Nemenyi's test is" if test.exact_p is not None else "Friedman's and Nemenyi's tests are"
        sentences.append(f"Below about {APPROXIMATE} datasets {rough} rough; here {ends}.")
    return sentences
