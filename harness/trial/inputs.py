"""What a plugin is given: read-only, so that a write fails where it is made, and no memory that others rely on."""

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.interfaces import WITHHELD, Labelled
from harness.trial.perturbing import kind_of
from harness.trial.scaling import Scaling

A = TypeVar("A", bound=NDArray[Any])


@dataclass(frozen=True)
class Inputs:
    """What the networks of a run are given of its dataset."""

    rows: Labelled
    """uint8 images, or float32 vectors as they are trained on."""
    scaling: Scaling | None = None
    """Of vectors that are trained on as they are: perturbations work on standardised ones."""


def as_given(features: NDArray[Any]) -> NDArray[np.float32]:
    """Return rows as networks are given them, float32, a copy: uint8 images in [0, 1], vectors as they are."""
    given = features.astype(np.float32)
    if kind_of(features) == "image":
        given /= np.float32(255)
    return given


def read_only(array: A) -> A:
    """Return a view of an array that cannot be written to."""
    view = array.view()
    view.flags.writeable = False
    return view


def lent(array: A) -> A:
    """Return a copy that cannot be written to: code that makes it writable again changes only the copy."""
    copy = np.array(array)
    copy.flags.writeable = False
    return copy  # type: ignore[return-value] # as above


def training_labels(labels: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the labels (all rows,) as a network has them while it trains on ``rows``: `WITHHELD` for all others.

    >>> training_labels(np.array([2, 0, 1]), np.array([0, 2]))
    array([     2, -32768,      1])
    """
    known = np.full_like(labels, WITHHELD)
    known[rows] = labels[rows]
    known.flags.writeable = False
    return known
