"""Geometry, occlusion, stripes and fog against scikit-image and SciPy, on real images."""

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator
from scipy.signal import square

from tests.corruptions import draws, grey, perturb_of, photographs, squares

pytest.importorskip("skimage")

IMAGES = pytest.mark.parametrize("images", [grey(), photographs()], ids=["digits", "colour"])


def warped(images, maps):
    """Return images that scikit-image warps, each by its map from a pixel to where it comes from; and what is inside.

    Outside the image both are black. Within the last pixel of the border scikit-image fades to black, and SciPy does
    not go on: there the two differ, and nothing is compared.
    """
    from skimage.transform import warp

    pairs = list(zip(images.astype(np.float64), maps, strict=True))
    results = np.stack([warp(image, each, order=1, mode="constant", cval=0, clip=False) for image, each in pairs])
    ones = np.ones_like(images[0], dtype=np.float64)
    cover = np.stack([warp(ones, each, order=1, mode="constant", cval=0, clip=False) for _, each in pairs])
    return results, (cover > 1 - 1e-9) | (cover == 0)


def assert_warped(actual, images, maps):
    """Compare what both define."""
    expected, comparable = warped(images, maps)
    assert comparable.mean() > 0.6
    np.testing.assert_allclose(actual[comparable], expected[comparable], atol=2e-6)


def about_centre(images, matrix):
    """Return the affine map of (x, y) by a matrix about the centre."""
    from skimage.transform import AffineTransform

    centre = (np.array(images.shape[1:3][::-1]) - 1) / 2
    whole = np.eye(3)
    whole[:2, :2] = matrix
    whole[:2, 2] = centre - matrix @ centre
    return AffineTransform(matrix=whole)


@pytest.mark.parametrize("images", [grey(), squares()], ids=["digits", "photographs"])
def test_rotation_is_that_of_scikit_image(images):
    """Anticlockwise by a positive angle, as it turns; about the same centre."""
    from skimage.transform import rotate

    rotation = perturb_of("rotation")
    signs = rotation.draw(images, draws())
    ones, pairs = np.ones(images.shape[1:]), list(zip(images.astype(np.float64), signs, strict=True))
    expected = np.stack([rotate(image, sign * 20.0, order=1, mode="constant", clip=False) for image, sign in pairs])
    cover = np.stack([rotate(ones, sign * 20.0, order=1, mode="constant", clip=False) for _, sign in pairs])
    inside = cover > 1 - 1e-9
    np.testing.assert_allclose(rotation(images, 20.0, draws())[inside], expected[inside], atol=2e-6)


@IMAGES
def test_translation_is_that_of_scikit_image(images):
    """By the vectors that are drawn, in (x, y)."""
    from skimage.transform import AffineTransform

    translation = perturb_of("translation")
    vectors = translation.draw(images, draws()) * 0.12 * images.shape[1]
    maps = [AffineTransform(translation=(-x, -y)) for y, x in vectors]
    assert_warped(translation(images, 0.12, draws()), images, maps)


@IMAGES
def test_scale_is_that_of_scikit_image(images):
    """Larger and smaller."""
    scale = perturb_of("scale")
    factors = 1.35 ** scale.draw(images, draws())
    assert factors.min() < 1 < factors.max()
    maps = [about_centre(images, np.eye(2) / factor) for factor in factors]
    assert_warped(scale(images, 0.35, draws()), images, maps)


@IMAGES
def test_shear_is_that_of_scikit_image(images):
    """Lines move sideways, by the tangent of the angle."""
    shear = perturb_of("shear")
    signs = shear.draw(images, draws())
    maps = [about_centre(images, np.array([[1, sign * np.tan(np.deg2rad(22))], [0, 1]])) for sign in signs]
    assert_warped(shear(images, 22.0, draws()), images, maps)


@IMAGES
def test_elastic_is_that_of_scikit_image(images):
    """By the field that is drawn, whose root mean square is the severity."""
    elastic = perturb_of("elastic")
    fields = elastic.draw(images, draws())
    np.testing.assert_allclose(np.sqrt(np.square(fields).sum(axis=1).mean(axis=(1, 2))), 1.0)
    places = np.indices(images.shape[1:3]) + 0.06 * images.shape[1] * fields
    channels = images.shape[3:]
    ours = elastic(images, 0.06, draws())
    if channels:
        for channel in range(channels[0]):
            assert_warped(ours[..., channel], images[..., channel], places)
    else:
        assert_warped(ours, images, places)


@IMAGES
def test_occlusion_covers_a_rectangle_of_the_area(images):
    """The pixels whose centres scikit-image finds within the polygon of its corners."""
    from skimage.measure import points_in_poly

    occlusion = perturb_of("occlusion")
    height, width = images.shape[1:3]
    size, side = np.array([height, width]), np.sqrt(0.22)
    centres = np.indices((height, width)).reshape(2, -1).T + 0.5
    occluded = occlusion(np.ones_like(images), 0.22, draws())
    for result, place in zip(occluded, occlusion.draw(images, draws()), strict=True):
        top = place * (1 - side) * size
        corners = [top + side * size * corner for corner in ([0, 0], [0, 1], [1, 1], [1, 0])]
        inside = points_in_poly(centres, corners).reshape(height, width)
        np.testing.assert_array_equal(result == 0, inside if images.ndim == 3 else np.repeat(inside[..., None], 3, -1))
    assert 0.15 < (occluded == 0).mean() < 0.3


@IMAGES
def test_stripes_are_a_square_wave_of_scipy(images):
    """With the severity as duty cycle; inverted where it is high."""
    stripes = perturb_of("stripes")
    height, width = images.shape[1:3]
    striped = stripes(images, 0.24, draws())
    rng = draws()
    angles, places = (rng.random((len(images), 2)) * [2 * np.pi, 1]).T
    y, x = np.indices((height, width)) / height
    for image, result, angle, place in zip(images, striped, angles, places, strict=True):
        phase = 2 * (y * np.sin(angle) + x * np.cos(angle)) + place - 0.5 + 0.12
        high = square(2 * np.pi * phase, duty=0.24) > 0
        expected = np.where(high if image.ndim == 2 else high[..., None], 1 - image, image)
        np.testing.assert_allclose(result, expected, atol=1e-6)


def test_fog_is_the_light_of_grids_that_scipy_interpolates():
    """Four grids, each finer and half as strong, from 0 to 1 in each image; white shines through by its opacity."""
    images = squares()
    fog = perturb_of("fog")
    values = draws().standard_normal((len(images), 3**2 + 5**2 + 9**2 + 17**2))
    points = np.stack(np.meshgrid(np.linspace(0, 1, 28), np.linspace(0, 1, 28), indexing="ij"), axis=-1)
    for image, result, drawn in zip(images, fog(images, 0.6, draws()), values, strict=True):
        total, start = np.zeros((28, 28)), 0
        for octave, size in enumerate((3, 5, 9, 17)):
            grid = drawn[start : start + size**2].reshape(size, size)
            start += size**2
            axis = np.linspace(0, 1, size)
            total += RegularGridInterpolator((axis, axis), grid)(points) / 2**octave
        opacity = 0.6 * (total - total.min()) / np.ptp(total)
        np.testing.assert_allclose(result, (1 - opacity) * image + opacity, atol=1e-6)
