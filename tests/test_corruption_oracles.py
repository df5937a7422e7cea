"""Noise, blurs, light and digital corruptions against scikit-image, SciPy and Pillow, on real images."""

import numpy as np
import pytest
from scipy import ndimage

from tests.corruptions import draws, grey, perturb_of, photographs, squares

skimage = pytest.importorskip("skimage")


def each(images, function):
    """Return what a function of one image returns of each, clipped to [0, 1]."""
    return np.clip(np.stack([function(image.astype(np.float64)) for image in images]), 0, 1)


def test_shot_noise_is_that_of_scikit_image():
    """Its λ is the next power of two of the number of values in the image, 32 of digits."""
    from skimage.util import random_noise

    expected = random_noise(grey().astype(np.float64), mode="poisson", rng=draws())
    perturb = perturb_of("shot_noise")(grey(), 32**-0.5, draws())
    np.testing.assert_allclose(perturb, expected, atol=1e-6)


@pytest.mark.parametrize("images", [grey(), photographs()], ids=["digits", "colour"])
def test_impulse_and_speckle_noise_are_those_of_scikit_image(images):
    """From the same draws."""
    from skimage.util import random_noise

    plain = images.astype(np.float64)
    salt = random_noise(plain, mode="s&p", amount=0.12, rng=draws())
    np.testing.assert_array_equal(perturb_of("impulse_noise")(images, 0.12, draws()), salt.astype(np.float32))
    speckled = random_noise(plain, mode="speckle", var=0.4**2, rng=draws())
    np.testing.assert_allclose(perturb_of("speckle_noise")(images, 0.4, draws()), speckled, atol=1e-6)


@pytest.mark.parametrize("images", [grey(), photographs()], ids=["digits", "colour"])
def test_gaussian_blur_is_that_of_scikit_image(images):
    """Of the same standard deviation in pixels, and beyond the border the outermost pixels."""
    from skimage.filters import gaussian

    for level in perturb_of("gaussian_blur").levels:
        deviation, axis = level * images.shape[1], None if images.ndim == 3 else -1
        expected = each(images, lambda image, d=deviation, a=axis: gaussian(image, d, mode="nearest", channel_axis=a))
        np.testing.assert_allclose(perturb_of("gaussian_blur")(images, level, draws()), expected, atol=1e-6)


def shifted(image, vector):
    """Return an image whose pixel at p is that at p + vector, bilinear, its outermost pixels beyond the border."""
    return ndimage.shift(image, [-vector[0], -vector[1], *[0] * (image.ndim - 2)], order=1, mode="nearest")


@pytest.mark.parametrize("images", [grey(3), photographs()[:2]], ids=["digits", "colour"])
def test_motion_blur_is_the_mean_of_shifted_images(images):
    """Of 64 steps along the line, each shifted by SciPy."""
    motion_blur = perturb_of("motion_blur")
    angles = motion_blur.draw(images, draws())
    steps = 0.24 * images.shape[1] * ((np.arange(64) + 0.5) / 64 - 0.5)
    expected = [
        np.mean([shifted(image, (step * np.sin(angle), step * np.cos(angle))) for step in steps], axis=0)
        for image, angle in zip(images.astype(np.float64), angles, strict=True)
    ]
    np.testing.assert_allclose(motion_blur(images, 0.24, draws()), expected, atol=1e-6)


@pytest.mark.parametrize("images", [grey(3), squares()[:2]], ids=["digits", "photographs"])
def test_defocus_blur_is_the_mean_of_shifted_images_over_a_disc(images):
    """Of the points of a square lattice within the disc: other points than ours, so that means differ by 0.005."""
    radius = 0.1 * images.shape[1]
    lattice = radius * (np.arange(31) - 15) / 15.5
    points = [(y, x) for y in lattice for x in lattice if np.hypot(y, x) <= radius]
    expected = each(images, lambda image: np.mean([shifted(image, point) for point in points], axis=0))
    np.testing.assert_allclose(perturb_of("defocus_blur")(images, 0.1, draws()), expected, atol=0.005)


def test_brightness_is_the_value_of_hsv():
    """Of colour images by scikit-image's colour model; of grey ones a sum."""
    from skimage.color import hsv2rgb, rgb2hsv

    expected = rgb2hsv(photographs().astype(np.float64))
    expected[..., 2] = np.clip(expected[..., 2] + 0.35, 0, 1)
    brighter = perturb_of("brightness")
    np.testing.assert_allclose(brighter(photographs(), 0.35, draws()), hsv2rgb(expected), atol=1e-5)
    np.testing.assert_allclose(brighter(grey(), 0.35, draws()), np.minimum(grey() + 0.35, 1), atol=1e-6)


def pillows(images):
    """Return grey images as Pillow's, of whole values."""
    from PIL import Image

    return [Image.fromarray(np.rint(image * 255).astype(np.uint8)) for image in images]


@pytest.mark.parametrize("images", [grey(), squares()], ids=["digits", "photographs"])
def test_contrast_is_that_of_pillow(images):
    """Pillow rounds the mean to a whole value of 255 and cuts off the result: 0.65 · 0.5 and up to 1 such value."""
    from PIL import ImageEnhance

    rounded = np.rint(images * 255).astype(np.float32) / np.float32(255)
    expected = [np.asarray(ImageEnhance.Contrast(image).enhance(1 - 0.65)) / 255 for image in pillows(rounded)]
    np.testing.assert_allclose(perturb_of("contrast")(rounded, 0.65, draws()), expected, atol=1.4 / 255)


@pytest.mark.parametrize("level", perturb_of("inversion").levels)
def test_inversion_is_that_of_pillow(level):
    """Blended with the image; Pillow cuts off what is behind a whole value of 255."""
    from PIL import Image, ImageOps

    expected = [np.asarray(Image.blend(image, ImageOps.invert(image), level)) / 255 for image in pillows(grey())]
    rounded = np.rint(grey() * 255).astype(np.float32) / np.float32(255)
    np.testing.assert_allclose(perturb_of("inversion")(rounded, level, draws()), expected, atol=1.001 / 255)


@pytest.mark.parametrize("images", [grey(), photographs()], ids=["digits", "colour"])
def test_gamma_is_that_of_scikit_image(images):
    """Some images darker, the others brighter, by the same factor of γ."""
    from skimage.exposure import adjust_gamma

    gamma = perturb_of("gamma")
    directions = gamma.draw(images, draws())
    assert set(directions.tolist()) == {-1.0, 1.0}
    pairs = zip(images.astype(np.float64), directions, strict=True)
    expected = [adjust_gamma(image, 2 ** (1.5 * direction)) for image, direction in pairs]
    np.testing.assert_allclose(gamma(images, 1.5, draws()), expected, atol=1e-6)


@pytest.mark.parametrize("images", [grey(), photographs()], ids=["digits", "colour"])
def test_pixelate_is_the_block_means_of_scikit_image(images):
    """Where the smaller size divides the larger: a half of 8, a half and a quarter of 28 and 36."""
    from skimage.measure import block_reduce

    for block in (2, 4):
        size = (block, block, *[1] * (images.ndim - 3))
        means = each(images, lambda image, s=size: block_reduce(image, s, np.mean))
        expected = means.repeat(block, axis=1).repeat(block, axis=2)
        np.testing.assert_allclose(perturb_of("pixelate")(images, 1 - 1 / block, draws()), expected, atol=1e-6)


@pytest.mark.parametrize("images", [grey(), photographs(), photographs()[..., :2]], ids=["grey", "RGB", "two"])
def test_jpeg_is_what_imageio_writes_and_reads(images):
    """Images of three channels in colour, all others channel by channel.

    The codec below is libjpeg for both; `test_jpeg_oracle` compares with the standard.
    """
    imageio = pytest.importorskip("imageio.v3")

    def through(pixels):
        data = imageio.imwrite("<bytes>", np.ascontiguousarray(pixels), extension=".jpg", quality=12)
        return imageio.imread(data, extension=".jpg") / 255

    pixels = np.rint(images * 255).astype(np.uint8)
    if images.shape[-1] == 2:
        expected = np.stack([np.stack([through(image[..., c]) for c in range(2)], axis=-1) for image in pixels])
    else:
        expected = np.stack([through(image) for image in pixels])
    np.testing.assert_allclose(perturb_of("jpeg")(images, 88.0, draws()), expected, atol=1e-6)
