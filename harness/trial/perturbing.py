"""Perturbations as they are called: what data they take, what they are called with, and what they must return."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.datasets.info import DatasetInfo
from harness.errors import TrialError, shown
from harness.interfaces import DataKind, SelectivePerturb, implements
from harness.plugins.perturbations import is_attack
from harness.trial.outputs import array_type

Features = NDArray[np.float32]
_NOUNS: dict[DataKind, str] = {"image": "images", "vector": "vectors"}


def kind_of(features: NDArray[Any]) -> DataKind:
    """Return the kind of a dataset's features, by their type: uint8 are images."""
    return "image" if features.dtype == np.uint8 else "vector"


def keywords(kind: DataKind) -> dict[str, Any]:
    """Return what a perturbation is called with beside features, severity and generator: nothing for images."""
    return {} if kind == "image" else {"kind": kind}


def refusal(perturb: object, data: DatasetInfo) -> str | None:
    """Return in one line why a perturbation does not take a dataset's rows, or None.

    >>> grey = DatasetInfo("digits", "", 1, ("a", "b"), shape=(8, 8))
    >>> refusal(lambda images, severity, rng: images, grey)
    >>> refusal(lambda images, severity, rng: images, DatasetInfo("iris", "", 1, ("a", "b"), shape=(4,), kind="vector"))
    "takes images, and dataset 'iris' has vectors of 4 values"
    """
    takes = perturb.takes if implements(perturb, SelectivePerturb) else {"image"}
    takes = {"image"} & set(takes) if is_attack(perturb) else takes
    values = " × ".join(map(str, data.shape))
    if data.kind not in takes:
        given = f"vectors of {values} values" if data.kind == "vector" else f"images of {values} pixels"
        kinds = " and ".join(_NOUNS[kind] for kind in _NOUNS if kind in takes) or shown(takes)
        return f"takes {kinds}, and dataset {data.name!r} has {given}"
    channels: Any = getattr(perturb, "channels", None)
    count = data.shape[2] if len(data.shape) == 3 else 1
    if data.kind == "image" and channels is not None and count not in channels:
        wanted = " or ".join(map(str, sorted(channels)))
        plural = "" if wanted == "1" else "s"
        return f"takes images of {wanted} channel{plural}, and dataset {data.name!r} has images of {count}"
    smallest: Any = getattr(perturb, "smallest", None)
    if data.kind == "image" and smallest is not None and min(data.shape[:2]) < smallest:
        return f"takes images from {smallest} × {smallest} pixels on, and dataset {data.name!r} has images of {values}"
    return None


def check_returned(returned: Any, clean: Features, kind: DataKind, who: str) -> None:
    """Refuse what a perturbation must not return.

    Raises:
        TrialError: it is no array of the shape and dtype of ``clean``, or has a value outside [0, 1]; of vectors, one
            that is not finite.
    """
    if not isinstance(returned, np.ndarray) or returned.shape != clean.shape or returned.dtype != np.float32:
        msg = f"{who} returned {array_type(returned)}; the contract says float32 {clean.shape}"
        raise TrialError(msg)
    low, high = float(returned.min()), float(returned.max())
    if kind == "vector":
        if not (np.isfinite(low) and np.isfinite(high)):
            msg = f"{who} returned the value {low if not np.isfinite(low) else high}; the contract says finite values"
            raise TrialError(msg)
    elif not (low >= 0 and high <= 1):  # a NaN fails this too
        msg = f"{who} returned the value {high if low >= 0 else low}; the contract says values in [0, 1]"
        raise TrialError(msg)
