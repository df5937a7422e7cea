"""What a run keeps to be looked at: its classes in images and numbers, and images of what a network confuses."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.datasets.splits import SETS, Split
from harness.interfaces import LabelledImages

PAIRS = 15
"""Pairs of classes whose confusion is kept in images: more than a report shows, which adds several seeds up."""
EXAMPLES = 4
"""Images of each pair."""


def class_record(data: LabelledImages, split: Split) -> dict[str, NDArray[Any]]:
    """Return what is worth seeing of a dataset's classes, without a test row among it.

    ``counts`` (3, classes) int64: the images of each class in train, val and test. ``glyphs`` (classes, height, width)
    uint8: the first training image of each class.
    """
    classes = len(data.class_names)
    counts = [np.bincount(data.labels[getattr(split, name)], minlength=classes) for name in SETS]
    _, first = np.unique(data.labels[split.train], return_index=True)
    glyphs = np.stack([data.images[row] for row in split.train[first]])
    return {"counts": np.stack(counts).astype(np.int64), "glyphs": glyphs}


def confused(predictions: dict[str, NDArray[Any]], images: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
    """Return examples of the clean test images that a network takes for another class most often.

    ``predictions`` are `harness.trial.specs.Evaluated.predictions`; ``images`` (rows, height, width) is the whole set.

    ``pairs`` (pairs, 2) int64: truth and prediction, most confused first. ``rows`` (pairs, `EXAMPLES`) int64: of each
    the errors that the network is surest of, -1 where there are fewer. ``images`` (pairs, `EXAMPLES`, height, width)
    uint8: those rows.
    """
    errors = predictions["confusion"][0].copy()
    np.fill_diagonal(errors, 0)
    order = np.argsort(-errors, axis=None, kind="stable")[:PAIRS]
    pairs = np.array([divmod(int(cell), len(errors)) for cell in order if errors.flat[cell]], dtype=np.int64)
    pairs = pairs.reshape(-1, 2)
    rows = np.full((len(pairs), EXAMPLES), -1, dtype=np.int64)
    found = np.zeros((len(pairs), EXAMPLES, *images.shape[1:]), dtype=np.uint8)
    for index, (truth, prediction) in enumerate(pairs):
        among = np.flatnonzero((predictions["labels"] == truth) & (predictions["predicted"][0] == prediction))
        surest = among[np.argsort(-predictions["confidence"][0, among], kind="stable")][:EXAMPLES]
        rows[index, : len(surest)] = predictions["rows"][surest]
        for place, row in enumerate(rows[index, : len(surest)]):
            found[index, place] = images[row]
    return {"pairs": pairs, "rows": rows, "images": found}
