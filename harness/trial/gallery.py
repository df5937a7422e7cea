"""What a run keeps to be looked at: its classes in images and numbers, and images of what a network confuses."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.datasets.splits import SETS, Split
from harness.interfaces import Labelled
from harness.trial.perturbing import kind_of
from harness.trial.scaling import Scaling

PAIRS = 15
"""Pairs of classes whose confusion is kept in images: more than a report shows, which adds several seeds up."""
EXAMPLES = 4
"""Images of each pair."""


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


def confused(predictions: dict[str, NDArray[Any]], features: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Return examples of the clean test rows that a network takes for another class most often.

    ``predictions`` are `harness.trial.specs.Evaluated.predictions`; ``features`` (rows, *shape) is the whole set.

    ``pairs`` (pairs, 2) int64: truth and prediction, most confused first. ``rows`` (pairs, `EXAMPLES`) int64: of each
    the errors that the network is surest of, -1 where there are fewer. ``images`` (pairs, `EXAMPLES`, *shape)
    uint8: those rows; absent for vectors, which are not looked at.
    """
    pictured = kind_of(features) == "image"
    errors = predictions["confusion"][0].copy()
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
