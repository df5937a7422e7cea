"""What an expectation needs and a run has not: planned trials without a value, experiments without a trial."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.metrics.catalogue import value_of
from harness.metrics.units import under
from harness.text import numbered, some

if TYPE_CHECKING:
    from harness.rows import Condition, TrialRow


@dataclass(frozen=True)
class Missing:
    """A trial that has no value of a metric; ``seed`` is None where the run has no trial of the experiment at all."""

    experiment: str
    seed: int | None
    why: str
    lost: bool = False
    """Whether the trial was tested, and has no measures under the perturbation: it failed, or is not possible."""


def missing(
    experiment: str, metric: str, condition: Condition, rows: Sequence[TrialRow], values: Mapping[int, float]
) -> tuple[Missing, ...]:
    """Return which of an experiment's planned trials, ``rows``, have no value of a metric; ``values`` are by seed."""
    if not rows:
        return (Missing(experiment, None, "the run has no trial of it"),)
    without = [row for row in rows if row.seed not in values]
    return tuple(
        Missing(
            experiment, row.seed, _lost(row, condition) or _why(row, metric, condition), bool(_lost(row, condition))
        )
        for row in without
    )


def _lost(row: TrialRow, condition: Condition) -> str:
    """Return why a trial that was tested has no measures under a perturbation; empty otherwise."""
    if row.status != "done" or row.evaluation is None or condition.perturbation is None:
        return ""
    return row.evaluation.unavailable.get(condition.perturbation, "")


def _why(row: TrialRow, metric: str, condition: Condition) -> str:
    if row.status == "done" and value_of(row, metric, condition) is not None:
        return "tested, and does not count: its experiment is not, or not yet, chosen as a finalist"
    if row.status == "done":
        return f"done, and has no {metric}{under(condition)}"
    return f"{row.status}: {row.reason}" if row.reason else row.status


def named(found: Iterable[Missing]) -> list[str]:
    """Return a line for each experiment and reason: ``"M0 seeds 1, 2: failed: diverged at epoch 1"``."""
    return [
        f"{_spoken(name, seeds)}: {why}" for (name, why), seeds in _seeds(found, lambda missing: missing.why).items()
    ]


def note(found: Iterable[Missing]) -> str:
    """Return a sentence that names what is missing, without the reasons; empty where nothing is."""
    lacks = [_spoken(name, seeds) for (name, _), seeds in _seeds(found, lambda _: "").items()]
    return f"Missing: {some(lacks, between='; ')}." if lacks else ""


def _seeds(found: Iterable[Missing], label: Callable[[Missing], str]) -> dict[tuple[str, str], list[int | None]]:
    """Return the seeds by experiment and label, in the order that they come in, each once."""
    seeds: dict[tuple[str, str], dict[int | None, None]] = {}
    for missing in found:
        seeds.setdefault((missing.experiment, label(missing)), {})[missing.seed] = None
    return {key: list(each) for key, each in seeds.items()}


def _spoken(experiment: str, seeds: Sequence[int | None]) -> str:
    """Return ``"M0 seeds 1, 2"``; the experiment alone where no trial of it is planned."""
    return " ".join(
        [experiment, *([numbered("seed", known)] if (known := [s for s in seeds if s is not None]) else [])]
    )
