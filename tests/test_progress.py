"""What a run says while it goes: lines, a live picture, nothing; and what an observer of it may do wrong."""

import io
import os
import pty
import re
import select
import subprocess
import sys
import termios
import time

import pytest

from harness import hookimpl
from harness.live.lines import Lines, Quiet
from harness.live.terminal import REFRESHES, Live
from harness.plugins.loading import registry
from tests.plugins_on_disk import distribution
from tests.tiny import TINY, run_suite

TRIAL = {"experiment": "M1g", "seed": 7, "backend": "numpy", "epochs": 50}
EPOCH = {
    "epoch": 10, "learning_rate": 0.001, "train_loss": 0.41, "train_accuracy": 0.87, "val_loss": 0.43,
    "val_accuracy": 0.8651, "seconds": 1.0, "samples_per_second": 98765.4, "validation_seconds": 0.5,
}  # fmt: skip


def observed(observer, folder, text=TINY):
    """Run the tiny suite under an observer."""
    registry().manager.register(observer, name="watching")
    try:
        with observer:
            return run_suite(folder, text)[0]
    finally:
        registry().manager.unregister(observer)


def test_lines_tell_the_time_the_count_and_what_failed(tmp_path, capsys):
    """One line a trial that ends, one a finalist that is tested, all on standard error."""
    observed(Lines(), tmp_path, TINY.replace("learning_rate = 0.1, momentum = 0.9", "learning_rate = 1e30"))
    printed = capsys.readouterr()
    assert not printed.out
    lines = printed.err.splitlines()
    assert all(re.match(r"\d\d:\d\d:\d\d ", line) for line in lines)
    messages = [line[9:] for line in lines]
    assert messages[0] == f"3 trials; results in {tmp_path / 'run'}"
    assert re.fullmatch(r"\[1/3\] C seed 1 on numpy: 3 epochs in [\d.]+ s, val accuracy \d\d.\d\d%", messages[1])
    assert re.fullmatch(
        r"\[3/3\] B seed 1 on numpy: failed: diverged at epoch 1, step \d+: the loss is \w+", messages[3]
    )
    assert re.fullmatch(r"A seed 1 on numpy: tested in [\d.]+ s, accuracy \d\d.\d\d%", messages[4])
    assert re.fullmatch(
        r"C seed 1 on numpy: tested in [\d.]+ s, accuracy \d\d.\d\d%", messages[5]
    )  # the best of B and C
    assert len(messages) == 6


def test_the_first_line_predicts_what_has_run_before(tmp_path, capsys):
    """Nothing of the first run on a machine; then the time that training will take."""
    from harness.execution.forecast import Timings

    timings = Timings(tmp_path / "timings.jsonl")
    for number in (1, 2):
        folder = tmp_path / str(number)
        folder.mkdir()
        with Lines() as lines:
            registry().manager.register(lines)
            try:
                run_suite(folder, timings=timings)
            finally:
                registry().manager.unregister(lines)
    first, second = (line for line in capsys.readouterr().err.splitlines() if "; results in" in line)
    assert "of training" not in first
    assert re.search(r"3 trials; (about \d[\d.]*|less than 1) s of training; results in", second)


def test_a_long_trial_says_now_and_then_how_far_it_is(capsys, monkeypatch):
    """Once in ten seconds, whatever the number of epochs."""
    now = [100.0]
    monkeypatch.setattr("harness.live.lines.monotonic", lambda: now[0])
    lines = Lines()
    for _ in range(25):
        now[0] += 1.0
        lines.epoch_finished(trial=TRIAL, epoch=EPOCH)
    printed = capsys.readouterr().err.splitlines()
    assert len(printed) == 2
    assert printed[0][9:] == (
        "M1g seed 7 on numpy: epoch 10 of at most 50, val loss 0.4300, val accuracy 86.51%, 98,765 samples/s"
    )


def test_the_live_picture_has_a_line_for_each_running_trial_and_one_for_all():
    """Epoch, losses, accuracy, speed, time left; a trial that ended leaves the picture."""
    from rich.console import Console

    live = Live()
    live.run_started(run={"trials": 3, "pending": 2, "reused": 1, "predicted_seconds": 90.0, "directory": "runs/x"})
    live.trial_started(trial=TRIAL)
    live.trial_started(trial=TRIAL | {"seed": 8})
    live.epoch_finished(trial=TRIAL, epoch=EPOCH)

    def shown():
        console = Console(file=io.StringIO(), width=120)
        console.print(live._render())
        return console.file.getvalue().splitlines()

    heading, first, second, whole = shown()
    assert heading.split() == ["trial", "epoch", "left", "val", "acc", "val", "loss", "train", "loss", "samples/s"]
    assert first.split()[:5] == ["M1g", "seed", "7", "on", "numpy"]
    for figure in ("10/50", "0.4100", "0.4300", "86.51%", "98,765", "≤ 1 m 0 s"):
        assert figure in first
    assert "0/50" in second
    assert whole.startswith("1 of 3 trials ended")
    assert whole.endswith(" s of about 1 m 30 s")
    live.trial_lost(trial=TRIAL | {"seed": 8}, reason="worker died (signal 9)")
    assert len(shown()) == 3
    live.trial_finished(row=TRIAL | {"status": "failed", "reason": "it broke", "metrics": None})
    assert len(shown()) == 2
    assert shown()[-1].startswith("2 of 3 trials ended")


def test_quiet_says_nothing(tmp_path, capsys):
    """Not a word until the end."""
    observed(Quiet(), tmp_path)
    assert capsys.readouterr().err == ""


@pytest.mark.slow
def test_a_terminal_gets_the_live_picture(tmp_path):
    """On a pseudo-terminal: the picture is drawn and taken away; results go to standard output, as wide as it is."""
    (tmp_path / "tiny.toml").write_text(TINY)
    terminals = [pty.openpty() for _ in range(2)]
    for _, slave in terminals:
        termios.tcsetwinsize(slave, (40, 110))
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", "run", "tiny.toml", "--jobs", "1", "--set", "defaults.epochs=300"],
        cwd=tmp_path, stderr=terminals[0][1], stdout=terminals[1][1], env=os.environ | {"TERM": "xterm"},
    )  # fmt: skip
    output_of = {}
    for master, slave in terminals:
        os.close(slave)
        output_of[master] = b""
    deadline = time.monotonic() + 600  # where output is not read, the process hangs: only a hang takes so long
    waiting = list(output_of)
    while waiting and time.monotonic() < deadline:
        for master in select.select(waiting, [], [], 0.1)[0]:
            try:
                output_of[master] += os.read(master, 65536)
            except OSError:
                waiting.remove(master)
    process.wait(timeout=60)
    for master in output_of:
        os.close(master)
    shown, output = output_of.values()
    assert process.returncode == 0
    assert b"samples/s" in shown
    assert b"of 3 trials ended" in shown
    assert b"[3/3]" in shown
    assert b"\x1b[" not in output
    results = output.decode().splitlines()
    assert any("3 of 3 trials done" in line for line in results)
    assert max(map(len, results)) <= 110
    assert any("Not shown in 110 columns: " in line for line in results)
    assert "harness leaderboard runs/tiny -t overview shows all." in " ".join(results)


class Clumsy:
    """An observer that raises at every hook but one."""

    def __init__(self):
        self.finished = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    @hookimpl
    def run_started(self, run):
        """Fail."""
        raise KeyError(run["directory"])

    @hookimpl
    def epoch_finished(self, epoch):
        """Fail."""
        raise SystemExit(epoch["epoch"])

    @hookimpl
    def trial_finished(self, row):
        """Count."""
        self.finished += bool(row)


def test_an_observer_that_raises_is_reported_and_ends_nothing(tmp_path, watcher):
    """Each of its hooks once; its others are called still, and so are other observers."""
    clumsy = Clumsy()
    outcome = observed(clumsy, tmp_path)
    assert outcome.all_well
    assert outcome.faulty == {
        "watching.run_started": f"raised KeyError: {str(tmp_path / 'run')!r}: it was not called again",
        "watching.epoch_finished": "raised SystemExit: 1: it was not called again",
    }
    assert clumsy.finished == 3
    assert watcher.epochs == 9


@pytest.mark.slow
def test_the_command_reports_a_faulty_observer(tmp_path):
    """By plugin and hook, at the end; the exit code is that of the trials."""
    source = "import harness\n@harness.hookimpl\ndef trial_started(trial):\n    raise ValueError('not my day')\n"
    distribution(tmp_path / "site", "harness-moody", "0.1", {"moody": source}, {"moody": "moody"})
    (tmp_path / "tiny.toml").write_text(TINY)
    done = subprocess.run(
        [sys.executable, "-m", "harness", "run", "tiny.toml", "--only", "A", "--jobs", "0"], cwd=tmp_path, check=True,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "site")}, capture_output=True, text=True,
    )  # fmt: skip
    assert "observer harness-moody:moody.trial_started raised ValueError: not my day" in done.stderr


@pytest.mark.slow
def test_the_display_takes_less_than_a_hundredth_of_the_time():
    """CPU seconds of drawing, at the rate at which a terminal is redrawn, with sixteen trials running."""
    live = Live()
    for seed in range(16):
        live.trial_started(trial=TRIAL | {"seed": seed})
        live.epoch_finished(trial=TRIAL | {"seed": seed}, epoch=EPOCH)
    from rich.console import Console

    console = Console(file=io.StringIO(), width=120)
    console.print(live._render())
    started = time.process_time()
    for _ in range(50):
        console.print(live._render())
    assert (time.process_time() - started) / 50 * REFRESHES < 0.01
