"""Slopes of a loss by central differences, the oracle of gradients that no reference computes."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.conformance.clauses import broken, require

_STEPS = [2.0**-power for power in range(3, 14, 2)]
"""By how much of its size an array is moved: large steps see the loss bend, small ones its rounding."""
_CLOSE = 0.1
"""How far, relatively, a gradient may be from the slope: moderate, as losses are float32."""
_ROUNDED = 4
"""By how many of the last bits of a loss its rounding may move it."""
_RANDOM = 3

Values = NDArray[np.float64]


def require_slopes(
    loss: Callable[[Values], float], at: Any, gradient: Any, eps: float, clause: str, of: str = "the loss"
) -> None:
    """Fail the test unless the slopes of a loss at an array, in four directions, are those that its gradient says.

    One direction is that of the gradient's signs, which sees a wrong size; others are random, which see what the
    gradient lacks. Only two directions that disagree are a mistake: along one, a kink of the loss may be near. ``eps``:
    of the floats that the loss is computed in.
    """
    start, slopes = np.asarray(at, dtype=np.float64), np.asarray(gradient, dtype=np.float64)
    require(slopes.shape == start.shape, clause, f"a gradient of shape {start.shape}", f"one of {slopes.shape}")
    require(np.isfinite(slopes).all(), clause, "a finite gradient", "NaN or inf")
    size = max(float(np.sqrt(np.mean(start * start))), 0.05)
    typical = size * float(np.sqrt(np.sum(slopes * slopes)))
    wrong = []
    for way in _ways(slopes):
        direction = size * way
        claimed = float(np.sum(slopes * direction))
        slope, error = _slope(loss, start, direction, eps)
        if not abs(slope - claimed) <= _CLOSE * max(abs(slope), abs(claimed), typical) + error:
            ratio = f", {claimed / slope:.3g} times the slope" if abs(slope) > 2 * error else ""
            wrong.append((f"{slope:.4g}", f"{claimed:.4g}{ratio}"))
    if len(wrong) > 1:
        slope_text, claimed_text = wrong[0]
        expected = f"a slope of {of} along a direction of {slope_text}, by central differences"
        broken(clause, expected, f"a gradient that says {claimed_text}")


def _ways(slopes: Values) -> Iterator[Values]:
    rng = np.random.default_rng(17)
    if slopes.any():
        yield np.sign(slopes)
    for _ in range(_RANDOM):
        yield rng.choice([-1.0, 1.0], slopes.shape)


def _slope(loss: Callable[[Values], float], start: Values, direction: Values, eps: float) -> tuple[float, float]:
    """Return the slope and how far it may be off: of steps, that which agrees best with both beside it decides."""
    pairs = [(loss(start + step * direction), loss(start - step * direction)) for step in _STEPS]
    noise = _ROUNDED * eps * max(1.0, *(abs(value) for pair in pairs for value in pair))
    slopes = np.array([(up - down) / (2 * step) for (up, down), step in zip(pairs, _STEPS, strict=True)])
    errors = [
        2 * float(np.ptp(slopes[index - 1 : index + 2])) + noise / _STEPS[index] for index in range(1, len(_STEPS) - 1)
    ]
    best = int(np.argmin(errors))
    return float(slopes[best + 1]), errors[best]
