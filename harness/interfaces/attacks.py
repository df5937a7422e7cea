"""Attacks: perturbations that are made against the network that is tested, and what a network offers them."""

from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


@runtime_checkable
class Differentiable(Protocol):
    """A network that also differentiates its loss by its input; attacks need it."""

    def input_gradient(self, images: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the gradient of each row's loss by that row, a new array of the shape and dtype of ``images``.

        ∂(-log softmax(z)[label]) / ∂x: the plain cross-entropy of each row in nats, whatever training minimises. It is
        neither summed over rows nor divided by their number, and has no weights of classes and no penalties.
        ``images`` (rows, *shape) and ``labels`` (rows,) are read-only; images are those of `Network.predict_images`,
        float32 in [0, 1], so the gradient is by a pixel in units of that range. float64 rows have float64 gradients,
        in the network's precision.

        In evaluation mode, as `Network.predict`: dropout is off, running statistics take the place of the batch's. A
        row's gradient depends on that row alone. Parameters, statistics and the optimizer stay as they are.
        """
        ...


@runtime_checkable
class DifferentiableBackend(Protocol):
    """A backend that says whether its networks are `Differentiable`; those of another are not attacked."""

    input_gradients: bool


class Victim(Differentiable, Protocol):
    """What an attack knows of the network, or the ensemble, that is tested."""

    def predict_images(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return log-probabilities (rows, classes), as `Network.predict_images`."""
        ...


@runtime_checkable
class Attack(Protocol):
    """A perturbation that needs the network which is tested: each network, and each ensemble, has its own images.

    It is a `Perturb` of images that is called with two further keywords; its severity is how far it may go. Of an
    ensemble the victim is the mean of its members' probabilities. It is not used in training.
    """

    needs_network: Literal[True]

    def __call__(
        self,
        images: NDArray[np.float32],
        severity: float,
        rng: np.random.Generator,
        *,
        victim: Victim,
        labels: NDArray[np.int64],
        **options: Any,
    ) -> NDArray[np.float32]:
        """Return perturbed copies of images (rows, height, width[, channels]) whose true classes are ``labels``."""
        ...
