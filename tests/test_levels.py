"""On which scale pixels are: said, or checked; a wrong guess would train on images of two grey levels."""

import json
import re

import numpy as np
import pytest
from sklearn.datasets import load_digits

from harness.datasets.cache import materialise
from harness.datasets.digits import Digits
from harness.datasets.files import Files
from harness.datasets.levels import parse_scale, to_levels
from harness.errors import HarnessError

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 5, 4), dtype=np.uint8)
JUST_ABOVE = np.nextafter(np.float32(1), np.float32(2))


@pytest.fixture
def load(tmp_path):
    """Return a function that writes some files' images, and loads them on a scale."""

    def loaded(*files, scale=None):
        paths = []
        for index, array in enumerate(files):
            paths.append(tmp_path / f"images-{index}.npy")
            np.save(paths[-1], array)
        np.save(tmp_path / "labels.npy", np.arange(sum(map(len, files))) % 3)
        return Files(images=paths, labels=tmp_path / "labels.npy", scale=scale).load()

    return loaded


def refused(load, *files, scale=None):
    """Return the one line that images are refused with, from behind the file's name."""
    with pytest.raises(HarnessError) as caught:
        load(*files, scale=scale)
    assert "\n" not in str(caught.value)
    return str(caught.value).partition(".npy: ")[2]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4"])
def test_floats_are_fractions(load, dtype):
    """In [0, 1]; the nearest level is taken."""
    assert np.array_equal(load((IMAGES / 255).astype(dtype)).features, IMAGES)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64, np.uint64, ">i4"])
def test_whole_numbers_are_levels(load, dtype):
    """In 0 … 255."""
    assert np.array_equal(load(IMAGES.astype(dtype)).features, IMAGES)


def test_a_rounding_error_outside_is_clipped(load):
    """One pixel a bit above 1, or below 0, changes no other."""
    images = (IMAGES / 255).astype(np.float32)
    images[0, 0] = [JUST_ABOVE, -1e-8, 1, 0]
    expected = IMAGES.copy()
    expected[0, 0] = [255, 0, 255, 0]
    assert np.array_equal(load(images).features, expected)
    assert np.array_equal(load(images, scale="0..1").features, expected)


def test_scikit_learns_digits_equal_the_built_in_set(load, tmp_path):
    """With their scale named; without it they are refused, as they would be nearly black."""
    theirs = load_digits()
    np.save(tmp_path / "x.npy", theirs.images)
    np.save(tmp_path / "y.npy", theirs.target)
    files = Files(images=tmp_path / "x.npy", labels=tmp_path / "y.npy", scale=[0, 16])
    entry = materialise("files", {}, files, tmp_path / "cache")
    assert entry.info.digest == materialise("digits", {}, Digits(), tmp_path / "cache").info.digest
    assert entry.info.title == "files, 1,797 images, values 0 … 16 on the scale 0 … 16"
    assert refused(load, theirs.images) == (
        "images hold values from 0 to 16, and floats are taken as 0 … 1; 54,641 of 115,008 are above. In [dataset], "
        "say which: scale = [0, 16]"
    )
    assert refused(load, theirs.images.astype(int)) == (
        "images hold whole numbers from 0 to 16, which would be taken as 0 … 255, but none exceeds 64. In [dataset], "
        'say which: scale = [0, 16], or scale = "0..255" if they are that dark'
    )


@pytest.mark.parametrize(
    ("images", "scale", "levels"),
    [
        (IMAGES.astype(np.float32), "0..255", IMAGES),
        (IMAGES.astype(np.float32), [0, 255], IMAGES),
        (IMAGES // 128, "0..1", IMAGES // 128 * 255),
        (IMAGES > 127, "0..1", (IMAGES > 127) * 255),
        (IMAGES // 8, "0..255", IMAGES // 8),
        (IMAGES.astype(np.uint16) * 257, [0, 65535], IMAGES),
        (IMAGES / 127.5 - 1, [-1, 1], IMAGES),
        (IMAGES / 255 * 0.01, [0, 0.01], IMAGES),
        (IMAGES / 255 * 0.01, "0..1", np.rint(IMAGES * 0.01)),
    ],
)
def test_a_scale_that_is_named_is_taken(load, images, scale, levels):
    """Whatever the values look like."""
    assert np.array_equal(load(images, scale=scale).features, levels)


HOT = np.where(np.arange(24_000).reshape(60, 20, 20) == 7, 200, np.resize(np.arange(17), (60, 20, 20)))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (
            IMAGES // 128,
            "whole numbers from 0 to 1, which would be taken as 0 … 255, but none exceeds 64. In [dataset]",
        ),
        (IMAGES // 4, 'say which: scale = [0, 63], or scale = "0..255" if they are that dark'),
        (IMAGES > 127, 'say which: scale = "0..1", or scale = [0, 1], or scale = "0..255" if they are that dark'),
        (
            IMAGES * 0,
            "from 0 to 0, which would be taken as 0 … 255, but none exceeds 64. In [dataset], say which: scale",
        ),
        (
            HOT,
            "from 0 to 200, which would be taken as 0 … 255, but only 0.00% of those above 0 exceed 64. In [dataset]",
        ),
        (IMAGES / 255 / 255, "floats from 0 to 0.00392157, which would be taken as 0 … 1, but none exceeds 0.25. In"),
        (
            IMAGES.astype(int) - 1,
            "values from -1 to 254, and whole numbers are taken as 0 … 255. In [dataset], say",
        ),
        (
            IMAGES.astype(int) + 9,
            "to 264, and whole numbers are taken as 0 … 255; 7 of 240 are above. In [dataset], ",
        ),
        (IMAGES.astype(np.uint16) * 257, "say which: scale = [0, 65535]"),
        (IMAGES.astype(np.uint16) * 0 + 300, "240 of 240 are above. In [dataset], say which: scale = [0, 300]"),
        (IMAGES.astype(int) * 0 - 5, "say which: scale = [-5, 0]"),
        (
            IMAGES / 127.5 - 1,
            "from -1 to 1, and floats are taken as 0 … 1. In [dataset], say which: scale = [-1, 1]",
        ),
        (
            IMAGES / 255 * 1.01,
            "and floats are taken as 0 … 1; 2 of 240 are above. In [dataset], say which: scale = [0, 1.01",
        ),
    ],
)
def test_values_that_look_like_another_scale_are_refused(load, images, message):
    """With the range that was found, and the lines that would do."""
    assert message in refused(load, images)


@pytest.mark.parametrize(
    ("images", "scale", "message"),
    [
        (
            IMAGES,
            "0..1",
            "from 0 to 255, outside the scale 0 … 1 that is named. In [dataset], say which: scale = ",
        ),
        (IMAGES.astype(float), [0, 200], "outside the scale 0 … 200 that is named. In [dataset], say which: scale"),
        (IMAGES * np.nan, None, "images[0] holds the value nan: every pixel must be a number"),
        (np.where(np.arange(240).reshape(12, 5, 4) == 99, np.inf, 0.5), None, "to inf, and floats are taken as 0 … 1;"),
        (np.where(np.arange(240).reshape(12, 5, 4) == 99, np.inf, 0.5), [0, 1], "Remove what is not finite"),
    ],
)
def test_values_outside_a_scale_are_refused(load, images, scale, message):
    """With the range that was found."""
    assert message in refused(load, images, scale=scale)


def test_files_of_a_kind_are_judged_together(load):
    """A file of dark images beside bright ones is dark; floats beside whole numbers have their own scale."""
    dark = IMAGES // 8
    assert np.array_equal(load(dark, IMAGES).features, np.concatenate([dark, IMAGES]))
    mixed = load(IMAGES, IMAGES / 255)
    assert np.array_equal(mixed.features, np.concatenate([IMAGES, IMAGES]))
    assert mixed.title == ("files, 24 images, values 0 … 255 on the scale 0 … 255; values 0 … 1 on the scale 0 … 1")
    assert "none exceeds 64" in refused(load, dark, IMAGES / 255)


def test_many_blocks_are_measured_and_scaled_as_one(load):
    """Images are looked at a part at a time."""
    images = np.random.default_rng(1).random((40, 300, 200), dtype=np.float32)
    images[39, 0, 0] = JUST_ABOVE
    assert np.array_equal(load(images).features, np.clip(np.rint(images * np.float32(255)), 0, 255))


@pytest.mark.parametrize(
    "scale",
    ["0-1", "", 16, True, [0], [0, 1, 2], [1, 1], [1, 0], [0, "1"], [False, True], [0, 10**400], [0, 1e-320],
     [-1e308, 1e308], [0.0, float("inf")], {"low": 0}],
)  # fmt: skip
def test_a_scale_that_is_none_is_refused(scale):
    """With the forms that there are."""
    with pytest.raises(ValueError, match=r'^scale: .*: "0\.\.1", "0\.\.255" or \[low, high\], with low < high'):
        parse_scale(scale)


SUITE = """
[suite]
name = "Levels"
seeds = [1]
[dataset]
name = "files"
images = "images.npy"
labels = "labels.npy"
[experiments.A]
hidden_layers = [8]
optimizer = { name = "adam", learning_rate = 0.05 }
batch_size = 32
epochs = 20
"""


@pytest.mark.slow
def test_one_pixel_above_one_changes_no_number(typed, tmp_path):
    """Eight classes by grey level alone: all are predicted, as on two levels they could not be."""
    labels = np.arange(400) % 8
    images = np.ones((400, 4, 4), dtype=np.float32) * 0.1
    for row, label in enumerate(labels):
        images[row, label // 4, label % 4] = 0.4
    images[0, 3, 3] = JUST_ABOVE
    np.save(tmp_path / "images.npy", images)
    np.save(tmp_path / "labels.npy", labels)
    (tmp_path / "suite.toml").write_text(SUITE)
    values = "files, 400 images, values 0.1 … 1 on the scale 0 … 1"
    assert values in typed("plan", "suite.toml").out
    assert "100.00" in typed("run", "suite.toml").out
    assert json.loads((tmp_path / "runs" / "suite" / "run.json").read_text())["dataset"]["title"] == values
    described = typed("datasets", "describe", "files", "--set", "images=images.npy", "--set", "labels=labels.npy",
                      "--set", "scale=[0, 2]").out  # fmt: skip
    assert "files, 400 images, values 0.1 … 1 on the scale 0 … 2" in described
    assert "dataset.scale=[2, 0]: [2, 0]: " in typed("plan", "suite.toml", "--set", "dataset.scale=[2, 0]", code=2).err


def test_few_values_above_the_scale_may_be_faults_of_the_data(tmp_path):
    """A scale that takes one of 64,000 in would leave the others few levels: its image is named first."""
    images = np.random.default_rng(1).random((1000, 8, 8)).astype(np.float32)
    images[5, 0, 0] = 37.0
    message = (
        "1 of 64,000 are above, the first in images[5]: so few may be faults of the data, to be mended there. In ["
    )
    with pytest.raises(HarnessError, match=re.escape(message)):
        to_levels([tmp_path / "images.npy"], [images], None)
