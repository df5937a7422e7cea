"""Files of a dataset that are other than they seem: labels that are no classes, bombs, pipes, equal dates."""

import gzip
import io
import os
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from harness.datasets import arrays
from harness.datasets.cache import materialise
from harness.datasets.files import Files
from harness.errors import HarnessError
from tests.irregular import KINDS, make_irregular

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 5, 4), dtype=np.uint8)
LABELS = np.arange(12) % 3


@pytest.fixture
def load(tmp_path):
    """Return a function that loads images and labels, each an array or a file's bytes."""

    def loaded(images=IMAGES, labels=LABELS):
        for name, content in {"images": images, "labels": labels}.items():
            with (tmp_path / name).open("wb") as file:
                if isinstance(content, bytes):
                    file.write(content)
                else:
                    np.save(file, content)
        return Files(images=tmp_path / "images", labels=tmp_path / "labels").load()

    return loaded


def npy(array):
    """Return an array as the bytes of a .npy."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def with_label(value, dtype):
    """Return labels whose row 5 has another value."""
    labels = LABELS.astype(dtype)
    labels[5] = value
    return labels


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            with_label(1e300, "f8"),
            "labels: labels[5] is 1e+300: a whole number of at most 2^53, as float64 has them all,",
        ),
        (with_label(np.nan, "f8"), "labels: labels[5] is nan: a whole number"),
        (
            with_label(-np.inf, "f4"),
            "labels: labels[5] is -inf: a whole number of at most 2^24, as float32 has them all",
        ),
        (with_label(2.0**53 + 2, "f8"), "labels: labels[5] is 9007199254740994.0: a whole number of at most 2^53"),
        (with_label(2.0**63, np.longdouble), "labels: labels[5] is 9.223372036854776e+18: a whole number of at most 2"),
        (with_label(0.5, "f2"), "labels: labels[5] is 0.5: a whole number of at most 2^11"),
        (with_label(2**63, "u8"), "labels: labels[5] is 9223372036854775808: a whole number below 2^63 is needed"),
        (LABELS > 1, "labels: labels of type bool: whole numbers or texts are needed: save them as labels.astype(int)"),
        (LABELS.astype(complex), "labels: labels of type complex128: whole numbers or texts are needed"),
    ],
)
def test_a_label_that_is_no_class_is_named_with_its_row(load, labels, message):
    """It would become another number, silently."""
    with pytest.raises(HarnessError) as caught:
        load(labels=labels)
    assert message in str(caught.value)


@pytest.mark.parametrize("dtype", ["f8", "u8", "i8"])
def test_large_labels_keep_their_value(load, dtype):
    """Up to what the type holds exactly."""
    largest = {"f8": 2**53, "u8": 2**63 - 1, "i8": 2**63 - 1}[dtype]
    assert load(labels=with_label(largest, dtype)).class_names == ("0", "1", "2", str(largest))


@pytest.mark.parametrize("copied", [shutil.copy2, lambda source, target: source.replace(target)])
def test_another_file_of_the_same_size_and_date_is_read(tmp_path, copied):
    """As ``cp -p`` and archives dated 1970 leave it; the earlier content must not come from the cache."""
    other = np.flip(IMAGES)
    for name, array in {"images": IMAGES, "labels": LABELS, "other": other}.items():
        (tmp_path / name).write_bytes(npy(array))
        os.utime(tmp_path / name, ns=(0, 0))
    files = {"images": tmp_path / "images", "labels": tmp_path / "labels"}
    assert np.array_equal(materialise("files", {}, Files(**files), tmp_path / "cache").open().features, IMAGES)
    copied(tmp_path / "other", tmp_path / "images")
    assert np.array_equal(materialise("files", {}, Files(**files), tmp_path / "cache").open().features, other)


def test_a_moved_or_copied_file_is_the_same_content(tmp_path):
    """Trials go by the digest of the content: nothing is trained again."""
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "images").write_bytes(npy(IMAGES))
        (tmp_path / folder / "labels").write_bytes(npy(LABELS))
    entries = {
        materialise("files", {}, Files(images=folder / "images", labels=folder / "labels"), tmp_path / "cache")
        for folder in (tmp_path / "one", tmp_path / "two")
    }
    assert len(entries) == 1


def header(shape, dtype="|u1"):
    """Return the header of a .npy that announces an array."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": dtype, "fortran_order": False, "shape": shape})
    return buffer.getvalue()


def zipped(content):
    """Return an .npz with one member of this content."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images.npy", content)
    return buffer.getvalue()


ZEROS = bytes(30_000_000)
BOMBS = {
    "zeros": (gzip.compress(ZEROS), "begins with 00 00 00 00: neither .npy, .npz nor idx"),
    "zeros in a zip": (zipped(ZEROS), "begins with 00 00 00 00: neither .npy, .npz nor idx"),
    "zeros behind an array": (
        gzip.compress(npy(IMAGES) + ZEROS),
        "too long: its npy header announces 12 x 5 x 4 values",
    ),
    "behind an array in a zip": (zipped(npy(IMAGES) + ZEROS), "too long: its npy header announces 12 x 5 x 4 values"),
    "an honest array": (
        gzip.compress(header((30_000, 10, 100)) + ZEROS),
        "this machine has 20.0 MB of memory available",
    ),
    "an array of an exabyte": (
        header((10**12, 1000, 1000)),
        "announces 1000000000000 x 1000 x 1000 values, 1,000,000,",
    ),
    "an idx of a terabyte": (
        b"\0\0\x08\3" + b"\0\1\0\0" * 2 + b"\0\0\1\0",
        "its idx header announces 65536 x 65536 x 256",
    ),
    "an npz in gzip": (
        gzip.compress(b"PK" + ZEROS),
        "a gzipped .npz of more than 10.0 MB: gunzip it, as it is read whole",
    ),
    "a long header": (b"\x93NUMPY\2\0\xff\xff\xff\x7f{", "images: damaged: "),
    "a header in a header": (b"\x93NUMPY\1\0\x10\0" + b"(" * 16, "images: damaged: "),
    "a record's fields": (
        b"\x93NUMPY\3\0\x10\0\0\0" + b" " * 16,
        "version 3.0 of the format is for fields of a record",
    ),
}


@pytest.mark.parametrize(("content", "message"), BOMBS.values(), ids=BOMBS)
def test_no_more_is_unpacked_than_is_announced_and_fits(load, monkeypatch, content, message):
    """With the size, the limit and its reason."""
    monkeypatch.setattr(arrays, "available_bytes", lambda: 20_000_000)
    monkeypatch.setattr(arrays, "_GZIPPED_ARCHIVE_BYTES", 10_000_000)
    with pytest.raises(HarnessError) as caught:
        load(images=content)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


READING = """
import resource, sys
from pathlib import Path
from harness.datasets.files import Files
from harness.errors import HarnessError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    Files(images=Path(sys.argv[1]), labels=Path(sys.argv[1])).load()
except HarnessError as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_gzip_of_zeros_takes_no_memory(tmp_path):
    """It is refused at its first bytes."""
    with gzip.open(tmp_path / "zeros", "wb", compresslevel=1) as file:
        for _ in range(60):
            file.write(bytes(5_000_000))
    done = subprocess.run(
        [sys.executable, "-c", READING, str(tmp_path / "zeros")], capture_output=True, text=True, check=True
    )
    message, kilobytes = done.stdout.splitlines()
    assert "begins with 00 00 00 00" in message
    assert int(kilobytes) < 100_000


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("role", ["images", "labels"])
def test_what_is_not_a_regular_file_is_refused(typed, tmp_path, kind, role):
    """It would block, or never end."""
    for name, array in {"images": IMAGES, "labels": LABELS}.items():
        (tmp_path / name).write_bytes(npy(array))
    path = tmp_path / role
    path.unlink()
    make_irregular(path, kind)
    options = [f"--set={name}={tmp_path / name}" for name in ("images", "labels")]
    output = typed("datasets", "describe", "files", *options, code=2).err
    if (role, kind) == ("images", "folder"):  # of images, it would be
        assert (
            output
            == f"error: dataset 'files': labels: the folder {path} has a subfolder for each class: remove labels\n"
        )
        return
    assert output == f"error: dataset 'files': {role}: {path.resolve()}: is not a regular file\n"
    with pytest.raises(HarnessError, match="cannot be read: is not a regular file"):
        Files(images=tmp_path / "images", labels=tmp_path / "labels").load()


def test_a_path_that_cannot_be_looked_at_is_refused_in_a_line(tmp_path):
    """A name that is longer than a file system has."""
    long = tmp_path / ("x" * 300)
    assert Files(images=long, labels=long).unavailable() == f"images: {long}: cannot be read: File name too long"
