"""What a run directory has for a planned trial: the row that serves, or why there is none."""

from dataclasses import dataclass, replace
from pathlib import Path

from harness.execution.plan import PlannedTrial
from harness.rows import TrialRow
from harness.store import MEASURED, Run, Stored, damaged, shelved
from harness.store.foreign import staleness


@dataclass(frozen=True)
class Found:
    """What was found, and what is the matter with what is in the trial's place."""

    row: TrialRow | None
    """The row that serves: the trial is not trained again."""
    renewed: bool = False
    """Whether that row is not as it was written: its measurement failed or is damaged, and is to be made again."""
    damage: str = ""
    """Which file is missing or altered."""
    differences: tuple[str, ...] = ()
    """In what the trained trial in the place is stale: of another trial than the planned one."""
    placed: TrialRow | None = None
    """The row in the place, where one can be read."""
    shelf: Path | None = None
    """Where the row that serves is, if an earlier command put it aside."""


def look_up(run: Run, planned: PlannedTrial) -> Found:
    """Return what a run has for a planned trial, in its place or put aside."""
    row = planned.row
    found = _judged(run.trial_directory(row.experiment, row.seed), run.read(row.experiment, row.seed), planned)
    if found.row or found.damage:
        return found
    for place, stored in shelved(run, row.experiment, row.seed):
        earlier = _judged(place, stored, planned)
        if earlier.row:
            return replace(earlier, differences=found.differences, placed=found.placed, shelf=place)
    return found


def _judged(place: Path, stored: Stored | str | None, planned: PlannedTrial) -> Found:
    if not isinstance(stored, Stored):
        return Found(None, damage=stored or "")
    placed, row = stored.row, planned.row
    if placed.metrics is None:
        return Found(None, placed=placed)
    if planned.spec is None:
        # It cannot run here, and need not if it ran elsewhere: a row serves whatever backend made it.
        row = replace(row, backend=placed.backend, components=placed.components)
    # Meanings are compared, not fingerprints: a momentum of 0 and one of 0.0 are the same, and different texts.
    different = tuple(staleness(placed, row))
    if different:
        return Found(None, differences=different, placed=placed)
    harmed = damaged(place, stored)
    what = next(iter(harmed.values()), "")
    if any(name not in MEASURED for name in harmed):
        return Found(None, damage=what, placed=placed)
    if harmed and planned.spec:
        return Found(replace(placed, status="done", reason="", evaluation=None), True, what, placed=placed)
    # One that was trained but could not be measured is measured again, not trained again.
    served = replace(placed, status="done", reason="")
    return Found(served, placed.status != "done", what, placed=placed)
