"""Notes below tables: which experiments are excluded and why, and which finalists validation would choose."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import product
from math import inf, log

from harness.metrics.comparisons import SIGNS, Mark
from harness.results.experiments import ExperimentRows
from harness.results.results import Results
from harness.results.tables.model import Marked
from harness.results.tables.notes import brief
from harness.rows import Condition, TrialRow
from harness.suite.finalists import matching
from harness.suite.models import BestOf
from harness.text import counted, numbered, possessive, some, uneven_seeds

_SIGNIFICANCE = {Mark.better: "better", Mark.worse: "worse", Mark.insignificant: "not significant"}
_OTHERS = {Mark.same: "equal to the last bit", Mark.undecided: "undecided"}


DEGRADATION = "Degr.: the share of the clean accuracy that is lost, averaged over severities."


def legend(marks: Collection[Mark], *, than: str = "") -> str:
    """Return what the signs of marks mean, and by which rule: ``"▲ better, ≈ not significant (5 %, Holm)"``.

    Two that are equal to the last bit were not tested. ``than``: what those that are better are better than.
    """
    tested = [f"{SIGNS[mark]} {meaning}" for mark, meaning in _SIGNIFICANCE.items() if mark in marks]
    if than and tested and {Mark.better, Mark.worse} & set(marks):
        last = max(place for place, text in enumerate(tested) if not text.startswith(SIGNS[Mark.insignificant]))
        tested[last] += f" than {than}"
    rule = [f"{', '.join(tested)} (5 %, Holm)"] if tested else []
    return ", ".join(rule + [f"{SIGNS[mark]} {meaning}" for mark, meaning in _OTHERS.items() if mark in marks])


def marks(about: str, cells: Iterable[Marked | None]) -> str:
    """Say what the signs behind differences mean, those that there are, and by which rule; empty without any."""
    filled = [cell for cell in cells if cell]
    signs = legend({cell.mark for cell in filled if cell.mark})
    if not signs:
        return ""
    single = "One seed: ▲ and ▼ are about these networks, not about their recipes."
    alone = any(cell.value.n == 1 and cell.mark in {Mark.better, Mark.worse} for cell in filled)
    return brief(f"{about}: {signs}.", single if alone else "")


def seeds(experiments: Sequence[ExperimentRows]) -> str:
    """Say which experiments have other seeds done than others."""
    return uneven_seeds({experiment.name: [row.seed for row in experiment.done] for experiment in experiments})


def unfinished(results: Results) -> str:
    """Say which experiments had their best epoch at the last one that they were allowed: more might do better."""
    names = []
    for experiment in results.trained:
        trained = [(row.metrics, row.settings.get("epochs")) for row in experiment.done if row.metrics]
        cut = sum(metrics.best_epoch == epochs for metrics, epochs in trained)
        if cut:
            names.append(
                experiment.name
                if cut == len(trained)
                else f"{experiment.name} ({cut} of {counted(len(trained), 'trial')})"
            )
    return f"Best at the last epoch: {some(names)}. More epochs may help." if names else ""


def diverged(results: Results) -> str:
    """Say which trained networks are no better than guessing: means, intervals and ranks include them.

    Their validation loss is above ln(classes), the cross-entropy of equal probabilities, or no number at all, while
    other seeds of the experiment are below. Such a seed is far from what a t-test takes for granted.
    """
    classes = len(results.dataset.class_names)
    guessing = log(classes) if classes else inf
    names = []
    for experiment in results.experiments:
        losses = {row.seed: row.metrics.val_loss for row in experiment.done if row.metrics}
        bad = [seed for seed, loss in losses.items() if not loss < guessing]
        if 0 < len(bad) < len(losses):
            names.append(f"{experiment.name} {numbered('seed', bad)}")
    return f"Diverged, no better than guessing: {some(names)}. Means and intervals include it." if names else ""


def excluded(results: Results) -> str:
    """Say how many planned trials have a row that does not serve, and what would do."""
    stale = [row.seed for row in results.rows if row.status == "stale"]
    damaged = [row.seed for row in results.rows if row.status == "planned" and row.reason]
    counts = [counted(len(stale), "stale trial")] if stale else []
    counts += [counted(len(damaged), "damaged row")] if damaged else []
    if not counts:
        return ""
    return f"Excluded: {' and '.join(counts)}. {_run_again(results, [*stale, *damaged])} to train again."


def _run_again(results: Results, seeds: Iterable[int]) -> str:
    """Return how to run trials of some seeds that the last command left alone.

    It left them out because of their seeds, if the suite has others now, or because of their experiments.
    """
    now = results.suite.suite.seeds
    earlier = sorted({*seeds}.difference(now))
    return f"Run with --seeds {','.join(map(str, sorted([*now, *earlier])))}" if earlier else "Run without --only"


def lost(results: Results) -> str:
    """Say which trials' predictions are damaged or missing: differences and ranks are without them."""
    seeds: dict[tuple[str, str], list[int]] = {}
    for (name, seed), how in results.lost_predictions.items():
        seeds.setdefault((how, name), []).append(seed)
    hows: dict[str, list[str]] = {}
    for (how, name), each in seeds.items():
        hows.setdefault(how, []).append(f"{name} {numbered('seed', each)}")
    parts = [f"{how} predictions of {some(names)}" for how, names in hows.items()]
    if not parts:
        return ""
    again = _run_again(results, [seed for _, seed in results.lost_predictions])
    return f"Excluded: {' and '.join(parts)}. {again} to measure again."


def unmeasured(results: Results) -> str:
    """Say which tested experiments lack a severity that the run is measured at, and what would do."""
    parts, seeds = [], set[int]()
    # Those that no experiment was measured under, as the run asks for it, have no table to say so.
    for perturbation, severities in results.severities.items():
        noisy = sorted(severity for severity in severities if severity > 0)
        able = [
            experiment
            for experiment in results.experiments
            if experiment.tested and perturbation not in experiment.unavailable
        ]
        tested = able if noisy else []
        lacking = [each for each in tested if each.over_severities("test_accuracy", perturbation, noisy) is None]
        if lacking:
            names = some([experiment.name for experiment in lacking])
            parts.append(f"Not ranked under {perturbation}, because severities are missing: {names}.")
        for experiment, severity in product(lacking, noisy):
            measured = experiment.values("test_accuracy", Condition(perturbation, severity))
            seeds |= {row.seed for row in experiment.tested} - measured.keys()
    return brief(*parts, f"{_run_again(results, seeds)} to measure them." if parts else "")


def unavailable(results: Results, perturbations: Iterable[str]) -> str:
    """Say which of some perturbations tested experiments have no measures under, and why: ranks are without them."""
    tested = [experiment for experiment in results.experiments if experiment.tested]
    having: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for name in perturbations:
        reasons: dict[str, list[str]] = {}
        for experiment in tested:
            if name in experiment.unavailable:
                reasons.setdefault(experiment.unavailable[name], []).append(experiment.name)
        for why, names in reasons.items():
            having.setdefault((why, tuple(names)), []).append(name)
    parts = [
        f"{some(names)}{'' if len(who) == len(tested) else f' of {some(who)}'} ({why})"
        for (why, who), names in having.items()
    ]
    return f"Unavailable: {'; '.join(parts)}." if parts else ""


def corruptions(results: Results) -> str:
    """Say what corruption errors are relative to, and which perturbations they are without, and why."""
    relative = results.corruptions
    if not relative.reference:
        base = results.suite.leaderboard.baseline
        return f"No corruption errors: {base} is not tested." if base else ""
    without: dict[str, list[str]] = {}
    for name, why in relative.left_out.items():
        both = "" if name not in relative.errors else "relative errors "
        without.setdefault(f"{both}without {{}} ({why})", []).append(name)
    parts = [text.format(some(names)) for text, names in without.items()]
    said = f"Corruption errors: percent of {possessive(relative.baseline)}"
    return f"{'; '.join([said, *parts])}."


def selection(results: Results) -> str:
    """Say where validation prefers another experiment of a series to the one that the suite names."""
    sentences = []
    for label, pattern in results.suite.leaderboard.series.items():
        series = [
            experiment
            for name in matching(pattern, results.named)
            if (experiment := results.named.get(name)) and experiment.done
        ]
        named = next((experiment for experiment in series if experiment.name in results.finalists.get(label, ())), None)
        if named is None or isinstance(results.suite.finalists[label], BestOf):
            continue
        best = max(series, key=_validated)
        if _validated(best) > _validated(named):
            sentences.append(
                f"By validation, {label} would be {best.name} ({_validated(best):.2%}) and not {named.name} "
                f"({_validated(named):.2%})."
            )
    for label, finalist in results.suite.finalists.items():
        names = results.finalists.get(label, [])
        if names and isinstance(finalist, BestOf) and (many := len(matching(finalist.best_of, results.named))) > 1:
            sentences.append(f"{label} is {names[0]}, the best of {many} by {finalist.by}.")
    settled = {label: choice for label, choice in results.choices.items() if choice.failed and not choice.waiting}
    for label, choice in settled.items():
        failed = _failed(choice.failed)
        sentences.append(f"{label} is {'chosen without' if choice.names else 'not to be chosen:'} {failed}.")
    empty = [label for label, names in results.finalists.items() if not names and label not in settled]
    if empty:
        sentences.append(f"Not chosen yet, because not all candidates are done: {some(empty)}.")
    return brief(*sentences)


def _failed(rows: Iterable[TrialRow]) -> str:
    """Return ``"B seeds 1, 2 (failed), C seed 1 (timed out)"``."""
    seeds: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        seeds.setdefault((row.experiment, row.status), []).append(row.seed)
    return some([f"{name} {numbered('seed', each)} ({status})" for (name, status), each in seeds.items()], most=3)


def _validated(experiment: ExperimentRows) -> float:
    value = experiment.statistic("val_accuracy")
    return value.mean if value else float("-inf")
