"""What a run directory has for a planned trial: the row that serves, or why there is none; and what follows from it."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path

from harness.execution.ensembles import needed
from harness.execution.planned import PlannedTrial
from harness.plugins.loading import Registry
from harness.rows import TrialRow, lost_tests
from harness.store import (
    MEASURED,
    Damaged,
    Run,
    Stored,
    bring_back,
    clear_checkpoint,
    damaged_files,
    put_aside,
    shelved,
)
from harness.store.foreign import evaluation_changes, staleness
from harness.suite.finalists import tested
from harness.trial.fingerprints import evaluation_fingerprint, perturbation_components


@dataclass(frozen=True)
class Lookup:
    """What a run directory has for a planned trial, and what is wrong with what is in the trial's place."""

    row: TrialRow | None
    """The row that serves: the trial is not trained again."""
    renewed: bool = False
    """Whether that row differs from the stored one: its measurement failed or is damaged, and is to be made again."""
    damage: str = ""
    """Which file is missing or altered."""
    differences: tuple[str, ...] = ()
    """In what the trained trial in the place is stale: of another trial than the planned one."""
    placed: TrialRow | None = None
    """The row in the place, where one can be read."""
    shelf: Path | None = None
    """Where the row that serves is, if an earlier command put it aside."""


def look_up(run: Run, planned: PlannedTrial) -> Lookup:
    """Return what a run has for a planned trial, in its place or put aside."""
    row = planned.row
    match run.read(row.experiment, row.seed):
        case None:
            here = Lookup(None)
        case Damaged(reason):
            return Lookup(None, damage=reason)
        case stored:
            here = _compared(run.trial_directory(row.experiment, row.seed), stored, planned)
    if here.row or here.damage:
        return here
    for place, stored in shelved(run, row.experiment, row.seed):
        aside = _compared(place, stored, planned)
        if aside.row:
            return replace(aside, differences=here.differences, placed=here.placed, shelf=place)
    return here


def _compared(place: Path, stored: Stored, planned: PlannedTrial) -> Lookup:
    """Compare a stored row with the planned trial."""
    placed, row = stored.row, planned.row
    if placed.metrics is None:
        return Lookup(None, placed=placed)
    if planned.spec is None:
        # It cannot run here, and need not if it ran elsewhere: a row serves whatever backend made it.
        row = replace(row, backend=placed.backend, components=placed.components)
    # Meanings are compared, not fingerprints: a momentum of 0 and one of 0.0 are the same, and different texts.
    different = tuple(staleness(placed, row))
    if different:
        return Lookup(None, differences=different, placed=placed)
    damage = damaged_files(place, stored)
    first = next(iter(damage.values()), "")
    if any(name not in MEASURED for name in damage):
        return Lookup(None, damage=first, placed=placed)
    if damage and planned.spec:
        return Lookup(replace(placed, status="done", reason="", evaluation=None), True, first, placed=placed)
    # One that was trained but could not be measured is measured again, not trained again.
    serving = replace(placed, status="done", reason="")
    return Lookup(serving, placed.status != "done", first, placed=placed)


def settle(run: Run, planned: PlannedTrial, lookup: Lookup) -> TrialRow:
    """Return a trial's row before anything runs, and see that its place holds that row and no other trial's.

    Raises:
        HarnessError: the directory cannot be written to.
    """
    if lookup.placed and (lookup.differences or lookup.shelf):
        put_aside(run, lookup.placed)
    if lookup.shelf:
        bring_back(run, planned.row, lookup.shelf)
    if lookup.row:
        clear_checkpoint(run, planned.row.experiment, planned.row.seed)
        return run.write(lookup.row).row if lookup.renewed else lookup.row
    if lookup.damage and planned.spec is None:
        return planned.row  # where it can be made again, it may be repaired: not a byte of it is lost here
    return run.write(planned.row).row


def to_measure(
    run: Run, trials: Sequence[PlannedTrial], lookups: Sequence[Lookup], registry: Registry
) -> dict[tuple[str, int], str]:
    """Return which trials the next run would measure on the test rows without training them, and why, in words.

    ``lookups`` is what `look_up` returned of each. By experiment and seed.
    """
    if not any(lookup.row for lookup in lookups):
        return {}
    finalists = _finalists(run, lookups)
    measured = {}
    for planned, lookup in zip(trials, lookups, strict=True):
        key = _key(planned.row)
        if not lookup.row or not planned.spec or key not in finalists:
            continue
        if why := _why_measured(run, planned, lookup, lookup.row, registry):
            measured[key] = why
    return _for_ensembles(run, trials, lookups, finalists, set(measured)) | measured


def _for_ensembles(
    run: Run,
    trials: Sequence[PlannedTrial],
    lookups: Sequence[Lookup],
    finalists: AbstractSet[tuple[str, int]],
    measured: AbstractSet[tuple[str, int]],
) -> dict[tuple[str, int], str]:
    """Return the tested trials that are measured again because an ensemble needs all their probabilities."""
    found = [(planned, lookup) for planned, lookup in zip(trials, lookups, strict=True) if lookup.row or planned.spec]
    rows = {
        key: lookup.row or planned.row
        for planned, lookup in found
        if (key := _key(planned.row)) in finalists or not lookup.row
    }
    to_train = {_key(planned.row) for planned, lookup in found if not lookup.row}
    able = {_key(planned.row) for planned, _ in found if planned.spec}
    again = needed(run, rows, measured | to_train, able).again
    return {key: f"the ensemble {name} needs its probabilities" for key, name in again.items()}


def reasons(run: Run, trials: Sequence[PlannedTrial], registry: Registry) -> list[str]:
    """Return, in words, what the next run would do with each of some trials, and why."""
    lookups = [look_up(run, planned) for planned in trials]
    finalists = _finalists(run, lookups)
    return [
        _reason(run, planned, lookup, registry, finalist=_key(planned.row) in finalists)
        for planned, lookup in zip(trials, lookups, strict=True)
    ]


def _reason(run: Run, planned: PlannedTrial, lookup: Lookup, registry: Registry, *, finalist: bool) -> str:
    row = planned.row
    if lookup.row:
        aside = ", which was put aside, and is brought back" if lookup.shelf else ""
        tests = _test_results(run, planned, lookup, lookup.row, registry) if finalist else ""
        return f"its stored row serves{aside}{tests}"
    if lookup.damage:
        fate = f"cannot run again here ({row.reason})" if planned.spec is None else "will be trained again"
        return f"{fate}, because its row is damaged: {lookup.damage}"
    if planned.spec is None:
        return f"cannot run here: {row.reason}"
    if lookup.differences:
        return f"will be trained again, because its row is stale: {'; '.join(lookup.differences)}"
    if lookup.placed and lookup.placed.reason:
        return f"will be trained again, because it {lookup.placed.status}: {lookup.placed.reason}"
    return "will be trained, because it has no row yet"


def _test_results(run: Run, planned: PlannedTrial, lookup: Lookup, row: TrialRow, registry: Registry) -> str:
    """Say what becomes of the test results of a finalist whose row serves."""
    why = _why_measured(run, planned, lookup, row, registry)
    if not why:
        return ", and so do its test results"
    again = " again" if row.evaluation else ""
    if planned.spec is None:
        return f"; it cannot be measured{again} here ({planned.row.reason}), which it needs because {why}"
    return f"; it will be measured{again}, because {why}"


def failures(row: TrialRow, planned: PlannedTrial) -> list[str]:
    """Return why perturbations failed when a trial was measured: not those that it cannot be tested under at all."""
    known = planned.spec.unavailable if planned.spec else {}
    return [why for name, why in lost_tests(row).items() if name not in known]


def _why_measured(run: Run, planned: PlannedTrial, lookup: Lookup, row: TrialRow, registry: Registry) -> str:
    """Say why a finalist whose row serves is measured, empty where it is not."""
    if lookup.damage:
        return f"of damage: {lookup.damage}"
    if row.evaluation is None:
        failed = lookup.placed.reason if lookup.renewed and lookup.placed else ""
        return f"it failed: {failed}" if failed else "it has no test results yet"
    perturbations = run.suite.robustness
    components = perturbation_components(perturbations, registry)
    shape = run.dataset.shape
    if row.evaluation.fingerprint == evaluation_fingerprint(row.fingerprint, perturbations, components, shape):
        return next((f"it failed: {why}" for why in failures(row, planned)), "") if planned.spec else ""
    changed = evaluation_changes(row.evaluation, perturbations, components)
    words = "; ".join(f"{name}: {what}" for name, what in changed.items())
    return words or "perturbations, their seeds, their versions or their severities differ"


def _finalists(run: Run, lookups: Sequence[Lookup]) -> set[tuple[str, int]]:
    """Return the trials whose test rows the next run reads, if the rows that were looked up serve."""
    serving = {_key(lookup.row): lookup.row for lookup in lookups if lookup.row}
    return {_key(row) for row in tested(run.suite, [serving.get(_key(row), row) for row in run.rows()])}


def _key(row: TrialRow) -> tuple[str, int]:
    return row.experiment, row.seed
