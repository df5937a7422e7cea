"""Plans: what is refused before anything is trained, and the place that the message names."""

from types import SimpleNamespace

import pytest

import harness
from harness.cli.commands.plan import _line
from harness.errors import HarnessError
from harness.execution.forecast import Forecast
from harness.execution.plan import make_plan
from harness.execution.pools import InProcess
from harness.plugins.loading import registry
from harness.suite import load_suite
from tests.tiny import TINY

OWN = TINY.replace("batch_norm = true", "batch_norm = true\nbatch_size = 313")
GRID = TINY.replace("batch_norm = true", "batch_norm = true\ngrid = { batch_size = [128, 313] }")


@pytest.fixture
def planned(tmp_path):
    """Return a function that plans a suite's text, with the options of a command."""

    def plan(text=TINY, **options):
        path = tmp_path / "mine.toml"
        path.write_text(text)
        return make_plan(load_suite(path, registry(), **options), registry(), InProcess(registry()))

    return plan


@pytest.mark.parametrize(
    ("text", "assignments", "where"),
    [
        (OWN, [], "mine.toml: experiments.C.batch_size: "),
        (TINY.replace("batch_size = 128", "batch_size = 313"), [], "mine.toml: defaults.batch_size: "),
        (GRID, [], "mine.toml: experiments.C.grid.batch_size[1]: "),
        (TINY, ["defaults.batch_size=313"], "--set defaults.batch_size=313: "),
        (TINY, ["experiments.C.batch_size=313"], "--set experiments.C.batch_size=313: "),
        (OWN, ["experiments.C.batch_norm=true"], "mine.toml: experiments.C.batch_size: "),
    ],
)
def test_a_last_batch_of_one_row_under_batch_norm_names_the_place_of_its_size(
    planned, tmp_path, text, assignments, where
):
    """1,253 training rows in batches of 313 leave one."""
    with pytest.raises(HarnessError) as caught:
        planned(text, assignments=assignments)
    assert str(caught.value).replace(f"{tmp_path}/", "") == (
        f"{where}313 leaves a last batch of one row out of 1,253, which batch_norm cannot normalise. Choose 314 or "
        "another"
    )


def test_the_batch_size_that_is_suggested_leaves_no_row_alone_either(planned):
    """901 rows leave one in batches of 3, and of 4, 5 and 6."""
    split = "[dataset]\nname = 'digits'\nsplit = { train = 0.503, val = 0.1, test = 0.397 }\n"
    with pytest.raises(HarnessError, match=r"3 leaves a last batch of one row out of 901, .* Choose 7 or another"):
        planned(split + TINY, assignments=["defaults.batch_size=3"])
    assert len(planned(split + TINY, assignments=["defaults.batch_size=7"]).trials) == 3


def test_more_trials_than_a_run_can_have_are_refused_before_they_are_made(planned):
    """Each would have a folder; fewer experiments make fewer of them."""
    text = TINY + "".join(f"[experiments.X{index}]\n" for index in range(20))
    with pytest.raises(
        HarnessError, match=r"^--seeds 0,1,2.*: 5,000 seeds of 23 experiments make 115,000 trials, and a"
    ):
        planned(text, seeds=range(5_000))
    assert len(planned(text, seeds=range(2)).trials) == 46


def test_a_backend_that_is_used_instead_of_another_is_named_with_the_reason_and_the_remedy(planned, monkeypatch):
    """Of all experiments with the same reason in one line; one that has its first choice has none."""
    monkeypatch.setattr("harness_array.backends.CupyBackend.unavailable", lambda *_: "cupy: pip install it")
    planned_trial = planned(assignments=['defaults.backend=["cupy", "numpy"]', 'experiments.C.backend="numpy"'])
    assert planned_trial.substitutes == ("A, B train on numpy instead of cupy: cupy: pip install it",)
    assert {(trial.row.backend, trial.row.reason) for trial in planned_trial.trials} == {("numpy", "")}
    assert planned(assignments=['defaults.backend=["numpy", "cupy"]']).substitutes == ()


def test_a_run_remarks_on_a_backend_that_is_used_instead_of_another(tmp_path, monkeypatch):
    """A notebook has no standard error to read."""
    monkeypatch.setattr("harness_array.backends.CupyBackend.unavailable", lambda *_: "no device")
    (tmp_path / "tiny.toml").write_text(TINY)
    changes = {"defaults.backend": ["cupy", "numpy"]}
    run = harness.run(tmp_path / "tiny.toml", only="A", overrides=changes, jobs=0, out=tmp_path / "run")
    assert run.remarks == ("A trains on numpy instead of cupy: no device",)


def test_the_memory_of_a_trial_is_in_megabytes():
    """Of 10⁶ bytes, as files and downloads are."""
    row = SimpleNamespace(experiment="A", seed=1, group="", backend="numpy", parameters=1242)
    forecast = Forecast(2.0, at_most=False, anonymous_bytes=200_000_000)
    assert "200 MB" in _line(SimpleNamespace(row=row, forecast=forecast, epochs=3, state="run", note=""))


def test_a_narrow_terminal_says_what_shows_the_columns_that_it_lacks(typed, tmp_path, monkeypatch):
    """Groups first."""
    (tmp_path / "tiny.toml").write_text(TINY)
    monkeypatch.setattr("harness.cli.tables.room", lambda: 72)
    assert "Not shown in 72 columns: Group. -f json shows all." in typed("plan", "tiny.toml", "--jobs", "0").out
