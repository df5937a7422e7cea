"""Datasets: digits, files of every format, and every way in which a file can be wrong."""

import gzip
import struct

import numpy as np
import pytest
from sklearn.datasets import load_digits

from harness.datasets.digits import Digits
from harness.datasets.files import Files
from harness.errors import HarnessError

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 5, 4), dtype=np.uint8)
LABELS = np.arange(12) % 3


def npy(path, array):
    """Write an array as .npy."""
    with path.open("wb") as handle:
        np.save(handle, array)


def npz(path, array):
    """Write an array as the one member of an .npz."""
    with path.open("wb") as handle:
        np.savez(handle, anything=array)


def idx(path, array):
    """Write an array of bytes as idx."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    path.write_bytes(header + array.astype(np.uint8).tobytes())


def gzipped(write):
    """Return a writer of the same format, gzipped."""

    def written(path, array):
        write(path, array)
        path.write_bytes(gzip.compress(path.read_bytes()))

    return written


@pytest.fixture
def load(tmp_path):
    """Return a function that writes images and labels as .npy and loads them; a writer may take a role's place."""

    def loaded(images=IMAGES, labels=LABELS, write_images=npy, write_labels=npy):
        paths = {"images": tmp_path / "images", "labels": tmp_path / "labels"}
        write_images(paths["images"], images)
        write_labels(paths["labels"], labels)
        return Files(**paths).load()

    return loaded


def refused(function, *arguments, **keywords):
    """Return the one line that a call is refused with."""
    with pytest.raises(HarnessError) as caught:
        function(*arguments, **keywords)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_digits_are_scikit_learns_in_256_levels():
    """1,797 images of 8 × 8; the 17 levels become round(x · 255 / 16)."""
    loaded = Digits().load()
    theirs = load_digits()
    assert loaded.features.shape == (1797, 8, 8)
    assert loaded.features.dtype == np.uint8
    levels = {level: round(level * 255 / 16) for level in range(17)}
    assert np.array_equal(loaded.features, np.vectorize(levels.get)(theirs.images))
    assert np.array_equal(loaded.labels, theirs.target)
    assert loaded.class_names == tuple("0123456789")


@pytest.mark.parametrize("write", [npy, npz, idx, gzipped(npy), gzipped(npz), gzipped(idx)])
def test_every_format_gives_the_same_images_and_labels(load, write):
    """The content tells the format, not the name."""
    loaded = load(write_images=write, write_labels=write)
    assert loaded.features.dtype == np.uint8
    assert loaded.labels.dtype == np.int64
    assert np.array_equal(loaded.features, IMAGES)
    assert np.array_equal(loaded.labels, LABELS)
    assert loaded.class_names == ("0", "1", "2")


def test_an_archive_of_both_serves_both_roles(tmp_path):
    """Members called images and labels, or x and y, as mnist.npz and its like have them."""
    for names in (("images", "labels"), ("x", "y")):
        path = tmp_path / "both.npz"
        np.savez(path, **dict(zip(names, (IMAGES, LABELS), strict=True)))
        loaded = Files(images=path, labels=path).load()
        assert np.array_equal(loaded.features, IMAGES)
        assert np.array_equal(loaded.labels, LABELS)
    np.savez(path, first=IMAGES, second=LABELS)
    message = refused(Files(images=path, labels=path).load)
    assert message == f"{path}: holds first, second: name the array 'images' or 'x'"


def test_several_files_concatenate_in_their_order(tmp_path):
    """Images and labels may be cut at different places."""
    paths = {}
    for role, array, cut in (("images", IMAGES, 5), ("labels", LABELS, 7)):
        paths[role] = [tmp_path / f"{role}-1.npy", tmp_path / f"{role}-2.npy"]
        npy(paths[role][0], array[:cut])
        npy(paths[role][1], array[cut:])
    loaded = Files(**paths).load()
    assert np.array_equal(loaded.features, IMAGES)
    assert np.array_equal(loaded.labels, LABELS)


def test_images_of_two_sizes_do_not_concatenate(tmp_path):
    """The second file is named, with both sizes."""
    first, second = tmp_path / "1.npy", tmp_path / "2.npy"
    npy(first, IMAGES)
    npy(second, IMAGES[:, :4])
    npy(tmp_path / "labels", LABELS)
    message = refused(Files(images=[first, second], labels=tmp_path / "labels").load)
    assert message == f"{second}: images of (4, 4) pixels, but those of {first} have (5, 4)"


def test_labels_become_consecutive_and_keep_their_names(load):
    """Any whole numbers; their distinct values, ascending, are the classes."""
    loaded = load(labels=np.array([-7, 100, 3] * 4, dtype=np.float64))
    assert loaded.labels.tolist() == [0, 2, 1] * 4
    assert loaded.class_names == ("-7", "3", "100")


def broken(change, write=npy):
    """Return a writer that damages what another wrote."""

    def written(path, array):
        write(path, array)
        path.write_bytes(change(path.read_bytes()))

    return written


def zipped(flags=0, method=0, skip=None):
    """Return a writer of .npz whose one member has other flags, another method of compression, or lies elsewhere."""

    def change(content):
        content = bytearray(content)
        directory = content.rindex(b"PK\1\2")
        for start in (content.index(b"PK\3\4") + 6, directory + 8):  # the member's own header has them too
            struct.pack_into("<HH", content, start, flags, method)
        if skip:
            struct.pack_into("<H", content, content.index(b"PK\3\4") + 28, skip)
        return bytes(content)

    return broken(change, npz)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        (
            {"write_images": broken(lambda b: b[:-1], idx)},
            "images: truncated: its idx header announces 12 x 5 x 4 values, 240 bytes; the file has 239",
        ),
        (
            {"write_images": broken(lambda b: b + b"?", idx)},
            "images: too long: its idx header announces 12 x 5 x 4 values, 240 bytes; the file has more",
        ),
        (
            {"write_images": broken(lambda b: b[:9], idx)},
            "images: truncated: the idx header of 3 axes takes 16 bytes, the file has 9",
        ),
        (
            {"write_labels": broken(lambda b: b"\1" + b[1:], idx)},
            "labels: begins with 01 00 08 01: neither .npy, .npz nor idx, plain or gzipped",
        ),
        ({"write_images": broken(lambda _: b"")}, "images: begins with nothing: neither .npy, .npz nor idx"),
        (
            {"write_images": broken(lambda b: b[:-1])},
            "images: truncated: its npy header announces 12 x 5 x 4 values, 240 bytes; the file has 239",
        ),
        ({"write_images": broken(lambda b: b[:-40], npz)}, "images: damaged: File is not a zip file"),
        ({"write_images": broken(lambda b: b + b"?")}, "images: too long: its npy header announces 12 x 5 x 4 values"),
        ({"write_images": broken(lambda b: b[:-20], gzipped(npy))}, "images: damaged: Compressed file ended before"),
        ({"write_images": broken(lambda b: b"\x1f\x8b" + b, npy)}, "images: cannot be read: Unknown compression"),
        (
            {"write_images": zipped(flags=1)},
            "images: cannot be read: File 'anything.npy' is encrypted,",
        ),
        ({"write_images": zipped(skip=60_000)}, "images: damaged: "),
        ({"write_images": zipped(method=97)}, "images: cannot be read: That compression method is not supported"),
        ({"images": np.array([object()] * 12)}, "images: damaged: it holds Python objects"),
        ({"labels": LABELS[:-1]}, "labels: 11 labels for the 12 images of "),
        ({"labels": LABELS * 0}, "labels: 1 distinct label, 0 in every row: at least 2 classes are needed"),
        ({"labels": LABELS + 0.5}, "labels: labels[0] is 0.5: a whole number of at most 2^53"),
        ({"labels": LABELS * np.nan}, "labels: labels[0] is nan: a whole number of at most 2^53"),
        ({"labels": np.eye(12)}, "labels: labels of shape (12, 12): (rows,) is needed, one whole number or text a row"),
        ({"images": IMAGES.astype(complex)}, "images: images of type complex128: whole numbers or floats are needed"),
        (
            {"images": IMAGES.reshape(12, 20)},
            "images: images of shape (12, 20): (rows, height, width) or (rows, height, width, channels) is",
        ),
        ({"images": IMAGES[:0], "labels": LABELS[:0]}, "images: holds no images: its shape is (0, 5, 4)"),
    ],
)
def test_a_faulty_file_is_named_with_what_is_wrong(load, keywords, message):
    """Where, what, which value."""
    assert message in refused(load, **keywords)


def test_a_missing_file_makes_the_dataset_unavailable(tmp_path):
    """With the role and the path, before anything is read."""
    npy(tmp_path / "images", IMAGES)
    files = Files(images=tmp_path / "images", labels=tmp_path / "labels")
    assert files.unavailable() == f"labels: {tmp_path / 'labels'}: no such file"
