"""Corruptions: certified by the kit, exact where nothing is interpolated, image by image, colour, five levels."""

import numpy as np
import pytest

from harness.conformance import PerturbationConformance
from harness.plugins.loading import registry
from harness.plugins.perturbations import levels_of
from harness.seeding import generator
from harness_corruptions.spatial import rotation, translation
from tests.corruptions import NAMES, draws, grey, perturb_of, photographs


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
    originals = images()
    turned = rotation(originals, 90.0, generator(1, "draws"))
    left, right = (np.abs(turned - np.rot90(originals, k, axes=(1, 2))).max(axis=(1, 2)) < 1e-5 for k in (1, -1))
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


JOINT = {"brightness", "jpeg"}
"""Corruptions whose channels depend on one another."""
ALONE = {"shot_noise", "impulse_noise", "speckle_noise", "gaussian_noise"}
"""Corruptions that draw for each channel."""


@pytest.mark.parametrize("name", sorted(set(NAMES) - JOINT - ALONE))
def test_channels_move_together(name):
    """A colour image becomes what each of its channels becomes by the same draws; the images may be read-only."""
    perturb, colour = perturb_of(name), photographs()
    moved = perturb(colour, perturb.levels[2], draws())
    for channel in range(3):
        alone = perturb(colour[..., channel], perturb.levels[2], draws())
        np.testing.assert_allclose(moved[..., channel], alone, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_an_image_changes_as_it_does_among_others(name):
    """A block is its images, one by one: an image's result depends on what is drawn for it, not on its neighbours.

    What is drawn for the first does not depend on how many follow. Impulse noise draws twice for the whole block.
    """
    perturb = perturb_of(name)
    severity = perturb.levels[-1]
    whole = perturb(grey(), severity, draws())
    if name != "impulse_noise":
        np.testing.assert_array_equal(whole[:1], perturb(grey()[:1], severity, draws()))
    others = 1 - grey()
    others[5] = grey()[5]
    if name != "shot_noise":  # how much a Poisson number takes of the stream depends on its mean
        np.testing.assert_array_equal(perturb(others, severity, draws())[5], whole[5])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("images", [grey(200), photographs()], ids=["digits", "colour"])
def test_levels_are_five_from_mild_to_strong(name, images):
    """The mean distance from the clean images grows from each level to the next, on 8 × 8 as on 28 × 36 pixels."""
    perturb = perturb_of(name)
    levels = levels_of(registry().find("perturbation", name))
    assert len(levels) == 5
    distances = [float(np.abs(result - images).mean()) for result in perturb.sweep(images, [0.0, *levels], draws())]
    assert distances[0] == 0
    assert (np.diff(distances) > 0).all(), distances
    assert distances[-1] > 0.01
    assert all(getattr(perturb, "check", lambda _: None)(level) is None for level in levels)


@pytest.mark.slow
def test_the_kit_certifies_every_corruption():
    """As a third party's: in a process of pytest's."""
    import subprocess
    import sys

    names = sorted(set(NAMES) - {"rotation", "translation", "gaussian_noise"})
    command = [sys.executable, "-m", "pytest", "-v", "--pyargs", "harness.conformance", "-p", "no:cacheprovider"]
    options = [f"--harness-perturbation={name}" for name in names]
    ended = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout[-3000:]
    assert all(f"[{name}] PASSED" in ended.stdout for name in names)
