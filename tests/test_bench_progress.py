"""`harness bench` says how far it is where standard error is a file: now and then, and how long it will take."""

import io
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

import pytest
import typer

import harness.bench
from harness.bench import UnavailableError, advance, rounds
from harness.bench.overhead import _read
from harness.cli import bench_calibration, bench_progress, bench_suite
from harness.plugins.loading import registry
from tests.several_runs import BOTH
from tests.tiny import TINY


class Clock:
    """A clock that the test moves."""

    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr(advance, "perf_counter", lambda: self.now)
        monkeypatch.setattr(bench_progress, "monotonic", lambda: self.now)


class Named(NamedTuple):
    """What a calibration asks of a case."""

    backend: str
    title: str
    network: None = None


def test_the_first_round_says_how_long_the_others_take(monkeypatch):
    """And each case of a later round what is left, by the rounds before it."""
    clock, lines, news = Clock(monkeypatch), [], []
    progress = advance.Advance(7, lines.append, news.append)
    progress.starting("numpy M0 train", 1, 118)
    assert lines == ["starting case 1 of 118: numpy M0 train"]
    clock.now += 10
    progress.starting("numpy M0 predict", 2, 118)
    assert lines.pop() == "starting case 2 of 118, about 19 m 30 s until the first round: numpy M0 predict"
    clock.now += 40
    progress.begin()
    progress.measuring("numpy M0 train")
    clock.now += 20
    progress.ended()
    assert news == ["round 1 of 7 took 20 s: about 2 m 0 s left"]
    clock.now += 5
    progress.measuring("numpy M0 train")
    clock.now += 35
    progress.ended()
    progress.measuring("numpy M0 predict")
    assert lines[1:] == [
        "round 1 of 7: numpy M0 train",
        "round 2 of 7, about 1 m 55 s left: numpy M0 train",
        "round 3 of 7, about 2 m 30 s left: numpy M0 predict",
    ]
    assert len(news) == 1


def test_a_single_round_needs_no_estimate(monkeypatch):
    """Nothing is left when it has ended."""
    Clock(monkeypatch)
    news = []
    progress = advance.Advance(1, news=news.append)
    progress.begin()
    progress.ended()
    assert news == []


def test_every_round_ends():
    """After its last run."""
    seen = []
    rounds.interleaved([lambda: seen.append("run") or 1.0] * 2, 2, lambda: seen.append("ended"))
    assert seen == ["run", "run", "ended"] * 2


def test_lines_come_now_and_then_and_news_at_once(monkeypatch, capsys):
    """With the time, on standard error."""
    clock = Clock(monkeypatch)
    lines = bench_progress.Lines()
    lines.news("measuring 2 cases")
    for seconds in (1, 5, 4, 1):
        clock.now += seconds
        lines.say(f"at {clock.now:g}")
    lines.news("round 1 of 2 took 5 s")
    shown = [line.split(" ", 1) for line in capsys.readouterr().err.splitlines()]
    assert [text for _, text in shown] == ["measuring 2 cases", "at 110", "round 1 of 2 took 5 s"]
    assert all(time.count(":") == 2 for time, _ in shown)


def test_a_run_of_a_suite_says_what_it_does(monkeypatch, capsys):
    """What is run at once, and how far it is now and then."""
    clock = Clock(monkeypatch)

    def suite_run(suite, *, say):
        assert suite == Path("mine.toml")
        clock.now += 10
        say("3 trials; about 40 s of training")
        clock.now += 4
        say("A seed 1 on numpy: epoch 2 of at most 3")
        clock.now += 7
        say("[1/3] A seed 1 on numpy: 3 epochs in 9 s")
        return "cost"

    monkeypatch.setattr(harness.bench, "overhead", suite_run)
    assert bench_suite.suite_aloud(None) is None
    assert bench_suite.suite_aloud(Path("mine.toml")) == "cost"
    assert [line.split(" ", 1)[1] for line in capsys.readouterr().err.splitlines()] == [
        "running suite mine.toml, one trial at a time",
        "suite mine.toml: 3 trials; about 40 s of training",
        "suite mine.toml: [1/3] A seed 1 on numpy: 3 epochs in 9 s",
    ]


def test_lines_of_a_run_are_progress_or_what_is_wrong():
    """Neither names the folder of the run, which is removed."""
    lines, rest = [], []
    content = (
        b"dataset files is left out: gone.csv: no such file\ndataset iris\n"
        b"12:00:00 3 trials; results in /tmp/x/run\n12:00:01 [1/3] A: done\n"
        b"A seed 1 failed: it broke (log: /tmp/x/run/trials/A/seed-1/log.txt)\nerror: \xff"
    )
    _read(io.BytesIO(content), lines.append, rest)
    assert lines == ["dataset iris", "3 trials", "[1/3] A: done"]
    assert rest == ["dataset files is left out: gone.csv: no such file", "A seed 1 failed: it broke", "error: \\xff"]


def test_a_calibration_says_what_is_left(monkeypatch, capsys):
    """From the second measurement on; a backend that is unavailable is left out."""
    clock = Clock(monkeypatch)
    monkeypatch.setattr(bench_calibration, "monotonic", lambda: clock.now)
    monkeypatch.setattr(bench_calibration, "_show", lambda _kept: None)
    cases = [Named(name, f"{name} M0 train") for name in ("a", "b")]

    def calibrate(case, _rounds, *, timeout):
        assert timeout is None
        clock.now += 10
        if case.backend == "b":
            raise UnavailableError(case, "it is not here")
        return "noise"

    monkeypatch.setattr(harness.bench, "calibrate", calibrate)
    monkeypatch.setattr(harness.bench, "keep", lambda noise: noise)
    bench_calibration.calibrate_each(cases, 2, 3, None, chosen=False)
    assert capsys.readouterr().err.splitlines() == [
        "measuring a M0 train against itself, 1 of 3",
        "measuring b M0 train against itself, 1 of 3, about 50 s left",
        "measuring a M0 train against itself, 2 of 3, about 20 s left",
        "measuring a M0 train against itself, 3 of 3, about 10 s left",
        "b: it is not here",
    ]
    with pytest.raises(typer.Exit):
        bench_calibration.calibrate_each(cases, 2, 1, None, chosen=True)


@pytest.mark.parametrize(
    ("suite", "why"),
    [
        ("nosuch", "nosuch: no such file, and no suite of that name. Known: "),
        ("nosuch.toml", "nosuch.toml: no such file"),
        ("bad.toml", "bad.toml: defaults.epoks: unknown key 'epoks'. Did you mean 'epochs'?"),
        (".", ".: it is a folder, and a suite is a TOML file. Name one"),
        (
            "full",
            "*/full.toml: dataset 'emnist-bymerge': is not here. 'harness datasets fetch emnist-bymerge'",
        ),
        pytest.param("gpu.toml", "--suite gpu.toml: A seed 1 cannot run here: ", marks=pytest.mark.slow),
    ],
)
def test_a_suite_with_a_mistake_is_refused_before_anything_is_measured(typed, tmp_path, monkeypatch, suite, why):
    """In one line; nothing is downloaded, whose time would count."""
    monkeypatch.delenv("HARNESS_DATA_DIR", raising=False)
    (tmp_path / "gpu.toml").write_text(TINY.replace("epochs = 3", 'epochs = 3\ndevice = "cuda:9"\nbackend = "numpy"'))
    (tmp_path / "bad.toml").write_text("[suite]\nname = 'x'\n[defaults]\nepoks = 3\n[experiments.A]\n")
    refused = typed("bench", "--suite", suite, code=2).err
    assert fnmatchcase(refused, f"error: {why}*")
    assert refused.count("\n") == 1


@pytest.mark.slow
def test_a_suite_is_planned_before_anything_is_measured(tmp_path, capsys):
    """How many trials it has and what they take; of several datasets, in all; its own run directory is not made."""
    (tmp_path / "both.toml").write_text(BOTH)
    assert bench_suite.planned_suite(tmp_path / "both.toml", registry()) == tmp_path / "both.toml"
    (line,) = capsys.readouterr().err.splitlines()
    assert f"suite {tmp_path / 'both.toml'} is run after the cases: 8 trials, one at a time; " in line
    assert [path.name for path in tmp_path.iterdir()] == ["both.toml"]
    assert bench_suite.planned_suite(None, registry()) is None
