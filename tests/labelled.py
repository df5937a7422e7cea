"""Small datasets of each kind, as datasets return them."""

import numpy as np

from harness.interfaces import Labelled

ROWS, CLASSES = 120, 3
NAMES = ("a", "b", "c")
LABELS = np.arange(ROWS, dtype=np.int64) % CLASSES


def colour(side=4, channels=3, rows=ROWS):
    """Return images (rows, side, side, channels) that are brightest in the channel of their class."""
    rng = np.random.default_rng(1)
    images = rng.integers(0, 100, (rows, side, side, channels), dtype=np.uint8)
    labels = np.arange(rows, dtype=np.int64) % CLASSES
    for label in range(CLASSES):
        images[labels == label, ..., label % channels] += 100 + 20 * (label // channels)
    return Labelled(images, labels, NAMES, "image")


def vectors(features=5, rows=ROWS):
    """Return vectors (rows, features) float32 of classes with other means; the last feature is constant."""
    rng = np.random.default_rng(2)
    labels = np.arange(rows, dtype=np.int64) % CLASSES
    values = rng.normal(0, 10, (rows, features)) + 1000
    values[:, :CLASSES] += 30 * np.eye(CLASSES)[labels, :features]
    values[:, -1] = 0.1
    return Labelled(values.astype(np.float32), labels, NAMES, "vector")


class Kept:
    """A dataset that is in memory."""

    def __init__(self, labelled, source="kept"):
        self._labelled, self._source = labelled, source

    def unavailable(self):
        """It is always there."""

    def source(self):
        """Return its name."""
        return self._source

    def load(self):
        """Return it."""
        return self._labelled
