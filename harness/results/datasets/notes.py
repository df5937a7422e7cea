"""What the tables over datasets say beside their figures: what is missing, what tests find, and what they cannot."""

from __future__ import annotations

from harness.metrics.over_datasets import APPROXIMATE, ENOUGH, smallest_p
from harness.results.datasets.compared import Compared
from harness.results.datasets.several import SeveralResults
from harness.text import counted, some

MEANING = (
    "Mean rank: 1 is the best; [low, high]: 95 % CI over datasets. Wins: the share of the other ranked experiments "
    "beaten, averaged over datasets, a tie as half."
)
LETTERS = "Two that share a letter do not differ significantly."
PAIRS = "p: Wilcoxon's signed-rank test over datasets, adjusted for all pairs (Holm); Nemenyi's test of mean ranks."
TESTS = "Friedman's χ² is corrected for ties; F is Iman and Davenport's; the critical difference is Nemenyi's, at 5 %."


def missing_datasets(several: SeveralResults) -> list[str]:
    """Return which datasets have no results, and why."""
    return [f"No results on {label}: {reason.rstrip('.')}." for label, reason in several.missing.items()]


def not_ranked(one: Compared) -> list[str]:
    """Return who is not ranked, and which datasets do not count."""
    found = []
    missing = [name for name in one.tested if name not in one.ranked]
    if missing and one.counting:
        absent = {name: [label for label in one.counting if label not in one.where(name)] for name in missing}
        words = some([f"{name} (not on {some(labels)})" for name, labels in absent.items()], most=8, between="; ")
        found.append(f"Not ranked: {words}. The others' ranks are among themselves.")
    few = [label for label in one.labels if one.values.get(label) and label not in one.counting]
    if few:
        found.append(f"Not counted: {some(few)}, where fewer than half of the experiments are tested.")
    return found


def tests(one: Compared) -> list[str]:
    """Return what tests find, in words with the numbers; what they cannot, first."""
    found = too_few(one)
    test = one.over.friedman if one.over else None
    if test is None or one.over is None or one.over.critical is None:
        return found
    first, second = test.degrees
    verdict = "experiments differ" if test.significant else "no difference is significant"
    chi2 = f"χ² = {test.chi2:.2f}, p = {test.p:.3g}"
    f = f"F({first}, {second}) = {test.f:.2f}, p = {test.f_p:.3g}"
    return [*found, f"Friedman: {chi2}; {f}: {verdict}.", f"Nemenyi: critical difference {one.over.critical:.2f}."]


def too_few(one: Compared) -> list[str]:
    """Return that the datasets are too few for a test, with the numbers; nothing where they are enough."""
    datasets, count = len(one.counting), len(one.ranked)
    if one.over is None or count < 2:
        return []
    if datasets < 2:
        return [f"{counted(datasets, 'dataset')}: nothing is known of other datasets, so nothing is tested."]
    found = []
    if datasets < ENOUGH:
        smallest = f"Wilcoxon's p is at least {smallest_p(datasets):.3g}"
        found.append(f"{datasets} datasets are too few to tell pairs apart, {ENOUGH} the fewest: {smallest}.")
    if datasets < APPROXIMATE and one.over.friedman is not None and one.over.critical is not None:
        ends = f"mean ranks {one.over.critical:.2f} apart, of at most {count - 1}, differ by Nemenyi's test"
        found.append(f"Below about {APPROXIMATE} datasets Friedman's and Nemenyi's tests are rough; here {ends}.")
    return found
