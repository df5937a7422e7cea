"""The page of a run of several perturbations: heat map, curves by family, and what was tested in images."""

import numpy as np
import pytest

from harness.execution import samples as making
from harness.report import heatmap, robustness, samples
from harness.report.page import render
from harness.report.reading import read
from harness.rows import CLEAN, Condition
from harness.store import Run
from harness.store.samples import read_samples, write_samples
from tests.corrupted_runs import SEVERITIES, corrupted_run
from tests.report_runs import CLASSES, SIDE
from tests.test_perturbation_tables import REASON, WRONG
from tests.tiny import TINY, run_suite

COUNT = 1 + sum(map(len, SEVERITIES.values()))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    made = corrupted_run(tmp_path_factory.mktemp("page"), WRONG, unavailable={"bad": REASON})
    images = np.random.default_rng(3).integers(0, 256, (COUNT, CLASSES, SIDE, SIDE), dtype=np.uint8)
    write_samples(made, made.suite.robustness, images, {"perturbation rotation": "a"})
    return made


@pytest.fixture(scope="module")
def material(run):
    return read(run.directory)


def test_the_heat_map_has_a_cell_for_each_experiment_and_perturbation(material):
    """What is unavailable says so, with its reason, and mCE is the first line."""
    pytest.importorskip("altair")
    (figure,) = heatmap.figures(material)
    frame = figure.frame.set_index(["experiment", "perturbation"])
    assert len(frame) == 3 * (len(SEVERITIES) + 2)
    assert figure.frame["perturbation"][0] == "mCE"
    assert frame.loc[("good", "gaussian_noise"), "value"] == pytest.approx(50)
    assert tuple(frame.loc[("bad", "rotation"), ["text", "note"]]) == ("n/a", "rotation: takes images of 3 channels")
    assert figure.note.startswith("Unavailable: rotation of bad (takes images of 3 channels).")


def test_without_a_baseline_it_has_degradations(tmp_path):
    pytest.importorskip("altair")
    (figure,) = heatmap.figures(read(corrupted_run(tmp_path, WRONG, board="").directory))
    assert figure.title == "Mean degradation, %"
    assert set(figure.frame["perturbation"]) == set(SEVERITIES)


def test_of_many_perturbations_curves_are_by_family(material, monkeypatch):
    """Of few, they are all in one gallery, with degradations."""
    pytest.importorskip("altair")
    drawn = robustness.figures(material)
    (together,) = robustness.groups(material, drawn)
    assert (together.title, len(together.figures)) == ("", 2 * len(SEVERITIES))
    monkeypatch.setattr("harness.results.leaderboard.rankings.FEW", 2)
    groups = robustness.groups(material, drawn)
    assert {group.title: len(group.figures) for group in groups} == {"noise": 1, "geometry": 2}
    assert all(figure.key.startswith("accuracy-") for group in groups for figure in group.figures)


@pytest.mark.slow
def test_the_sheet_has_every_perturbation_and_severity(material):
    sheet = samples.sheet(material)
    assert [(family.name, [sample.name for sample in family.samples]) for family in sheet.families] == [
        ("noise", ["gaussian_noise"]),
        ("geometry", ["rotation", "translation"]),
    ]
    strips = sheet.families[1].samples[0].strips
    assert [strip.label for strip in strips] == ["10", "20"]
    assert strips[0].alternative == "an image of each of 4 classes under rotation at severity 10"
    assert 'alt="an image of each of 4 classes clean"' in render(material)


def test_samples_of_another_suite_or_plugin_do_not_serve(run):
    assert set(read_samples(run)) >= {CLEAN, Condition("rotation", 10.0)}
    assert read_samples(run, {"perturbation rotation": "a"}) is not None
    assert read_samples(run, {"perturbation rotation": "b"}) is None
    other = Run(run.directory, run.suite.model_copy(update={"robustness": []}), run.dataset, run.planned)
    assert read_samples(other) is None


NOISY = '[[robustness]]\nperturbation = "rotation"\nseverities = [0.0, 30.0]\n'


def test_a_run_makes_them_once(tmp_path, monkeypatch):
    """Clean ones are the classes' images; at severity 0 they are as they were."""
    text = TINY.replace("epochs = 3", "epochs = 1").partition("[[robustness]]")[0] + NOISY
    _, run = run_suite(tmp_path, text)
    stored_samples = read_samples(Run.open(run.directory))
    turned = Condition("rotation", 30.0)
    assert list(stored_samples) == [CLEAN, Condition("rotation", 0.0), turned]
    np.testing.assert_array_equal(stored_samples[CLEAN], stored_samples[Condition("rotation", 0.0)])
    assert stored_samples[turned].shape == (10, 8, 8)
    assert (stored_samples[turned] != stored_samples[CLEAN]).any()
    monkeypatch.setattr(making, "perturb_samples", None)
    run_suite(tmp_path, text)  # would fail if they were made again


@pytest.mark.slow
def test_attacked_images_are_shown_with_what_the_network_takes_them_for(tmp_path):
    """Clean and at each severity, as the run keeps them."""
    pytest.importorskip("altair")
    made = corrupted_run(tmp_path, WRONG)
    images = np.zeros((2, 2, SIDE, SIDE), dtype=np.uint8)
    arrays = made.arrays("good", 1, "examples.npz") | {
        "attacked_rows": np.array([800, 801]),
        "attacked_conditions": np.array([0, 3]),
        "attacked_images": images,
        "attacked_predicted": np.array([[0, 1], [2, 1]]),
        "attacked_confidence": np.array([[0.9, 0.8], [0.7, 0.6]], dtype=np.float32),
    }
    files = {"evaluation.npz": made.arrays("good", 1, "evaluation.npz"), "examples.npz": arrays}
    made.write(made.read("good", 1).row, files)
    (sample,) = samples.attacked(read(made.directory))
    assert sample.title == "good seed 1"
    assert [(line.strip.label, line.note) for line in sample.lines] == [
        ("clean", "2 of 2 right."),
        ("rotation 10", "1 of 2 right: a taken for c (70%)."),
    ]
    assert [[(guess.text, guess.right) for guess in line.guesses] for line in sample.lines] == [
        [("a", True), ("b", True)],
        [("c", False), ("b", True)],
    ]
    assert sample.lines[1].strip.alternative == "2 images, rotation 10, taken for c (70%), b (60%)"
    page = render(read(made.directory))
    assert '<span class="bad" title="c (70%)">c</span>' in page
    assert "1 of 2 right: a taken for c (70%)." in page
