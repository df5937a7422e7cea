"""EMNIST's sets from files: upright, official or named as a part."""

import gzip
import json
from hashlib import sha256

import numpy as np
import pytest

from harness.datasets.cache import cached, materialise
from harness.datasets.emnist import variants
from harness.datasets.emnist.dataset import ByMerge, Emnist
from harness.interfaces import StoredDataset, StreamedDataset, implements
from harness.machine.cache import cache_root
from harness.plugins.loading import registry
from tests.emnist import PAGE, SUITE, TinySet, flipped, idx, refused, upright

TRAIN_IMAGES = "emnist-bymerge-train-images-idx3-ubyte"
TRAIN_LABELS = "emnist-bymerge-train-labels-idx1-ubyte"
PARTIAL = "To use it all the same, and have every table say so: partial = true in [dataset]"


def read(**options):
    """Return the dataset, by way of the cache."""
    return materialise("emnist-bymerge", options, ByMerge(**options), cache_root())


def test_images_come_out_upright_and_both_halves_are_pooled_train_first(tiny, tmp_path):
    """An L is upright; in the files it lies on its side."""
    loaded = read(directory=tiny.write(tmp_path / "data")).open()
    assert np.array_equal(loaded.features[0], upright(0, 0))
    assert not np.array_equal(loaded.features[0], loaded.features[0].T)
    assert np.array_equal(loaded.features, tiny.images)
    assert np.array_equal(loaded.labels, tiny.labels)
    assert loaded.class_names == ("L", "a", "b")
    direct = ByMerge(directory=tmp_path / "data").load()
    assert np.array_equal(direct.features, loaded.features)


@pytest.mark.parametrize("layout", ["gzipped", "plain", "gzip folder", "archive", "the archive itself", "cache"])
def test_every_source_gives_the_same_and_says_what_it_was_compared_with(tiny, tmp_path, layout):
    """Of a plain file no official checksum is known: its counts are compared with the official ones."""
    folder = tmp_path / "data"
    if layout in {"gzipped", "plain", "gzip folder"}:
        tiny.write(folder / "gzip" if layout == "gzip folder" else folder, zipped=layout != "plain")
    elif layout == "cache":
        path = cache_root() / "downloads" / "emnist" / "gzip.zip"
        path.parent.mkdir(parents=True)
        path.write_bytes((tmp_path / "official" / "gzip.zip").read_bytes())
        folder = None
    else:
        path = tiny.archive(folder / "gzip.zip")
        folder = path if layout == "the archive itself" else folder
    entry = read(directory=folder)
    assert np.array_equal(entry.open().features, tiny.images)
    assert entry.info.title == "EMNIST ByMerge, 300 images"
    assert entry.info.checked == ("counts" if layout == "plain" else "checksums")


def test_labels_that_count_from_one_become_classes_from_zero(tiny, tmp_path, monkeypatch):
    """Letters have them so."""
    letters = TinySet(first_label=1)
    monkeypatch.setattr(ByMerge, "variant", letters.variant)
    assert np.array_equal(read(directory=letters.write(tmp_path / "data")).open().labels, tiny.labels)


def test_a_named_folder_comes_before_the_environments(tiny, tmp_path, monkeypatch):
    """``directory``, then ``HARNESS_DATA_DIR``, then the cache; a folder without the set is an error."""
    monkeypatch.setenv("HARNESS_DATA_DIR", str(tmp_path / "empty"))
    assert ByMerge().unavailable() == f"HARNESS_DATA_DIR: {tmp_path / 'empty'}: no such folder"
    (tmp_path / "empty").mkdir()
    message = f"HARNESS_DATA_DIR: {tmp_path / 'empty'}: holds neither {TRAIN_IMAGES}[.gz] nor gzip.zip"
    assert ByMerge().unavailable() == message
    assert read(directory=tiny.write(tmp_path / "data")).info.rows == 300
    monkeypatch.setenv("HARNESS_DATA_DIR", str(tmp_path / "data"))
    assert ByMerge().unavailable() is None
    assert read().info.rows == 300


def cut_to(folder, tiny, rows):
    """Make the training part one of its first ``rows`` images, as somebody else might have made it."""
    images, labels = tiny.images[:rows].transpose(0, 2, 1), tiny.labels[:rows]
    (folder / f"{TRAIN_IMAGES}.gz").write_bytes(gzip.compress(idx(images)))
    (folder / f"{TRAIN_LABELS}.gz").write_bytes(gzip.compress(idx(labels)))


def test_a_part_is_refused_unless_it_may_be_one(tiny, tmp_path):
    """With the file, both counts, and what would do."""
    folder = tiny.write(tmp_path / "data")
    cut_to(folder, tiny, 30)
    message = refused(ByMerge(directory=folder).stream)
    problem = "holds 30 images, the official file 210: not EMNIST ByMerge"
    assert message == f"{folder / TRAIN_IMAGES}.gz: {problem}. {PARTIAL}"
    entry = read(directory=folder, partial=True)
    assert entry.info.title == "EMNIST ByMerge, 120 of 300 images"
    assert entry.info.checked == "checksums of 2 of 4 files"
    assert np.array_equal(entry.open().features, np.concatenate([tiny.images[:30], tiny.images[210:]]))
    for role in (TRAIN_IMAGES, TRAIN_LABELS):
        (folder / f"{role}.gz").unlink()
    assert "the train part: holds 0 images, the official file 210" in refused(ByMerge(directory=folder).stream)
    assert read(directory=folder, partial=True).info.title == "EMNIST ByMerge, 90 of 300 images"


def test_official_counts_with_other_checksums_are_refused_too(tiny, tmp_path):
    """A partial set of all images says that they are not the official ones."""
    folder = tiny.write(tmp_path / "data")
    file = folder / f"{TRAIN_IMAGES}.gz"
    file.write_bytes(gzip.compress(tiny.plain[TRAIN_IMAGES], compresslevel=1, mtime=0))
    message = refused(ByMerge(directory=folder).stream)
    official = tiny.variant.official("train", "images")
    remedy = f"officially {official.size:,} bytes with sha256 {official.sha256}. Get it again. {PARTIAL}"
    assert message == f"{file}: damaged or altered: {file.stat().st_size:,} bytes; {remedy}"
    file.write_bytes(flipped(tiny.gzipped[TRAIN_IMAGES]))
    checksum = sha256(file.read_bytes()).hexdigest()
    message = refused(ByMerge(directory=folder).stream)
    assert message == f"{file}: damaged or altered: {official.size:,} bytes with sha256 {checksum}; {remedy}"
    file.write_bytes(gzip.compress(tiny.plain[TRAIN_IMAGES], compresslevel=1, mtime=0))
    entry = read(directory=folder, partial=True)
    assert entry.info.title == "EMNIST ByMerge, 300 images, not the official files"
    dropped = read(directory=folder, partial=True, drop_per_class=10)
    assert dropped.info.title == "EMNIST ByMerge, 270 of 300 images, not the official files"
    assert entry.info.checked == "counts, checksums of 3 of 4 files"


def test_some_of_each_class_are_dropped_the_same_always(tiny, tmp_path):
    """100 of each of ByMerge's 47 classes leave the paper's 809,555."""
    folder = tiny.write(tmp_path / "data")
    entry, again = read(directory=folder, drop_per_class=10), read(directory=folder, drop_per_class=10, partial=True)
    opened = entry.open()
    assert np.bincount(opened.labels).tolist() == [90, 90, 90]
    assert entry.info.title == "EMNIST ByMerge, 270 of 300 images"
    assert entry.info.digest == again.info.digest
    everything = {tuple(image[0, :2]) for image in tiny.images}
    assert {tuple(image[0, :2]) for image in opened.features} < everything
    assert (opened.features[:, 0, 1] == opened.labels).all()
    message = refused(ByMerge(directory=folder, drop_per_class=100).stream)
    assert message == "drop_per_class: 100 leaves none of the 100 images of class 'L'"
    with pytest.raises(ValueError, match="drop_per_class: -1: at least 0 is needed"):
        ByMerge(drop_per_class=-1)
    assert variants.BYMERGE.count - 100 * len(variants.BYMERGE.class_names) == 809_555


def test_a_part_is_named_in_plans_records_and_tables(tiny, tmp_path, command):
    """And ``--data-dir`` serves a suite of another dataset too, with ``--dataset``."""
    folder = tiny.write(tmp_path / "data")
    cut_to(folder, tiny, 30)
    part = "EMNIST ByMerge, 120 of 300 images"
    options = ["--data-dir", "data", "--set", "dataset.partial=true"]
    assert f"dataset emnist-bymerge: {part}, 3 classes, 84 train / " in command("plan", "suite.toml", *options).out
    done = command("run", "suite.toml", *options, "--jobs", "0")
    titles = [line for line in done.out.splitlines() if " · " in line and not line.startswith("│")]
    assert len(titles) >= 2
    assert all(part in line for line in titles)
    record = json.loads((tmp_path / "runs/suite/run.json").read_text())["dataset"]
    assert (record["title"], record["checked"]) == (part, "checksums of 2 of 4 files")
    assert part in command("leaderboard", "runs/suite", "-f", "markdown").out
    (tmp_path / "other.toml").write_text(SUITE.replace('"emnist-bymerge"', '"digits"'))
    assert part in command("plan", "other.toml", "--dataset", "emnist-bymerge", *options).out
    output = command("plan", "other.toml", "--data-dir", "data", code=2).err
    assert "--data-dir data: dataset.directory: dataset 'digits' has no such option. There is none." in output


def test_all_six_sets_are_registered_with_their_official_counts():
    """Images of both halves, and classes, as NIST publishes them."""
    named = registry().named("dataset")
    counts = {}
    for key in ("bymerge", "byclass", "balanced", "letters", "digits", "mnist"):
        factory = named[f"emnist-{key}"].load()
        assert issubclass(factory, Emnist)
        dataset = factory()
        assert implements(dataset, StreamedDataset)
        assert implements(dataset, StoredDataset)
        assert factory.variant.key == key
        counts[key] = (factory.variant.count, len(factory.variant.class_names))
    assert counts == {
        "bymerge": (814_255, 47),
        "byclass": (814_255, 62),
        "balanced": (131_600, 47),
        "letters": (145_600, 26),
        "digits": (280_000, 10),
        "mnist": (70_000, 10),
    }


def test_the_list_says_what_is_here_where_and_what_it_was_compared_with(tiny, tmp_path, command, monkeypatch):
    """Looked through when it is listed: a faulty file shows."""
    assert "no: 'harness datasets fetch emnist-bymerge' downloads it" in command("datasets").out
    folder = tiny.write(tmp_path / "data")
    monkeypatch.setenv("HARNESS_DATA_DIR", str(folder))
    (line,) = [line for line in command("datasets").out.splitlines() if line.startswith("emnist-bymerge")]
    assert line.split()[:2] == ["emnist-bymerge", "yes"]
    assert str(folder) in line
    assert "checksums" in line
    read()
    listed = command("datasets").out.partition("in the cache")[2]
    assert "EMNIST ByMerge, 300 images" in listed
    assert [entry.info.title for entry in cached(cache_root())] == ["EMNIST ByMerge, 300 images"]
    cut_to(folder, tiny, 30)
    assert "checksums of 2 of 4 files, 120 of 300 images" in command("datasets").out
    (folder / f"{TRAIN_IMAGES}.gz").write_bytes(PAGE)
    assert f"faulty: {folder / TRAIN_IMAGES}.gz: begins with" in command("datasets").out


def test_a_class_without_an_image_is_reported(tiny, tmp_path, command):
    """A part may lack one; the split could not have it. The dataset is named once."""
    folder = tiny.write(tmp_path / "data")
    cut_to(folder, tiny, 30)
    (folder / "emnist-bymerge-test-images-idx3-ubyte.gz").unlink()
    (folder / "emnist-bymerge-test-labels-idx1-ubyte.gz").unlink()
    (folder / f"{TRAIN_LABELS}.gz").write_bytes(gzip.compress(idx(np.arange(30) % 2)))
    message = "dataset 'emnist-bymerge': class 'b' has no row\n"
    options = ["--data-dir", "data", "--set", "dataset.partial=true"]
    assert command("plan", "suite.toml", *options, code=2).err == f"error: suite.toml: {message}"
    described = ["datasets", "describe", "emnist-bymerge", "--data-dir", "data", "--partial"]
    assert command(*described, code=2).err == f"error: {message}"


def test_a_variants_files_have_the_official_names():
    """As they stand in the archive."""
    assert variants.LETTERS.file_name("test", "labels") == "emnist-letters-test-labels-idx1-ubyte"
    assert variants.BYMERGE.file_name("train", "images") == TRAIN_IMAGES
