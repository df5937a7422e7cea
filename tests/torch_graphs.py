"""What the tests of torch's captured step train, on the CPU and on a CUDA device."""

import numpy as np

from harness.builtin.losses import CrossEntropy, Focal
from tests.networks import labelled_images, mlp

RATES = (2.0**-6, 2.0**-7, 2.0**-7)
"""Of three epochs; exact in float32, as a rate on the device is."""


class WaitingLoss(CrossEntropy):
    """A loss that looks at a value, which a graph cannot."""

    def __call__(self, xp, logits, labels, class_weights):
        """Return the cross-entropy."""
        assert float(xp.max(xp.abs(logits))) < 1e6
        return super().__call__(xp, logits, labels, class_weights)


SPECS = {
    "batch norm, dropout, clipping": mlp(
        [12, 9, 9, 3], batch_norm=True, dropout=0.3, batch_size=8, weight_decay=1e-3, l2=0.1, clip_norm=1.0
    ),
    "sum, no dropout": mlp([12, 9, 3], activation="gelu", batch_size=8, gradient="sum"),
    "focal, class weights": mlp([12, 9, 3], dropout=0.5, batch_size=8, loss=Focal(), class_weights=(0.5, 1.0, 2.0)),
    "label smoothing": mlp([12, 9, 3], activation="silu", batch_size=8, loss=CrossEntropy(label_smoothing=0.1)),
}
IMAGES = labelled_images(60, (1, 12), 3)


def orders(rows=44, epochs=3):
    """Return each epoch's rows: five full batches of eight and one of four."""
    generator = np.random.default_rng(0)
    return [generator.permutation(60)[:rows] for _ in range(epochs)]
