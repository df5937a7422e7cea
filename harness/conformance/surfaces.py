"""Surfaces that an optimizer under test descends, and its way on them."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.interfaces import Optimizer

Vector = NDArray[Any]
STEPS = 20
RATE = 0.01
SCALES = np.array([1.0, 0.3, 2.0, 0.7, 1.5, 0.1])


def quadratic(x: Vector) -> Vector:
    """Return the gradient of ½ Σ s x², s between 0.1 and 2."""
    return np.asarray(SCALES * x)


def rosenbrock(x: Vector) -> Vector:
    """Return the gradient of Σ 100 (x₂ - x₁²)² + (1 - x₁)² over consecutive pairs (Rosenbrock, 1960), scaled down."""
    first, second = x[..., ::2], x[..., 1::2]
    gradient = np.empty_like(x)
    gradient[..., ::2] = -400.0 * first * (second - first * first) - 2.0 * (1.0 - first)
    gradient[..., 1::2] = 200.0 * (second - first * first)
    return gradient / 100.0


SURFACES = {"quadratic": quadratic, "Rosenbrock": rosenbrock}


def start(trials: int = 1, dtype: Any = np.float64) -> Vector:
    """Return starting points (trials, 6), or (6,) for one."""
    points = np.random.default_rng(3).uniform(-1.5, 1.5, (trials, len(SCALES))).astype(dtype)
    return points[0] if trials == 1 else points


def descend(rule: Optimizer, x: Vector, gradient: Callable[[Vector], Vector], convert: Any = np.asarray) -> Vector:
    """Return the parameters after some steps, in the arrays that ``convert`` makes of NumPy's."""
    parameters, state = convert(x), rule.init(convert(x))
    for _ in range(STEPS):
        gradients = convert(gradient(np.asarray(parameters)).astype(x.dtype))
        parameters, state = rule.update(parameters, gradients, state, RATE)
    return np.asarray(parameters)


def unrolled(rule: Optimizer, x: Vector, gradients: Iterable[Vector]) -> Vector:
    """Return the parameters after a step along each of some gradients."""
    parameters, state = x, rule.init(x)
    for gradient in gradients:
        parameters, state = rule.update(parameters, gradient, state, RATE)
    return np.asarray(parameters)
