"""Samples: an image of each class under every perturbation and severity, so that people see what is tested."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.plugins.loading import Registry
from harness.trial.evaluation import evaluate
from harness.trial.jobs import named_perturbs, refuse_edited
from harness.trial.robustness import Robustness
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


class _Onlooker:
    """A network that keeps what it is shown, and takes every class for equally likely."""

    def __init__(self, classes: int) -> None:
        self._classes = classes
        self.seen: list[NDArray[np.float32]] = []

    def predict_images(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        self.seen.append(np.array(images))
        return np.full((len(images), self._classes), -np.log(self._classes), dtype=np.float32)


def perturb_samples(spec: SampleSpec, registry: Registry, _report: Report) -> NDArray[np.uint8]:
    """Return the images under each of the conditions, (conditions, classes, *shape), the clean ones first: a job.

    They are perturbed as test images are; another image of the same class gets other draws.

    Raises:
        TrialError: a perturbation returns what its contract does not allow, or was edited.
    """
    perturbations = named_perturbs(spec.perturbations, registry, spec.directory)
    refuse_edited(spec.components, registry)
    count = len(spec.glyphs)
    onlooker: Any = _Onlooker(max(2, count))
    every = np.arange(count)
    evaluate([onlooker], spec.glyphs, every, every, max(2, count), perturbations)
    return np.stack([np.rint(255 * images).astype(np.uint8) for images in onlooker.seen])
