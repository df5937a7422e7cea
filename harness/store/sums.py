"""``sums.npz`` of a run: sums of products of its test predictions, from which every table compares experiments.

They are made when a run ends, or when a table first needs them, and made again where they are missing, damaged, or of
other trials than the run has now. No table reads predictions otherwise.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic_core import to_jsonable_python

from harness.machine.files import checksum, digest_of
from harness.metrics.catalogue import CATALOGUE
from harness.metrics.corruption import Corruptions
from harness.metrics.crossed import Sums
from harness.metrics.quantities import Quantity, quantities
from harness.rows import Condition, TrialRow, families_of
from harness.store.crossing import Crossed, crossed_sums, having
from harness.store.run import Run
from harness.store.sealed import read_sealed, write_sealed
from harness.store.stored import Stored
from harness.suite.corruptions import corruptions
from harness.suite.finalists import tested
from harness.trial.robustness import severities_of

NAME = "sums.npz"
_FORMAT = 2
"""Sums of another format are made again: 2 has robust accuracies under several attacks."""


def read_sums(run: Run, rows: Sequence[TrialRow]) -> dict[Quantity, Crossed]:
    """Return the sums of a run's tested trials, those of ``rows``, as stored or made again.

    A trial whose predictions are missing or damaged has no part in them; a quantity that no trial has is not there.
    """
    trials = [row for row in tested(run.suite, rows) if row.evaluation]
    relative = corruptions(run.suite, rows)
    owner = _owner(run, trials, relative)
    stored = read_sealed(run.directory / NAME, owner)
    kept = None if stored is None else _unpacked(stored)
    if kept is None:
        places = {row.experiment: (run, row.experiment) for row in trials}
        rows_of = {each: having(trials, each, relative) for each in _quantities(run, relative, trials)}
        kept = crossed_sums(places, rows_of, dict.fromkeys(places, relative))
        if kept:
            with suppress(OSError):  # a run that may be read alone has tables too
                write_sealed(run.directory / NAME, _packed(kept), owner)
    return kept


def lost_predictions(
    run: Run, rows: Sequence[TrialRow], sums: Mapping[Quantity, Crossed]
) -> dict[tuple[str, int], str]:
    """Return the tested trials whose predictions are ``"damaged"`` or ``"missing"``, so that sums are without them.

    Sums that have a trial were made while its predictions were whole: those of the others alone are read.
    """
    clean = sums.get(Quantity("test_accuracy"))
    served = set(product(clean.experiments, clean.seeds)) if clean else set()
    placed = {*run.suite.experiments, *run.suite.ensembles}
    lost = {}
    for row in tested(run.suite, rows):
        key = row.experiment, row.seed
        if row.evaluation is None or key in served or row.experiment not in placed:
            continue
        stored, path = run.read(*key), run.trial_directory(*key) / "evaluation.npz"
        named = stored.files.get(path.name) if isinstance(stored, Stored) else None
        if named and (digest := digest_of(path)) != named:
            lost[key] = "missing" if digest is None else "damaged"
    return lost


def _owner(run: Run, trials: Sequence[TrialRow], relative: Corruptions) -> str:
    """Return a digest of what sums are made from: trials as measured, conditions, the catalogue, the baseline."""
    measured = [
        [row.experiment, row.seed, row.fingerprint, evaluation.fingerprint, evaluation.measures]
        for row in trials
        if (evaluation := row.evaluation)
    ]
    severities = severities_of(run.suite.robustness)
    conditions = [severities, relative.baseline, relative.errors, relative.falls, families_of(trials)]
    return checksum([_FORMAT, sorted(CATALOGUE), to_jsonable_python(conditions), to_jsonable_python(measured)])


def _quantities(run: Run, relative: Corruptions, trials: Sequence[TrialRow]) -> list[Quantity]:
    """Return what a run's experiments are compared by, under the conditions that its suite asks for."""
    return quantities(severities_of(run.suite.robustness), relative, families_of(trials))


def pair_sums(
    first: Run, second: Run, experiment: str, seeds: Sequence[int], relative: Sequence[Corruptions]
) -> dict[Quantity, Crossed]:
    """Return the sums of an experiment in two runs, "first" and "second", over seeds that are tested in both.

    They share their test images. Of networks that answer the same, as the files' digests say, there are none.
    ``relative``: what corruption errors are relative to in each run.
    """
    rows: list[TrialRow] = []
    digests: list[list[str]] = []
    for run in (first, second):
        stored_rows = [stored for seed in seeds if isinstance(stored := run.read(experiment, seed), Stored)]
        rows += [replace(stored.row, experiment="second" if run is second else "first") for stored in stored_rows]
        digests.append([stored.files.get("evaluation.npz", "") for stored in stored_rows])
    if digests[0] == digests[1]:
        return {}
    places = {"first": (first, experiment), "second": (second, experiment)}
    rows_of = {each: having(rows, each, relative[0]) for each in _quantities(first, relative[0], rows)}
    return crossed_sums(places, rows_of, dict(zip(places, relative, strict=True)))


def _packed(sums: Mapping[Quantity, Crossed]) -> dict[str, NDArray[Any]]:
    """Return sums as plain arrays: what each is of as JSON, and its matrices by its position."""
    about = [
        [
            quantity.metric,
            quantity.conditions,
            crossed.experiments,
            crossed.seeds,
            crossed.sums.images,
            crossed.proportion,
        ]
        for quantity, crossed in sums.items()
    ]
    content = {"about": np.array(json.dumps(about))}
    for place, crossed in enumerate(sums.values()):
        for name in ("means", "within", "between"):
            content[f"{name}{place}"] = np.asarray(getattr(crossed.sums, name))
    return content


def _unpacked(content: Mapping[str, NDArray[Any]]) -> dict[Quantity, Crossed] | None:
    """Return the sums that were packed, None where the content is something else."""
    unpacked: dict[Quantity, Crossed] = {}
    try:
        for place, (metric, conditions, names, seeds, images, proportion) in enumerate(
            json.loads(str(content["about"]))
        ):
            means, within, between = (content[f"{name}{place}"] for name in ("means", "within", "between"))
            shapes = [matrix.shape for matrix in (means, within, between)]
            if shapes != [(len(names), len(seeds)), (len(names),) * 2, (len(names),) * 2]:
                return None
            quantity = Quantity(metric, tuple(Condition(name, severity) for name, severity in conditions))
            sums = Sums(means, within, between, int(images))
            unpacked[quantity] = Crossed(tuple(names), tuple(seeds), sums, bool(proportion))
    except (LookupError, ValueError, TypeError):
        return None
    return unpacked
