"""Ensembles: the mean of their members' probabilities on test rows, a row in every test table, and how they resume."""

import shutil

import numpy as np
import pytest

from harness.errors import HarnessError, TrialError
from harness.execution.ensembles import ensemble_reasons
from harness.report.reading import read
from harness.report.sheets import trials
from harness.results.leaderboard import tables
from harness.results.results import Results
from harness.results.verify.verification import Verdict, verify
from harness.store.ensembles import ensemble_rows
from harness.trial.probabilities import Keeper, mean_log_probabilities
from tests.tiny import run_suite

SUITE = """
[suite]
name = "together"
seeds = [1, 2]

[defaults]
hidden_layers = [8]
batch_size = 256
optimizer = { name = "adam", learning_rate = 0.01 }
epochs = 1

[experiments.A]

[experiments.B]
activation = "silu"

[ensembles.both]
members = ["A", "B"]

[ensembles.seeds]
members = ["B"]

[[robustness]]
perturbation = "gaussian_noise"
severities = [0.3]
"""


def states(outcome):
    """Return the status of each row of an outcome, and what is wrong."""
    return {(row.experiment, row.seed): (row.status, row.reason) for row in outcome.rows}


def files(run):
    """Return the bytes of each ensemble's predictions."""
    return {str(path): path.read_bytes() for path in run.directory.glob("ensembles/*/*/evaluation.npz")}


def test_an_ensemble_answers_by_the_mean_of_its_members_probabilities(tmp_path):
    """Against NumPy's mean, under every condition; blocks have several sizes, and members are read in turn."""
    rng = np.random.default_rng(0)
    rows, classes = (5, 5, 2, 2), 7
    probabilities = [[rng.dirichlet(np.ones(classes), size=count).astype(np.float32) for count in rows] for _ in "abc"]
    paths = [tmp_path / name for name in "abc"]
    for path, blocks in zip(paths, probabilities, strict=True):
        keeper = Keeper(path)
        for block in blocks:
            keeper.add(np.log(block))
        keeper.finish()
    for mean, *members in zip(mean_log_probabilities(paths, rows, classes), *probabilities, strict=True):
        assert mean.dtype == np.float32
        np.testing.assert_allclose(np.exp(mean), np.mean(members, axis=0), rtol=1e-6)


def test_a_whole_run_measures_ensembles_from_its_members_only_predictions(tmp_path, monkeypatch):
    """Each network predicts once; what an ensemble says is what its members' probabilities say; nothing is left."""
    blocks_of = {}

    class Spy(Keeper):
        def __init__(self, path):
            super().__init__(path)
            self._path_of = path
            blocks_of[str(path)] = []

        def add(self, values):
            super().add(values)
            blocks_of[str(self._path_of)].append(np.exp(values, dtype=np.float64))

    monkeypatch.setattr("harness.trial.measuring.Keeper", Spy)
    outcome, run = run_suite(tmp_path, SUITE)
    assert outcome.all_well
    assert len(blocks_of) == 4
    for name, seed, members in (("both", 2, ("A/seed-2", "B/seed-2")), ("seeds", 1, ("B/seed-1", "B/seed-2"))):
        arrays = run.arrays(name, seed, "evaluation.npz")
        blocks = [next(values for path, values in blocks_of.items() if f"/{member}/" in path) for member in members]
        for condition in range(2):  # digits have one block of test rows
            mean = np.mean([values[condition] for values in blocks], axis=0)
            np.testing.assert_array_equal(arrays["predicted"][condition], mean.argmax(axis=1))
            of_truth = mean[np.arange(len(mean)), arrays["labels"]]
            np.testing.assert_allclose(np.exp(arrays["log_probability"][condition]), of_truth, rtol=1e-5)
    assert not list(run.directory.rglob("probabilities-*"))
    assert [(row.experiment, row.seed) for row in outcome.rows[4:]] == [("both", 1), ("both", 2), ("seeds", 1)]


def test_an_ensemble_has_a_row_in_every_test_table(tmp_path):
    """And none among what was trained."""
    _, run = run_suite(tmp_path, SUITE)
    names_of = {table.key: table.values("experiment") for table in tables(Results.of(run))}
    for key in ("overview", "test", "robustness", "robustness-loss", "accuracy", "degradation"):
        assert sorted(names_of[key]) == ["A", "B", "both", "seeds"], key
    for key in ("validation", "speed"):
        assert sorted(names_of[key]) == ["A", "B"], key


def test_ensembles_resume_and_follow_their_members(tmp_path):
    """A second command measures nothing; a member that is trained otherwise, and a new ensemble, are measured."""
    _, run = run_suite(tmp_path, SUITE)
    before = files(run)
    times = {path: path.stat().st_mtime_ns for path in run.directory.rglob("evaluation.npz")}
    run_suite(tmp_path, SUITE)
    assert times == {path: path.stat().st_mtime_ns for path in run.directory.rglob("evaluation.npz")}
    _, run = run_suite(tmp_path, SUITE.replace("[experiments.A]", "[experiments.A]\nepochs = 2"))
    after = files(run)
    assert {path for path in before if before[path] != after[path]} == {path for path in before if "/both/" in path}
    outcome, run = run_suite(tmp_path, SUITE)
    assert outcome.all_well
    assert files(run) == before


def test_other_severities_are_a_reason_to_measure(tmp_path):
    """The run measures then, and a plan that says otherwise is wrong."""
    _, run = run_suite(tmp_path, SUITE)
    assert {why for _, why in ensemble_reasons(run)} == {"its stored results serve"}
    run.suite.robustness[0].severities.append(0.1)
    why = "will be measured, because perturbations or their severities differ"
    assert {text for _, text in ensemble_reasons(run)} == {why}


def test_what_is_lost_of_an_ensemble_is_made_again(tmp_path):
    """Its files, or all of it, as after a command that was killed before it had answered."""
    _, run = run_suite(tmp_path, SUITE)
    before = files(run)
    shutil.rmtree(run.directory / "ensembles" / "both")
    (run.directory / "ensembles" / "seeds" / "seed-1" / "evaluation.npz").unlink()
    outcome, run = run_suite(tmp_path, SUITE)
    assert outcome.all_well
    assert files(run) == before


def test_a_failed_member_costs_the_ensemble_alone(tmp_path):
    """Its reason is the ensemble's; all else is measured."""
    text = SUITE.replace('activation = "silu"', 'optimizer = { name = "sgd", learning_rate = 1e30 }')
    outcome, _ = run_suite(tmp_path, text.replace("epochs = 1", "epochs = 3"))
    states_by_name = states(outcome)
    assert states_by_name["A", 1] == ("done", "")
    status, reason = states_by_name["both", 1]
    assert status == "unavailable"
    assert reason.startswith("its member B seed 1 failed: diverged at epoch ")


def test_a_member_that_is_no_finalist_makes_the_ensemble_unavailable(tmp_path):
    """Validation chose another."""
    outcome, _ = run_suite(tmp_path, SUITE + '\n[finalists]\nbest = { best_of = "*" }\n')
    states_by_name = states(outcome)
    assert "is not a finalist" in states_by_name["both", 1][1]


def test_an_ensemble_of_experiments_that_are_not_selected_waits(tmp_path):
    """With --only nothing of it is asked for; the next whole command measures it from what is there."""
    outcome, run = run_suite(tmp_path, SUITE, only=["A"])
    assert [row.experiment for row in outcome.rows] == ["A", "A"]
    outcome, run = run_suite(tmp_path, SUITE)
    assert outcome.all_well
    assert [row.status for row in ensemble_rows(run, list(run.rows()))] == ["done"] * 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ('[ensembles.x]\nmembers = ["C"]', "ensembles.x.members[0]: unknown experiment 'C'. Known: A, B."),
        ('[ensembles.A]\nmembers = ["B"]', "ensembles.A: 'A' is an experiment, too. Rename one of them"),
        ('[finalists]\none = "A"', "ensembles.both.members[1]: 'B' is never tested: no label of [finalists] means it"),
        ('[ensembles.x]\nmembers = ["A", "A"]', "ensembles.x.members: A is there twice"),
        (
            '[[expect]]\nrelation = "both.val_loss < 1"',
            "'both' is an ensemble: it has metrics of test rows, and no val_",
        ),
        ('[[expect]]\nrelation = "bth.test_accuracy < 1"', "unknown experiment 'bth'. Did you mean 'both'?"),
    ],
)
def test_a_mistake_is_named_in_one_line(tmp_path, change, message):
    """Where, what, and what would do."""
    with pytest.raises(HarnessError) as raised:
        run_suite(tmp_path, f"{SUITE}\n{change}\n")
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_probabilities_of_another_size_are_refused(tmp_path):
    """A file that a killed process left would have another name; one that was cut later has another size."""
    (tmp_path / "short").write_bytes(b"\0" * 8)
    with pytest.raises(TrialError, match=r"short: the member's probabilities have 8 bytes, not 40"):
        list(mean_log_probabilities([tmp_path / "short"], [5], 2))


def test_a_full_disk_costs_no_evaluation(tmp_path):
    """A keeper that cannot write keeps nothing, and leaves nothing."""
    keeper = Keeper(tmp_path / "missing" / "file")
    keeper.add(np.zeros((2, 2), dtype=np.float32))
    keeper.finish()
    keeper = Keeper(tmp_path / "file")
    keeper.add(np.zeros((2, 2), dtype=np.float32))
    keeper.close()
    assert list(tmp_path.iterdir()) == []


def test_after_an_interruption_what_members_kept_is_used(tmp_path, monkeypatch):
    """The command ends between the members' predictions and the ensembles: the next one predicts nothing again."""
    with monkeypatch.context() as patch:
        patch.setattr("harness.execution.run.answer_all", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run_suite(tmp_path, SUITE)
    members = sorted(path.parent.parent.name for path in (tmp_path / "run").rglob("probabilities-*"))
    assert members == ["A", "A", "B", "B"]
    monkeypatch.setattr("harness.execution.evaluation.evaluate_trials", interrupted)
    outcome, run = run_suite(tmp_path, SUITE)
    assert outcome.all_well
    assert not list(run.directory.rglob("probabilities-*"))


def interrupted(*_):
    """Stand for a user who presses Ctrl-C."""
    raise KeyboardInterrupt


def test_members_of_two_backends_a_relation_and_a_page(tmp_path):
    """They are measured in different jobs; `verify` judges an ensemble, the report shows it."""
    text = SUITE.replace('activation = "silu"', 'backend = "torch"').replace("seeds = [1, 2]", "seeds = [1]")
    text += '\n[[expect]]\nrelation = "both.test_accuracy > 0"\nsource = "arithmetic"\n'
    outcome, run = run_suite(tmp_path, text)
    assert outcome.all_well
    assert outcome.rows[-2].backend == "numpy, torch"
    (claim,) = verify(Results.of(run)).claims
    assert claim.verdict in {Verdict.met, Verdict.undecided}
    material = read(run.directory)
    assert {tested.name for tested in material.closer} == {"A", "B", "both", "seeds"}
    assert {line.cells[0].text for line in trials(material.results.experiments).lines} >= {"both", "seeds"}
