"""What a run's rows and predictions say of its experiments in a metric: the analysis of all that have it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from types import MappingProxyType

import numpy as np

from harness.metrics.analysis import Analysis, analyse
from harness.metrics.catalogue import CATALOGUE
from harness.metrics.crossed import Sums
from harness.metrics.quantities import Quantity, shared_seeds
from harness.results.experiments import ExperimentRows
from harness.store import Crossed

Values = Mapping[int, float]
"""A metric's value of each seed."""


def values_of(
    experiment: ExperimentRows, quantity: Quantity, stored: Mapping[Quantity, Crossed] = MappingProxyType({})
) -> dict[int, float]:
    """Return an experiment's values of a quantity by seed: of trials that have it under each condition.

    A robust accuracy under several attacks is in the ``stored`` sums alone: no row has it.
    """
    if CATALOGUE[quantity.metric].attacked and len(quantity.conditions) > 1:
        crossed = stored.get(quantity)
        if crossed is None or experiment.name not in crossed.experiments:
            return {}
        means = crossed.sums.means[crossed.experiments.index(experiment.name)]
        return dict(zip(crossed.seeds, means.tolist(), strict=True))
    each = [experiment.values(quantity.metric, condition) for condition in quantity.conditions]
    seeds = [seed for seed in each[0] if all(seed in values for values in each)]
    return {seed: fmean(values[seed] for values in each) for seed in seeds}


def analysis_of(
    experiments: Sequence[ExperimentRows], quantity: Quantity, stored: Mapping[Quantity, Crossed]
) -> Analysis:
    """Return the comparisons of the experiments that have a quantity.

    They rest on ``stored`` sums of per-image values where there are any, else on the seeds alone.
    """
    values = {experiment.name: values_of(experiment, quantity, stored) for experiment in experiments}
    crossed = stored.get(quantity)
    if crossed:
        names, seeds, sums = crossed.experiments, crossed.seeds, crossed.sums
    else:
        names, seeds = shared_seeds({name: list(each) for name, each in values.items()})
        means = np.array([[values[name][seed] for seed in seeds] for name in names])
        sums = Sums(means.reshape(len(names), max(len(seeds), 1)))
    left_out = {
        name: "too few seeds in common with the others" if crossed is None else "too few predictions in common"
        for name, each in values.items()
        if each and name not in names
    }
    return analyse(
        names,
        sums,
        higher_is_better=CATALOGUE[quantity.metric].higher_is_better,
        proportion=crossed is not None and crossed.proportion,
        left_out=left_out,
        seeds=seeds,
        possible=CATALOGUE[quantity.metric].possible,
    )
