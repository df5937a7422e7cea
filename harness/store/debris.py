"""What a killed driver leaves in a run: files under their temporary names, checkpoints of trials that are done.

Only the driver that holds the run's lock clears it: no other writes there.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from harness.machine.files import is_temporary
from harness.store.ensembles import ensembles
from harness.store.header import NAME
from harness.store.run import Run


def strangers(directory: Path) -> Iterator[str]:
    """Yield the names in a directory without ``run.json`` that a killed driver cannot have left there.

    Raises:
        OSError: it cannot be looked into.
    """
    for path in directory.iterdir():
        if path.name != ".lock" and not is_temporary(path.name, of=NAME):
            yield path.name


def clear(run: Run) -> None:
    """Remove the temporary files of a run and of its planned trials; what cannot be removed stays."""
    clear_temporary(run.directory, of={NAME, "classes.npz", "samples.npz", "sums.npz"})
    places = [*run.planned, *((ensemble.name, ensemble.seed) for ensemble in ensembles(run))]
    for experiment, seed in places:
        clear_temporary(run.trial_directory(experiment, seed))


def clear_checkpoint(run: Run, experiment: str, seed: int) -> None:
    """Remove the checkpoint of a trial whose row is written: one that cannot be removed harms nothing."""
    with suppress(OSError):
        run.checkpoint(experiment, seed).unlink(missing_ok=True)


def clear_temporary(folder: Path, of: set[str] | None = None) -> None:
    """Remove a folder's temporary files, ``of`` these names or of any; what cannot be removed stays."""
    with suppress(OSError):
        for path in folder.iterdir():
            if is_temporary(path.name) and (of is None or any(is_temporary(path.name, of=name) for name in of)):
                with suppress(OSError):
                    path.unlink()
