"""Two thousand mutations: of suites, of commands, of finished runs and of caches."""

import sys

import pytest

from tests.fuzz.endings import server
from tests.fuzz.fuzzers import FUZZERS, replay
from tests.share import SHARE

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="waits by pidfd, and makes FIFOs")]
COUNTS = {"suites": 900, "options": 450, "stored": 400, "cache": 250}
"""Mutations; a stored run takes the most, as every command looks at it."""


@pytest.fixture(scope="module")
def forks():
    """Return a server of commands whose imports are done."""
    with server() as started:
        yield started


@pytest.mark.parametrize("name", FUZZERS)
def test_no_mutation_makes_a_traceback_a_hang_or_a_number_that_is_wrong_without_a_word(name, forks, tmp_path):
    """Exit code 0, 1, 2, 3 or 130, errors of one line, within ten seconds; a failure says how to make it again."""
    fuzzer = FUZZERS[name](forks, tmp_path / "fuzz")
    problems = [
        f"{replay(name, number)}\n{problem}"
        for number in range(round(SHARE * COUNTS[name]))
        for problem in fuzzer.problems(number)
    ]
    assert not problems, f"{len(problems)} problems\n" + "\n\n".join(problems[:20])
