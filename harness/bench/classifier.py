"""The peer that scikit-learn's users have: `sklearn.neural_network.MLPClassifier`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from harness.interfaces import Activation, Layer, Linear
from harness.machine.threads import numpy_blas

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from harness.interfaces import Context, NetworkSpec


class MLPClassifierPeer:
    """Trained by ``partial_fit``, which is one epoch of shuffled batches by Adam; scikit-learn's own small l2 stays."""

    title: ClassVar[str] = "scikit-learn MLPClassifier"
    reference: ClassVar[bool] = False
    precision: ClassVar[str] = "float32"
    layers: ClassVar[tuple[type[Layer], ...]] = (Linear, Activation)

    def unavailable(self, device: str) -> str | None:
        """Return why it cannot run on ``device``: it knows the CPU alone."""
        return None if device in {"auto", "cpu"} else f"scikit-learn runs on the CPU alone, not on {device!r}"

    def unsupported(self, spec: NetworkSpec) -> list[str]:
        """Return what MLPClassifier does not have of its layers."""
        names = {layer.name for layer in spec.layers if isinstance(layer, Activation)}
        return [] if names <= {"relu"} else ["activation"]

    def environment(self, _device: str) -> Mapping[str, str]:
        """Return scikit-learn's version and the BLAS of NumPy, which multiplies for it."""
        import sklearn

        return {
            "device": "cpu",
            "scikit-learn": sklearn.__version__,
            "numpy": np.__version__,
            "blas": numpy_blas(),
        }

    def build(self, spec: NetworkSpec, learning_rate: float, _context: Context) -> ClassifierNetwork:
        """Return a classifier; its weights are drawn when it first sees images."""
        return ClassifierNetwork(spec, learning_rate)


class ClassifierNetwork:
    """A classifier and its images."""

    def __init__(self, spec: NetworkSpec, learning_rate: float) -> None:
        from sklearn.neural_network import MLPClassifier

        widths = [layer.outputs for layer in spec.layers if isinstance(layer, Linear)][:-1]
        self._classes = np.arange(spec.classes)
        self._model: Any = MLPClassifier(widths, batch_size=spec.batch_size, learning_rate_init=learning_rate)
        self._x: NDArray[np.float32] | None = None
        self._y: NDArray[np.int64] | None = None

    def attach(self, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
        """Keep float32 images (rows, features) in [0, 1]."""
        self._x = images.reshape(len(images), -1).astype(np.float32)
        self._x /= np.float32(255)
        self._y = np.asarray(labels)

    def train_epoch(self) -> None:
        """Train on every image once."""
        self._model.partial_fit(self._x, self._y, classes=self._classes)

    def synchronize(self) -> None:
        """Do nothing: nothing is queued."""

    def close(self) -> None:
        """Let go of the images."""
        self._x = self._y = None
