"""A damaged or half-made cache and the commands that use it."""

import json
import shutil
import signal
import subprocess
import sys

import pytest

from harness.datasets.cache import materialise
from tests.test_cache_damage import Drawn, flip
from tests.tiny import TINY


@pytest.mark.slow
def test_a_flipped_bit_in_cached_images_reaches_no_command(typed, tmp_path, monkeypatch):
    """Each says so, and has the right content: one image bit changes most results."""
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "suite.toml").write_text(TINY)
    typed("run", "suite.toml", "--only", "A", "--jobs", "0")
    rows = list(tmp_path.glob("runs/*/trials/A/*/row.json"))
    losses = [epoch["train_loss"] for epoch in json.loads(rows[0].read_text())["row"]["history"]]
    (images,) = tmp_path.glob("cache/datasets/*/images.npy")
    sound = images.read_bytes()
    for command in (
        ["plan", "suite.toml", "--jobs", "0"],
        ["datasets", "describe", "digits"],
        ["why", "suite.toml", "A"],
        ["run", "suite.toml", "--only", "A", "--jobs", "0", "--fresh"],
    ):
        flip(images, -100, 0x80)
        assert f"{images.parent}: the cache entry is damaged: its content has the digest " in typed(*command).err
        assert images.read_bytes() == sound
    assert [epoch["train_loss"] for epoch in json.loads(rows[0].read_text())["row"]["history"]] == losses


KILLED = """
import os, signal, sys
from pathlib import Path
import tests.test_cache_damage as here
from harness.datasets.cache import materialise
def killed(root, left):
    def counting(event, _):
        nonlocal left
        if event in {"open", "os.rename", "os.mkdir", "os.rmdir", "os.remove"}:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(counting)
    materialise("drawn", {}, here.Drawn(), Path(root))
for line in sys.stdin:
    step, root = line.rstrip().split(" ", 1)
    child = os.fork()
    if child == 0:
        killed(root, int(step))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""Reads a step and a folder from each line, kills a child at that step, and prints its exit code."""


@pytest.fixture(scope="module")
def killer():
    """Return a function that makes a folder's cache in a process that is killed at a step; it returns its exit code."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", KILLED], **pipes) as forks:

        def killed(root, step):
            print(step, root, file=forks.stdin, flush=True)
            return int(forks.stdout.readline())

        yield killed


@pytest.mark.slow
@pytest.mark.parametrize("state", ["new", "damaged"])
def test_a_kill_at_any_file_operation_blocks_nothing(killer, tmp_path, state):
    """The same command then ends with equal bytes, and leaves no file behind."""
    whole = tmp_path / "whole"
    entry = materialise("drawn", {}, Drawn(), whole)

    def files(root):
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    expected = files(whole)
    for step in range(1, 200):
        root = tmp_path / f"step-{step}"
        if state == "damaged":
            shutil.copytree(whole, root)
            flip(root / "datasets" / entry.info.digest / "images.npy")
        code = killer(root, step)
        if code == 0:
            break
        assert code == -signal.SIGKILL
        root.mkdir(exist_ok=True)
        assert materialise("drawn", {}, Drawn(), root).info.digest == entry.info.digest
        assert files(root) == expected, step
    assert step > 10
