"""Occlusion against its contract, and its squares counted."""

import numpy as np
import pytest

from harness.conformance import PerturbationConformance
from harness_occlusion import Occlusion


class TestOcclusion(PerturbationConformance):
    name = "grey_square"
    severities = (0.0, 0.25, 0.5, 1.0)


@pytest.mark.parametrize(("severity", "side"), [(0.0, 0), (0.125, 1), (0.5, 4), (1.0, 8), (3.0, 8)])
def test_covers_one_square_whole(severity, side):
    """A square of side × side on each image, never cut off by an edge."""
    covered = Occlusion()(np.zeros((500, 8, 12), dtype=np.float32), severity, np.random.default_rng(0)) == 0.5
    assert (covered.sum(axis=(1, 2)) == side * side).all()
    assert (covered.any(axis=2).sum(axis=1) == side).all()


def test_squares_are_everywhere_and_grow_in_place():
    """Every pixel is covered on some image; what is covered stays so as the severity grows."""
    images = np.zeros((500, 8, 8), dtype=np.float32)
    small, large = (occluded == 0.5 for occluded in Occlusion().sweep(images, [0.25, 0.5], np.random.default_rng(0)))
    assert small.any(axis=0).all()
    assert (large | ~small).all()
