"""Which runs may be compared, and what a limit says where there is nothing to judge."""

from dataclasses import replace
from shutil import rmtree

import pytest

from harness.errors import HarnessError
from harness.metrics.catalogue import CATALOGUE, value_of
from harness.results.compare import limit, tables, undecided, violations
from tests.made_results import compare_runs
from tests.measures import fallen
from tests.report_runs import make_run

NAMES = {"A": "", "B": ""}


def made(folder, changes=None, **always):
    """Return a run of A and B with seeds 1 and 2; ``changes``: a trial's fields; ``always``: of every trial."""
    folder.mkdir()
    run = make_run(folder, NAMES, (1, 2))
    for row in list(run.rows()):
        changed = always | (changes or {}).get((row.experiment, row.seed), {})
        run.write(replace(row, **changed))
    return run


def test_every_pair_of_trials_must_have_the_same_split(tmp_path):
    """Whatever else there is: a trial that never ran has none, and a run may have rows of several."""
    first = made(tmp_path / "a", basis={"split": "a" * 64})
    second = made(tmp_path / "b", basis={"split": "b" * 64})
    mixed = made(tmp_path / "c", {("B", 2): {"basis": {"split": "b" * 64}}}, basis={"split": "a" * 64})
    message = (
        r"a/run and .*b/run split their rows otherwise in A seed 1 \(aaaaaaaaaaaa and bbbbbbbbbbbb\): their metrics"
    )
    with pytest.raises(HarnessError, match=message):
        compare_runs(first, second)
    for run in (first, second):
        rmtree(run.trial_directory("B", 1))
    with pytest.raises(HarnessError, match=message):
        compare_runs(first, second)
    with pytest.raises(HarnessError, match=r"split their rows otherwise in B seed 2"):
        compare_runs(first, mixed)
    rmtree(mixed.trial_directory("B", 2))
    assert compare_runs(first, mixed).seeds == {"A": [1, 2]}


def test_what_the_first_run_has_and_the_second_has_not_breaks_a_limit(tmp_path):
    """Of one experiment, of one seed, under one perturbation; what the second alone has does not."""
    first = made(tmp_path / "a")
    untested = {("B", seed): {"evaluation": None} for seed in (1, 2)}
    second = made(tmp_path / "b", untested)
    where = second.directory
    limits = [limit("test_accuracy:-0.5")]
    assert violations(compare_runs(first, second), limits) == [
        f"test_accuracy:-0.5: B: seeds 1, 2 have none in {where}"
    ]
    assert violations(compare_runs(second, first), limits) == []
    for row in first.rows():
        if row.experiment == "B":
            clean = replace(row.evaluation, measures=row.evaluation.measures[:1])
            second.write(replace(row, evaluation=clean if row.seed == 1 else row.evaluation))
    comparison = compare_runs(first, second)
    assert violations(comparison, limits) == []
    assert violations(comparison, [limit("degradation:+100")]) == [
        f"degradation:+100: B, gaussian_noise {severity}: seed 1 has none in {where}" for severity in (0.2, 0.4)
    ]


@pytest.mark.parametrize(
    ("changed", "explanation"),
    [
        (
            {"contended": "ran beside other trials"},
            (
                "times are left out: trials shared the machine. "
                "'harness run SUITE --fresh --jobs 1' gives times to compare"
            ),
        ),
        (
            {"contended": "its threads waited for a core for 12% of the time"},
            "times are left out: trials shared the machine. Another program used the cores: a run while none does",
        ),
        ({"environment": {"processor": "other"}}, "times and memory are left out: they come from different machines,"),
    ],
)
def test_times_that_are_not_comparable_cannot_tell_and_say_of_whom(tmp_path, changed, explanation):
    """Those of the experiments that have such; the note says the same, and of all where all have."""
    first = made(tmp_path / "a")
    second = made(tmp_path / "b", {("B", 2): changed})
    comparison = compare_runs(first, second)
    timed = {difference.experiment for difference in comparison.differences if CATALOGUE[difference.metric].of_machine}
    assert timed == {"A"}
    limits = [limit("samples_per_second:-10%")]
    (unclear,) = undecided(comparison, limits)
    assert unclear.startswith(f"samples_per_second:-10%: B: {explanation}")
    reason = explanation.partition(". ")[0]
    assert tables(comparison)[0].note.startswith(f"Of B {reason}")
    every = compare_runs(first, made(tmp_path / "c", **changed))
    assert tables(every)[0].note.startswith(f"{reason[0].upper()}{reason[1:]}")
    assert len(undecided(every, limits)) == 2
    assert violations(comparison, limits) == violations(every, limits) == []


@pytest.mark.parametrize(
    ("contended", "words"),
    [(("b",), "b.toml --out runs/b"), (("a",), "a.toml --dataset wine"), (("a", "b"), "SUITE")],
)
def test_what_gives_times_names_the_suite_of_the_run_that_lacks_them(tmp_path, contended, words):
    """Where both lack them, neither suite alone would do."""
    notes = {
        "a": {"suite_file": "a.toml", "command": ["harness", "run", "a.toml", "--dataset", "wine", "--jobs", "2"]},
        "b": {"suite_file": "b.toml", "command": ["harness", "run", "b.toml", "--out", "runs/b"]},
    }
    runs = []
    for name, written in notes.items():
        always = {"contended": "ran beside other trials"} if name in contended else {}
        run = made(tmp_path / name, **always)
        run.write_header(written)
        runs.append(run)
    (unclear, _) = undecided(compare_runs(*runs), [limit("samples_per_second:-10%")])
    assert f"'harness run {words} --fresh --jobs 1' gives times to compare" in unclear


def test_a_metric_that_neither_has_is_nothing_to_judge(tmp_path):
    """It says so: without it, the limit would look met."""
    first, second = made(tmp_path / "a"), made(tmp_path / "b")
    lines = violations(compare_runs(first, second), [limit("peak_device_bytes:+1")])
    assert lines == ["peak_device_bytes:+1: nothing to judge: no experiment has it in both"]


def test_a_change_of_exactly_the_limit_is_within_it(tmp_path):
    """Whatever binary fractions make of it; a thousandth more is beyond."""
    run = made(tmp_path / "a")
    (difference,) = (
        each
        for each in compare_runs(run, run).differences
        if (each.experiment, each.metric, each.condition) == ("A", "test_accuracy", (None, 0.0))
    )
    for images in range(2, 201):
        fall = (images - 1) / 200 - images / 200
        at, past = (
            replace(difference, change=replace(difference.change, mean=change)) for change in (fall, fall * 1.001)
        )
        assert not limit("test_accuracy:-0.5").exceeded(at)
        assert limit("test_accuracy:-0.5").exceeded(past)
    rise = replace(
        difference, first=replace(difference.first, mean=0.7), change=replace(difference.change, mean=0.77 - 0.7)
    )
    assert not limit("test_accuracy:+10%").exceeded(rise)
    assert not limit("test_accuracy:+7").exceeded(rise)


def test_limits_are_in_points_of_percentages_or_in_per_cent(tmp_path):
    """Of means; a trial that got lost breaks every limit."""
    first = made(tmp_path / "a")
    worse = {
        (row.experiment, row.seed): {"metrics": replace(row.metrics, train_accuracy=0.8, epochs=row.metrics.epochs + 2)}
        for row in first.rows()
    }
    second = made(tmp_path / "b", worse | {("B", 2): {"status": "failed", "reason": "diverged"}})
    comparison = compare_runs(first, second)
    accuracies = [difference for difference in comparison.differences if difference.metric == "train_accuracy"]
    points = [100 * difference.change.mean for difference in accuracies]
    assert points == pytest.approx([-7.5, -7.5])
    lost = f"B seed 2: failed in {second.directory}: diverged"
    assert violations(comparison, [limit("train_accuracy:-7.51")]) == [lost]
    lines = [f"train_accuracy:-7.49: {name}: 87.50 -> 80.00 %, -7.50 points" for name in NAMES]
    assert violations(comparison, [limit("train_accuracy:-7.49")]) == [*lines, lost]
    assert violations(comparison, [limit("train_accuracy:-8.58%")]) == [lost]
    *lines, _ = violations(comparison, [limit("train_accuracy:-8.56%")])
    assert lines == [f"train_accuracy:-8.56%: {name}: 87.50 -> 80.00 %, -7.50 points, -8.57 %" for name in NAMES]
    assert violations(comparison, [limit("train_accuracy:+0.1")]) == [lost]
    *lines, _ = violations(comparison, [limit("epochs:+1")])
    assert lines == [f"epochs:+1: {name}: 20 -> 22, +2" for name in NAMES]
    assert violations(comparison, [limit("epochs:+2")]) == [lost]
    assert violations(comparison, []) == []


def test_a_broken_limit_is_reported_in_the_tables_units_and_digits(tmp_path):
    """Degradations in percent, losses in nats; a second's fractions are not rounded away."""
    first = made(tmp_path / "a")
    worse = {}
    for row in first.rows():
        metrics = replace(row.metrics, val_loss=row.metrics.val_loss + 0.25, seconds=0.75)
        clean, *noisy = row.evaluation.measures
        measures = [clean]
        for each in noisy:
            fall = value_of(row, "degradation", (each.perturbation, each.severity))
            measures.append(fallen(each, clean, fall + 1.5))
        worse[row.experiment, row.seed] = {
            "metrics": metrics, "evaluation": replace(row.evaluation, measures=measures)
        }  # fmt: skip
        run = replace(row, metrics=replace(row.metrics, seconds=0.5))
        first.write(run)
    comparison = compare_runs(first, made(tmp_path / "b", worse))
    lines = violations(comparison, [limit("degradation:+1"), limit("val_loss:+0.1"), limit("seconds:+10%")])
    shown = {line["metric"] + line["experiment"]: line for table in tables(comparison)[1:]
             for line in table.lines if "metric" in line}  # fmt: skip
    fall = shown["degradation, gaussian_noise 0.2A"]
    assert (
        f"degradation:+1: A, gaussian_noise 0.2: {fall['first'].mean:.2f} -> {fall['second'].mean:.2f} %, +1.50"
        in lines
    )
    loss = shown["val_lossA"]
    assert f"val_loss:+0.1: A: {loss['first'].mean:.4f} -> {loss['second'].mean:.4f}, +0.2500" in lines
    assert "seconds:+10%: A: 0.5 -> 0.75, +0.25, +50.00 %" in lines


def val_loss(folder):
    """Return a difference in a loss, of which there is none."""
    run = made(folder / "a")
    return next(difference for difference in compare_runs(run, run).differences if difference.metric == "val_loss")


def test_a_change_that_is_no_number_breaks_a_limit(tmp_path):
    """Whatever its sign."""
    difference = val_loss(tmp_path)
    assert limit("val_loss:+0.1").exceeded(replace(difference, change=replace(difference.change, mean=float("nan"))))
    assert not limit("val_loss:+0.1").exceeded(difference)


def test_a_relative_limit_of_nothing_is_kept_by_nothing_alone(tmp_path):
    """Per cent of 0: no change keeps any limit, every other breaks those of its direction."""
    difference = val_loss(tmp_path)
    for change, broken in ((0.0, set()), (0.1, {"val_loss:+5%"}), (-0.1, {"val_loss:-5%"})):
        from_nothing = replace(
            difference, first=replace(difference.first, mean=0.0), change=replace(difference.change, mean=change)
        )
        limits = [limit(f"val_loss:{sign}5%") for sign in "+-"]
        assert {each.text for each in limits if each.exceeded(from_nothing)} == broken


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("test_accuracy", "--fail-on test_accuracy: not a limit. Write METRIC:-NUMBER or METRIC:+NUMBER"),
        ("test_accuracy:0.5", "not a limit"),
        ("accuracy:-0.5", "unknown metric 'accuracy'. Did you mean 'test_accuracy'?"),
        ("test_acuracy:-0.5", "unknown metric 'test_acuracy'. Did you mean 'test_accuracy'?"),
    ],
)
def test_what_is_no_limit_is_refused(text, message):
    """With what one looks like, or the nearest name."""
    with pytest.raises(HarnessError, match=r".*") as refused:
        limit(text)
    assert message in str(refused.value)


def test_times_that_the_second_run_lacks_break_a_limit(tmp_path):
    """They are lost, not unclear; so is a trial."""
    first = made(tmp_path / "a")
    lost = {
        ("B", row.seed): {"metrics": replace(row.metrics, peak_device_bytes=None)}
        for row in first.rows()
        if row.experiment == "B"
    }
    for row in first.rows():
        first.write(replace(row, metrics=replace(row.metrics, peak_device_bytes=5)))
    comparison = compare_runs(first, made(tmp_path / "b", lost | {("A", 1): {"contended": "ran beside other trials"}}))
    limits = [limit("peak_device_bytes:+1")]
    assert any("B: seeds 1, 2 have none in" in text for text in violations(comparison, limits))
    assert undecided(comparison, limits) == []


def test_the_gate_of_times_has_an_exit_code_for_what_it_cannot_tell(typed, tmp_path):
    """4; 3 where a verdict is required, or something else breaks a limit; the reason names the cause."""
    made(tmp_path / "a")
    made(tmp_path / "b", contended="its threads waited for a core for 12% of the time")
    gate = ("compare", tmp_path / "a" / "run", tmp_path / "b" / "run", "--fail-on", "samples_per_second:-10%")
    printed = typed(*gate, code=4)
    assert "--fail-on cannot tell: samples_per_second:-10%: A: times are left out: trials shared" in printed.err
    assert "Another program used the cores" in printed.err
    assert "--jobs" not in printed.err
    typed(*gate, "--require-verdict", code=3)
    typed(*gate, "--fail-on", "peak_device_bytes:+1", code=3)
    typed(*gate[:3], "--fail-on", "test_accuracy:-5")
    refused = typed(*gate[:3], "--require-verdict", code=2)
    assert refused.err == "error: --require-verdict: has no effect without --fail-on\n"
