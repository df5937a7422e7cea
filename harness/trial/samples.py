"""Samples: an image of each class under every perturbation and severity, so that people see what is tested."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.plugins.loading import Registry
from harness.trial.jobs import named_perturbs, refuse_edited
from harness.trial.perturbed import perturbed
from harness.trial.robustness import Robustness, conditions
from harness.trial.tasks import Report


@dataclass(frozen=True)
class SampleSpec:
    """``glyphs`` (classes, height, width[, channels]) uint8: an image of each class, and what to perturb them with."""

    glyphs: NDArray[np.uint8]
    perturbations: tuple[Robustness, ...]
    components: Mapping[str, str]
    directory: Path = Path()
    """Against which paths in options resolve."""

    def on(self, _device: str) -> "SampleSpec":
        """Return the same: perturbations are made on the CPU."""
        return self


def perturb_samples(spec: SampleSpec, registry: Registry, _report: Report) -> tuple[NDArray[np.uint8], list[str]]:
    """Return the images under each of the conditions, (conditions, classes, *shape), the clean ones first: a job.

    They are perturbed as test images are; another image of the same class gets other draws. Also return the names of
    the perturbations that failed, which have no images.

    Raises:
        TrialError: a perturbation was edited.
    """
    perturbations = named_perturbs(spec.perturbations, registry, spec.directory)
    refuse_edited(spec.components, registry)
    lost: dict[str, str] = {}
    copies = perturbed(spec.glyphs, np.arange(len(spec.glyphs)), 0, perturbations, None, lost)
    images = [  # each is rounded before the next is made: a perturbation may write into what it has returned
        (condition.perturbation, np.rint(255 * copy).astype(np.uint8))
        for condition, copy in zip(conditions(spec.perturbations), copies, strict=True)
        if isinstance(copy, np.ndarray)
    ]
    return np.stack([image for name, image in images if name not in lost]), list(lost)
