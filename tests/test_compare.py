"""Two runs side by side: what is more than noise, what was changed, and what a limit says of it."""

import json
from dataclasses import replace
from math import sqrt
from pathlib import Path

import pytest
from scipy import stats

from harness.comparing import Mark, compare, limit, tables, violations
from harness.comparing.differences import HIGHER_IS_BETTER, difference
from harness.errors import HarnessError
from harness.leaderboard import render_all
from harness.store import Run
from tests.test_leaderboard import row, trained
from tests.tiny import TINY, run_suite

SIZES = {"train": 1000, "val": 500, "test": 400}


def trials(values, **changed):
    """Return an experiment's trials, one a seed, whose validation accuracies are the values."""
    found = {}
    for seed, value in enumerate(values):
        metrics = replace(trained(0.9, value, 0.5), seconds=10.0, samples_per_second=1000.0 * value)
        found[seed] = replace(row("A", seed=seed, metrics=metrics), **changed)
    return found


def test_several_seeds_are_judged_by_the_paired_t_test():
    """The verdict is that of scipy's test of related samples at five per cent."""
    first = [0.80, 0.82, 0.81, 0.79]
    for second in ([0.83, 0.84, 0.85, 0.82], [0.81, 0.82, 0.80, 0.80], [0.70, 0.73, 0.72, 0.71]):
        found = difference("A", "val_accuracy", trials(first), trials(second), SIZES)
        oracle = stats.ttest_rel(second, first)
        interval = oracle.confidence_interval(0.95)
        assert found.change.mean == pytest.approx((interval.low + interval.high) / 2)
        assert found.error == pytest.approx((interval.high - interval.low) / 2)
        expected = Mark.noise if oracle.pvalue > 0.05 else Mark.better if oracle.statistic > 0 else Mark.worse
        assert found.mark is expected


def test_one_seed_is_noise_within_the_sampling_error_and_a_difference_far_beyond():
    """Of 500 validation images; what seeds differ in, one does not tell, and of a loss nothing is known."""
    error = 1.959964 * sqrt((0.80 * 0.20 + 0.84 * 0.16) / 500)
    found = difference("A", "val_accuracy", trials([0.80]), trials([0.84]), SIZES)
    assert found.error == pytest.approx(error, rel=1e-6)
    assert found.mark is Mark.noise
    assert difference("A", "val_accuracy", trials([0.74]), trials([0.84]), SIZES).mark is Mark.unknown
    assert difference("A", "val_accuracy", trials([0.60]), trials([0.84]), SIZES).mark is Mark.better
    assert difference("A", "val_loss", trials([0.80]), trials([0.84]), SIZES).mark is Mark.same
    rate = difference("A", "samples_per_second", trials([0.80]), trials([0.84]), SIZES)
    assert (rate.error, rate.mark) == (None, Mark.unknown)


def test_which_way_is_better_follows_the_metric():
    """Losses, calibration, degradation, time and memory are better below."""
    first, second = trials([0.5, 0.5, 0.5]), trials([0.6, 0.6, 0.6])
    assert difference("A", "val_accuracy", first, second, SIZES).mark is Mark.better
    assert difference("A", "val_accuracy", second, first, SIZES).mark is Mark.worse
    slower = {seed: replace(one, metrics=replace(one.metrics, val_loss=0.9)) for seed, one in first.items()}
    assert difference("A", "val_loss", first, slower, SIZES).mark is Mark.worse
    longer = {seed: replace(one, metrics=replace(one.metrics, epochs=7)) for seed, one in first.items()}
    assert difference("A", "epochs", first, longer, SIZES).mark is Mark.changed
    assert {metric for metric, higher in HIGHER_IS_BETTER.items() if higher} == {
        "train_accuracy", "val_accuracy", "val_macro_f1", "test_accuracy", "test_macro_f1", "samples_per_second",
    }  # fmt: skip


@pytest.mark.parametrize("changed", [{"contended": "ran beside other trials"}, {"environment": {"processor": "other"}}])
def test_times_are_compared_where_the_environments_agree(changed):
    """Not those of another machine, nor of trials that shared it; other metrics are."""
    first, second = trials([0.5, 0.6]), trials([0.6, 0.65], **changed)
    assert difference("A", "samples_per_second", first, trials([0.6, 0.65]), SIZES) is not None
    assert difference("A", "samples_per_second", first, second, SIZES) is None
    assert difference("A", "val_accuracy", first, second, SIZES) is not None


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Return a run of three seeds, and another: one experiment with fewer epochs, one that fails, one that is new."""
    folder = tmp_path_factory.mktemp("compared")
    first = TINY.replace("seeds = [1]", "seeds = [1, 2, 3]")
    second = first.replace("[experiments.B]", "[experiments.B]\nepochs = 1").replace(
        "[experiments.C]", '[experiments.C]\noptimizer = { name = "sgd", learning_rate = 1e30 }'
    )
    second += "\n[experiments.D]\n"
    found = []
    for name, text in (("a", first), ("b", second)):
        (folder / name).mkdir()
        found.append(run_suite(folder / name, text)[1])
    return found


def test_a_comparison_says_what_is_the_same_what_changed_and_what_only_one_has(runs):
    """A is the same to the last bit, B was trained less, C failed, D is new."""
    found = compare(*runs)
    assert found.seeds == {"A": [1, 2, 3], "B": [1, 2, 3]}
    timed = {"seconds", "samples_per_second", "anonymous_bytes", "peak_device_bytes"}
    same = [one for one in found.differences if one.experiment == "A" and one.metric not in timed]
    assert {one.mark for one in same} == {Mark.same}
    assert {("gaussian_noise", 0.3), (None, 0.0)} == {one.condition for one in same}
    assert found.settings == {"B": ["epochs was 3, is 1"]}
    (accuracy,) = (one for one in found.differences if (one.experiment, one.metric) == ("B", "train_accuracy"))
    assert accuracy.mark is Mark.worse
    told = {(one.experiment, tuple(one.seeds), one.in_first) for one in found.unmatched}
    assert told == {("C", (1, 2, 3), True), ("D", (1, 2, 3), False)}
    assert any("failed in" in one.why and "diverged" in one.why for one in found.unmatched)
    assert not found.environment


def test_tables_hold_the_means_of_both_runs(runs):
    """Every value of the JSON is a mean of the rows."""
    shown = json.loads(render_all(tables(compare(*runs)), "json"))
    assert list(shown) == ["overview", "fractions", "losses", "degradation", "counts", "settings", "unmatched"]
    for line in shown["fractions"]["rows"]:
        if line["metric"] == "val_accuracy":
            for side, run in zip(("first", "second"), runs, strict=True):
                rows = [one for one in run.rows() if one.experiment == line["experiment"]]
                mean = sum(one.metrics.val_accuracy for one in rows) / 3
                assert line[side] == pytest.approx(mean)
            assert line["change"] == pytest.approx(line["second"] - line["first"])
    assert shown["settings"]["rows"] == [{"experiments": "B", "change": "epochs was 3, is 1"}]
    (line,) = (one for one in shown["overview"]["rows"] if one["experiment"] == "A")
    assert (line["val_accuracy"], line["under_gaussian_noise"]) == ("+0.00 ± 0.00 =", "1=")


def test_a_note_tells_the_rule_of_one_seed(runs, tmp_path):
    """Where there is one; under a perturbation it has no verdict."""
    found = compare(run_suite(tmp_path, TINY.replace("epochs = 3", "epochs = 1"))[1], runs[0])
    assert found.seeds["A"] == [1]
    note = tables(found)[0].note
    assert "Of one seed an accuracy within its sampling error is noise, beyond 3 times that a difference." in note
    perturbed = [one for one in found.differences if one.condition[0] and one.metric == "test_accuracy"]
    assert perturbed
    assert {one.mark for one in perturbed} <= {Mark.unknown, Mark.same}


def test_limits_are_in_points_of_percentages_or_in_per_cent(runs):
    """Of means; a trial that got lost breaks every limit."""
    found = compare(*runs)
    (accuracy,) = (one for one in found.differences if (one.experiment, one.metric) == ("B", "train_accuracy"))
    points = 100 * accuracy.change.mean
    lost = f"C seeds 1, 2, 3: {next(one.why for one in found.unmatched if one.in_first)}"
    assert violations(found, [limit(f"train_accuracy:-{-points + 0.01:.4f}")]) == [lost]
    broken = violations(found, [limit(f"train_accuracy:-{-points - 0.01:.4f}")])
    assert len(broken) == 2
    assert broken[0].endswith(f": B: {accuracy.first.mean:.6g} -> {accuracy.second.mean:.6g}")
    relative = 100 * accuracy.change.mean / accuracy.first.mean
    assert len(violations(found, [limit(f"train_accuracy:-{-relative - 0.01:.4f}%")])) == 2
    assert len(violations(found, [limit("train_accuracy:+0.1")])) == 1
    assert len(violations(found, [limit("epochs:+0")])) == 1
    assert violations(found, []) == []


def test_a_change_that_is_no_number_breaks_a_limit(runs):
    """Whatever its sign."""
    found = compare(*runs)
    (one,) = (each for each in found.differences if (each.experiment, each.metric) == ("A", "val_loss"))
    bad = replace(one, change=replace(one.change, mean=float("nan")))
    assert limit("val_loss:+0.1").exceeded(bad)
    assert not limit("val_loss:+0.1").exceeded(one)


def test_a_relative_limit_of_nothing_is_kept_by_nothing_alone(runs):
    """Per cent of 0: no change keeps any limit, every other breaks those of its direction."""
    found = compare(*runs)
    (one,) = (each for each in found.differences if (each.experiment, each.metric) == ("A", "val_loss"))
    for change, broken in ((0.0, set()), (0.1, {"val_loss:+5%"}), (-0.1, {"val_loss:-5%"})):
        from_nothing = replace(one, first=replace(one.first, mean=0.0), change=replace(one.change, mean=change))
        limits = [limit(f"val_loss:{sign}5%") for sign in "+-"]
        assert {each.text for each in limits if each.exceeded(from_nothing)} == broken


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("test_accuracy", "--fail-on test_accuracy: is no limit. Write METRIC:-NUMBER or METRIC:+NUMBER"),
        ("test_accuracy:0.5", "is no limit"),
        ("test_acuracy:-0.5", "unknown metric 'test_acuracy'. Did you mean 'test_accuracy'?"),
    ],
)
def test_what_is_no_limit_is_refused(text, said):
    """With what one looks like, or the nearest name."""
    with pytest.raises(HarnessError, match=r".*") as refused:
        limit(text)
    assert said in str(refused.value)


def test_other_data_other_splits_and_other_experiments_are_not_comparable(runs, tmp_path):
    """Each in one line that names both runs."""
    first = runs[0]
    for name, old, new, said in (
        (
            "split",
            "[suite]",
            '[dataset]\nname = "digits"\nsplit = { seed = 7 }\n[suite]',
            "split their images otherwise",
        ),
        ("names", "experiments.A", "experiments.Z", "no experiment in common"),
    ):
        (tmp_path / name).mkdir()
        text = TINY.replace(old, new)
        if name == "names":
            text = text.split("[experiments.B]")[0] + "\n"
        other = run_suite(tmp_path / name, text)[1]
        with pytest.raises(HarnessError, match=said):
            compare(first, other)
    elsewhere = replace(first, dataset=replace(first.dataset, digest="0" * 64, title="another, 3 images"))
    with pytest.raises(HarnessError, match="another, 3 images: metrics of different data are not comparable"):
        compare(first, elsewhere)


def test_the_command_shows_the_overview_and_ends_with_3_beyond_a_limit(runs, command):
    """Tables on standard output, the verdict on standard error."""
    first, second = (str(run.directory) for run in runs)
    told = command("compare", first, second)
    assert "▼" in told.out
    assert "What was changed in the experiments" in told.out
    assert "Losses and calibration" not in told.out
    assert told.err.startswith("6 trials in both runs; of ")
    told = command("compare", first, second, "--fail-on", "train_accuracy:-0.5", "-t", "losses", code=3)
    assert told.out.startswith("Losses and calibration")
    assert "--fail-on train_accuracy:-0.5: B: 0." in told.err
    told = command("compare", first, second, "-t", "los", code=2)
    known = "counts, degradation, fractions, losses, overview, settings, unmatched"
    said = "error: --table los: this comparison has no such table. Did you mean 'losses'? Known: "
    assert told.err == f"{said}{known}.\n"
    assert "there is no run here" in command("compare", first, Path(second) / "nowhere", code=2).err
    command("compare", first, first, "--fail-on", "val_accuracy:-0")


def test_the_page_draws_what_the_tables_say_and_shows_what_others_wrote(runs, command):
    """Every point is a change of the tables; a name that looks like a script is text."""
    for library in ("altair", "jinja2", "vl_convert", "PIL"):
        pytest.importorskip(library)
    from harness.report.comparison import intervals, render_comparison

    found = compare(*runs)
    for line in intervals(found, "val_accuracy"):
        (one,) = (
            each for each in found.differences if (each.experiment, each.metric) == (line["experiment"], "val_accuracy")
        )
        assert line["change"] == pytest.approx(100 * one.change.mean)
        assert (line["high"] - line["low"]) / 2 == pytest.approx(100 * one.error)
    page = render_comparison(replace(found, first="<script>window.pwned=1</script>"))
    assert "<script>window.pwned" not in page
    assert "&lt;script&gt;window.pwned" in page
    told = command("compare", runs[0].directory, runs[1].directory, "--html", "page.html")
    assert told.err.startswith("page.html (")
    assert "epochs was 3, is 1" in Path("page.html").read_text()


def test_a_run_compared_with_itself_is_the_same(runs):
    """Every mark, and no limit is broken."""
    again = Run.open(runs[0].directory)
    found = compare(runs[0], again)
    assert {one.mark for one in found.differences} == {Mark.same}
    assert violations(found, [limit("test_accuracy:-0"), limit("degradation:+0")]) == []
