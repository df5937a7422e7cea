"""docs/reference/python.md: its functions and columns are those that there are."""

import re

import pytest

import harness
from harness.api import columns
from tests.documents import section

PAGE = "docs/reference/python.md"


@pytest.mark.parametrize(
    "name",
    [
        "trials", "history", "measures", "predictions", "confusion", "leaderboard", "differences", "verdicts", "plan",
        "runs", "reproduction",
    ],
)  # fmt: skip
def test_every_column_has_its_line(name):
    """Name and dtype, in order."""
    lines = re.findall(r"^\| `(\w+)` \| (.*?) \|", section(PAGE, name), flags=re.MULTILINE)
    assert dict(lines) == getattr(columns, name.upper())


def test_every_function_and_member_has_its_line():
    """Of the package, and of a run."""
    functions = re.findall(r"^\| `(\w+)\(", section(PAGE, "Functions"), flags=re.MULTILINE)
    assert set(functions) == {name for name in harness.__all__ if name[0].islower() and name != "hookimpl"}
    members = re.findall(r"`(\w+)", "".join(re.findall(r"^\| (`.*?) \|", section(PAGE, "Run"), flags=re.MULTILINE)))
    assert set(members) >= {name for name in dir(harness.Run) if not name.startswith("_")}
