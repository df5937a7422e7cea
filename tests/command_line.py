"""The command as it is typed, in this process: starting one takes longer than most of what it is asked."""

import gc
import os
import signal
import subprocess
import sys
from typing import NamedTuple

import pytest

from harness import cli
from harness.machine.threads import VARIABLES
from tests.tiny import TINY


@pytest.fixture
def typed(monkeypatch, capsys, tmp_path):
    """Give a function that runs the command in the test's folder, and returns what it printed: ``out`` and ``err``."""
    monkeypatch.chdir(tmp_path)
    # The command sets what the numeric libraries read, and who may end it; neither must outlive the test.
    for name in VARIABLES:
        monkeypatch.setenv(name, "1")
    threshold = gc.get_threshold()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    # This process goes on.
    monkeypatch.setattr(cli, "leave", lambda code: None)  # noqa: ARG005 - its signature

    def run(*arguments, code=0):
        monkeypatch.setattr(sys, "argv", ["harness", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        output = capsys.readouterr()
        assert (end.value.code or 0) == code, output.err + output.out
        return output

    yield run
    gc.set_threshold(*threshold)
    for number, handler in handlers.items():
        signal.signal(number, handler)


def module(*arguments, cwd, code=0, **environment):
    """Run a module of this Python in a new process; return what it printed, both ways."""
    done = subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        cwd=cwd, env=os.environ | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def load(tmp_path):
    """Return a function that writes a suite's text into ``mine.toml`` and loads it."""
    from harness.plugins.loading import registry
    from harness.suite import load_suite

    def write_and_load(text, **options):
        path = tmp_path / "mine.toml"
        path.write_text(text)
        return load_suite(path, registry(), **options).suite

    return write_and_load


class Output(NamedTuple):
    """What a command printed."""

    stdout: str
    stderr: str


@pytest.fixture(name="harness")
def harness_command(tmp_path, typed, monkeypatch):
    """Return a function that runs the command beside a ``tiny.toml``; with plugins, in a new process."""
    (tmp_path / "tiny.toml").write_text(TINY)
    # In this process: `tests.test_faults` and its like have the workers.
    monkeypatch.setenv("HARNESS_JOBS", "0")

    def run(*arguments, code=0, plugins=None, **environment):
        if plugins is None:
            with monkeypatch.context() as patched:
                for name, value in environment.items():
                    patched.setenv(name, value)
                output = typed(*arguments, code=code)
            return Output(output.out, output.err)
        done = subprocess.run(
            [sys.executable, "-m", "harness", *map(str, arguments)], capture_output=True, text=True, cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(plugins)} | environment, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stderr + done.stdout
        assert code == 1 or "Traceback" not in done.stderr
        return Output(done.stdout, done.stderr)

    return run
