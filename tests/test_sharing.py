"""Trials that share the cores: which get more than one thread, who says so, and that they keep it."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import harness
from harness.execution import sharing
from harness.execution.forecast import Timings, makespan, rehearsed, speed_up
from harness.execution.plan import make_plan
from harness.execution.pools import InProcess
from harness.execution.run import execute
from harness.execution.sharing import CLEARLY, allotted, shared
from harness.machine.contention import contended
from harness.plugins.loading import registry
from harness.store import Run
from harness.suite import load_suite
from tests.tiny import TINY

TWO = InProcess(registry())
TWO.slots = 2
SECONDS = st.floats(0.1, 1000.0)


@pytest.fixture
def idle(monkeypatch):
    """Let all cores be idle, and the least saving count."""
    monkeypatch.setattr(sharing, "idle_cores", lambda: 2.0)
    monkeypatch.setattr(sharing, "_LEAST_SECONDS", 0.0)


def by_model(seconds, slots):
    """Return the seconds of a trial by its threads, as nothing but one thread's time is known."""
    return {threads: seconds / speed_up(threads) for threads in range(1, slots + 1)}


@pytest.mark.parametrize(
    ("seconds", "slots", "numbers"),
    [
        ([10.0], 2, [2]),
        ([10.0], 16, [5]),  # each further step must save a tenth
        ([5.0], 2, [1]),  # saves less than two seconds
        ([100.0, 99.0], 2, [1, 1]),
        ([100.0, 20.0], 2, [2, 1]),
        ([100.0, 50.0], 2, [1, 1]),  # 70 and 50 are more than 100
        ([100.0, 90.0, 10.0], 4, [2, 2, 1]),
        ([100.0, 50.0, 10.0], 4, [3, 1, 1]),
        ([600.0, *[100.0] * 11], 16, [5, *[1] * 11]),
        ([600.0, *[100.0] * 11], 2, [1] * 12),
        ([], 4, []),
    ],
)
def test_the_longest_trials_get_the_cores_that_would_be_idle(seconds, slots, numbers):
    """As few as make the end a tenth earlier."""
    assert allotted([by_model(each, slots) for each in seconds], slots) == numbers


@settings(max_examples=50)
@given(st.data())
def test_the_end_is_never_later_and_no_trial_gets_more_than_there_are(data):
    """Whatever threads bring, measured or not; a shorter trial never gets more than a longer one that gains as much."""
    slots = data.draw(st.integers(1, 8))
    gains = st.lists(st.floats(0.3, 2.0), min_size=slots, max_size=slots)
    options = []
    for seconds in data.draw(st.lists(SECONDS, max_size=6)):
        gain = data.draw(st.none() | gains)
        forecast = by_model(seconds, slots)
        options.append(forecast if gain is None else {n: seconds / gain[n - 1] if n > 1 else seconds for n in forecast})
    numbers = allotted(options, slots)
    assert all(1 <= number <= slots for number in numbers)
    singles = [each[1] for each in options]
    reached = makespan([each[number] for each, number in zip(options, numbers, strict=True)], slots, numbers)
    before = makespan(singles, slots)
    assert numbers == [1] * len(numbers) or reached <= min(CLEARLY * before, before - 2.0)
    alike = sorted(
        (each[1], number) for each, number in zip(options, numbers, strict=True) if each == by_model(each[1], slots)
    )
    assert [number for _, number in alike] == sorted(number for _, number in alike)


def planned(folder, text=TINY, only=("A",), seeds=None):
    """Return the plan of the tiny suite, its run, and timings of which nothing is known."""
    (folder / "tiny.toml").write_text(text)
    loaded = load_suite(folder / "tiny.toml", registry(), seeds=seeds)
    plan = make_plan(loaded, registry(), TWO, only=only)
    names = [(trial.row.experiment, trial.row.seed) for trial in plan.trials]
    return plan, Run(folder / "run", loaded.suite, plan.dataset, names), Timings(folder / "timings.jsonl")


def numbers(plan):
    """Return each trial's threads: of its products, of the pool's slots, and as its row says before it runs."""
    return [(trial.spec.context.threads, trial.slots, trial.row.environment.get("threads")) for trial in plan.trials]


@pytest.mark.usefixtures("idle")
def test_a_trial_keeps_its_number_until_it_is_done_and_is_measured_with_it(tmp_path):
    """Another plan of the same run changes nothing, whatever was timed since; the row says it, tests included."""
    plan, run, timings = planned(tmp_path)
    plan, lines = shared(plan, run, 2, timings)
    assert lines == ["2 threads: A seed 1. In float32, bits may differ from those of one thread"]
    assert numbers(plan) == [(2, 2, "2")]
    run.write(plan.trials[0].row)  # as a run does before it begins
    for trial in plan.trials:
        timings.add(rehearsed(trial.spec, trial.row, 1e-3, None))
        alone = replace(trial.spec, context=replace(trial.spec.context, threads=1))
        timings.add(rehearsed(alone, trial.row, 1e-6, None))
    again, lines = shared(planned(tmp_path)[0], run, 2, timings)
    assert (numbers(again), len(lines)) == ([(2, 2, "2")], 1)
    assert shared(planned(tmp_path)[0], run, 1, timings)[0].trials[0].slots == 1, "on a single core"
    (row,) = execute(run, again, registry(), TWO, timings=timings).rows
    assert (row.status, row.environment["threads"], row.evaluation.environment["threads"]) == ("done", "2", "2")
    measured, lines = shared(planned(tmp_path)[0], run, 2, timings)
    assert (numbers(measured), lines) == ([(2, 2, None)], [])


@pytest.mark.usefixtures("idle")
def test_what_was_timed_with_more_threads_counts(tmp_path):
    """A network that gains nothing from a second thread does not get one again."""
    plan, run, timings = planned(tmp_path)
    (trial,) = plan.trials
    timings.add(rehearsed(trial.spec, trial.row, 1e-3, None))
    wide = replace(trial.spec, context=replace(trial.spec.context, threads=2))
    timings.add(rehearsed(wide, trial.row, 0.99e-3, None))
    assert numbers(shared(plan, run, 2, timings)[0]) == [(1, 1, "1")]


@pytest.mark.parametrize(("threads", "noted"), [(1, True), (2, False)])
def test_a_time_of_threads_that_waited_is_no_measure_of_them(tmp_path, threads, noted):
    """One that has no core lets all others wait, many times as long as the work takes."""
    plan, _, timings = planned(tmp_path)
    (trial,) = plan.trials
    spec = replace(trial.spec, context=replace(trial.spec.context, threads=threads))
    metrics = SimpleNamespace(seconds=1.0, epochs=3)
    row = replace(trial.row, metrics=metrics, contended=contended(beside=False, share=0.3))
    timings.record(spec, row, 1000)
    assert timings.has(spec) == noted
    timings.record(spec, replace(row, contended=contended(beside=True, share=0.0)), 1000)
    assert timings.has(spec)


@pytest.mark.usefixtures("idle")
def test_a_checkpoint_of_a_run_with_one_thread_stays_of_use(tmp_path):
    """With two, it would begin anew."""
    plan, run, timings = planned(tmp_path)
    checkpoint = run.checkpoint("A", 1)
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"")
    assert numbers(shared(plan, run, 2, timings)[0]) == [(1, 1, "1")]


@pytest.mark.usefixtures("idle")
def test_beside_other_programs_no_trial_gets_a_second_thread(tmp_path, monkeypatch):
    """Its products would wait for each other's core; a trial that has its number keeps it."""
    plan, run, timings = planned(tmp_path)
    monkeypatch.setattr(sharing, "idle_cores", lambda: 1.2)
    shares, lines = shared(plan, run, 2, timings)
    assert numbers(shares) == [(1, 1, "1")]
    assert lines == [
        "one thread each: other programs are running (1.2 of 2 cores are idle), and threads would wait for each other"
    ]


@pytest.mark.usefixtures("idle")
def test_the_command_and_the_call_say_who_gets_more_threads(tmp_path, typed, monkeypatch):
    """In the plan's text and document, and in what a run remarks."""
    monkeypatch.setattr("harness.api.asking.cores", lambda: 2)
    (tmp_path / "tiny.toml").write_text(TINY)
    options = ("--threads", "auto", "--jobs", "2", "--out", str(tmp_path / "run"))
    output = typed("plan", str(tmp_path / "tiny.toml"), *options, "--only", "A").out
    assert "2 threads: A seed 1. In float32, bits may differ from those of one thread\n" in output
    frame = harness.plan(tmp_path / "tiny.toml", threads="auto", jobs=2, only="C", out=tmp_path / "run").trials()
    assert list(frame["threads"]) == [2]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"threads": "all"}, "--threads all: not a whole number from 1 to 4096, nor auto"),
        (
            {"jobs": 0},
            "--jobs 0 beside --threads auto: trials run one after another in this process. Leave --jobs out,",
        ),
        ({"jobs": 3}, "--jobs 3 beside --threads auto: trials share 2 cores. Leave --jobs out, or give a number of"),
        ({"cluster": "local:2"}, "--threads auto beside --cluster: it is for the cores of this machine. Give a number"),
    ],
)
def test_what_does_not_go_with_shared_cores_is_refused(tmp_path, monkeypatch, arguments, why):
    """Before anything is written."""
    monkeypatch.setattr("harness.api.asking.cores", lambda: 2)
    with pytest.raises(harness.HarnessError) as caught:
        harness.run("digits", **({"threads": "auto", "out": tmp_path / "run"} | arguments))
    assert str(caught.value).startswith(why)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("idle")
def test_a_run_in_processes_gives_a_trial_its_threads(tmp_path, monkeypatch):
    """Its row has them, its remarks name it, and the bits are those of a run whose trials all have as many."""
    monkeypatch.setattr("harness.api.asking.cores", lambda: 2)
    (tmp_path / "tiny.toml").write_text(TINY.replace("[16]", "[300, 200]"))
    options = {"only": "A", "out": tmp_path / "auto", "threads": "auto", "jobs": 2}
    run = harness.run(tmp_path / "tiny.toml", **options)
    assert run.remarks == ("2 threads: A seed 1. In float32, bits may differ from those of one thread",)
    fixed = harness.run(tmp_path / "tiny.toml", only="A", out=tmp_path / "fixed", threads=2, jobs=1)
    rows = [each.row("A", 1) for each in (run, fixed)]
    assert [row.environment["threads"] for row in rows] == ["2", "2"]
    first, second = ((tmp_path / name / "trials/A/seed-1/state.npz").read_bytes() for name in ("auto", "fixed"))
    assert first == second
    assert harness.run(tmp_path / "tiny.toml", **options).remarks == (), "nothing is left to train"
