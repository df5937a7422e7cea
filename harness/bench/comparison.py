"""Verdicts: faster or slower than a baseline of the same machine, where the difference is more than noise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import log, sqrt
from typing import Literal

import numpy as np
from scipy.special import stdtr

from harness.bench.measurements import Measurement
from harness.bench.noise import LEVEL, Calibration, calibration_key, margin
from harness.errors import HarnessError
from harness.metrics.ranking import holm

Verdict = Literal["faster", "slower", "within the noise", "no verdict (not calibrated)", "no verdict (disturbed)"]


@dataclass(frozen=True)
class Comparison:
    """A case now and in the baseline: the ``ratio`` of their samples a second, and what it means.

    ``error``: the standard error of the ratio's logarithm, with ``df`` degrees of freedom. ``p``: of no difference;
    ``p_holm``: adjusted for the cases that are compared. ``margin``: the fraction beyond which the ratio is more than
    noise, among these cases. They are None where there is no verdict: fewer than `harness.bench.noise.FEWEST`
    ``invocations`` are calibrated, or others used a side's cores. ``changes``: what has another version now,
    ``"numpy 2.3.0 -> 2.4.0"``.
    """

    now: Measurement
    baseline: Measurement
    ratio: float
    verdict: Verdict
    invocations: int = 0
    error: float | None = None
    df: float | None = None
    p: float | None = None
    p_holm: float | None = None
    margin: float | None = None
    changes: tuple[str, ...] = ()

    @property
    def decided(self) -> bool:
        """Whether there is a verdict."""
        return self.p is not None

    @property
    def disturbed(self) -> bool:
        """Whether either side was: then the difference may be what others did with the cores."""
        return self.now.disturbed or self.baseline.disturbed


def compare(
    now: Sequence[Measurement], baseline: Sequence[Measurement], calibrations: Mapping[str, Calibration]
) -> list[Comparison]:
    """Compare the cases that both have; the chance that any of equal cases is called faster or slower is 5 %.

    The noise of a case is its backend's on this machine (`harness.bench.noise`), or more where its runs vary more than
    those that calibrated it. p-values are of Student's t, and adjusted by Holm's method.

    Raises:
        HarnessError: they have no case in common, or one was measured on another machine or in another way.
    """
    check_common([measurement.title for measurement in now], baseline)
    before = {measurement.title: measurement for measurement in baseline}
    compared = []
    for measurement in now:
        if other := before.get(measurement.title):
            _check_comparable(measurement, other)
            known = calibrations.get(calibration_key(measurement.machine, measurement.backend))
            compared.append(_compared(measurement, other, known))
    return _judged(compared)


def check_common(titles: Sequence[str], baseline: Sequence[Measurement]) -> None:
    """Verify that a baseline has one of the cases: it can be asked before they are measured.

    Raises:
        HarnessError: it has none.
    """
    before = [measurement.title for measurement in baseline]
    if not set(before) & set(titles):
        msg = f"no case in common: it has {', '.join(before)}; measured now: {', '.join(titles)}"
        raise HarnessError(msg)


def _compared(now: Measurement, baseline: Measurement, calibration: Calibration | None) -> Comparison:
    """Return a comparison, not yet judged among the others."""
    comparison = Comparison(
        now,
        baseline,
        now.samples_per_second / baseline.samples_per_second,
        "no verdict (not calibrated)",
        len(calibration.invocations) if calibration else 0,
        changes=_changes(now, baseline),
    )
    noise = calibration.noise if calibration else None
    if comparison.disturbed:
        return replace(comparison, verdict="no verdict (disturbed)")
    if not noise:
        return comparison
    error = sqrt(noise.of(now.seconds) + noise.of(baseline.seconds))
    difference = abs(log(comparison.ratio))
    p = float(2.0 * stdtr(noise.df, -difference / error)) if error else float(not difference)
    return replace(comparison, error=error, df=noise.df, p=p)


def _judged(compared: Sequence[Comparison]) -> list[Comparison]:
    """Return the comparisons with the verdicts that they have among each other."""
    p = np.array([comparison.p for comparison in compared if comparison.p is not None])
    significant = int(np.sum(holm(p) <= LEVEL))
    adjusted = iter(holm(p))
    judged = []
    for comparison in compared:
        if comparison.p is None or comparison.error is None or comparison.df is None:
            judged.append(comparison)
            continue
        p_holm = float(next(adjusted))
        # Holm's levels go from 5 % / all to 5 % / 1; the first that is not significant holds for all that follow.
        left = len(p) - min(int(np.sum(p < comparison.p)), significant)
        beyond = margin(comparison.error, comparison.df, LEVEL / left)
        verdict: Verdict = "within the noise" if p_holm > LEVEL else "faster" if comparison.ratio > 1 else "slower"
        judged.append(replace(comparison, p_holm=p_holm, margin=beyond, verdict=verdict))
    return judged


def _check_comparable(now: Measurement, baseline: Measurement) -> None:
    differences = now.machine.differences(baseline.machine)
    if differences:
        msg = f"{now.title}: measured on another machine: {'; '.join(differences)} as here: not comparable"
        raise HarnessError(msg)
    for key in ("rows", "threads"):
        here, there = getattr(now, key), getattr(baseline, key)
        if here != there:
            msg = f"{now.title}: measured with --{key} {there}, here with {here}: not comparable"
            raise HarnessError(msg)
    for key, what in (("batch_size", "in batches of {:,}"), ("parameters", "on a network of {:,} parameters")):
        here, there = getattr(now, key), getattr(baseline, key)
        if here != there and None not in {here, there}:
            msg = f"{now.title}: measured {what.format(there)}, here {what.format(here)}: not comparable"
            raise HarnessError(msg)


def _changes(now: Measurement, baseline: Measurement) -> tuple[str, ...]:
    """Return what differs between the environments."""
    here, there = (side.environment | {"backend": side.provenance} for side in (now, baseline))
    keys = sorted(here.keys() | there.keys())
    return tuple(
        f"{key} {there.get(key, 'none')} -> {here.get(key, 'none')}" for key in keys if here.get(key) != there.get(key)
    )
