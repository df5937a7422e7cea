"""The head of a report: what was run, on what, when, by which versions, how long; and the verdict."""

from __future__ import annotations

from datetime import datetime

from harness import text
from harness.datasets.splits import SETS
from harness.metrics.comparisons import Mark
from harness.metrics.statistic import Kind, Statistic
from harness.plugins.revisions import in_words
from harness.report.reading import Material
from harness.results.experiments import ExperimentRows
from harness.results.leaderboard.ranked import overview
from harness.results.tables.model import Ranked
from harness.results.tables.values import as_shown, interval
from harness.results.verify.wording import spoken as judged
from harness.text import counted, spoken

_NAMED = 3
"""The most experiments of a rank that are named."""


def facts(material: Material) -> list[tuple[str, str]]:
    """Return one line each, with what it tells."""
    suite, dataset = material.run.suite.suite, material.run.dataset
    counts = material.results.counts
    seeds = dict.fromkeys(seed for _, seed in material.run.planned)
    what = f"{counted(len(material.results.trained), 'experiment')} × {counted(len(seeds), 'seed')}"
    sizes = " / ".join(f"{dataset.sizes[name]:,}" for name in SETS)
    about = [
        material.results.data,
        f"{len(dataset.class_names)} classes",
        f"{sizes} for training / validation / test",
    ]
    about += [f"verified by {dataset.checked}"] if dataset.checked else []
    return [
        ("What", f"{suite.description or suite.name} · {what}"),
        ("Data", " · ".join(about)),
        ("When", _when(material)),
        ("Versions", _versions(material)),
        ("How long", f"{_seconds(material)}, in {counted(counts['done'], 'trial')}"),
    ]


def command(material: Material) -> str:
    """Return the run's last command, as it was typed; nothing where it was not recorded."""
    words = material.notes.get("command")
    return text.command(*words) if isinstance(words, list) else ""


def verdict(material: Material) -> str:
    """Return the run's result in a sentence: which experiment is highest, by what, and how many trials are done."""
    counts = material.results.counts
    parts = [_best(material), f"{counts['done']} of {counted(counts['planned'], 'trial')} done"]
    verification = material.verification
    if verification.figures or verification.claims:
        parts.append(judged(verification))
    return "; ".join(parts) + "."


def _best(material: Material) -> str:
    best = _best_tested(material)
    if best:
        return _sentence(material, best)
    trained = [
        (experiment, value)
        for experiment in material.results.trained
        if (value := experiment.statistic("val_accuracy"))
    ]
    if trained:
        highest = max(as_shown(value.mean, Kind.percent) for _, value in trained)
        best = [(experiment, value) for experiment, value in trained if as_shown(value.mean, Kind.percent) == highest]
        return f"{_are_best(best)} accuracy on the validation {material.results.dataset.noun}, none is tested"
    return "No trial is done yet"


def _best_tested(material: Material) -> list[tuple[ExperimentRows, Statistic]]:
    """Return what the leaderboard has first by test accuracy; several where they are shown alike."""
    return [
        (experiment, ranked.value)
        for experiment, ranked in _ranked(material, "test_accuracy")
        if ranked.place.rank == 1
    ]


def _ranked(material: Material, key: str) -> list[tuple[ExperimentRows, Ranked]]:
    """Return the experiments that the leaderboard ranks by a column, in its order."""
    board = overview(material.results)
    ranked = zip(board.values("experiment"), board.values(key), strict=True)
    return [(material.results.named[name], cell) for name, cell in ranked if isinstance(cell, Ranked)]


def _sentence(material: Material, best: list[tuple[ExperimentRows, Statistic]]) -> str:
    text = f"{_are_best(best)} accuracy on the test {material.results.dataset.noun}"
    names = [experiment.name for experiment, _ in best]
    base = material.results.baseline
    if len(best) == 1 and (base is None or base.name in names):
        base = next(
            (experiment for experiment, ranked in _ranked(material, "test_accuracy") if ranked.place.rank > 1), None
        )
    if base and base.name not in names:
        text += _lead(material, best[0][0], base)
    if best[0][1].n == 1 and len(_ranked(material, "test_accuracy")) > 1:
        text += ", of one seed: about these networks, not about their recipes"
    if len(best) > 1:
        return text
    loss = best[0][0].statistic("test_cross_entropy")
    return text + (f", cross-entropy {loss.mean:.3f}" if loss else "") + _degraded(material, names[0])


def _lead(material: Material, best: ExperimentRows, base: ExperimentRows) -> str:
    """Return how far the best is above another, over the seeds that both have, with its error and what it means."""
    difference = material.results.over(best, base, "test_accuracy")
    if difference is None:
        return ""
    seeds = "one seed" if difference.change.n == 1 else f"{difference.change.n} seeds"
    ends = f"95 % CI {interval(difference.interval, Kind.points)}, " if difference.interval else ""
    means = {
        Mark.insignificant: f", not distinguishable from {base.name}",
        Mark.undecided: ", undecided",
    }.get(difference.mark, "")
    return f", {100 * difference.change.mean:+.1f} points over {base.name} ({ends}{seeds}){means}"


def _degraded(material: Material, name: str) -> str:
    """Return the best one's ranks by degradation: the most accurate need not be the sturdiest."""
    board = overview(material.results)
    places = ""
    for key in [key for key in (column.key for column in board.columns) if key.startswith("degradation")]:
        ranks = {experiment.name: ranked.place.rank for experiment, ranked in _ranked(material, key)}
        if name in ranks and len(ranks) > 1:
            under = key.removeprefix("degradation").lstrip("_").replace("_", " ")
            place = "first" if ranks[name] == 1 else f"number {ranks[name]}"
            places += f", {place} of {len(ranks)} in degradation{f' under {under}' if under else ''}"
    return places


def _are_best(best: list[tuple[ExperimentRows, Statistic]]) -> str:
    """Return who is best, and the accuracy, with its deviation where it is that of one alone."""
    names, value = [experiment.name for experiment, _ in best], best[0][1]
    if len(best) == 1:
        spread = f" ± {100 * value.std:.1f}" if value.std is not None else ""
        return f"{names[0]} is highest: {100 * value.mean:.1f}{spread} %"
    last = counted(len(best) - _NAMED, "other") if len(best) > _NAMED else names[-1]
    others = names[:_NAMED] if len(best) > _NAMED else names[:-1]
    return f"{', '.join(others)} and {last} are highest: {100 * value.mean:.1f} %"


def _when(material: Material) -> str:
    """Return when the last command that ran trials began, and how long it took if it came to its end.

    Of a later command that ran none, only when trials last ran is known.
    """
    keys = ("last_started", "last_ended", "trials_ended")
    started, ended, ran = (moment(material.notes.get(key)) for key in keys)
    if started is None:
        return "not recorded"
    if ended is not None and ran is not None and ran < started:
        return f"trials last ran {ran:%d %B %Y, %H:%M %Z}"
    took = f", for {spoken((ended - started).total_seconds())}" if ended else ""
    return f"last started {started:%d %B %Y, %H:%M %Z}{took}"


def moment(text: object) -> datetime | None:
    """Return when a run's notes say that something was, None where they do not say it with its time zone."""
    try:
        when = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return when if when.tzinfo else None


def _versions(material: Material) -> str:
    """Return harness's version, Python's, and the components that took part."""
    rows = [row for experiment in material.results.trained for row in experiment.done]
    versions: dict[str, None] = {}
    if material.notes.get("harness"):
        versions[f"harness {material.notes['harness']}"] = None
    for row in rows:
        for key in ("python", row.backend):
            if row.environment.get(key):
                versions[f"{key} {row.environment[key]}"] = None
    commit = material.notes.get("git_commit")
    if commit:
        versions[f"suite: {in_words(str(commit))}"] = None
    checkouts = material.notes.get("git_checkouts")
    for name, at in checkouts.items() if isinstance(checkouts, dict) else ():
        versions[f"{name}: {in_words(str(at))}"] = None
    return ", ".join(versions) or "not recorded"


def _seconds(material: Material) -> str:
    rows = [row for experiment in material.results.trained for row in experiment.done]
    training = sum(row.metrics.seconds for row in rows if row.metrics)
    testing = sum(row.evaluation.seconds for row in rows if row.evaluation)
    return f"{spoken(training)} of training, {spoken(testing)} of testing"
