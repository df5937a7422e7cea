"""Sums of products of a run's predictions: stored once, made again where they do not serve, right wherever they are."""

from dataclasses import replace
from itertools import product
from shutil import copytree

import numpy as np
import pytest

from harness.metrics.catalogue import value_of
from harness.metrics.corruption import NO_CORRUPTIONS
from harness.metrics.crossed import summed
from harness.metrics.quantities import Quantity, quantities, shared_seeds
from harness.results.leaderboard import differences
from harness.results.leaderboard.ranked import leaderboards
from harness.results.results import Results
from harness.rows import CLEAN
from harness.store import Run, crossing, read_sums, sums
from tests.report_runs import make_run

GROUPS = {"A": "one", "B": "one", "C": "two"}
NOISY = (("gaussian_noise", 0.2), ("gaussian_noise", 0.4))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("made"), GROUPS, seeds=(1, 2, 3))


@pytest.fixture
def run(made, tmp_path):
    return replace(made, directory=copytree(made.directory, tmp_path / "run"))


def read(run):
    return read_sums(run, list(run.rows()))


def counted(monkeypatch):
    """Return the list of trials whose predictions are read from now on."""
    reads = []
    arrays = Run.arrays

    def counting(self, experiment, seed, name):
        reads.append((experiment, seed))
        return arrays(self, experiment, seed, name)

    monkeypatch.setattr(Run, "arrays", counting)
    return reads


def test_every_metric_with_per_image_values_has_sums_under_every_condition(run):
    stored = read(run)
    single = [(metric, (condition,)) for metric in ("test_accuracy", "test_macro_f1", "test_cross_entropy")
              for condition in (CLEAN, *NOISY)]  # fmt: skip
    degradations = [("degradation", (condition,)) for condition in NOISY] + [("degradation", NOISY)]
    assert {(quantity.metric, quantity.conditions) for quantity in stored} >= set(single + degradations)
    for quantity, crossed in stored.items():
        assert (crossed.experiments, crossed.seeds, crossed.sums.images) == (("A", "B", "C"), (1, 2, 3), 200)
        assert crossed.proportion == (quantity.metric == "test_accuracy")


def test_their_means_are_the_metrics_of_the_rows(run):
    rows = {(row.experiment, row.seed): row for row in run.rows()}
    for quantity, crossed in read(run).items():
        for (place, name), (at, seed) in product(enumerate(crossed.experiments), enumerate(crossed.seeds)):
            values = [value_of(rows[name, seed], quantity.metric, condition) for condition in quantity.conditions]
            assert crossed.sums.means[place, at] == pytest.approx(np.mean(values), rel=1e-12)


def test_they_are_those_of_the_stored_predictions(run):
    arrays = {key: run.arrays(*key, "evaluation.npz") for key in run.planned}
    right = [
        [arrays[name, seed]["predicted"][2] == arrays[name, seed]["labels"] for name in GROUPS] for seed in (1, 2, 3)
    ]
    expected = summed([[values.astype(float) for values in seed] for seed in right])
    stored_sums = read(run)[Quantity("test_accuracy", (NOISY[0],))].sums
    for name in ("means", "within", "between"):
        np.testing.assert_allclose(getattr(stored_sums, name), getattr(expected, name), rtol=1e-12)


def test_they_are_read_from_their_file_afterwards(run, monkeypatch):
    recomputed = read(run)
    reads = counted(monkeypatch)
    stored = read(run)
    assert reads == []
    assert list(stored) == list(recomputed)
    for quantity, crossed in recomputed.items():
        np.testing.assert_array_equal(stored[quantity].sums.within, crossed.sums.within)
        assert stored[quantity].seeds == crossed.seeds


@pytest.mark.parametrize("content", [None, b"", b"not an archive", "cut", "flipped"])
def test_a_missing_or_damaged_file_is_made_again(run, content):
    recomputed = read(run)
    path = run.directory / sums.NAME
    whole = path.read_bytes()
    if content is None:
        path.unlink()
    else:
        middle = len(whole) // 2
        at = whole.index(next(iter(recomputed.values())).sums.within.tobytes())
        flipped = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        path.write_bytes({"cut": whole[:middle], "flipped": flipped}.get(content, content))
    assert len(read(run)) > 0
    assert path.read_bytes() == whole


@pytest.mark.parametrize("about", ["[]", "{}", "null", '[["x"]]', '[["a", [[null, 0]], ["A"], [1], 5, true]]'])
def test_a_file_with_another_content_is_made_again_or_has_nothing(run, about):
    recomputed, owner = read(run), sums._owner(run, list(run.rows()), NO_CORRUPTIONS)
    sums.write_sealed(run.directory / sums.NAME, {"about": np.array(about)}, owner)
    assert list(read(run)) in ([], list(recomputed))


def test_a_trial_that_was_measured_again_makes_them_out_of_date(run, monkeypatch):
    read(run)
    stored = run.read("B", 2)
    first, *others = stored.row.evaluation.measures
    measures = [replace(first, values=first.values | {"test_accuracy": 0.5}), *others]
    run.write(replace(stored.row, evaluation=replace(stored.row.evaluation, measures=measures)))
    reads = counted(monkeypatch)
    read(run)
    assert ("B", 2) in reads


def test_missing_and_damaged_predictions_leave_their_trial_out(run):
    (run.trial_directory("A", 1) / "evaluation.npz").unlink()
    assert {crossed.seeds for crossed in read(run).values()} == {(2, 3)}
    (run.directory / sums.NAME).unlink()
    path = run.trial_directory("B", 2) / "evaluation.npz"
    path.write_bytes(path.read_bytes()[:-20])
    stored = read(run)
    assert {crossed.experiments for crossed in stored.values()} == {("A", "C")}
    assert {crossed.seeds for crossed in stored.values()} == {(2, 3)}


def test_without_any_predictions_there_are_none(run):
    for experiment, seed in run.planned:
        (run.trial_directory(experiment, seed) / "evaluation.npz").unlink()
    assert read(run) == {}


def test_trials_of_other_images_are_left_out(run):
    arrays = run.arrays("C", 3, "evaluation.npz")
    run.write(run.read("C", 3).row, {"evaluation.npz": arrays | {"rows": arrays["rows"] + 1}})
    assert {crossed.seeds for crossed in read(run).values()} == {(1, 2)}


def test_a_run_that_cannot_be_written_to_has_sums(run, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(sums, "write_sealed", refuse)
    assert read(run)
    assert not (run.directory / sums.NAME).exists()


def test_more_quantities_than_fit_are_made_one_after_the_other(run, monkeypatch):
    whole = read(run)
    (run.directory / sums.NAME).unlink()
    monkeypatch.setattr(crossing, "_MOST_BYTES", 1)
    parts = read(run)
    assert list(parts) == list(whole)
    for quantity, crossed in whole.items():
        np.testing.assert_array_equal(parts[quantity].sums.between, crossed.sums.between)


def test_a_run_without_noise_has_clean_sums_alone(tmp_path):
    run = make_run(tmp_path, GROUPS, seeds=(1, 2), noise=False)
    assert {quantity.conditions for quantity in read(run)} == {(CLEAN,)}


def test_only_finalists_have_sums(tmp_path):
    more = '[finalists]\nbest = "B"\n'
    run = make_run(tmp_path, GROUPS, seeds=(1, 2), more=more)
    assert {crossed.experiments for crossed in read(run).values()} == {("B",)}


def test_a_directory_without_trials_has_none(tmp_path):
    run = make_run(tmp_path, {"A": "one"}, failed=[("A", 1, "it broke")])
    assert read(run) == {}


def test_quantities_leave_out_severity_0_and_means_of_one():
    needed = quantities({"gaussian_noise": [0.0, 0.2], "blur": [2.0, 1.0, 1.0]})
    assert Quantity("degradation", (("blur", 1.0), ("blur", 2.0))) in needed
    assert Quantity("degradation", (("gaussian_noise", 0.2),)) in needed
    assert len(needed) == len(set(needed))
    assert not [quantity for quantity in needed if ("gaussian_noise", 0.0) in quantity.conditions]


@pytest.mark.parametrize(
    ("seeds", "experiments", "shared"),
    [
        ({}, (), ()),
        ({"A": [1, 2]}, ("A",), (1, 2)),
        ({"A": [1], "B": [1]}, ("A", "B"), (1,)),
        ({"A": [1], "B": [1], "C": [1, 2]}, ("A", "B", "C"), (1,)),
        ({"A": [1, 2], "B": [3, 4]}, ("A",), (1,)),
        ({"A": [1, 2, 3], "B": [4, 5], "C": [4, 5]}, ("B", "C"), (4, 5)),
        ({"A": [1, 2, 3], "B": [1, 2], "C": [2, 3], "D": []}, ("A", "B"), (1, 2)),
        ({"C": [3, 1, 2], "A": [2, 3], "B": [3, 2, 9]}, ("C", "A", "B"), (2, 3)),
    ],
)
def test_experiments_are_compared_over_the_seeds_that_they_share(seeds, experiments, shared):
    assert shared_seeds(seeds) == (experiments, shared)


def test_what_comparisons_are_without_is_named(run):
    """Sums that were made before the damage have the trial still."""
    path = run.trial_directory("B", 2) / "evaluation.npz"
    read(run)
    path.write_bytes(path.read_bytes()[:-1])
    assert not Results.of(run).lost_predictions
    (run.directory / sums.NAME).unlink()
    results = Results.of(run)
    assert results.lost_predictions == {("B", 2): "damaged"}
    message = "Excluded: damaged predictions of B seed 2. Run without --only to measure again."
    for table in [*differences(results), *leaderboards(results)]:
        assert table.note.startswith(message)
    path.unlink()
    assert Results.of(run).lost_predictions == {("B", 2): "missing"}
