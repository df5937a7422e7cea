"""Samples of what a run tests: made once, when the first trial is tested."""

from pathlib import Path

import numpy as np

from harness.execution.apart import result_of
from harness.execution.plan import Plan
from harness.execution.pools import Pool, Task
from harness.plugins.loading import Registry
from harness.store import Run, read_classes
from harness.store.samples import read_samples, write_samples
from harness.trial.robustness import conditions
from harness.trial.samples import SampleSpec, perturb_samples

CLASSES = 10
"""The most classes of which an image is kept."""
_SECONDS = 600.0


def make_samples(run: Run, plan: Plan, registry: Registry, pool: Pool) -> None:
    """Write an image of each of the first classes under every condition, if they are not there.

    Not of attacks, which need a network, and not of vectors. A perturbation that fails has none: its trials say why.
    """
    record = read_classes(run)
    tables = [table for table in run.suite.robustness if table.perturbation not in plan.attacks]
    stored = read_samples(run, plan.perturbations) or {}
    if not tables or record is None or "glyphs" not in record or set(conditions(tables)) <= stored.keys():
        return
    glyphs = record["glyphs"][:CLASSES]
    directory = next((trial.spec.optimizer.directory for trial in plan.trials if trial.spec), Path())
    spec = SampleSpec(glyphs, tuple(tables), plan.perturbations, directory)
    foreign = any(registry.third_party("perturbation", table.perturbation) for table in tables)
    task = Task(perturb_samples, spec, "perturb samples", timeout=_SECONDS, isolated=foreign)
    match result_of(pool, task):
        case (np.ndarray() as images, list(lost)):
            made = [table for table in tables if table.perturbation not in lost]
            if images.dtype == np.uint8 and images.shape == (len(conditions(made)), *glyphs.shape):
                write_samples(run, made, images, plan.perturbations)
