"""An attack under test: it is given a small network and classes, and is then called as every perturbation is."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from harness.plugins.perturbations import is_attack

Images = NDArray[np.float32]
_CLASSES = 10
_ATTRIBUTES = ("takes", "channels", "smallest", "levels", "family", "suite", "check", "unavailable")


class _LinearNetwork:
    """log softmax(x W), its weights drawn by the images' size: a `harness.interfaces.Victim` of images of any shape."""

    def predict_images(self, images: Images) -> Images:
        """Return log-probabilities (rows, classes)."""
        flat = images.reshape(len(images), -1)
        return np.asarray(log_softmax(flat @ self._weights(flat.shape[1]), axis=1), dtype=np.float32)

    def input_gradient(self, images: Images, labels: NDArray[np.int64]) -> Images:
        """Return each row's gradient: (softmax(x W) - one-hot(label)) Wᵀ."""
        slope = np.exp(self.predict_images(images))
        slope[np.arange(len(labels)), labels] -= 1
        weights = self._weights(images[0].size)
        return np.asarray(slope @ weights.T, dtype=np.float32).reshape(images.shape)

    @staticmethod
    def _weights(features: int) -> Images:
        return np.random.default_rng(features).standard_normal((features, _CLASSES), dtype=np.float32)


class _Bound:
    """An attack on that network; a row's label is what the network says of it, so that there is a loss to raise.

    What else the attack declares, it declares too.
    """

    def __init__(self, attack: Any) -> None:
        self._attack = attack
        for name in _ATTRIBUTES:
            if hasattr(attack, name):
                setattr(self, name, getattr(attack, name))

    def __call__(self, images: Images, severity: float, rng: np.random.Generator, **options: Any) -> Any:
        victim = _LinearNetwork()
        labels = victim.predict_images(images).argmax(axis=1)
        return self._attack(images, severity, rng, victim=victim, labels=labels, **options)


def callable_alone(perturb: Any) -> Any:
    """Return a perturbation that takes images, severity and generator alone: an attack is given a network."""
    return _Bound(perturb) if is_attack(perturb) else perturb
