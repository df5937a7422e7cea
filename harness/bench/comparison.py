"""Verdicts: faster or slower than a baseline of the same machine, where the difference is more than noise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log, log1p
from typing import Literal

from harness.bench.measurements import Measurement
from harness.bench.noise import NoiseFloor, floor_key
from harness.errors import HarnessError

Verdict = Literal["faster", "slower", "within the noise", "no verdict", "no verdict (disturbed)"]


@dataclass(frozen=True)
class Comparison:
    """A case now and in the baseline: the ``ratio`` of their samples a second, and what it means.

    ``margin``: the fraction that counts as noise; None, and no verdict, where the machine is not calibrated.
    ``changes``: what is another version now, ``"numpy 2.3.0 -> 2.4.0"``.
    """

    now: Measurement
    baseline: Measurement
    ratio: float
    margin: float | None
    verdict: Verdict
    changes: tuple[str, ...] = ()

    @property
    def disturbed(self) -> bool:
        """Whether either side was: then the difference may be what others did with the cores."""
        return self.now.disturbed or self.baseline.disturbed


def compare(
    now: Sequence[Measurement], baseline: Sequence[Measurement], floors: Mapping[str, NoiseFloor]
) -> list[Comparison]:
    """Compare the cases that both have.

    The margin of a case is its backend's noise floor on this machine, or either measurement's own spread where that is
    larger: a calibration knows nothing of what else the machine was doing then. A disturbed one gets no verdict.

    Raises:
        HarnessError: they have no case in common, or one was measured on another machine or in another way.
    """
    check_common([one.title for one in now], baseline)
    before = {one.title: one for one in baseline}
    pairs = [(one, before[one.title]) for one in now if one.title in before]
    return [_compare(one, other, floors.get(floor_key(one.machine, one.backend))) for one, other in pairs]


def check_common(titles: Sequence[str], baseline: Sequence[Measurement]) -> None:
    """Make sure that a baseline has one of the cases: it can be asked before they are measured.

    Raises:
        HarnessError: it has none.
    """
    before = [one.title for one in baseline]
    if not set(before) & set(titles):
        msg = f"no case in common: it has {', '.join(before)}; measured now: {', '.join(titles)}"
        raise HarnessError(msg)


def _compare(now: Measurement, baseline: Measurement, floor: NoiseFloor | None) -> Comparison:
    differences = now.machine.differences(baseline.machine)
    if differences:
        msg = f"{now.title}: measured on another machine: {'; '.join(differences)} as here: not comparable"
        raise HarnessError(msg)
    for key in ("rows", "threads"):
        here, there = getattr(now, key), getattr(baseline, key)
        if here != there:
            msg = f"{now.title}: measured with --{key} {there}, here with {here}: not comparable"
            raise HarnessError(msg)
    for value, what in (("batch_size", "in batches of {}"), ("parameters", "on a network of {} parameters")):
        here, there = getattr(now, value), getattr(baseline, value)
        if here != there and None not in {here, there}:
            msg = f"{now.title}: measured {what.format(f'{there:,}')}, here {what.format(f'{here:,}')}: not comparable"
            raise HarnessError(msg)
    ratio = now.samples_per_second / baseline.samples_per_second
    margin = max(floor.floor, now.spread or 0.0, baseline.spread or 0.0) if floor else None
    verdict: Verdict = "no verdict"
    if now.disturbed or baseline.disturbed:
        verdict = "no verdict (disturbed)"
    elif margin is not None:
        within = abs(log(ratio)) <= log1p(margin)
        verdict = "within the noise" if within else "faster" if ratio > 1 else "slower"
    return Comparison(now, baseline, ratio, margin, verdict, _changes(now, baseline))


def _changes(now: Measurement, baseline: Measurement) -> tuple[str, ...]:
    """Return what the environment says otherwise than the baseline's did."""
    here, there = (one.environment | {"backend": one.provenance} for one in (now, baseline))
    keys = sorted(here.keys() | there.keys())
    return tuple(
        f"{key} {there.get(key, 'none')} -> {here.get(key, 'none')}" for key in keys if here.get(key) != there.get(key)
    )
