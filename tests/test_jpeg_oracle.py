"""JPEG against the standard, written out with SciPy's transform: imageio and scikit-image have Pillow's libjpeg."""

import numpy as np
import pytest
from scipy.fft import dctn, idctn

from tests.corruptions import draws, grey, perturb_of, squares

LUMINANCE = np.array([
    [16, 11, 10, 16, 24, 40, 51, 61], [12, 12, 14, 19, 26, 58, 60, 55],
    [14, 13, 16, 24, 40, 57, 69, 56], [14, 17, 22, 29, 51, 87, 80, 62],
    [18, 22, 37, 56, 68, 109, 103, 77], [24, 35, 55, 64, 81, 104, 113, 92],
    [49, 64, 78, 87, 103, 121, 120, 101], [72, 92, 95, 98, 112, 100, 103, 99],
])  # fmt: skip
"""Table K.1 of ITU-T T.81 (1992), which libjpeg scales by its quality."""
TIE = 0.005
"""How near to the middle of two steps a coefficient is that libjpeg's whole numbers may round to the other one."""


def standard(images, quality):
    """Return grey images (rows, height, width) in [0, 255] through blocks of 8 × 8, and where no rounding is a tie."""
    height, width = images.shape[1:]
    padded = np.pad(images, ((0, 0), (0, -height % 8), (0, -width % 8)), mode="edge")
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    steps = np.clip((LUMINANCE * scale + 50) // 100, 1, 255)[:, None]
    blocks = padded.reshape(len(padded), padded.shape[1] // 8, 8, padded.shape[2] // 8, 8)
    scaled = dctn(blocks - 128, axes=(2, 4), norm="ortho") / steps
    sure = (np.abs(scaled - np.floor(scaled) - 0.5) > TIE).all(axis=(2, 4), keepdims=True)
    read = idctn(np.rint(scaled) * steps, axes=(2, 4), norm="ortho") + 128
    padded_parts = (np.clip(np.rint(read), 0, 255), np.broadcast_to(sure, blocks.shape))
    return [each.reshape(padded.shape)[:, :height, :width] for each in padded_parts]


@pytest.mark.parametrize("images", [grey(200), squares()], ids=["digits", "photographs"])
@pytest.mark.parametrize("level", perturb_of("jpeg").levels)
def test_a_grey_jpeg_is_what_the_standard_says(images, level):
    """Within a value of 255 in every block without a tie, most of all; colour is compared with imageio's bytes alone.

    Its resolution is halved and smoothed as each decoder likes.
    """
    expected, sure = standard(np.rint(images * 255.0), 100 - int(level))
    perturb = perturb_of("jpeg")(images, level, draws()) * 255
    assert sure.mean() > 0.5
    np.testing.assert_allclose(perturb[sure], expected[sure], rtol=0, atol=1.01)
    assert (np.abs(perturb - expected) < 1.01).mean() > 0.95
