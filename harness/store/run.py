"""The run directory.

::

    run.json                            format, suite, dataset, planned trials, how the run came about
    classes.npz, samples.npz            class sizes and an image of each, the same under perturbations, for reports
    sums.npz                            sums of products of test predictions, for comparisons of experiments
    ensembles/<ensemble>/seed-<seed>/   row.json, evaluation.npz, examples.npz, log.txt
    trials/<experiment>/seed-<seed>/    row.json, state.npz, validation.npz, evaluation.npz, examples.npz, log.txt,
                                        checkpoint.npz
    superseded/<experiment>/seed-<seed>/<fingerprint>/    the same, of a trial that means something else now

A trial's row is written last, with the digest of every file that it names, so every file that a row names is there.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from harness.datasets.info import DatasetInfo
from harness.errors import HarnessError
from harness.machine.arrays import opened_arrays, read_arrays, write_arrays
from harness.machine.files import missing, sync_directory, version_of
from harness.rows import Status, TrialRow
from harness.store.derived import derived
from harness.store.foreign import as_described, described, staleness
from harness.store.header import Header, read_header, unwritable, write_header
from harness.store.names import folders, located
from harness.store.stored import Damaged, Stored, read_stored, write_stored
from harness.suite import Suite
from harness.text import counted

MEASURED = ("evaluation.npz", "examples.npz")
"""The files that an evaluation writes, and that are made again by measuring alone."""
_PRECIOUS_SECONDS = 1.0
"""Trials that took longer outlive a loss of power once their row is written; all outlive the end of every process."""


@dataclass(frozen=True)
class Run:
    """A run directory that exists."""

    directory: Path
    suite: Suite
    dataset: DatasetInfo
    planned: list[tuple[str, int]]
    """Experiment and seed of every trial that was ever asked for, in the suite's order."""
    components: dict[str, str] = field(default_factory=dict)
    """Each plugin that the last command's trials and tests take, as rows have it; what is not there is not known."""

    @classmethod
    def open(cls, directory: Path) -> "Run":
        """Return the run in a directory.

        Raises:
            HarnessError: there is none, it is damaged, or of another format.
        """
        header = read_header(directory)
        return cls(directory, header.suite, header.dataset, header.planned, header.components)

    def write_header(self, notes: Mapping[str, Any]) -> None:
        """Write ``run.json``; ``notes`` tell how the run came about.

        Raises:
            HarnessError: the directory cannot be written to.
        """
        write_header(self.directory, Header(self.suite, self.dataset, self.planned, self.components, dict(notes)))

    def notes(self) -> dict[str, Any]:
        """Return what ``run.json`` says of how the run came about: the last command, when, by which version, where.

        Raises:
            HarnessError: it is not there any more, or damaged.
        """
        return read_header(self.directory).notes

    def trial_directory(self, experiment: str, seed: int) -> Path:
        """Return where a trial's files are, or an ensemble's."""
        return self._places[experiment] / f"seed-{seed}"

    def shelf(self, experiment: str, seed: int) -> Path:
        """Return where the trials are that were put aside."""
        return self.directory / "superseded" / self._superseded[experiment] / f"seed-{seed}"

    @cached_property
    def _places(self) -> dict[str, Path]:
        """The folder of each experiment and each ensemble."""
        kinds = {"trials": folders(self.suite.experiments), "ensembles": folders(self.suite.ensembles)}
        return {
            name: self.directory / kind / folder
            for kind, names in kinds.items()
            for name, folder in located(self.directory / kind, names).items()
        }

    @cached_property
    def _superseded(self) -> dict[str, str]:
        return located(self.directory / "superseded", folders(self.suite.experiments))

    @cached_property
    def _settings(self) -> dict[str, dict[str, Any]]:
        """Each experiment's settings, as rows have them."""
        return {name: table.model_dump(mode="json") for name, table in self.suite.experiments.items()}

    @cached_property
    def _read(self) -> dict[tuple[str, int], tuple[tuple[int, ...], Stored | Damaged | None]]:
        """The rows that were read, each with the version of its file."""
        return {}

    def write(self, row: TrialRow, arrays: Mapping[str, Mapping[str, NDArray[Any]]] | None = None) -> Stored:
        """Write a trial's arrays, each mapping into the ``.npz`` that it is named for, then its row.

        Files of an earlier write stay with a row that was trained (one that has metrics), those of an evaluation as
        long as the row has it.

        Raises:
            HarnessError: the directory cannot be written to.
        """
        place = self.trial_directory(row.experiment, row.seed)
        # What is made again in no time may be lost with the power: to wait for the disk would take longer.
        durable = row.metrics is not None and row.metrics.seconds >= _PRECIOUS_SECONDS
        files: dict[str, str] = {}
        if row.metrics is not None:
            earlier = self.read(row.experiment, row.seed)
            kept = earlier.files if isinstance(earlier, Stored) else {}
            files = {name: digest for name, digest in kept.items() if row.evaluation or name not in MEASURED}
        try:
            for name, content in (arrays or {}).items():
                files[name] = write_arrays(place / name, content, durable=durable)
            stored = write_stored(place, row, files, durable=durable)
            if durable:
                # Its folder was made when the trial was planned, which need not have reached the disk.
                for folder in place.relative_to(self.directory.parent).parents:
                    sync_directory(self.directory.parent / folder)
        except OSError as error:
            raise unwritable(place, error) from None
        return stored

    def read(self, experiment: str, seed: int) -> Stored | Damaged | None:
        """Return a trial's row with its files' digests, None where none was written.

        A row that was read is read again only where its file has changed.
        """
        path = (
            f"{self._places[experiment]}/seed-{seed}/row.json"  # quicker than a Path: of ten thousand most are missing
        )
        if missing(path):
            return None
        version = version_of(path)
        known = self._read.get((experiment, seed))
        if version and known and known[0] == version:
            return known[1]
        stored = read_stored(self.trial_directory(experiment, seed), experiment, seed)
        if version:
            self._read[experiment, seed] = version, stored
        return stored

    def rows(self, *, derive: bool = True) -> Iterator[TrialRow]:
        """Yield the `row` of every planned trial, in the suite's order."""
        return (self.row(experiment, seed, derive=derive) for experiment, seed in self.planned)

    def row(self, experiment: str, seed: int, *, derive: bool = True) -> TrialRow:
        """Return a planned trial's row, with a reason where it does not serve.

        A row that an earlier command made of other data, of another split or by another recipe is ``stale``, and has
        nothing but that. One that cannot be read is planned again. What was measured under a perturbation of another
        seed or version is left out. A metric that is newer than the row is computed from its stored predictions, which
        are read for it; with ``derive`` False it is missing.
        """
        match self.read(experiment, seed):
            case None:
                return self._placeholder(experiment, seed, "planned")
            case Damaged(reason):
                message = f"its row is damaged and will be made again: {reason}"
                return self._placeholder(experiment, seed, "planned", message)
            case Stored(row) if changes := self._staleness(row):
                more = f", and {counted(len(changes) - 1, 'more change')}" if len(changes) > 1 else ""
                return self._placeholder(experiment, seed, "stale", changes[0] + more)
            case stored:
                return self.completed(stored, derive=derive)

    def _staleness(self, row: TrialRow) -> list[str]:
        """Return how a row differs from its trial as the run was last described; an untried trial made nothing."""
        if row.status in {"planned", "unavailable"}:
            return []
        digests = {"dataset": self.dataset.digest, "split": self.dataset.split}
        return staleness(row, described(row, self._settings[row.experiment], digests, self.components))

    def has(self, experiment: str, seed: int, name: str) -> bool:
        """Return whether a trial's row names a file; an earlier version wrote fewer."""
        stored = self.read(experiment, seed)
        return isinstance(stored, Stored) and name in stored.files

    def arrays(self, experiment: str, seed: int, name: str) -> dict[str, NDArray[Any]]:
        """Return the arrays of one of a trial's files, ``"state.npz"``, ``"evaluation.npz"`` and so on.

        Raises:
            HarnessError: it is not there, or not the file that the trial's row names.
        """
        path = self.trial_directory(experiment, seed) / name
        stored = self.read(experiment, seed)
        try:
            return read_arrays(path, self._digest(stored, name))
        except (OSError, ValueError) as error:
            why = (isinstance(error, OSError) and error.strerror) or error
            msg = f"{path}: cannot be read: {why}. Run the suite again: what is damaged is made anew"
            raise HarnessError(msg) from None

    @staticmethod
    def _digest(stored: Stored | Damaged | None, name: str) -> str:
        """Return the digest that a row has of a file; raise ValueError where there is none."""
        match stored:
            case None:
                raise ValueError("the trial has no row")
            case Damaged(reason):
                raise ValueError(reason)
        if name not in stored.files:
            raise ValueError("the trial has no such file")
        return stored.files[name]

    def log(self, experiment: str, seed: int) -> Path:
        """Return the place of a trial's log."""
        return self.trial_directory(experiment, seed) / "log.txt"

    def checkpoint(self, experiment: str, seed: int) -> Path:
        """Return the place of a trial's checkpoint, while it is under way."""
        return self.trial_directory(experiment, seed) / "checkpoint.npz"

    def _derived(self, stored: Stored) -> TrialRow:
        place = self.trial_directory(stored.row.experiment, stored.row.seed)

        def opened(name: str) -> AbstractContextManager[Mapping[str, NDArray[Any]]]:
            return opened_arrays(place / name, self._digest(stored, name))

        return derived(stored.row, opened, len(self.dataset.class_names))

    def completed(self, stored: Stored, *, derive: bool = True) -> TrialRow:
        """Return a stored row that serves as `rows` yields it."""
        row = self._derived(stored) if derive else stored.row
        evaluation = as_described(row, self.suite.robustness, self.components)
        return row if evaluation is row.evaluation else replace(row, evaluation=evaluation)

    def _placeholder(self, experiment: str, seed: int, status: Status, reason: str = "") -> TrialRow:
        table = self.suite.experiments[experiment]
        return TrialRow(
            experiment=experiment,
            seed=seed,
            group=table.group,
            description=table.description,
            status=status,
            fingerprint="",
            backend=", ".join(table.backends),
            settings=self._settings[experiment],
            parameters=0,
            reason=reason,
        )
