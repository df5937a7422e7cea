"""Colour images and tables through files, plan, run, leaderboard and report; suites that do not fit their data."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from harness.interfaces import INTERFACE_VERSION
from harness.store import Run, read_classes
from tests.labelled import LABELS, colour, vectors
from tests.report_pages import Page

SUITE = """
[suite]
name = "Other"

[dataset]
name = "files"
{data}

[defaults]
hidden_layers = [8]
batch_size = 16
epochs = 4
optimizer = {{ name = "adam", learning_rate = 0.02 }}
backend = {backend}

[experiments.A]

[experiments.B]
batch_norm = true

[[robustness]]
perturbation = "gaussian_noise"
severities = [0.0, 0.3]
"""


@pytest.fixture
def suite(tmp_path):
    """Return a function that writes a suite of some data beside the data's files."""

    def written(data, backend='"numpy"', **arrays):
        for name, array in arrays.items():
            np.save(tmp_path / f"{name}.npy", array)
        (tmp_path / "other.toml").write_text(SUITE.format(data=data, backend=backend))
        return "other.toml"

    return written


COLOUR = 'images = "images.npy"\nlabels = "labels.npy"'
TABLE = 'table = "table.csv"\nlabel = "class"'


def write_table(folder):
    """Write vectors as a CSV with their classes."""
    features = vectors().features
    lines = [",".join([*map(repr, map(float, row)), "abc"[label]]) for row, label in zip(features, LABELS, strict=True)]
    header = ",".join([*(f"x{index}" for index in range(features.shape[1])), "class"])
    (folder / "table.csv").write_text("\n".join([header, *lines]) + "\n")


@pytest.mark.parametrize("backend", ["numpy", pytest.param("torch", marks=pytest.mark.slow)])
def test_colour_images_run_and_are_reported_in_colour(suite, typed, tmp_path, backend):
    """What is shown is what the file holds, pixel by pixel."""
    pytest.importorskip("altair")
    pytest.importorskip("vl_convert")
    images = colour().features
    path = suite(COLOUR, f'"{backend}"', images=images, labels=LABELS)
    planned = typed("plan", path).out
    assert "4 × 4 × 3 uint8 images, values 0 … 199, scaled to 0 … 1" in " ".join(planned.split())
    typed("run", path, "--jobs", "0", "--quiet")
    run = Run.open(tmp_path / "runs" / "other")
    glyphs = read_classes(run)["glyphs"]
    assert glyphs.shape == (3, 4, 4, 3)
    assert {glyph.tobytes() for glyph in glyphs} <= {image.tobytes() for image in images}
    assert min(row.evaluation.measures[0].values["test_accuracy"] for row in run.rows()) > 0.9
    typed("report", run.directory)
    page = Page((run.directory / "report.html").read_text())
    frames = [frames["glyphs"] for frames in page.figures.values() if "glyphs" in frames]
    pixels = _decoded(frames[0]["url"].iloc[0])
    assert pixels.shape == (4, 4, 3)
    assert np.abs(pixels.astype(int) - glyphs[0]).max() <= 8  # 256 colours


def _decoded(uri):
    from base64 import b64decode
    from io import BytesIO

    from PIL import Image

    with Image.open(BytesIO(b64decode(uri.partition(",")[2]))) as image:
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("backend", ["numpy", pytest.param("torch", marks=pytest.mark.slow)])
def test_a_table_runs_and_its_report_has_no_images(suite, typed, tmp_path, backend):
    """Standardised, which its features need; the scaling is stored with the run."""
    pytest.importorskip("altair")
    pytest.importorskip("vl_convert")
    write_table(tmp_path)
    path = suite(TABLE, f'"{backend}"')
    planned = " ".join(typed("plan", path).out.split())
    assert "dataset files, 120 rows of 5 columns, 3 classes, 84 train / 12 val / 24 test" in planned
    assert "vectors of 5 float32 values, 0.1 … " in planned
    assert "standardised by the training rows" in planned
    typed("run", path, "--jobs", "0", "--quiet")
    run = Run.open(tmp_path / "runs" / "other")
    record = read_classes(run)
    assert sorted(record) == ["counts", "deviation", "mean"]
    assert (record["mean"][-1], record["deviation"][-1]) == (pytest.approx(0.1), 1.0)
    assert min(row.evaluation.measures[0].values["test_accuracy"] for row in run.rows()) > 0.9
    assert {row.basis["scale"] for row in run.rows()} == {"standard"}
    tables = typed("leaderboard", run.directory).out + typed("compare", run.directory, run.directory).out
    assert "120 rows" in tables
    assert "image" not in tables
    typed("report", run.directory)
    page = Page((run.directory / "report.html").read_text())
    assert not [frames for frames in page.figures.values() if "glyphs" in frames]
    assert "img" not in [tag for tag, _ in page.tags]
    assert "were not recorded" not in page.text
    assert not re.search(r".*\bimages\b.*", page.text)
    again = typed("run", path, "--jobs", "0").out
    assert "trained" not in again


@pytest.mark.slow
def test_another_scale_is_another_trial(suite, typed, tmp_path):
    """Its row is stale, and says why."""
    write_table(tmp_path)
    path = suite(TABLE)
    typed("run", path, "--jobs", "0", "--quiet", "--only", "A")
    assert "scale was 'standard', is 'none'" in " ".join(
        typed("why", path, "A", "--set", "dataset.scale=none").out.split()
    )


def test_rows_of_interface_1_serve(suite, typed, tmp_path):
    """Interface 2 changed what plugins return, not what a trial computes: the row's basis names the first."""
    assert INTERFACE_VERSION == 2
    path = suite(COLOUR, images=colour(channels=1).features[..., 0], labels=LABELS)
    typed("run", path, "--jobs", "0", "--quiet")
    for place in (tmp_path / "runs/other/trials").glob("*/*/row.json"):
        assert json.loads(place.read_text())["row"]["basis"]["interface"] == "1"


BAD = {
    "a scale of vectors for images": (
        f'{COLOUR}\nscale = "none"',
        "dataset.scale: 'none' is for vectors, and dataset 'files' has images, which are scaled to [0, 1]",
    ),
    "a scale of images for a table": (f'{TABLE}\nscale = "0..1"', "dataset.scale: is not for table. Remove it"),
    "a scale that is none": (f'{COLOUR}\nscale = "norm"', 'dataset.scale: \'norm\': "0..1", "0..255" or [low, high]'),
}


@pytest.mark.parametrize("case", BAD)
def test_a_scale_that_does_not_fit_is_one_line(suite, typed, tmp_path, case):
    """Before anything is trained."""
    data, message = BAD[case]
    write_table(tmp_path)
    error = typed("plan", suite(data, images=colour().features, labels=LABELS), code=2).err
    assert message in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("channels", "message"),
    [
        (2, "'grey' takes images of 1 or 3 channels, and dataset 'files' has images of 2"),
        (4, "'grey' takes images of 1 or 3 channels, and dataset 'files' has images of 4"),
        (None, "'grey' takes images, and dataset 'files' has vectors of 5 values"),
    ],
)
def test_a_perturbation_of_other_data_is_refused_when_planning(suite, tmp_path, channels, message):
    """In one line with its table; nothing is written."""
    from harness.errors import HarnessError
    from harness.execution.plan import make_plan
    from harness.execution.pools import InProcess
    from harness.plugins.loading import registry
    from harness.suite import load_suite
    from harness.trial.augmentation import Augmentation

    class Grey:
        takes = frozenset({"image"})
        channels = frozenset({1, 3})

    write_table(tmp_path)
    images = colour(channels=channels or 3).features
    suite(COLOUR if channels else TABLE, images=images, labels=LABELS)
    plugins = registry()
    loaded = load_suite(tmp_path / "other.toml", plugins)
    table = loaded.suite.robustness[0].model_copy(update={"perturbation": "grey"})
    loaded = replace(loaded, suite=loaded.suite.model_copy(update={"robustness": [table]}))
    with pytest.raises(HarnessError) as caught:
        make_plan(loaded, _With(plugins, Grey()), InProcess(plugins))
    augment = [Augmentation(perturbation="grey", severity=1.0)]
    augmented = {"A": loaded.suite.experiments["A"].model_copy(update={"augment": augment})}
    trained = loaded.suite.model_copy(update={"robustness": [], "experiments": loaded.suite.experiments | augmented})
    with pytest.raises(HarnessError) as training:
        make_plan(replace(loaded, suite=trained, sources=()), _With(plugins, Grey()), InProcess(plugins))
    assert str(training.value) == (
        f"{tmp_path / 'other.toml'}: experiments.A.augment: {message}. Remove the table, or name another"
    )
    place = f"{tmp_path / 'other.toml'}: robustness[0].perturbation: "
    assert str(caught.value) == f"{place}{message}. Remove the table, or name another"


class _With:
    """A registry with one more perturbation."""

    def __init__(self, plugins, perturb):
        self._plugins, self._perturb = plugins, perturb

    def __getattr__(self, name):
        return getattr(self._plugins, name)

    def find(self, kind, name):
        """Return the perturbation for any name of one."""
        if kind != "perturbation":
            return self._plugins.find(kind, name)
        return type("Component", (), {"load": lambda _: self._perturb})()


@pytest.mark.slow
def test_a_folder_of_32_by_32_colour_images_trains_a_convolutional_network(suite, typed, tmp_path):
    """From PNG files to a report: PNG keeps every pixel."""
    image = pytest.importorskip("PIL.Image")
    pytest.importorskip("altair")
    pytest.importorskip("vl_convert")
    dataset = colour(side=32)
    for index, (pixels, label) in enumerate(zip(dataset.features, dataset.labels, strict=True)):
        place = tmp_path / "photos" / "abc"[label]
        place.mkdir(parents=True, exist_ok=True)
        image.fromarray(pixels).save(place / f"{index}.png")
    path = suite('images = "photos"')
    text = (tmp_path / path).read_text().replace("[experiments.A]", '[experiments.A]\nmodel = { name = "cnn" }')
    (tmp_path / path).write_text(text)
    assert "32 × 32 × 3 uint8 images" in typed("plan", path).out
    typed("run", path, "--jobs", "0", "--quiet")
    run = Run.open(tmp_path / "runs" / "other")
    assert min(row.evaluation.measures[0].values["test_accuracy"] for row in run.rows()) > 0.9
    typed("report", run.directory)
    assert (run.directory / "report.html").stat().st_size > 100_000
