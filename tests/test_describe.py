"""A dataset in numbers and figures."""

import sys

import numpy as np
import pytest

from harness.datasets.cache import materialise
from harness.datasets.description import describe, examples
from harness.datasets.digits import Digits
from harness.datasets.splits import SplitTable
from harness.machine.cache import cache_root
from harness.trial.jobs import split_of


def test_the_numbers_are_numpys(tmp_path):
    """Counts, ratio, pixels and the split of the digits, each by another way."""
    data = materialise("digits", {}, Digits(), tmp_path)
    described = describe(data, split_of(data, SplitTable()))
    loaded = Digits().load()
    counts = [int((loaded.labels == label).sum()) for label in range(10)]
    assert described.counts.tolist() == counts
    assert (described.largest, described.smallest) == (counts.index(max(counts)), counts.index(min(counts)))
    assert described.ratio == max(counts) / min(counts)
    scaled = loaded.features / 255.0
    assert described.mean == pytest.approx(scaled.mean())
    assert described.std == pytest.approx(scaled.std())
    train, val, test = described.split
    floors = [(count * 7 // 10, count // 10) for count in counts]
    assert (train.images, val.images) == (sum(first for first, _ in floors), sum(second for _, second in floors))
    assert test.images == 1797 - train.images - val.images
    assert (train.smallest, train.largest) == (min(first for first, _ in floors), max(first for first, _ in floors))
    assert sum(part.share for part in described.split) == pytest.approx(1.0)
    first = examples(data)
    assert first.shape == (10, 8, 8)
    assert np.array_equal(first[3], loaded.features[loaded.labels.tolist().index(3)])


def test_describe_tells_classes_facts_and_the_split(tiny, tmp_path, command):
    """As the paper's Table 1 has it; options are the dataset's own."""
    tiny.write(tmp_path / "data")
    arguments = ["datasets", "describe", "emnist-bymerge", "--data-dir", "data", "--set", "drop_per_class=10"]
    output = command(*arguments).out
    assert "EMNIST ByMerge, 270 of 300 images" in output
    for line in (
        "a 90 33.33%",
        "verified against checksums",
        "images a class mean 90, standard deviation 0",
        "largest to smallest 1.00 : 1",
        "set images share min/class max/class",
        "train 189 70.0% 63 63",
        "val 27 10.0% 9 9",
        "test 54 20.0% 18 18",
    ):
        assert line in [" ".join(printed_line.split()) for printed_line in output.splitlines()], line
    output = command(*arguments[:-1], "drop_per_clas=10", code=2).err
    assert output.startswith(
        "error: dataset 'emnist-bymerge': drop_per_clas: dataset 'emnist-bymerge' has no such option"
    )
    output = command(*arguments[:-1], "drop_per_class", code=2).err
    assert output.startswith("error: --set drop_per_class: not of the form ")
    output = command(*arguments[:-1], "experiments=1", code=2).err
    assert output.startswith(
        "error: dataset 'emnist-bymerge': experiments: dataset 'emnist-bymerge' has no such option"
    )
    assert "--partial" in command("datasets", "describe", "--help").out


def test_partial_is_an_option_of_its_own(tiny, tmp_path, command):
    """Refused without it."""
    folder = tiny.write(tmp_path / "data")
    for file in folder.glob("*-train-*"):
        file.unlink()
    arguments = ["datasets", "describe", "emnist-bymerge", "--data-dir", "data"]
    assert "the train part: holds 0 images, the official file 210" in command(*arguments, code=2).err
    assert "EMNIST ByMerge, 90 of 300 images" in command(*arguments, "--partial").out


@pytest.mark.slow
def test_figures_are_drawn(tiny, tmp_path, command):
    """An image of each class, dark on light and upright; the histogram's bars."""
    pytest.importorskip("altair")
    pytest.importorskip("vl_convert")
    image = pytest.importorskip("PIL.Image")
    tiny.write(tmp_path / "data")
    command("datasets", "describe", "emnist-bymerge", "--data-dir", "data", "--figures", "figures")
    with image.open(tmp_path / "figures/emnist-bymerge-classes.png") as picture:
        classes = np.asarray(picture)
    assert classes.shape == (1 * (84 + 20 + 6) + 6, 3 * (84 + 6) + 6)
    stem, beside = classes[60, 6 + 5 * 3 + 1], classes[60, 6 + 20 * 3]
    assert (stem, beside) == (0, 255)
    with image.open(tmp_path / "figures/emnist-bymerge-counts.png") as histogram:
        assert histogram.format == "PNG"
        assert min(histogram.size) > 300


@pytest.mark.parametrize(("module", "output"), [("PIL", "Pillow"), ("altair", "altair and vl-convert-python")])
def test_without_the_extra_a_line_says_what_installs_it(command, monkeypatch, module, output):
    """Nothing is drawn."""
    pytest.importorskip(module)
    monkeypatch.setitem(sys.modules, module, None)
    error = command("datasets", "describe", "digits", "--figures", "figures", code=2).err
    assert error == f'error: --figures: needs {output}: pip install "nn-harness[report]" installs them\n'


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_to_is_reported(command, tmp_path):
    """A file is in its place."""
    pytest.importorskip("vl_convert")
    (tmp_path / "figures").write_text("")
    error = command("datasets", "describe", "digits", "--figures", "figures", code=2).err
    assert error == "error: --figures figures: cannot be written to: Not a directory\n"
    assert cache_root().is_dir()
