"""Samples of what a run tests: made once, when the first trial is tested."""

from pathlib import Path

import numpy as np

from harness.execution.apart import result_of
from harness.execution.plan import Plan
from harness.execution.pools import Pool, Task
from harness.plugins.loading import Registry
from harness.store import Run, read_classes
from harness.store.samples import read_samples, write_samples
from harness.trial.samples import SampleSpec, perturb_samples

CLASSES = 10
"""The most classes of which an image is kept."""
_SECONDS = 600.0


def make_samples(run: Run, plan: Plan, registry: Registry, pool: Pool) -> None:
    """Write an image of each of the first classes under every condition, if they are not there.

    Not of attacks, which need a network, and not of vectors. Where a perturbation fails there are none: its trials say
    why.
    """
    record = read_classes(run)
    tables = [table for table in run.suite.robustness if table.perturbation not in plan.attacks]
    if not tables or record is None or "glyphs" not in record or read_samples(run, plan.perturbations) is not None:
        return
    glyphs = record["glyphs"][:CLASSES]
    directory = next((trial.spec.optimizer.directory for trial in plan.trials if trial.spec), Path())
    spec = SampleSpec(glyphs, tuple(tables), plan.perturbations, directory)
    foreign = any(registry.third_party("perturbation", table.perturbation) for table in tables)
    task = Task(perturb_samples, spec, "perturb samples", timeout=_SECONDS, isolated=foreign)
    images = result_of(pool, task)
    shape = (1 + sum(len(table.severities) for table in tables), *glyphs.shape)
    if isinstance(images, np.ndarray) and images.dtype == np.uint8 and images.shape == shape:
        write_samples(run, tables, images, plan.perturbations)
