"""A run: every planned trial is a row, nothing is done twice, nothing is lost."""

import json
from dataclasses import replace

import numpy as np
import pytest

from harness import __version__, metrics
from harness.errors import HarnessError
from harness.metrics.catalogue import value_of
from harness.plugins.loading import registry
from harness.store import Run, locked, set_aside
from harness.trial.fingerprints import differences
from tests.tiny import TINY, run_suite, without_times


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Return the folder of a run that is done, its outcome and the run; not to be changed."""
    folder = tmp_path_factory.mktemp("finished")
    return folder, *run_suite(folder)


def test_every_planned_trial_has_a_row_with_what_made_it(finished):
    """Status, fingerprint, provenance, environment, history and metrics."""
    _, outcome, run = finished
    assert outcome.all_well
    assert [(row.experiment, row.seed) for row in run.rows()] == [("A", 1), ("B", 1), ("C", 1)]
    for row in run.rows():
        assert row.status == "done"
        assert len(row.fingerprint) == 64
        parts = {f"optimizer {row.settings['optimizer']['name']}", "backend numpy", "dataset digits"}
        assert row.components.keys() == parts
        assert all(origin.startswith(f"nn-harness {__version__}") for origin in row.components.values())
        if row.evaluation:
            noise = registry().find("perturbation", "gaussian_noise")
            assert row.evaluation.components == {"perturbation gaussian_noise": noise.identity}
        assert {"numpy", "blas", "threads", "processor", "python", "placement"} <= row.environment.keys()
        assert [epoch.epoch for epoch in row.history] == [1, 2, 3]
        assert row.metrics.val_loss == row.history[-1].val_loss
        assert row.metrics.seconds == pytest.approx(sum(o.seconds + o.validation_seconds for o in row.history))


def test_only_finalists_are_tested_and_validation_chooses_among_candidates(finished):
    """best_of takes the better of B and C by validation accuracy; the other's test rows are never read."""
    _, _, run = finished
    rows = {row.experiment: row for row in run.rows()}
    better, worse = sorted("BC", key=lambda name: -rows[name].metrics.val_accuracy)
    assert rows["A"].evaluation
    assert rows[better].evaluation
    assert rows[worse].evaluation is None
    assert not (run.trial_directory(worse, 1) / "evaluation.npz").exists()


def test_stored_predictions_give_the_stored_metrics(finished):
    """Row id, class, log-probability of the truth and confidence, for each severity: everything follows from them."""
    _, _, run = finished
    row = next(row for row in run.rows() if row.experiment == "A")
    arrays = run.arrays("A", 1, "evaluation.npz")
    assert len(arrays["rows"]) == run.dataset.sizes["test"] == arrays["predicted"].shape[1]
    conditions = [(measure.perturbation, measure.severity) for measure in row.evaluation.measures]
    assert conditions == [(None, 0.0), ("gaussian_noise", 0.0), ("gaussian_noise", 0.3)]
    for index, measure in enumerate(row.evaluation.measures):
        right = arrays["predicted"][index] == arrays["labels"]
        assert measure.values["test_accuracy"] == right.mean()
        assert measure.values["test_cross_entropy"] == metrics.cross_entropy(arrays["log_probability"][index])
        assert measure.values["test_ece"] == metrics.expected_calibration_error(arrays["confidence"][index], right)
        assert measure.values["test_macro_f1"] == metrics.macro_f1(
            metrics.confusion_matrix(arrays["labels"], arrays["predicted"][index], 10)
        )
    assert "confusion" not in arrays, "it follows from the rest, and is the largest of all where there are many classes"
    clean, still, noisy = (measure.values for measure in row.evaluation.measures)
    assert clean == still
    accuracy, perturbed = clean["test_accuracy"], noisy["test_accuracy"]
    fall = value_of(row, "degradation", conditions[2])
    assert fall == pytest.approx(100 * (accuracy - perturbed) / accuracy)
    assert fall > 0


def test_the_stored_state_predicts_what_was_measured(finished):
    """A network built from state.npz gives the validation confusion matrix that is stored beside it."""
    from harness.execution.plan import make_plan
    from harness.execution.pools import InProcess
    from harness.interfaces import Context
    from harness.optimizers import Adam
    from harness.suite import load_suite
    from harness.trial.jobs import split_of
    from harness_array.backends import NumpyBackend

    folder, _, run = finished
    plan = make_plan(load_suite(folder / "tiny.toml", registry()), registry(), InProcess(registry()))
    spec = next(trial.spec for trial in plan.trials if trial.spec.experiment == "C")
    network = NumpyBackend().build(spec.network, run.arrays("C", 1, "state.npz"), Adam(), Context(1))
    data = plan.data.open()
    network.attach(data.features, data.labels)
    rows = split_of(plan.data, spec.split).val
    confusion = metrics.confusion_matrix(data.labels[rows], network.predict(rows).argmax(axis=1), 10)
    np.testing.assert_array_equal(confusion, run.arrays("C", 1, "validation.npz")["confusion"])


def test_equal_fingerprints_give_byte_identical_results(finished, tmp_path):
    """The same suite elsewhere: equal rows but for the clock, and equal bytes of every array file."""
    _, _, run = finished
    _, again = run_suite(tmp_path)
    for row, other in zip(run.rows(), again.rows(), strict=True):
        assert json.dumps(without_times(row), default=vars) == json.dumps(without_times(other), default=vars)
        for path in run.trial_directory(row.experiment, 1).glob("*.npz"):
            assert path.read_bytes() == (again.trial_directory(row.experiment, 1) / path.name).read_bytes()


def test_the_same_command_again_runs_nothing(tmp_path, watcher):
    """A row with the fingerprint serves; not a byte of it is written again."""
    _, run = run_suite(tmp_path)
    assert watcher.trained == ["C", "A", "B"], "the largest first"
    assert watcher.epochs == 9
    before = {path: path.stat().st_mtime_ns for path in run.directory.rglob("*.npz")}
    run_suite(tmp_path)
    assert len(watcher.trained) == 3
    assert before == {path: path.stat().st_mtime_ns for path in run.directory.rglob("*.npz")}


def test_what_is_added_is_all_that_runs(tmp_path, watcher):
    """Seeds and experiments train what is new; a severity trains nothing and measures anew."""
    run_suite(tmp_path, only=["A"])
    assert watcher.trained == ["A"]
    _, run = run_suite(tmp_path, only=["B"])
    assert watcher.trained == ["A", "B"]
    assert [row.experiment for row in run.rows()] == ["A", "B"]
    _, run = run_suite(tmp_path, only=["A"], seeds=[1, 2])
    assert watcher.trained == ["A", "B", "A"]
    assert run.planned == [("A", 1), ("A", 2), ("B", 1)]
    outcome, _ = run_suite(tmp_path, TINY.replace("[0.0, 0.3]", "[0.0, 0.3, 0.5]"), only=["A"])
    assert watcher.trained == ["A", "B", "A"]
    assert [measure.severity for measure in outcome.rows[0].evaluation.measures] == [0.0, 0.0, 0.3, 0.5]


@pytest.mark.parametrize(
    "harm", ["truncate the row", "flip a bit of the row", "delete the state", "flip a bit of the state"]
)
def test_a_damaged_row_is_noticed_reported_and_run_again(tmp_path, watcher, harm):
    """Its checksum tells; the other rows stay."""
    first, run = run_suite(tmp_path)
    place = run.trial_directory("B", 1)
    path = place / ("row.json" if "row" in harm else "state.npz")
    content = bytearray(path.read_bytes())
    if "delete" in harm:
        path.unlink()
    elif "truncate" in harm:
        path.write_bytes(content[: len(content) // 2])
    else:
        digit = next(i for i in range(len(content) // 2, len(content)) if chr(content[i]).isdigit())
        content[digit] ^= 1
        path.write_bytes(content)
    watcher.trained.clear()
    outcome, _ = run_suite(tmp_path)
    assert watcher.trained == ["B"]
    assert len(outcome.damaged) == 1
    assert outcome.damaged[0].startswith(str(path))
    assert outcome.damaged[0].endswith("; the trial is trained again")
    assert [without_times(row) for row in outcome.rows] == [without_times(row) for row in first.rows]


def test_a_diverging_trial_is_a_row_and_the_others_go_on(tmp_path):
    """The reason names epoch and step; the exit code will tell."""
    text = TINY.replace("learning_rate = 0.1, momentum = 0.9", "learning_rate = 1e30")
    outcome, run = run_suite(tmp_path, text)
    rows = {row.experiment: row for row in outcome.rows}
    assert rows["B"].status == "failed"
    assert rows["B"].reason.startswith("diverged at epoch 1, step ")
    assert "TrialError" in (run.trial_directory("B", 1) / "log.txt").read_text()
    assert rows["A"].status == rows["C"].status == "done"
    assert not outcome.all_well
    assert rows["C"].evaluation is not None, "a candidate that failed is not waited for"


def test_a_precision_is_honoured_or_declined_and_recorded(tmp_path):
    """Numpy has float32 alone; torch's row says bfloat16, which is another trial than float32's."""
    pytest.importorskip("torch")
    text = TINY.replace("[experiments.B]", '[experiments.B]\nbackend = "torch"\nprecision = "bfloat16"')
    text = text.replace("[experiments.C]", '[experiments.C]\nprecision = "bfloat16"')
    outcome, _ = run_suite(tmp_path, text)
    rows = {row.experiment: row for row in outcome.rows}
    assert [rows[name].status for name in "ABC"] == ["done", "done", "unavailable"]
    assert rows["C"].reason == "numpy cannot honour precision 'bfloat16'"
    assert [rows[name].basis["precision"] for name in "AB"] == ["float32", "bfloat16"]
    assert rows["B"].metrics.val_accuracy > 0.8
    float32 = replace(rows["B"], basis=rows["A"].basis)
    assert differences(rows["B"], float32) == ["precision was 'bfloat16', is 'float32'"]


def test_a_backend_that_is_not_available_is_a_row_with_its_reason(tmp_path):
    """A list takes the first that works; where none does, the trial is unavailable."""
    text = TINY.replace("[experiments.A]", '[experiments.A]\nbackend = ["cupy", "numpy"]\ndevice = "cpu"').replace(
        "[experiments.B]", '[experiments.B]\nbackend = "cupy"\ndevice = "cpu"'
    )
    outcome, _ = run_suite(tmp_path, text)
    rows = {row.experiment: row for row in outcome.rows}
    assert (rows["A"].status, rows["A"].backend) == ("done", "numpy")
    assert (rows["B"].status, rows["B"].backend) == ("unavailable", "cupy")
    assert "runs on CUDA devices alone" in rows["B"].reason


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "tiny"', 'name = "other"', "holds a run of suite 'tiny', not 'other'"),
        (
            "[defaults]",
            '[dataset]\nname = "files"\nimages = "x.npy"\nlabels = "y.npy"\n[defaults]',
            "holds a run of dataset 'digits', not 'files'",
        ),
    ],
)
def test_another_suites_run_is_not_touched(tmp_path, old, new, message):
    """The directory is refused with the difference, and every byte stays."""
    labels = np.arange(300) % 10
    np.save(tmp_path / "x.npy", np.full((300, 8, 8), 255, dtype=np.uint8))
    np.save(tmp_path / "y.npy", labels)
    _, run = run_suite(tmp_path, only=["A"])
    before = {path: path.read_bytes() for path in run.directory.rglob("*") if path.is_file()}
    with pytest.raises(HarnessError, match=message) as caught:
        run_suite(tmp_path, TINY.replace(old, new))
    assert "or 'harness run --fresh' keeps this run aside" in str(caught.value)
    assert before == {path: path.read_bytes() for path in run.directory.rglob("*") if path.is_file()}


def test_a_changed_experiment_runs_again_and_nothing_is_lost(tmp_path, watcher):
    """What differs is reported; the earlier row is kept aside, and serves again when the change is taken back."""
    first, run = run_suite(tmp_path)
    watcher.trained.clear()
    changed = TINY.replace("momentum = 0.9 }", "momentum = 0.5 }")
    outcome, _ = run_suite(tmp_path, changed)
    assert watcher.trained == ["B"]
    assert outcome.stale == ["B seed 1: optimizer.momentum was 0.9, is 0.5"]
    assert len(list(run.directory.glob("superseded/B/seed-1/*/state.npz"))) == 1
    again, _ = run_suite(tmp_path)
    assert watcher.trained == ["B"]
    assert again.stale == ["B seed 1: optimizer.momentum was 0.5, is 0.9"]
    assert [without_times(row) for row in again.rows] == [without_times(row) for row in first.rows]


def test_other_data_and_another_split_run_everything_again(tmp_path, watcher):
    """What has another digest is trained anew, and the difference is reported in words."""
    run_suite(tmp_path, only=["A"])
    text = TINY.replace("[defaults]", '[dataset]\nname = "digits"\nsplit = { seed = 5 }\n[defaults]')
    outcome, _ = run_suite(tmp_path, text, only=["A"])
    assert watcher.trained == ["A", "A"]
    assert outcome.stale[0] == "A seed 1: another split"


def test_a_row_that_was_made_elsewhere_serves_where_its_backend_is_not(tmp_path, watcher):
    """A run is not thrown away because it is looked at on a machine without its device."""
    first, run = run_suite(tmp_path)
    again, _ = run_suite(tmp_path, TINY.replace("[defaults]", '[defaults]\ndevice = "cuda"'))
    assert len(watcher.trained) == 3
    assert [without_times(row) for row in again.rows] == [without_times(row) for row in first.rows]
    assert not again.stale
    assert not (run.directory / "superseded").exists()


def test_a_folder_of_something_else_is_not_touched(tmp_path):
    """--out ~ would be a pity."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").write_text("dear")
    with pytest.raises(HarnessError, match=r"holds 'thesis.tex', and no run\. Name"):
        run_suite(tmp_path)


def test_a_second_driver_is_refused(tmp_path):
    """The lock goes with its process, so that a killed driver leaves none."""
    run_suite(tmp_path)
    with locked(tmp_path / "run"):
        for start in (run_suite, lambda folder: set_aside(folder / "run")):
            with pytest.raises(HarnessError, match="another harness is running here"):
                start(tmp_path)
    assert (tmp_path / "run" / "run.json").exists()


def test_a_run_is_put_aside_with_its_lock_free(tmp_path):
    """Its name is free then, and what was there may be resumed under its new one."""
    _, run = run_suite(tmp_path, only=["A"])
    aside = set_aside(run.directory)
    assert not run.directory.exists()
    with locked(aside):
        assert [row.status for row in Run.open(aside).rows()] == ["done"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "the folder is empty. 'harness run SUITE --out DIR' makes a run there"),
        ("{", "cannot be read"),
        ('{"format": 99}', "format 99; this harness reads formats 1 and 2"),
        ('{"format": 1}', "damaged: 'suite'"),
        ("[]", "format None; this harness reads formats 1 and 2"),
    ],
)
def test_what_is_no_run_is_refused_in_words(tmp_path, content, message):
    """Missing, cut off, of the future, damaged."""
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    with pytest.raises(HarnessError, match=message):
        Run.open(tmp_path)


def test_early_stopping_waits_and_may_restore_the_best(tmp_path):
    """The epoch that triggers the stop is recorded; restored weights give the best epoch's figures."""
    text = TINY.replace("epochs = 3", "epochs = 60\nearly_stopping = { patience = 2 }").replace(
        "[experiments.B]", "[experiments.B]\nearly_stopping = { restore_best = true }"
    ).replace("momentum = 0.9", "momentum = 0.99")  # fmt: skip
    outcome, run = run_suite(tmp_path, text, only=["A", "B"])
    for row in outcome.rows:
        losses = [epoch.val_loss for epoch in row.history]
        best = int(np.argmin(losses))
        assert row.metrics.stopped_early
        assert row.metrics.best_epoch == best + 1
        assert len(losses) == best + 3
        kept = losses[best] if row.experiment == "B" else losses[-1]
        assert row.metrics.val_loss == kept
        confusion = run.arrays(row.experiment, 1, "validation.npz")["confusion"]
        assert metrics.accuracy(confusion) == pytest.approx(row.metrics.val_accuracy)
