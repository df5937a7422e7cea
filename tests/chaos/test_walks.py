"""A kill, a full disk and an interrupt at every file operation of a run, a changed run, a first cache and a report."""

import sys

import pytest

from tests.chaos.walk import KINDS, WALKS, Walker, forks
from tests.share import STRIDE

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc, and waits by pidfd"),
]
STRIDES = {"change": 2}
"""Every operation fails in its turn; of a changed run, which repeats most of a first one, every other."""


@pytest.fixture(scope="module")
def server():
    """Return a server of commands whose imports are done."""
    with forks() as started:
        yield started


@pytest.fixture(scope="module", params=WALKS)
def walker(request, server, tmp_path_factory):
    """Return what walks along one command."""
    if request.param == "report":
        pytest.importorskip("altair")
    return Walker(request.param, server, tmp_path_factory.mktemp(request.param))


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_command_mends_whatever_fails_at_any_file_operation(walker, kind):
    """It ends with equal bytes, and leaves no file behind; a failure says which operation, and how again."""
    assert len(walker.operations) >= 3
    problems = list(walker.problems(kind, max(STRIDE, STRIDES.get(walker.name, 1))))
    assert not problems, "\n".join(problems)
