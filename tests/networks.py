"""Networks and data that several tests build, and torch's own form of them as the oracle."""

from itertools import pairwise

import numpy as np

from harness.interfaces import Activation, BatchNorm, Dropout, Linear, NetworkSpec


def mlp(sizes, *, activation="relu", batch_norm=False, dropout=0.0, batch_size=16, shape=None, **keys):
    """Return the spec of a multilayer network; ``sizes`` are its inputs, hidden widths and classes."""
    layers = []
    for width, hidden in pairwise(sizes[:-1]):
        layers.append(Linear(width, hidden))
        if batch_norm:
            layers.append(BatchNorm(hidden))
        layers.append(Activation(activation))
        if dropout:
            layers.append(Dropout(dropout))
    layers.append(Linear(sizes[-2], sizes[-1]))
    return NetworkSpec(shape or (1, sizes[0]), sizes[-1], tuple(layers), batch_size, **keys)


def labelled_images(rows, shape, classes, seed=0):
    """Return random uint8 images (rows, *shape) and labels (rows,)."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (rows, *shape), dtype=np.uint8), rng.integers(0, classes, rows)


def with_biases(state, seed):
    """Return a state with biases that are not 0.

    With 0, a pixel that equals its mean in a batch is normalised to a rounding error beside the kink of relu, where two
    right networks may take the gradient of different sides.
    """
    draw = np.random.default_rng(seed)
    return {
        key: value + draw.normal(0.0, 0.1, value.shape) if key.endswith(".bias") else value
        for key, value in state.items()
    }
