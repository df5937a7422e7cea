"""Standard output and standard error that are closed, full, without a reader, or of a narrow encoding."""

import os
import subprocess
import sys

import pytest

from tests.test_surroundings import shell, statuses
from tests.tiny import TINY

RUN = "harness run tiny.toml --only A --jobs 1 --quiet"
_REST = ("plan tiny.toml", "plugins", "doctor", "datasets", "--help", "why tiny.toml A")
SLOW = pytest.mark.slow
COMMANDS = ("schema", *(pytest.param(rest, marks=SLOW) for rest in _REST))


def suite(folder):
    """Lay a suite into a folder that has names which no narrow encoding has."""
    (folder / "tiny.toml").write_text(TINY.replace('group = "first"', 'group = "σ ≥ ½"'), encoding="utf-8")


@pytest.fixture
def here(tmp_path):
    """Return a folder with that suite."""
    suite(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_a_reader_that_ends_is_no_error(here, command):
    """``harness plan | head -1``: exit code 0, nothing on standard error."""
    done = shell(here, f"harness {command} 2>errors | true; echo ${{PIPESTATUS[0]}}; cat errors")
    assert done.stdout == "0\n"


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk_under_standard_output_is_a_line(here, command):
    """Exit code 2."""
    done = shell(here, f"harness {command} >/dev/full")
    assert done.returncode == 2
    assert done.stderr.endswith(
        "error: standard output cannot be written to: No space left on device. All other results are kept\n"
    )
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("redirection", "code", "message"),
    [
        pytest.param(">/dev/full", 2, "error: standard output cannot be written to: No space left", marks=SLOW),
        (">&-", 2, "error: standard output is closed. All other results are kept"),
        pytest.param("2>&-", 0, "", marks=SLOW),
        pytest.param("2>/dev/full", 0, "", marks=SLOW),
        pytest.param("</dev/null >&- 2>&-", 2, "", marks=SLOW),
        pytest.param("<&- >/dev/null", 0, "", marks=SLOW),
    ],
)
def test_a_run_keeps_what_it_trained_whatever_its_output(here, typed, redirection, code, message):
    """Rows are written; no file of the run takes the place of a closed descriptor."""
    done = shell(here, f"{RUN.replace(' --quiet', '')} {redirection}")
    assert (done.returncode, statuses(here)) == (code, ["done"]), done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert typed("leaderboard", "runs/tiny").out


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Return a folder with a run of that suite."""
    folder = tmp_path_factory.mktemp("trained")
    suite(folder)
    assert shell(folder, RUN).returncode == 0
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["latin-1", *(pytest.param(name, marks=SLOW) for name in ("cp1252", "ascii"))])
def test_a_narrow_encoding_shows_question_marks_and_says_so(trained, encoding):
    """No traceback; where characters were replaced, a line names the remedy."""
    done = subprocess.run(
        [sys.executable, "-m", "harness", "leaderboard", "runs/tiny"],
        cwd=trained, env=os.environ | {"PYTHONIOENCODING": encoding}, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr
    if encoding in {"latin-1", "cp1252"}:
        assert "? ? ½".encode(encoding) in done.stdout
        assert b": '?' replaces characters that it lacks. PYTHONIOENCODING=utf-8 has all" in done.stderr
    else:
        assert "σ ≥ ½".encode() in done.stdout


@pytest.mark.slow
def test_the_c_locale_is_no_error(here):
    """LC_ALL=C, as in containers."""
    done = shell(here, f"{RUN} && harness leaderboard runs/tiny", LC_ALL="C")
    assert (done.returncode, statuses(here)) == (0, ["done"])


@pytest.mark.slow
def test_paths_that_are_not_utf_8(here):
    """They are printed as the bytes that they are, escaped in messages, and kept in a run and in a cache."""
    (here / os.fsdecode(b"d\xe9")).mkdir()
    (here / "tiny.toml").rename(here / os.fsdecode(b"d\xe9/s\xe9.toml"))
    script = r"""cd $'d\xe9'; export HARNESS_CACHE_DIR=$PWD/$'c\xe9'; set -e
    harness run $'s\xe9.toml' --only A --jobs 1 --out $'o\xe9'
    harness plan $'s\xe9.toml'; harness why $'s\xe9.toml' A --out $'o\xe9'
    harness leaderboard $'o\xe9'; harness report $'o\xe9'; harness doctor"""
    (here / "script").write_bytes(script.encode())
    done = subprocess.run(
        ["bash", "script"], cwd=here, env=os.environ | {"PATH": f"{_command(here)}:{os.environ['PATH']}"},
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr
    assert b"replaces characters that it lacks" not in done.stderr
    assert b"/c\xe9" in done.stdout
    missing = shell(here, r"harness plan $'no\xe9.toml'")
    assert missing.returncode == 2
    assert missing.stderr.startswith(r"error: no\udce9.toml: ")


def _command(folder):
    """Lay the command into a folder, and return that."""
    shell(folder, "true")
    return folder
