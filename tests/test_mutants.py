"""What the tests of mistakes rest on: a test's failure in a fork is its own."""

import os
import signal

import pytest

from tests import mutants
from tests.mutants import in_a_fork


def test_a_fork_that_returns_has_not_failed():
    assert in_a_fork(lambda: None) == ""


def test_a_failure_in_a_fork_has_its_traceback():
    assert in_a_fork(lambda: pytest.fail("wrong")).endswith("Failed: wrong\n")


def test_a_fork_that_a_signal_ends_has_its_name():
    assert in_a_fork(os.abort) == "SIGABRT"


def test_a_fork_that_does_not_end_is_no_failure_of_its_test(monkeypatch):
    monkeypatch.setattr(mutants, "LONGEST", 0.1)
    with pytest.raises(TimeoutError, match=r"^did not end within 0\.1 s$"):
        in_a_fork(signal.pause)
