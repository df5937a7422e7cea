"""The run directory.

::

    run.json                            format, suite, dataset, planned trials, how the run came about
    classes.npz                         each class's images in numbers, and one of them, for reports
    trials/<experiment>/seed-<seed>/    row.json, state.npz, validation.npz, evaluation.npz, examples.npz, log.txt,
                                        checkpoint.npz
    superseded/<experiment>/seed-<seed>/<fingerprint>/    the same, of a trial that means something else now

A trial's row is written last, with the digest of every file that it speaks of: what a row says is there, is there.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from errno import ENOSPC
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from harness.belonging import foreign
from harness.errors import HarnessError
from harness.files import safe_name, write_arrays, write_json
from harness.rows import TrialRow
from harness.store.stored import FORMAT, Stored, read_stored, write_stored
from harness.suite import Suite

MEASURED = ("evaluation.npz", "examples.npz")
"""The files that an evaluation writes, and that are made again by measuring alone."""
_PRECIOUS_SECONDS = 1.0
"""Trials that took longer outlive a loss of power once their row is written; all outlive the end of every process."""


def unwritable(place: Path, error: OSError) -> HarnessError:
    """Return the error of a directory that cannot be written to."""
    if error.errno == ENOSPC:
        return HarnessError(f"{place}: the disk is full. Free some space: the same command resumes")
    return HarnessError(f"{place}: cannot be written to: {error.strerror}. Name another directory with --out")


@dataclass(frozen=True)
class Dataset:
    """What a run says of its data."""

    name: str
    digest: str
    rows: int
    class_names: tuple[str, ...]
    sizes: dict[str, int]
    title: str = ""
    """What tables call it: ``"EMNIST ByMerge, 216,168 of 814,255 images"``."""
    checked: str = ""
    """What its content was held against when it was read: ``"checksums"``, ``"counts"``, or nothing."""
    split: str = ""
    """The digest of its partition into train, val and test; nothing where an earlier version made the run."""


@dataclass(frozen=True)
class Run:
    """A run directory that exists."""

    directory: Path
    suite: Suite
    dataset: Dataset
    planned: list[tuple[str, int]]
    """Experiment and seed of every trial that was ever asked for, in the suite's order."""

    @classmethod
    def open(cls, directory: Path) -> "Run":
        """Return the run in a directory.

        Raises:
            HarnessError: there is none, or it is of another format.
        """
        path = directory / "run.json"
        try:
            content = json.loads(path.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            msg = f"{directory}: there is no run here: run.json is missing. 'harness run SUITE' makes one"
            raise HarnessError(msg) from None
        except (OSError, ValueError) as error:
            msg = f"{path}: cannot be read: {error}. Restore it, or start anew with --fresh"
            raise HarnessError(msg) from None
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            found = content.get("format") if isinstance(content, dict) else None
            msg = f"{path}: format {found!r}; this harness reads format {FORMAT}. Use the version that wrote it"
            raise HarnessError(msg)
        try:
            suite = Suite.model_validate(content["suite"])
            dataset = TypeAdapter(Dataset).validate_python(content["dataset"])
            planned = [(str(name), int(seed)) for name, seed in content["planned"]]
        except (KeyError, ValueError) as error:
            msg = f"{path}: damaged: {' '.join(str(error).split())[:200]}. Restore it, or start anew with --fresh"
            raise HarnessError(msg) from None
        return cls(directory, suite, dataset, planned)

    def write_header(self, notes: Mapping[str, Any]) -> None:
        """Write ``run.json``; ``notes`` tell how the run came about."""
        content = {
            "format": FORMAT,
            "suite": self.suite.model_dump(mode="json"),
            "dataset": asdict(self.dataset),
            "planned": self.planned,
            **notes,
        }
        try:
            write_json(self.directory / "run.json", content)
        except OSError as error:
            raise unwritable(self.directory, error) from None

    def notes(self) -> dict[str, Any]:
        """Return what ``run.json`` says of how the run came about: the last command, when, by which version, where."""
        content = json.loads((self.directory / "run.json").read_bytes())
        return {key: value for key, value in content.items() if key not in {"format", "suite", "dataset", "planned"}}

    def trial_directory(self, experiment: str, seed: int) -> Path:
        """Return where a trial's files are."""
        return self.directory / "trials" / safe_name(experiment) / f"seed-{seed}"

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
            return write_stored(place, row, files, durable=durable)
        except OSError as error:
            raise unwritable(place, error) from None

    def read(self, experiment: str, seed: int) -> Stored | str | None:
        """Return a trial's row, None where none was written, or in words what is wrong with the file."""
        return read_stored(self.trial_directory(experiment, seed))

    def rows(self) -> Iterator[TrialRow]:
        """Yield every planned trial's row; one that does not serve is planned again, with the reason.

        It does not where it cannot be read, and where an earlier command made it of other data, of another split, or by
        another recipe.
        """
        for experiment, seed in self.planned:
            stored = self.read(experiment, seed)
            if isinstance(stored, Stored):
                about = self.suite.experiments[experiment]
                why = foreign(stored.row, about, self.dataset.digest, self.dataset.split)
                yield self._placeholder(experiment, seed, why) if why else stored.row
            else:
                damage = stored and f"its row is damaged and will be made again: {stored}"
                yield self._placeholder(experiment, seed, damage or "")

    def arrays(self, experiment: str, seed: int, name: str) -> dict[str, NDArray[Any]]:
        """Return the arrays of one of a trial's files, ``"state.npz"``, ``"evaluation.npz"`` and so on.

        Raises:
            HarnessError: it is not there.
        """
        path = self.trial_directory(experiment, seed) / name
        try:
            with np.load(path, allow_pickle=False) as archive:
                return {key: archive[key] for key in archive.files}
        except (OSError, ValueError, EOFError, BadZipFile) as error:
            msg = f"{path}: cannot be read: {error}. Run the suite again: what is damaged is made anew"
            raise HarnessError(msg) from None

    def log(self, experiment: str, seed: int) -> Path:
        """Return the place of a trial's log."""
        return self.trial_directory(experiment, seed) / "log.txt"

    def checkpoint(self, experiment: str, seed: int) -> Path:
        """Return the place of a trial's checkpoint, while it is under way."""
        return self.trial_directory(experiment, seed) / "checkpoint.npz"

    def _placeholder(self, experiment: str, seed: int, reason: str) -> TrialRow:
        table = self.suite.experiments[experiment]
        return TrialRow(
            experiment=experiment,
            seed=seed,
            group=table.group,
            description=table.description,
            status="planned",
            fingerprint="",
            backend=", ".join(table.backends),
            settings=table.model_dump(mode="json"),
            parameters=0,
            reason=reason,
        )
