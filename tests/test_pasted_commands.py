"""Commands that are printed can be pasted: a shell reads them as they were meant, with spaces in paths too."""

import re
import shlex
import subprocess

import pytest

from harness.text import command
from tests.test_suite import GOOD
from tests.tiny import TINY

EXPECTING = TINY + '[[expect]]\nrelation = "A.val_loss > 0"\n'


@pytest.fixture
def spaced(tmp_path, monkeypatch):
    """Give a folder whose name has a space and a quote, with a suite; the cache is beside it."""
    folder = tmp_path / "my user's folder"
    folder.mkdir()
    (folder / "my suite.toml").write_text(EXPECTING)
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    return folder


def test_a_run_prints_commands_that_open_it(typed, spaced):
    """The leaderboards, and the verdicts of its expectations."""
    out = spaced / "a run"
    arguments = ("--only", "A", "--set", "defaults.epochs=1", "--jobs", 0, "--quiet", "--out", out)
    err = typed("run", spaced / "my suite.toml", *arguments).err
    printed = re.findall(r"harness (?:leaderboard|verify) .*", err)
    assert [shlex.split(line) for line in printed] == [
        ["harness", "leaderboard", str(out)],
        ["harness", "verify", str(out)],
    ]
    for line in printed:
        assert typed(*shlex.split(line)[1:]).out


def test_new_prints_commands_that_use_what_it_made(typed, spaced):
    """A suite, and a package."""
    out = typed("new", "suite", "mine", "-d", spaced).out
    assert [shlex.split(line) for line in re.findall(r"  (harness .*)", out)] == [
        ["harness", "plan", str(spaced / "mine.toml")],
        ["harness", "run", str(spaced / "mine.toml")],
    ]
    out = typed("new", "optimizer", "mine", "-d", spaced).out
    assert shlex.split(re.search(r"  (cd .*)", out)[1]) == ["cd", str(spaced / "harness-mine")]


def test_a_place_to_save_to_is_made_by_the_command_in_the_message(typed, spaced):
    """Before anything is measured."""
    place = spaced / "no folder" / "bench.json"
    err = typed("bench", "--network", "M0", "--save", place, code=2).err
    assert shlex.split(re.search(r"Make it first \((.*)\), or", err)[1]) == ["mkdir", "-p", str(place.parent)]


def test_the_option_that_a_message_adds_can_be_pasted(typed, spaced):
    """Names of experiments have brackets, values have spaces and quotes."""
    text = GOOD + '[experiments."C[1]"]\nschedule = { name = "step", step_size = 3 }\n'
    (spaced / "mine.toml").write_text(text)
    option = ("--set", 'experiments."C[1]".schedule.name=linear')
    err = typed("plan", spaced / "mine.toml", *option, code=2).err
    assert shlex.split(err[err.index("Add ") :])[1:] == ["--set", 'experiments."C[1]".schedule.decay=VALUE']


@pytest.mark.parametrize(
    "word", ["a b", "it's", "$HOME `x`", "line\nbreak", "tab\t'\\", "\x1b[31m", "ü", "a\udcffb", ""]
)
def test_a_shell_reads_the_words(word):
    """Bash gives back their bytes; the command is one line that a terminal shows as it is."""
    printed = command("printf", "%s", word)
    assert printed.isprintable()
    done = subprocess.run(["bash", "-c", printed], capture_output=True, check=True)
    assert done.stdout == word.encode("utf-8", "surrogateescape")


def test_a_run_in_a_folder_of_other_bytes_than_utf_8(typed, spaced):
    """Its commands name the bytes, and its header notes the command with them escaped."""
    arguments = ("--only", "A", "--set", "defaults.epochs=1", "--jobs", 0, "--quiet", "--out", "a\udcffb")
    err = typed("run", spaced / "my suite.toml", *arguments).err
    assert r"harness leaderboard $'a\xffb'" in err
    header = (spaced.parent / "a\udcffb" / "run.json").read_text(encoding="utf-8")
    assert r"a\\udcffb" in header
