"""What commands show of foreign texts, and what a report says of a file that it lacks."""

import pytest

from tests.tiny import TINY, run_suite


def test_a_plan_shows_a_group_in_one_line_without_what_a_terminal_would_obey(typed, tmp_path):
    """Escape sequences and signs of control are escaped, as in a leaderboard."""
    (tmp_path / "tiny.toml").write_text(TINY.replace('group = "first"', 'group = "\\u001b[31mred\\u0085\\n"'))
    output = typed("plan", "tiny.toml", "--jobs", 0, "--only", "A").out
    assert r"\x1b[31mred\x85\n" in output
    assert "\x1b" not in output


@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_suite_s_name_is_shown_in_one_line_without_what_a_terminal_would_obey(typed, tmp_path, command):
    """In the first line of a plan, and in whatever a run says."""
    (tmp_path / "tiny.toml").write_text(TINY.replace('name = "tiny"', 'name = "\\u001b[31mred\\u0085\\n"'))
    printed = typed(command, "tiny.toml", "--jobs", 0, "--only", "A", "--out", "here")
    assert not {"\x1b", "\x85"} & {*printed.out, *printed.err}
    assert "red" in printed.out.splitlines()[0]


@pytest.mark.parametrize("command", ["runs", "leaderboard"])
def test_an_error_with_a_path_of_any_length_ends_with_what_would_do(typed, command):
    """Its middle is left out."""
    message = typed(command, "a/" * 50_000, code=2).err
    assert len(message) < 2000
    assert message.count("\n") == 1
    assert message.startswith("error: a/a/")
    assert " … " in message or "…" in message


def test_an_error_of_a_command_is_one_line_whatever_it_quotes(typed):
    """A new line in a path is no new line of the message."""
    message = typed("leaderboard", "a\nb", code=2).err
    assert message.count("\n") == 1
    assert message == "error: a b: no such folder. 'harness run SUITE' makes a run\n"


@pytest.mark.parametrize("damage", ["missing", "damaged"])
def test_a_report_names_the_record_of_classes_that_it_lacks(tmp_path, damage):
    """The page is made without the classes' images; the same run makes the record again."""
    pytest.importorskip("altair")
    from harness.report import read

    _, run = run_suite(tmp_path)
    place = run.directory / "classes.npz"
    assert not read(run.directory).problems
    place.unlink() if damage == "missing" else place.write_bytes(place.read_bytes()[:-1])
    expected = f"{place}: is missing or damaged: the classes have no images. The same 'harness run' makes it again"
    assert read(run.directory).problems == [expected]
    run_suite(tmp_path)
    assert not read(run.directory).problems
