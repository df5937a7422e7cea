"""The head of a report: what was run, on what, when, by which versions, how long; and the verdict."""

from __future__ import annotations

import shlex
from datetime import datetime

from harness.durations import spoken
from harness.leaderboard.experiments import ExperimentRows, counts
from harness.leaderboard.model import Statistic
from harness.report.reading import Material
from harness.splits import SETS
from harness.verification import spoken as judged
from harness.wording import counted


def facts(material: Material) -> list[tuple[str, str]]:
    """Return one line each, with what it tells."""
    suite, dataset = material.run.suite.suite, material.run.dataset
    told = counts(material.experiments)
    seeds = dict.fromkeys(seed for _, seed in material.run.planned)
    what = f"{len(material.experiments)} experiments × {len(seeds)} seed{'s' if len(seeds) > 1 else ''}"
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
    tested = [(one, value) for one in material.experiments if (value := one.test("accuracy"))]
    trained = [(one, value) for one in material.experiments if (value := one.validation("val_accuracy"))]
    if tested:
        one, accuracy = max(tested, key=_mean)
        loss = one.test("cross_entropy")
        text = f"{one.name} is best: {_percent(accuracy)} accuracy on the test images"
        base = next((b for b in material.experiments if b.name == material.summary.baseline and b is not one), None)
        beside = base.test("accuracy") if base else None
        if base and beside:
            text += f", {100 * (accuracy.mean - beside.mean):+.1f} points over {base.name}"
        return text + (f", cross-entropy {loss.mean:.3f}" if loss else "")
    if trained:
        one, accuracy = max(trained, key=_mean)
        return f"{one.name} is best: {_percent(accuracy)} accuracy on the validation images, none is tested"
    return "No trial is done yet"


def _mean(pair: tuple[ExperimentRows, Statistic]) -> float:
    return pair[1].mean


def _percent(value: Statistic) -> str:
    spread = f" ± {100 * value.std:.1f}" if value.std is not None else ""
    return f"{100 * value.mean:.1f}{spread} %"


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
