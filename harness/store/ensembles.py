"""The ensembles of a run: which trials each consists of, its row, and the probabilities that it is made from."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from harness.rows import Status, TrialRow
from harness.store.run import Run
from harness.store.stored import Stored
from harness.suite.finalists import choices, tested
from harness.trial.fingerprints import stamped

Key = tuple[str, int]
"""An experiment and a seed."""
_PROBABILITIES = "probabilities-"
_DIGITS = 16


@dataclass(frozen=True)
class Ensemble:
    """An ensemble of a run: ``seed`` is its members', or the first of them where it is of one experiment's seeds."""

    name: str
    seed: int
    members: tuple[Key, ...]


def ensembles(run: Run) -> list[Ensemble]:
    """Return the ensembles whose members the run has planned, in the suite's order.

    One for each seed that all its experiments have; a single one of an experiment's seeds.
    """
    planned: dict[str, list[int]] = {}
    for experiment, seed in run.planned if run.suite.ensembles else ():
        planned.setdefault(experiment, []).append(seed)
    result = []
    for name, table in run.suite.ensembles.items():
        first, *others = table.members
        seeds = planned.get(first, [])
        if others:
            common = [seed for seed in seeds if all(seed in planned.get(other, ()) for other in others)]
            result += [Ensemble(name, seed, tuple((member, seed) for member in table.members)) for seed in common]
        elif seeds:
            result.append(Ensemble(name, seeds[0], tuple((first, seed) for seed in seeds)))
    return result


def ensemble_rows(run: Run, rows: Sequence[TrialRow], *, derive: bool = True) -> list[TrialRow]:
    """Return the row of each of a run's ensembles; ``rows`` are its trials', as `Run.rows` yields them.

    The stored row where it is of the members as they are tested now. Else ``planned``, with a reason where its
    members are not all tested yet, or ``unavailable`` where one of them will have no test results.
    """
    every = ensembles(run)
    if not every:
        return []
    trials = {(row.experiment, row.seed): row for row in rows}
    finalists = {(row.experiment, row.seed) for row in tested(run.suite, rows)}
    waiting = any(choice.waiting for choice in choices(run.suite, rows).values())
    result = []
    for ensemble in every:
        statuses = [_status_by(trials[key], key in finalists, waiting=waiting) for key in ensemble.members]
        lacking = min((each for each in statuses if each), key=lambda each: each[0] != "unavailable", default=None)
        row = planned_row(run, ensemble, trials)
        stored = None if lacking else run.read(ensemble.name, ensemble.seed)
        if lacking:
            row = replace(row, status=lacking[0], reason=lacking[1])
        elif isinstance(stored, Stored) and stored.row.fingerprint == row.fingerprint:
            row = run.completed(stored, derive=derive)
        result.append(row)
    return result


def _status_by(row: TrialRow, finalist: bool, *, waiting: bool) -> tuple[Status, str] | None:
    """Return the status that a member gives its ensemble, and why; None where the member is tested."""
    member = f"its member {row.experiment} seed {row.seed}"
    if row.status in {"planned", "stale"}:
        return "planned", f"{member} is not trained yet"
    if row.status != "done":
        verb = "is unavailable" if row.status == "unavailable" else row.status
        return "unavailable", f"{member} {verb}{f': {row.reason}' if row.reason else ''}"
    if not finalist:
        if waiting:
            return "planned", f"{member} may become a finalist"
        return "unavailable", f"{member} is not a finalist"
    return None if row.evaluation else ("planned", f"{member} is not tested yet")


def planned_row(run: Run, ensemble: Ensemble, trials: Mapping[Key, TrialRow]) -> TrialRow:
    """Return an ensemble's row before it is measured.

    Its fingerprint follows the stored predictions of its members, and so all that they depend on.
    """
    table = run.suite.ensembles[ensemble.name]
    members = [trials[key] for key in ensemble.members]
    basis = {}
    for experiment, seed in ensemble.members:
        stored = run.read(experiment, seed)
        digest = stored.files.get("evaluation.npz", "") if isinstance(stored, Stored) else ""
        basis[f"{experiment} seed {seed}"] = digest
    return stamped(
        TrialRow(
            experiment=ensemble.name,
            seed=ensemble.seed,
            group=table.group,
            description=table.description,
            status="planned",
            fingerprint="",
            backend=", ".join(dict.fromkeys(row.backend for row in members)),
            settings={"members": list(table.members)},
            parameters=sum(row.parameters for row in members),
            basis=basis | {"dataset": run.dataset.digest, "split": run.dataset.split},
        )
    )


def probabilities(run: Run, key: Key, fingerprint: str) -> Path:
    """Return the place of a trial's whole probabilities; ``fingerprint``: that of its evaluation."""
    return run.trial_directory(*key) / f"{_PROBABILITIES}{fingerprint[:_DIGITS]}"


def discard_probabilities(run: Run) -> None:
    """Remove the probabilities of all trials: one that cannot be removed harms nothing."""
    for key in run.planned if run.suite.ensembles else ():
        with suppress(OSError):
            for path in run.trial_directory(*key).glob(f"{_PROBABILITIES}*"):
                path.unlink()
