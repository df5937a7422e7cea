"""The head of a report: what was run, on what, when, by which versions, how long; and the verdict."""

from __future__ import annotations

import shlex
from datetime import datetime

from harness.durations import spoken
from harness.leaderboard.experiments import ExperimentRows, counts
from harness.leaderboard.formats import as_shown
from harness.leaderboard.model import Ranked
from harness.leaderboard.ranked import overview
from harness.quantities import Kind, Statistic
from harness.report.reading import Material
from harness.splits import SETS
from harness.verification import spoken as judged
from harness.wording import counted

_NAMED = 3
"""So many experiments of one rank are named."""


def facts(material: Material) -> list[tuple[str, str]]:
    """Return one line each, with what it tells."""
    suite, dataset = material.run.suite.suite, material.run.dataset
    told = counts(material.experiments)
    seeds = dict.fromkeys(seed for _, seed in material.run.planned)
    what = f"{counted(len(material.experiments), 'experiment')} × {counted(len(seeds), 'seed')}"
    sizes = " / ".join(f"{dataset.sizes[name]:,}" for name in SETS)
    about = [
        material.summary.dataset,
        f"{len(dataset.class_names)} classes",
        f"{sizes} for training / validation / test",
    ]
    about += [f"held against {dataset.checked}"] if dataset.checked else []
    return [
        ("What", f"{suite.description or suite.name} · {what}"),
        ("Data", " · ".join(about)),
        ("When", _when(material)),
        ("Versions", _versions(material)),
        ("How long", f"{_seconds(material)}, in {counted(told['done'], 'trial')}"),
    ]


def command(material: Material) -> str:
    """Return the run's last command, as it was typed; nothing where it was not recorded."""
    words = material.notes.get("command")
    return shlex.join(map(str, words)) if isinstance(words, list) else ""


def verdict(material: Material) -> str:
    """Return the run's result in a sentence: which experiment is best, by what, and how many trials are done."""
    told = counts(material.experiments)
    parts = [_best(material), f"{told['done']} of {counted(told['planned'], 'trial')} done"]
    verification = material.verification
    if verification.figures or verification.claims:
        parts.append(judged(verification))
    return "; ".join(parts) + "."


def _best(material: Material) -> str:
    best = _best_tested(material)
    if best:
        return _told(material, best)
    trained = [(one, value) for one in material.experiments if (value := one.validation("val_accuracy"))]
    if trained:
        highest = max(as_shown(value.mean, Kind.percent) for _, value in trained)
        best = [(one, value) for one, value in trained if as_shown(value.mean, Kind.percent) == highest]
        return f"{_are_best(best)} accuracy on the validation images, none is tested"
    return "No trial is done yet"


def _best_tested(material: Material) -> list[tuple[ExperimentRows, Statistic]]:
    """Return what the leaderboard has first by test accuracy; several where they are shown alike."""
    named = {one.name: one for one in material.experiments}
    frame = overview(material.summary, material.experiments).frame
    ranked = zip(frame["experiment"], frame["accuracy"], strict=True)
    return [(named[name], one.value) for name, one in ranked if isinstance(one, Ranked) and one.rank == 1]


def _told(material: Material, best: list[tuple[ExperimentRows, Statistic]]) -> str:
    text = f"{_are_best(best)} accuracy on the test images"
    names = [one.name for one, _ in best]
    base = next((one for one in material.experiments if one.name == material.summary.baseline), None)
    beside = base.test("accuracy") if base and base.name not in names else None
    if base and beside:
        text += f", {100 * (best[0][1].mean - beside.mean):+.1f} points over {base.name}"
    loss = best[0][0].test("cross_entropy")
    return text + (f", cross-entropy {loss.mean:.3f}" if loss and len(best) == 1 else "")


def _are_best(best: list[tuple[ExperimentRows, Statistic]]) -> str:
    """Return who is best, and the accuracy, with its deviation where it is that of one alone."""
    names, value = [one.name for one, _ in best], best[0][1]
    if len(best) == 1:
        spread = f" ± {100 * value.std:.1f}" if value.std is not None else ""
        return f"{names[0]} is best: {100 * value.mean:.1f}{spread} %"
    last = counted(len(best) - _NAMED, "other") if len(best) > _NAMED else names[-1]
    told = names[:_NAMED] if len(best) > _NAMED else names[:-1]
    return f"{', '.join(told)} and {last} are best: {100 * value.mean:.1f} %"


def _when(material: Material) -> str:
    """Return when the last command on the run began, and how long it took if it came to its end."""
    started, ended = (_moment(material.notes.get(key)) for key in ("last_started", "last_ended"))
    if started is None:
        return "not recorded"
    took = f", for {spoken((ended - started).total_seconds())}" if ended else ""
    return f"last started {started:%d %B %Y, %H:%M %Z}{took}"


def _moment(text: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else None


def _versions(material: Material) -> str:
    """Return harness's version, Python's, and the components that took part."""
    rows = [row for one in material.experiments for row in one.done]
    found: dict[str, None] = {}
    if material.notes.get("harness"):
        found[f"harness {material.notes['harness']}"] = None
    for row in rows:
        for key in ("python", row.backend):
            if row.environment.get(key):
                found[f"{key} {row.environment[key]}"] = None
    commit = material.notes.get("git_commit")
    if commit:
        digest, _, changes = str(commit).partition("+")
        found[f"commit {digest[:12]}{' with changes' if changes else ''}"] = None
    return ", ".join(found) or "not recorded"


def _seconds(material: Material) -> str:
    rows = [row for one in material.experiments for row in one.done]
    training = sum(row.metrics.seconds for row in rows if row.metrics)
    testing = sum(row.evaluation.seconds for row in rows if row.evaluation)
    return f"{spoken(training)} of training, {spoken(testing)} of testing"
