"""``samples.npz`` of a run: an image of each class under what its suite tests; a report needs no perturbation."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.machine.files import checksum
from harness.rows import Condition
from harness.store.header import unwritable
from harness.store.run import Run
from harness.store.sealed import read_sealed, write_sealed
from harness.trial.robustness import Robustness, conditions

NAME = "samples.npz"


def write_samples(
    run: Run, tables: Sequence[Robustness], images: NDArray[np.uint8], components: Mapping[str, str]
) -> None:
    """Write `harness.trial.samples.perturb_samples` of some of the suite's tables.

    Raises:
        HarnessError: the directory cannot be written to.
    """
    of_tables = conditions(tables)
    content: dict[str, NDArray[Any]] = {
        "images": images,
        "perturbations": np.array([each.perturbation or "" for each in of_tables]),
        "severities": np.array([each.severity for each in of_tables]),
        "components": np.array(_digest(components)),
    }
    try:
        write_sealed(run.directory / NAME, content, owner(run))
    except OSError as error:
        raise unwritable(run.directory, error) from None


def read_samples(run: Run, components: Mapping[str, str] | None = None) -> dict[Condition, NDArray[np.uint8]] | None:
    """Return the images (classes, *shape) under each condition, the clean ones first.

    None where they are not there, damaged, or of another dataset or suite; with ``components``, also where other
    plugins made them.
    """
    content = read_sealed(run.directory / NAME, owner(run))
    if content is None or (components is not None and str(content.get("components")) != _digest(components)):
        return None
    try:
        names, severities, images = content["perturbations"], content["severities"], content["images"]
        if images.dtype != np.uint8 or images.ndim < 4 or images.shape[2:] != run.dataset.shape:
            return None
        keys = [Condition(str(name) or None, float(severity)) for name, severity in zip(names, severities, strict=True)]
        return dict(zip(keys, images, strict=True))
    except (LookupError, ValueError, TypeError):
        return None


def join_samples(merged: Run, runs: Sequence[Run]) -> None:
    """Write the samples of several runs as those of the run that they are merged into: of perturbations that they have.

    Raises:
        HarnessError: the directory cannot be written to.
    """
    samples: dict[Condition, NDArray[np.uint8]] = {}
    for run in runs:
        samples = (read_samples(run, _components(run)) or {}) | samples
    tables = [table for table in merged.suite.robustness if set(conditions([table])) <= samples.keys()]
    if tables:
        images = np.stack([samples[condition] for condition in conditions(tables)])
        write_samples(merged, tables, images, _components(merged))


def _components(run: Run) -> dict[str, str]:
    """Return what the perturbations of a run's tests are."""
    names = [f"perturbation {table.perturbation}" for table in run.suite.robustness]
    return {name: run.components[name] for name in names if name in run.components}


def _digest(components: Mapping[str, str]) -> str:
    return checksum(dict(components))


def owner(run: Run) -> str:
    """Return what they belong to: the dataset's content, its split, and what the suite tests under."""
    tables = [table.model_dump(mode="json") for table in run.suite.robustness]
    return checksum([run.dataset.digest, run.dataset.split, tables])
