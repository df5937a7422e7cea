"""The one way in which harness starts processes: they end with us, in time, with what they started, and say how."""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE

import pytest

from harness.machine.channel import Channel
from harness.machine.children import python
from harness.machine.supervised import Child
from tests.test_children import awaited, running

FOREVER = "import time\ntime.sleep(600)"
ECHO = """
from harness.machine.channel import taken_from_standard_streams
print("noise of a sitecustomize")
channel = taken_from_standard_streams()
channel.greet()
while True:
    channel.send(channel.receive())
"""
WITH_ANOTHER = """
import subprocess, sys
from pathlib import Path
other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
Path(sys.argv[1]).write_text(str(other.pid))
other.wait()
"""
STUBBORN = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN if sys.argv[1] == "ignores" else lambda *_: sys.exit(3))
print("ready", flush=True)
time.sleep(600)
"""
DRIVER = """
import sys, time
from harness.machine.supervised import Child
child = Child("import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)", sys.argv[1])
time.sleep(600)
"""


@pytest.mark.parametrize(
    ("program", "ending"),
    [
        ("", "exit code 0"),
        ("import os; os._exit(3)", "exit code 3"),
        ("import os, signal; os.kill(os.getpid(), 9)", "signal 9"),
        ("import nosuch", "exit code 1"),
    ],
)
def test_an_exit_is_in_words(program, ending):
    """As a trial's reason and a plugin's quarantine quote it."""
    with Child(program) as child:
        assert child.ending(60) == ending


def test_a_deadline_is_kept_and_the_process_is_reaped():
    """Nothing is left, not even a zombie; its exit can still be asked for."""
    with Child(FOREVER) as child:
        assert child.wait(0.01) is None
        assert child.ending() == "it stopped answering"
        assert child.output(0.01) is None
    assert child.exit_code() == -signal.SIGKILL
    assert child.ending() == "signal 9"


def test_leaving_by_an_exception_ends_it():
    """Ctrl-C among them."""
    with pytest.raises(KeyboardInterrupt), Child(FOREVER) as child:
        raise KeyboardInterrupt
    assert child.exit_code() is not None


@pytest.mark.skipif(sys.platform == "win32", reason="an interrupt is not a signal there")
@pytest.mark.parametrize(("deaf", "ending"), [(True, "exit code 0"), (False, "signal 2")])
def test_one_that_is_deaf_ignores_an_interrupt(deaf, ending):
    """The driver hears Ctrl-C and ends it; it prints no traceback meanwhile."""
    program = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)"
    with Child(program, stderr=PIPE, deaf=deaf) as child:
        _, errors = child.output(60)
        assert child.ending() == ending
    assert (b"KeyboardInterrupt" in errors) != deaf


@pytest.mark.parametrize(("kind", "code"), [("obeys", 3), ("ignores", -signal.SIGKILL)])
def test_it_is_asked_to_end_before_it_is_killed(kind, code):
    """Where it is given time for that."""
    child = Child(STUBBORN, kind, stdout=PIPE)
    _, output, _ = child.pipes
    assert output.readline() == b"ready\n"
    child.end(60 if kind == "obeys" else 0.05)
    output.close()
    assert child.exit_code() == code


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="there are no process groups")
def test_a_group_ends_with_what_it_started(tmp_path):
    """An import that started a server leaves none."""
    with Child(WITH_ANOTHER, str(tmp_path / "pid"), group=True):
        other = int(awaited(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text()))
    awaited(lambda: not running(other))


def test_frames_come_back_until_it_ends():
    """What it printed before is skipped, frames are whole, and its end is noticed once."""
    child = Child(ECHO, stdin=PIPE, stdout=PIPE)
    writer, reader, _ = child.pipes
    frames, ended = [], threading.Event()
    channel = Channel(reader, writer)
    channel.listen(frames.append, ended.set, lambda: False)
    for frame in (b"", b"a", b"b" * 300_000):
        channel.send(frame)
    awaited(lambda: len(frames) == 3)
    child.end()
    assert ended.wait(60)
    assert frames == [b"", b"a", b"b" * 300_000]


def test_the_output_of_a_short_program_is_read_to_its_end():
    """Of both pipes, however much."""
    with Child("import sys; print('x' * 200_000); print('why', file=sys.stderr)", stdout=PIPE, stderr=PIPE) as child:
        written, errors = child.output(60)
    assert (len(written.strip()), errors.strip()) == (200_000, b"why")


def test_it_has_the_environment_that_it_is_given():
    """All of it, and no other."""
    with Child("import os; print('MARK' in os.environ, 'HOME' in os.environ)", stdout=PIPE,
               environment={"MARK": "1"} | {key: os.environ[key] for key in ("SYSTEMROOT",) if key in os.environ}
               ) as child:  # fmt: skip
        written, _ = child.output(60)
    assert written.split() == [b"True", b"False"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process notices by itself")
def test_it_ends_when_the_process_that_started_it_is_killed(tmp_path):
    """The kernel sees to it."""
    path = tmp_path / "pid"
    driver = subprocess.Popen(python(DRIVER, str(path)))
    try:
        child = int(awaited(lambda: path.exists() and path.read_text()))
    finally:
        driver.kill()
        driver.wait()
    try:
        awaited(lambda: not running(child))
    finally:
        with suppress(OSError):
            os.kill(child, signal.SIGKILL) if running(child) else None


def test_processes_are_started_in_one_way():
    """By the supervisor alone, but for what is not Python of ours to supervise: ``git``, say, by `subprocess.run`."""
    root = Path(__file__).parents[1] / "harness"
    starting = ("Popen(", "import multiprocessing", "from multiprocessing", "os.fork", "ProcessPoolExecutor")
    files = {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        if any(start in path.read_text() for start in starting)
    }
    assert files == {"machine/supervised.py"}
