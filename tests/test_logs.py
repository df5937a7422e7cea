"""What a trial prints is kept within a limit, its beginning and its end."""

import os
import sys
from pathlib import Path

import pytest

from harness.execution.pools import InProcess, Processes, Task
from harness.execution.pools.logs import LIMIT, TAIL, limit
from harness.plugins.loading import registry


def talk(how, _registry, _report):
    """Print 40 MB, and fail."""
    if how == "prints":
        for _ in range(400):
            sys.stdout.write("x" * 99_999 + "\n")
    else:
        for _ in range(400):
            os.write(2, b"y" * 100_000)
    if how == "dies":
        os._exit(3)
    raise KeyError("the reason")


def _here():
    return InProcess(registry())


def _one():
    return Processes(1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "how"),
    [(_here, "prints"), (_one, "prints"), (_one, "writes"), (_one, "dies")],
    ids=["here", "prints", "writes past Python", "dies"],
)  # fmt: skip
def test_a_long_log_keeps_its_beginning_and_its_end(make, how, tmp_path):
    """Also where C code writes, and where the process dies."""
    log, pool = tmp_path / "log.txt", make()
    try:
        future = pool.submit(Task(talk, how, "a talker", log))
        while not future.done():
            pool.wait()
    finally:
        pool.stop()
    size, text = log.stat().st_size, log.read_text()
    assert LIMIT < size < 2 * LIMIT + 2 * TAIL
    assert "a talker, process " in text[:200]
    assert "bytes are left out here]" in text[-2 * TAIL :]
    if how != "dies":
        assert "KeyError: 'the reason'" in text[-TAIL:]


def test_a_log_within_the_limit_is_left_alone(tmp_path):
    """And one that is not there."""
    (tmp_path / "log.txt").write_text("short")
    limit(tmp_path / "log.txt")
    limit(Path(tmp_path / "none"))
    limit(None)
    assert (tmp_path / "log.txt").read_text() == "short"


def test_characters_that_utf_8_lacks_do_not_fail_a_trial(tmp_path):
    """A plugin prints a path as it got it."""
    pool = InProcess(registry())
    future = pool.submit(Task(_prints, "caf\udce9", "t\udce9tle", tmp_path / "log.txt"))
    pool.wait()
    assert future.result() == "caf\udce9"
    assert r"caf\udce9" in (tmp_path / "log.txt").read_text()


def _prints(argument, _registry, _report):
    sys.stdout.write(argument)
    return argument
