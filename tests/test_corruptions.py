"""Rotation and translation: certified by the kit, exact where nothing is interpolated, both directions, colour."""

import numpy as np
import pytest

from harness.conformance import PerturbationConformance
from harness.seeding import generator
from harness_corruptions.spatial import rotation, translation


class TestRotation(PerturbationConformance):
    name = "rotation"
    severities = (0.0, *rotation.levels)


class TestTranslation(PerturbationConformance):
    name = "translation"
    severities = (0.0, *translation.levels)


def images(rows=40, shape=(9, 9)):
    """Return images of random pixels, float32 (rows, *shape)."""
    return np.random.default_rng(0).random((rows, *shape), dtype=np.float32)


def test_a_quarter_turn_moves_every_pixel_to_its_place():
    """Some images clockwise, the others anticlockwise."""
    given = images()
    turned = rotation(given, 90.0, generator(1, "draws"))
    left, right = (np.abs(turned - np.rot90(given, k, axes=(1, 2))).max(axis=(1, 2)) < 1e-5 for k in (1, -1))
    assert (left ^ right).all()
    assert left.any()
    assert right.any()


def test_a_shift_has_the_length_that_is_asked_for_in_any_direction():
    """The centre of a blob moves by a fraction of the height; directions differ from image to image."""
    x = np.arange(21) - 10
    blob = np.exp(-(x[:, None] ** 2 + x**2) / 8).astype(np.float32)
    moved = translation(np.repeat(blob[None], 60, axis=0), 0.2, generator(1, "draws"))
    weights = moved / moved.sum(axis=(1, 2), keepdims=True)
    centres = np.stack([(weights.sum(axis=2) * x).sum(axis=1), (weights.sum(axis=1) * x).sum(axis=1)], axis=1)
    np.testing.assert_allclose(np.hypot(*centres.T), 0.2 * 21, rtol=0.03)
    quadrants = {tuple(signs) for signs in np.sign(centres).astype(int).tolist()}
    assert len(quadrants) == 4


@pytest.mark.parametrize("perturb", [rotation, translation], ids=["rotation", "translation"])
def test_channels_move_together(perturb):
    """A colour image is moved as each of its channels is by the same draws; the images may be read-only."""
    colour = images(shape=(8, 10, 3))
    colour.flags.writeable = False
    moved = perturb(colour, perturb.levels[2], generator(3, "draws"))
    for channel in range(3):
        alone = perturb(colour[..., channel], perturb.levels[2], generator(3, "draws"))
        np.testing.assert_array_equal(moved[..., channel], alone)


@pytest.mark.parametrize("perturb", [rotation, translation], ids=["rotation", "translation"])
def test_an_image_moves_as_it_does_among_others(perturb):
    """A block is its images, one by one: what is drawn for the first does not depend on how many follow."""
    given = images()
    whole = perturb(given, perturb.levels[-1], generator(4, "draws"))
    first = perturb(given[:1], perturb.levels[-1], generator(4, "draws"))
    np.testing.assert_array_equal(whole[:1], first)
