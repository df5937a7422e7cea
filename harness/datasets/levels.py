"""From the pixels of files to levels 0 … 255: on which scale they are is said or checked, never guessed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError, shown

Scale = tuple[float, float]
"""The values that become levels 0 and 255."""

NAMED: dict[str, Scale] = {"0..1": (0.0, 1.0), "0..255": (0.0, 255.0)}
_QUARTER = 64 / 255
"""Up to this share of its scale an image is so dark that another scale is more likely."""
_BRIGHT_SHARE = 0.001
"""The least share of the values above zero that must be beyond a quarter of the scale."""
_FAULTS = 0.001
"""Up to this share of the values may be faults where they are above the scale; a wider scale would ruin the rest."""
_ROUNDING = 1e-6
"""By which share of the scale a value may be outside it: what arithmetic in single precision leaves."""
_BLOCK_VALUES = 1 << 20


def parse_scale(value: Any) -> Scale | None:
    """Return the scale that an option names; None for none.

    Raises:
        ValueError: it is none of ``"0..1"``, ``"0..255"``, ``[low, high]``.

    >>> parse_scale("0..255"), parse_scale([0, 16])
    ((0.0, 255.0), (0.0, 16.0))
    """
    if value is None:
        return None
    if isinstance(value, str) and value in NAMED:
        return NAMED[value]
    if isinstance(value, list | tuple) and len(value) == 2 and all(type(end) in {int, float} for end in value):
        try:
            low, high = float(value[0]), float(value[1])
        except OverflowError:
            low = high = float("nan")
        if low < high and isfinite(255.0 / (high - low)) and isfinite(high - low):
            return low, high
    msg = f'scale: {shown(value)}: "0..1", "0..255" or [low, high], with low < high, is needed'
    raise ValueError(msg)


@dataclass(frozen=True)
class Values:
    """What the values of some images are, beside their scale."""

    low: float
    high: float
    above_zero: int
    """Values that are not the scale's lowest."""
    bright: int
    """Values beyond a quarter of the scale."""

    @classmethod
    def of(cls, array: NDArray[Any], scale: Scale) -> Self:
        """Measure an array; a NaN anywhere makes ``low`` and ``high`` NaN."""
        low, high, above, bright = np.inf, -np.inf, 0, 0
        quarter = scale[0] + _QUARTER * (scale[1] - scale[0])
        for block in _blocks(array):
            low, high = np.minimum(low, block.min()), np.maximum(high, block.max())
            above += int(np.count_nonzero(block > scale[0]))
            bright += int(np.count_nonzero(block > quarter))
        return cls(float(low), float(high), above, bright)

    def __add__(self, other: "Values") -> "Values":
        """Return the values of both."""
        low, high = float(np.minimum(self.low, other.low)), float(np.maximum(self.high, other.high))
        return Values(low, high, self.above_zero + other.above_zero, self.bright + other.bright)


def to_levels(
    paths: Sequence[Path], parts: Sequence[NDArray[Any]], scale: Scale | None
) -> tuple[NDArray[np.uint8], str]:
    """Return the images of some files as one array of levels, and in words which values were read on which scale.

    ``parts``: an array (rows, height, width) for each path, of whole numbers or floats. Without ``scale`` whole numbers
    are levels 0 … 255 and floats fractions 0 … 1, and both must look like it.

    Raises:
        HarnessError: a value is outside the scale, or the values look like those of another scale.
    """
    scales = [scale or NAMED["0..1" if part.dtype.kind == "f" else "0..255"] for part in parts]
    read = [Values.of(part, used) for part, used in zip(parts, scales, strict=True)]
    for path, part, used, values in zip(paths, parts, scales, read, strict=True):
        _check_range(path, part, used, values, given=scale is not None)
    words = []
    for used in dict.fromkeys(scales):  # a file may be dark beside bright ones: those of a scale are checked together
        same = [index for index, other in enumerate(scales) if other == used]
        values = sum((read[index] for index in same[1:]), read[same[0]])
        if scale is None:
            _check_bulk(paths[same[0]], used, values, floats=used == NAMED["0..1"])
        words.append(f"values {values.low:.6g} … {values.high:.6g} on the scale {used[0]:g} … {used[1]:g}")
    if len(parts) == 1 and parts[0].dtype == np.uint8 and scales[0] == NAMED["0..255"]:
        return parts[0], words[0]
    levels = np.empty((sum(map(len, parts)), *parts[0].shape[1:]), dtype=np.uint8)
    start = 0
    for part, used in zip(parts, scales, strict=True):
        _fill(levels[start : start + len(part)], part, used)
        start += len(part)
    return levels, "; ".join(words)


def _check_range(path: Path, part: NDArray[Any], scale: Scale, values: Values, *, given: bool) -> None:
    if np.isnan(values.low):
        row = next(index for index, image in enumerate(part) if np.isnan(image).any())
        msg = f"{path}: images[{row}] holds the value nan: every pixel must be a number"
        raise HarnessError(msg)
    margin = _margin(part, scale)
    if scale[0] - margin <= values.low and values.high <= scale[1] + margin:
        return
    content = f"{path}: images hold values from {values.low:.9g} to {values.high:.9g}"
    if given:
        msg = f"{content}, outside the scale {scale[0]:g} … {scale[1]:g} that is named"
    else:
        floats = part.dtype.kind == "f"
        msg = f"{content}, and {'floats' if floats else 'whole numbers'} are taken as {scale[0]:g} … {scale[1]:g}"
        above = int(np.count_nonzero(part > scale[1] + margin))
        if above:
            msg += f"; {above:,} of {part.size:,} are above"
        if 0 < above <= _FAULTS * part.size:
            row = next(index for index, image in enumerate(part) if image.max() > scale[1] + margin)
            msg += f", the first in images[{row}]: so few may be faults of the data, to be mended there"
    msg += f". {_remedies(values, scale)}"
    raise HarnessError(msg)


def _check_bulk(path: Path, scale: Scale, values: Values, *, floats: bool) -> None:
    """Refuse values whose bulk is in the darkest quarter of the scale: they are likely on another."""
    if values.bright and values.bright >= _BRIGHT_SHARE * values.above_zero:
        return
    quarter = f"{scale[0] + _QUARTER * (scale[1] - scale[0]):.2g}"
    share = values.bright / max(values.above_zero, 1)
    few = f"only {share:.2%} of those above 0 exceed {quarter}" if values.bright else f"none exceeds {quarter}"
    kind = "floats" if floats else "whole numbers"
    taken = f"which would be taken as {scale[0]:g} … {scale[1]:g}, but {few}"
    interval = f"from {values.low:.6g} to {values.high:.6g}"
    msg = f"{path}: images hold {kind} {interval}, {taken}. {_remedies(values, scale, dark=True)}"
    raise HarnessError(msg)


def _remedies(values: Values, scale: Scale, *, dark: bool = False) -> str:
    """Return the lines of a suite that would help."""
    lines = [f'scale = "{name}" if they are that dark' for name, known in NAMED.items() if dark and known == scale]
    low, high = min(values.low, 0.0), values.high if values.low < values.high else max(values.high, 0.0)
    if isfinite(low) and isfinite(high) and low < high:
        fitting = [name for name, (black, white) in NAMED.items()
                   if (black, white) != scale and black <= low and _QUARTER * white < high <= white]  # fmt: skip
        lines = [f'scale = "{name}"' for name in fitting] + [_interval(low, high)] + lines
    return f"In [dataset], say which: {', or '.join(dict.fromkeys(lines))}" if lines else "Remove what is not finite"


def _interval(low: float, high: float) -> str:
    plain = (int(end) if end.is_integer() and abs(end) < 1e15 else end for end in (low, high))
    return "scale = [{}, {}]".format(*plain)


def _margin(part: NDArray[Any], scale: Scale) -> float:
    """Return by how much a value may be outside its scale, by what the rounding of its type may have done."""
    if part.dtype.kind != "f":
        return 0.0
    step = max(_ROUNDING, 2.0 * float(np.finfo(part.dtype).eps))
    return step * max(abs(scale[0]), abs(scale[1]), scale[1] - scale[0])


def _fill(levels: NDArray[np.uint8], part: NDArray[Any], scale: Scale) -> None:
    low, high = scale
    # Fractions in single precision are multiplied in it, as they always were: their levels stay the same.
    dtype: type[np.floating] = (
        np.float32 if part.dtype.kind == "f" and part.dtype.itemsize <= 4 and low == 0 else np.float64
    )
    rows = max(1, _BLOCK_VALUES // max(1, int(np.prod(part.shape[1:]))))
    for start in range(0, len(part), rows):
        block = part[start : start + rows]
        if block.dtype == np.uint8 and scale == NAMED["0..255"]:
            levels[start : start + rows] = block
            continue
        values = block.astype(dtype)
        values -= low
        values *= 255.0 / (high - low)
        levels[start : start + rows] = np.clip(np.rint(values), 0, 255)


def _blocks(array: NDArray[Any]) -> Iterator[NDArray[Any]]:
    rows = max(1, _BLOCK_VALUES // max(1, int(np.prod(array.shape[1:]))))
    return (array[start : start + rows] for start in range(0, len(array), rows))
