"""The step of networks of images by kernels, on the double, in any shape: its gradients are NumPy's."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.interfaces import (
    Activation,
    AveragePool2d,
    BatchNorm,
    Conv2d,
    Flatten,
    GlobalAveragePool,
    Linear,
    MaxPool2d,
    NetworkSpec,
    Residual,
)
from harness_array.backends import CupyBackend, NumpyBackend
from harness_array.kernels.plan import has_kernels
from tests.doubles import needs_compiler, strict_cupy
from tests.image_networks import float64_state, gradients_of_one_step
from tests.networks import labelled_images

__all__ = ["strict_cupy"]

CONVOLUTION = st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(0, 3), st.booleans())
"""Kernel, stride, padding, and whether it has a bias."""


@pytest.mark.slow
@needs_compiler
@pytest.mark.usefixtures("strict_cupy")
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.integers(2, 7),
    sides=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    channels=st.tuples(st.integers(1, 4), st.integers(1, 18)),
    forms=st.tuples(CONVOLUTION, CONVOLUTION),
    pool=st.sampled_from([MaxPool2d(1), MaxPool2d(2), MaxPool2d(3), AveragePool2d(2), AveragePool2d(3)]),
    inner=st.sampled_from(["plain", "residual", "residual of a pool"]),
    whole=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_gradients_are_numpys_in_any_shape(rows, sides, channels, forms, pool, inner, whole, seed):
    """Two convolutions, the second in a residual or not, a pool, and an image or its mean."""
    first, second = (
        Conv2d(inputs, outputs, kernel, stride, padding, bias)
        for (kernel, stride, padding, bias), inputs, outputs in zip(
            ((min(form[0], 4), form[1], min(form[2], form[0] - 1), form[3]) for form in forms),
            channels, (channels[1], 3), strict=True,
        )
    )  # fmt: skip
    block = {"plain": [second, BatchNorm(3)], "residual": [Residual((second, BatchNorm(3)))]}.get(
        inner, [Residual((pool, Activation("tanh"), second))]
    )
    layers = [
        first,
        BatchNorm(channels[1]),
        Activation("silu"),
        *block,
        pool,
        GlobalAveragePool() if whole else Flatten(),
    ]
    try:
        shape = NetworkSpec((*sides, channels[0]), 4, tuple(layers), batch_size=8).shapes()[-1]
    except ValueError:
        return  # a shape that does not fit
    spec = NetworkSpec((*sides, channels[0]), 4, (*layers, Linear(*shape, 4)), batch_size=8)
    assert has_kernels(spec, np.dtype(np.uint8))
    images, state = labelled_images(rows, spec.input_shape, 4, seed), float64_state(spec, seed)
    (statistics, ours, after), (expected, theirs, there) = (
        gradients_of_one_step(backend, spec, images, state) for backend in (CupyBackend(), NumpyBackend())
    )
    assert statistics.losses[0] == pytest.approx(expected.losses[0], rel=1e-11)
    for key, value in theirs.items():
        np.testing.assert_allclose(ours[key], value, rtol=1e-7, atol=1e-9 * max(1.0, np.abs(value).max()), err_msg=key)
    for key in (key for key in after if "running" in key):
        np.testing.assert_allclose(after[key], there[key], rtol=1e-10, atol=1e-12, err_msg=key)
