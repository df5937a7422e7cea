"""Folders of images, colour arrays, vectors and texts as labels, given test sets: through ``files``."""

import re

import numpy as np
import pytest
from PIL import Image

from harness.datasets.cache import obtain
from harness.datasets.files import Files
from harness.errors import HarnessError

GREY = np.random.default_rng(3).integers(0, 256, (6, 5, 4), dtype=np.uint8)
COLOUR = np.random.default_rng(4).integers(0, 256, (6, 5, 4, 3), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path):
    """Return a function that writes images, three for each of two classes, and returns their folder."""

    def written(images, name="images", form="png"):
        for index, image in enumerate(images):
            place = tmp_path / name / ("cat" if index < 3 else "dog")
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(place / f"{index}.{form}")
        return tmp_path / name

    return written


@pytest.mark.parametrize("images", [GREY, COLOUR])
def test_subfolders_are_classes(folder, images):
    """Images come by class and name, whatever the order of the folder's entries."""
    place = folder(images)
    (place / ".DS_Store").write_text("hidden")
    (place / "cat" / ".hidden").write_text("hidden")
    loaded = Files(images=place).load()
    assert np.array_equal(loaded.features, images)
    assert (loaded.class_names, loaded.labels.tolist()) == (("cat", "dog"), [0, 0, 0, 1, 1, 1])
    assert loaded.kind == "image"


def test_a_folder_is_read_again_when_a_file_changes(folder, tmp_path):
    """And only then."""
    place = folder(GREY)
    first = obtain("files", {}, Files(images=place), tmp_path / "cache")
    assert obtain("files", {}, Files(images=place), tmp_path / "cache") == first
    Image.fromarray(255 - GREY[0]).save(place / "cat" / "0.png")
    assert obtain("files", {}, Files(images=place), tmp_path / "cache").info.digest != first.info.digest


def test_images_of_other_sizes_are_resized(folder):
    """To height and width, in this order; without, the line that would do is shown."""
    place = folder([*GREY[:5], np.zeros((9, 9), np.uint8)])
    with pytest.raises(HarnessError) as caught:
        Files(images=place).load()
    first, last = place / "cat" / "0.png", place / "dog" / "5.png"
    assert str(caught.value) == f"{last}: 9 × 9 pixels, but {first} has 5 × 4. In [dataset], size = [5, 4] resizes all"
    assert Files(images=place, size=[6, 8]).load().features.shape == (6, 6, 8)


def test_grey_and_colour_are_converted(folder):
    """Both ways; a mixture is refused with the lines that would do."""
    place = folder([*GREY[:5], COLOUR[5]])
    with pytest.raises(HarnessError, match=r"5.png: RGB, but .*0.png is grey. In \[dataset\], channels = 1 or"):
        Files(images=place).load()
    assert Files(images=place, channels=1).load().features.shape == (6, 5, 4)
    loaded = Files(images=place, channels=3).load()
    assert np.array_equal(loaded.features[:5], np.repeat(GREY[:5, ..., None], 3, axis=3))


@pytest.mark.parametrize("bands", [2, 4])
def test_images_with_an_alpha_channel_are_refused(folder, bands):
    """Unless they are converted."""
    images = np.random.default_rng(5).integers(0, 256, (6, 5, 4, bands), dtype=np.uint8)
    place = folder(images)
    with pytest.raises(HarnessError, match=f"0.png: its mode is '(LA|RGBA)', {bands} channels: 8 bits of grey or RGB"):
        Files(images=place).load()
    assert Files(images=place, channels=3).load().features.shape == (6, 5, 4, 3)


def test_what_is_no_image_is_named(folder):
    """With its path."""
    place = folder(GREY)
    (place / "dog" / "notes.txt").write_text("not an image")
    with pytest.raises(HarnessError, match=r"dog/notes.txt: no image that Pillow reads"):
        Files(images=place).load()
    (place / "dog" / "notes.txt").unlink()
    content = (place / "dog" / "3.png").read_bytes()
    (place / "dog" / "3.png").write_bytes(content[:60])
    with pytest.raises(HarnessError, match=r"dog/3.png: cannot be read: "):
        Files(images=place).load()


def test_an_empty_folder_says_what_it_should_have(tmp_path):
    """Subfolders."""
    (tmp_path / "images").mkdir()
    with pytest.raises(HarnessError, match="images: has no subfolder with images: each class is a subfolder"):
        Files(images=tmp_path / "images").load()


def test_without_pillow_it_says_what_to_install(folder, monkeypatch):
    """An extra."""
    place = folder(GREY)
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(HarnessError, match=re.escape('and is not installed: pip install "nn-harness[images]"')):
        Files(images=place).load()


def test_a_given_test_folder(folder):
    """Of the same classes."""
    loaded = Files(images=folder(GREY), test_images=folder(GREY[::-1], "test")).load()
    assert loaded.test_rows == 6
    assert np.array_equal(loaded.features, np.concatenate([GREY, GREY[::-1]]))
    assert loaded.labels.tolist() == [0, 0, 0, 1, 1, 1] * 2


@pytest.fixture
def arrays(tmp_path):
    """Return a function that saves arrays, and returns their paths by name."""

    def saved(**content):
        for name, array in content.items():
            np.save(tmp_path / f"{name}.npy", array)
        return {name: tmp_path / f"{name}.npy" for name in content}

    return saved


def test_colour_arrays_and_texts_as_labels(arrays):
    """Channels last; classes sorted by name, or as class_names says."""
    names = np.array(["dog", "cat"] * 3)
    loaded = Files(**arrays(images=COLOUR, labels=names)).load()
    assert np.array_equal(loaded.features, COLOUR)
    assert (loaded.class_names, loaded.labels.tolist()) == (("cat", "dog"), [1, 0] * 3)
    loaded = Files(**arrays(images=COLOUR / 255, labels=names.astype("S")), class_names=["dog", "cat"]).load()
    assert np.array_equal(loaded.features, COLOUR)
    assert (loaded.class_names, loaded.labels.tolist()) == (("dog", "cat"), [0, 1] * 3)


def test_channels_first_are_refused_with_the_line_that_would_do(arrays):
    """They are not guessed."""
    with pytest.raises(HarnessError, match=r"channels last: images.transpose\(0, 2, 3, 1\) before saving"):
        Files(**arrays(images=np.zeros((6, 3, 8, 8), np.uint8), labels=np.arange(6) % 2)).load()


def test_vectors_of_any_shape_are_float32(arrays):
    """Whole numbers and floats alike."""
    values = np.arange(6 * 4 * 2).reshape(6, 4, 2)
    loaded = Files(**arrays(vectors=values, labels=np.arange(6) % 2)).load()
    assert (loaded.kind, loaded.features.dtype, loaded.features.shape) == ("vector", np.float32, (6, 4, 2))
    assert np.array_equal(loaded.features, values)
    assert loaded.title == "files, 6 rows"


@pytest.mark.parametrize(
    ("value", "message"),
    [(np.nan, "nan: every value must be a finite number"), (1e300, "1e+300: too large for float32")],
)
def test_a_vector_that_is_not_finite_is_named(arrays, value, message):
    """By its row and value."""
    values = np.zeros((6, 2))
    values[4, 1] = value
    with pytest.raises(HarnessError, match=re.escape(f"vectors.npy: vectors[4] holds the value {message}")):
        Files(**arrays(vectors=values, labels=np.arange(6) % 2)).load()


def test_given_test_arrays(arrays):
    """Behind the others; the labels that only they have are refused."""
    paths = arrays(images=GREY, labels=np.arange(6) % 2, test_images=GREY[:2], test_labels=np.array([1, 0]))
    loaded = Files(**paths).load()
    assert (loaded.test_rows, loaded.labels.tolist()) == (2, [0, 1] * 3 + [1, 0])
    paths = arrays(images=GREY, labels=np.arange(6) % 2, test_images=GREY[:2], test_labels=np.array([1, 7]))
    with pytest.raises(HarnessError, match=r"the test set has the label 7, which no row outside it has"):
        Files(**paths).load()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": None}, "labels: is missing, and images need a label each"),
        ({"test_labels": None}, "test_labels: is missing, and test_images need a label each"),
        ({"size": [2, 2]}, "size: is for a folder of images; arrays have theirs"),
        ({"channels": 1}, "channels: is for a folder of images; arrays have theirs"),
    ],
)
def test_what_arrays_need_is_said(arrays, options, message):
    """As why the dataset is not available."""
    paths = arrays(images=GREY, labels=np.arange(6) % 2, test_images=GREY, test_labels=np.arange(6) % 2)
    options_given = {key: value for key, value in (paths | options).items() if value is not None}
    assert Files(**options_given).unavailable() == message


def test_a_folder_beside_files_or_labels_is_refused(folder, arrays):
    """Its subfolders are the labels."""
    place, paths = folder(GREY), arrays(more=GREY, labels=np.arange(6) % 2)
    assert Files(images=place, labels=paths["labels"]).unavailable() == (
        f"labels: the folder {place} has a subfolder for each class: remove labels"
    )
    assert Files(images=[place, paths["more"]]).unavailable() == (
        f"images: {paths['more']}: is a file, beside a folder. Name one kind"
    )
