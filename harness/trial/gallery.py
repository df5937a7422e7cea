"""What a run keeps to be looked at: its classes in images and numbers, and images of what a network confuses."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.datasets.splits import SETS, Split
from harness.interfaces import Labelled
from harness.metrics.predictions import Predictions, of_conditions
from harness.trial.perturbing import kind_of
from harness.trial.scaling import Scaling

PAIRS = 15
"""Pairs of classes whose confusion is kept in images: more than a report shows, which adds several seeds up."""
EXAMPLES = 4
"""Images of each pair."""
ALBUM = ("rows", "conditions", "images", "predicted", "confidence")
"""What `Album.arrays` has, each name after ``attacked_``."""
ATTACKED = 10
"""Images that are kept clean and under each severity of each attack, at most: one of each of the first classes."""


def class_record(data: Labelled, split: Split) -> dict[str, NDArray[Any]]:
    """Return what is worth seeing of a dataset's classes, without a test row among it.

    ``counts`` (3, classes) int64: the rows of each class in train, val and test. ``glyphs`` (classes, height, width[,
    channels]) uint8: the first training image of each class. Of vectors, in the place of images, ``mean`` and
    ``deviation`` (*shape): those of the training rows, by which they are standardised.
    """
    classes = len(data.class_names)
    counts = [np.bincount(data.labels[getattr(split, name)], minlength=classes) for name in SETS]
    numbers = np.stack(counts).astype(np.int64)
    if data.kind == "vector":
        scaling = Scaling.of(data.features, split.train)
        return {"counts": numbers, "mean": scaling.mean, "deviation": scaling.deviation}
    _, first = np.unique(data.labels[split.train], return_index=True)
    glyphs = np.stack([data.features[row] for row in split.train[first]])
    return {"counts": numbers, "glyphs": glyphs}


def confused(predictions: dict[str, NDArray[Any]], features: NDArray[Any], classes: int) -> dict[str, NDArray[Any]]:
    """Return examples of the clean test rows that a network takes for another class most often.

    ``predictions`` are `harness.trial.specs.Evaluated.predictions`; ``features`` (rows, *shape) is the whole set.

    ``pairs`` (pairs, 2) int64: truth and prediction, most confused first. ``rows`` (pairs, `EXAMPLES`) int64: of each
    the errors that the network is surest of, -1 where there are fewer. ``images`` (pairs, `EXAMPLES`, *shape)
    uint8: those rows; absent for vectors, which are not looked at.
    """
    pictured = kind_of(features) == "image"
    errors = of_conditions(predictions, classes)[0].confusion.copy()
    np.fill_diagonal(errors, 0)
    order = np.argsort(-errors, axis=None, kind="stable")[:PAIRS]
    pairs = np.array([divmod(int(cell), len(errors)) for cell in order if errors.flat[cell]], dtype=np.int64)
    pairs = pairs.reshape(-1, 2)
    rows = np.full((len(pairs), EXAMPLES), -1, dtype=np.int64)
    images = np.zeros((len(pairs), EXAMPLES, *features.shape[1:]), dtype=np.uint8) if pictured else None
    for index, (truth, prediction) in enumerate(pairs):
        among = np.flatnonzero((predictions["labels"] == truth) & (predictions["predicted"][0] == prediction))
        surest = among[np.argsort(-predictions["confidence"][0, among], kind="stable")][:EXAMPLES]
        rows[index, : len(surest)] = predictions["rows"][surest]
        if images is not None:
            images[index, : len(surest)] = features[rows[index, : len(surest)]]
    return {"pairs": pairs, "rows": rows} | ({} if images is None else {"images": images})


class Album:
    """What is seen of the attacks on one network: the same few test images clean and under each severity.

    Of each class, in their order, the first image among the first rows that the network classifies rightly as it is.
    """

    def __init__(self, rows: NDArray[np.int64]) -> None:
        self._rows = rows
        self._chosen: NDArray[np.intp] = np.empty(0, dtype=np.intp)
        self._seen: dict[int, tuple[NDArray[np.uint8], Predictions]] = {}

    def see(self, place: int, images: NDArray[np.float32], predictions: Predictions) -> None:
        """Take what it needs of the first test rows, at a place among the conditions; 0, the clean images, is first."""
        if not place:
            right = np.flatnonzero(predictions.correct)
            _, first = np.unique(predictions.labels[right], return_index=True)
            self._chosen = right[first[:ATTACKED]]
        self._seen[place] = np.rint(images[self._chosen] * 255).astype(np.uint8), predictions

    def keep(self, measured: Sequence[bool]) -> None:
        """Leave out the conditions that were not ``measured`` after all: the places of the others move up."""
        places = np.cumsum(measured) - 1
        self._seen = {int(places[place]): seen for place, seen in self._seen.items() if measured[place]}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what was seen, nothing where there was no attack.

        ``attacked_rows`` (images,) int64: the rows; ``attacked_conditions`` (conditions,) int64: which of the row's
        measures each is, 0 the clean images, then each severity of each attack. ``attacked_images`` (conditions,
        images, *shape) uint8, rounded; ``attacked_predicted`` int64 and ``attacked_confidence`` float32 (conditions,
        images).
        """
        if len(self._seen) < 2:
            return {}
        return {
            "attacked_rows": self._rows[self._chosen],
            "attacked_conditions": np.array(list(self._seen), dtype=np.int64),
            "attacked_images": np.stack([images for images, _ in self._seen.values()]),
            "attacked_predicted": np.stack([seen.predicted[self._chosen] for _, seen in self._seen.values()]),
            "attacked_confidence": np.stack([seen.confidence[self._chosen] for _, seen in self._seen.values()]),
        }
