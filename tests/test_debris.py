"""A driver that is killed, interrupted or out of disk at any file operation: the same command still ends well."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.machine.files import is_temporary
from harness.store import Run
from tests.chaos.contents import without_clock
from tests.tiny import TINY, run_suite

SHORT = TINY.replace("epochs = 3", "epochs = 1")
LEFT = ".run.json.0123456789ab"


def at(kind, number, folder, *options):
    """Run the suite of a folder, up to its Nth operation on a file of the run; return the process."""
    command = ["run", "tiny.toml", "--only", "A", "--jobs", "0", "--checkpoint", "0.001s", "--quiet", "--out", "run"]
    here = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)}
    return subprocess.run(
        [sys.executable, "-m", "tests.chaos.at_operation", kind, str(number), "run", *command, *options],
        cwd=folder, env=here, capture_output=True, text=True, check=False,
    )  # fmt: skip


def content(folder):
    """Return a run's files: rows without their clock, arrays as bytes, the rest by name."""
    collected = {}
    for path in sorted((folder / "run").rglob("*")):
        name = str(path.relative_to(folder / "run"))
        if path.suffix == ".npz":
            collected[name] = path.read_bytes()
        elif path.name == "row.json":
            collected[name] = without_clock(json.loads(path.read_bytes())["row"])
        elif path.name != "log.txt":
            collected[name] = None
    return collected


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return the content of a run that nothing befell, and how many operations it took."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "tiny.toml").write_text(SHORT)
    done = at("kill", 0, folder)
    assert done.returncode == 0, done.stderr
    return content(folder), int(re.search(r"operations: (\d+)", done.stderr)[1])


def walk(whole, folder, kind, numbers):
    """Check that the same command, after each of some ends, leaves what a run without one leaves."""
    expected, _ = whole
    for number in numbers:
        place = folder / f"{kind}-{number}"
        place.mkdir()
        (place / "tiny.toml").write_text(SHORT)
        ended = at(kind, number, place)
        assert "Traceback" not in ended.stderr, ended.stderr
        if kind != "kill":
            assert ended.returncode in {0, 1, 2, 130}, (number, ended.stderr)
        again = at("kill", 0, place)
        assert again.returncode == 0, (number, again.stderr)
        assert content(place) == expected, number


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", ["kill", *(pytest.param(each, marks=pytest.mark.slow) for each in ("full", "interrupt"))]
)
def test_the_same_command_resumes_after_the_first_rename_of_the_header(whole, tmp_path, kind):
    """The folder, the lock, the temporary file: the fourth operation gives it its name."""
    walk(whole, tmp_path, kind, [4])


def test_what_a_killed_driver_left_is_recognised_and_cleared(tmp_path):
    """Temporary files wherever a run writes, and the checkpoint of a trial that is done."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / LEFT).write_bytes(b"half")
    _, run = run_suite(tmp_path, SHORT)
    assert not (tmp_path / "run" / LEFT).exists()
    place = run.trial_directory("A", 1)
    for left in (
        run.directory / ".classes.npz.0123456789ab",
        place / ".state.npz.0123456789ab",
        place / "checkpoint.npz",
    ):
        left.write_bytes(b"half")
    theirs = run.directory / ".notes.txt.0123456789ab"
    theirs.write_bytes(b"mine")
    run_suite(tmp_path, SHORT)
    assert not [path for path in run.directory.rglob("*") if is_temporary(path.name) and path != theirs]
    assert not (place / "checkpoint.npz").exists()
    assert theirs.read_bytes() == b"mine"


def test_a_checkpoint_that_cannot_be_removed_ends_nothing(tmp_path, monkeypatch):
    """A full disk, a read-only one: the row is written, and the next run clears it."""
    removed = []

    def unlink(self, **_options):
        removed.append(self.name)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("pathlib.Path.unlink", unlink)
        outcome, run = run_suite(tmp_path, SHORT, only=["A"])
    assert outcome.all_well
    assert "checkpoint.npz" in removed
    assert [row.status for row in Run.open(run.directory).rows()] == ["done"]
