"""What an attack is given of the networks that are tested: their predictions and gradients, verified and copied."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import TrialError
from harness.interfaces import DifferentiableBackend, Network, Victim, implements
from harness.trial.inputs import read_only
from harness.trial.outputs import array_type

Images = NDArray[np.float32]
Labels = NDArray[np.int64]


def gives_gradients(backend: object) -> bool:
    """Return whether a backend says that its networks differentiate their loss by the images."""
    return implements(backend, DifferentiableBackend) and backend.input_gradients is True


class TestedNetwork:
    """A network as a `harness.interfaces.Victim`.

    Raises:
        TrialError: the network has no ``input_gradient``, or a method returns what its contract does not allow.
    """

    __test__ = False  # no class of tests

    def __init__(self, network: Network) -> None:
        self._network = network

    def predict_images(self, images: Images) -> Images:
        """Return log-probabilities (rows, classes)."""
        returned = self._network.predict_images(read_only(images))
        if not isinstance(returned, np.ndarray) or returned.ndim != 2 or len(returned) != len(images):
            got = array_type(returned)
            msg = f"the backend's predictions under attack are {got}; the contract says float32 (rows, classes)"
            raise TrialError(msg)
        return np.array(returned)

    def input_gradient(self, images: Images, labels: Labels) -> Images:
        """Return the gradient of each row's cross-entropy, of the images' shape and dtype."""
        differentiate = getattr(self._network, "input_gradient", None)
        if not callable(differentiate):
            raise TrialError("the backend says input_gradients = True, and its network has no input_gradient")
        returned: Any = differentiate(read_only(images), read_only(labels))
        if not isinstance(returned, np.ndarray) or (returned.dtype, returned.shape) != (images.dtype, images.shape):
            got = array_type(returned)
            msg = f"the backend's input gradient is {got}; the contract says {images.dtype} {images.shape}"
            raise TrialError(msg)
        gradient = np.array(returned)
        finite = np.isfinite(gradient).reshape(len(gradient), -1).all(axis=1)
        if not finite.all():
            msg = f"the backend's input gradient of row {int(np.argmin(finite))} of {len(finite):,} is not finite"
            raise TrialError(msg)
        return gradient


class TestedEnsemble:
    """Networks that answer together, by the mean of their probabilities, as one `harness.interfaces.Victim`."""

    __test__ = False

    def __init__(self, members: Sequence[Victim]) -> None:
        self._members = members

    def predict_images(self, images: Images) -> Images:
        """Return log((1/n) Σ exp(log p)) of the members' log-probabilities (rows, classes), summed in float64."""
        total = sum(np.exp(member.predict_images(images), dtype=np.float64) for member in self._members)
        with np.errstate(divide="ignore"):  # a probability of 0 is allowed
            return np.log(total / len(self._members)).astype(np.float32)

    def input_gradient(self, images: Images, labels: Labels) -> Images:
        """Return ∂(-log p̄)/∂x, p̄ the mean of the members' probabilities of the label.

        With gₘ = ∂(-log pₘ)/∂x it is Σ pₘ gₘ / Σ pₘ: the members' gradients, each weighted by its probability.
        """
        from scipy.special import softmax  # 15 MB, which a worker that attacks no ensemble does without

        at = np.arange(len(labels))
        logs = np.stack([member.predict_images(images)[at, labels] for member in self._members])
        # -inf becomes finite: where no member gives the label any probability, all count alike.
        weights = softmax(np.maximum(logs, np.finfo(np.float32).min, dtype=np.float64), axis=0)
        total = np.zeros(images.shape)
        for member, weight in zip(self._members, weights, strict=True):
            total += weight.reshape(-1, *[1] * (images.ndim - 1)) * member.input_gradient(images, labels)
        return total.astype(images.dtype)
