"""Worker processes that cannot start, end between tasks, or say too much: a failure with its reason, never a hang."""

import os
import pickle
import signal
import sys
import threading
import time
from dataclasses import dataclass, replace

import pytest

from harness.execution.pools import Failure, Processes, Task, plain


@dataclass(frozen=True)
class Order:
    """A task's argument: what to do."""

    what: str = "answer"


def obey(order, _registry, _report):
    """Do what is ordered; return the process."""
    if order.what == "fork":
        child = os.fork()
        if child:
            os.waitpid(child, 0)
    return (os.getpid(), os.environ["OMP_NUM_THREADS"]) if order.what == "threads" else os.getpid()


def results(pool, tasks):
    """Return the results of tasks that are submitted one after the other."""
    collected = []
    for task in tasks:
        future = pool.submit(task)
        while not future.done():
            pool.wait()
        pool.wait()
        collected.append(future.result())
    return collected


@pytest.fixture
def pool_with(monkeypatch, tmp_path):
    """Return a function that makes a pool of one process with an interpreter that is a shell script."""
    made = []

    def make(script, **options):
        interpreter = tmp_path / "python"
        if script is not None:
            interpreter.write_text(f"#!/bin/sh\n{script}\n")
            interpreter.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(interpreter))
        made.append(Processes(1, **options))
        return made[-1]

    before = set(threading.enumerate())
    yield make
    for pool in made:
        pool.stop()
    deadline = time.monotonic() + 60
    while set(threading.enumerate()) - before:  # what a shell started goes on writing: it is not read for ever
        assert time.monotonic() < deadline
        time.sleep(0.01)


TASK = Task(obey, Order(), "a task")
ADVICE = ". --jobs 0 runs trials in the driver's process"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (None, "FileNotFoundError: [Errno 2] No such file or directory: "),
        ("exit 7", "exit code 7" + ADVICE),
        ("echo 'no room\x1b[31m' >&2; exit 1", r"exit code 1: no room\x1b[31m" + ADVICE),
        ("kill -9 $$", "signal 9" + ADVICE),
        ("yes", "it was not ready after 1 s"),
        ("yes >&2", "it was not ready after 1 s"),
        ("exec sleep 1000", "it was not ready after 1 s" + ADVICE),
    ],
    ids=["gone", "exits", "says why", "killed", "nonsense", "noise", "hangs"],
)
def test_a_worker_that_cannot_start_is_a_failure_with_its_reason(pool_with, script, reason):
    """Its interpreter is gone, ends at once, or never answers."""
    (failure,) = results(pool_with(script, start_seconds=1.0), [TASK])
    assert isinstance(failure, Failure)
    assert failure.status == "died"
    assert failure.reason.startswith("its worker process cannot start: " + reason)


def test_starts_are_given_up_after_some(pool_with, tmp_path):
    """Three in a row have failed: the others fail at once, with the same reason."""
    pool = pool_with(f"echo >> {tmp_path}/starts; exit 7")
    run_results = results(pool, [TASK] * 6)
    assert len(set(run_results)) == 1
    assert (tmp_path / "starts").read_text().count("\n") == 3


@pytest.fixture
def pool():
    """Return one process."""
    made = Processes(1)
    yield made
    made.stop()


def test_a_process_that_ended_between_two_tasks_costs_nothing(pool):
    """The next task starts in a new one."""
    (first,) = results(pool, [TASK])
    os.kill(first, signal.SIGKILL)
    run_results = results(pool, [TASK, TASK])
    assert run_results[0] == run_results[1] != first


def test_a_task_has_a_process_with_its_variables(pool, monkeypatch):
    """A library reads how many threads it may take as it is loaded; tasks of the same variables share a process."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    task = Task(obey, Order("threads"), "x")
    wide = replace(task, variables={"OMP_NUM_THREADS": "2"})
    run_results = results(pool, [task, wide, wide, task, wide])
    assert [threads for _, threads in run_results] == ["1", "2", "2", "1", "2"]
    assert run_results[0] == run_results[3]
    assert run_results[1] == run_results[2] != run_results[4]


def test_a_copy_of_a_worker_does_not_answer(pool):
    """A plugin forks, and both go on: the task has one result, and the next has its own."""
    run_results = results(pool, [Task(obey, Order("fork"), "forks"), TASK])
    assert run_results[0] == run_results[1]


def test_a_task_that_cannot_be_passed_on_is_a_failure(pool):
    """A function that has no name in a module."""
    run_results = results(pool, [Task(lambda *_: None, Order(), "nameless"), TASK])
    assert run_results[0].status == "failed"
    assert run_results[0].reason.startswith("its task cannot be passed on: ")
    assert isinstance(run_results[1], int)


def test_what_is_printed_as_python_starts_is_skipped(pool, tmp_path, monkeypatch):
    """A sitecustomize that prints, as clusters have."""
    (tmp_path / "sitecustomize.py").write_text("print('welcome', flush=True)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert isinstance(results(pool, [TASK])[0], int)


def say(word, _registry, report):
    """Report a word, and return it."""
    report(word)
    return word


def test_unread_results_and_reports_are_passed_on_pickled():
    """A failure of the pool's is itself, one of a job's is pickled as any result is."""
    pool, heard = Processes(1, unread=True), []
    try:
        future = pool.submit(Task(say, "a word", "says"), heard.append)
        while not future.done():
            pool.wait()
        raised, unsent = results(pool, [Task(int, "it", "raises"), Task(lambda *_: None, Order(), "nameless")])
    finally:
        pool.stop()
    assert plain.loads(future.result()) == "a word"
    assert [plain.loads(message) for message in heard] == [["a word"]]
    assert plain.loads(raised).status == "failed"
    assert unsent.status == "failed"


def test_stop_leaves_no_process(pool):
    """Also in the middle of a task; and it may be called again."""
    (pid,) = results(pool, [TASK])
    pool.submit(TASK)
    pool.stop()
    pool.stop()
    deadline = time.monotonic() + 60
    while os.path.exists(f"/proc/{pid}"):  # noqa: PTH110 - short
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Scripted:
    """A process that is ready at once, and says what a test puts into the pool's queue."""

    ready, number, begun_at, silent, over = True, None, 0.0, False, True

    def send(self, number, task):
        """Do nothing."""

    def kill(self):
        """Do nothing."""

    def join(self):
        """Do nothing."""

    def exit_code(self):
        """Return that it runs."""


def test_an_end_is_taken_before_other_tasks_reports(monkeypatch):
    """What is said of others waits; a task's own reports come before its end, in their order."""
    pool = Processes(2)
    monkeypatch.setattr(pool, "_new_process", lambda _: pool._processes.append(Scripted()) or pool._processes[-1])
    heard = []
    futures = [
        pool.submit(Task(obey, Order(), name), lambda message, name=name: heard.append((name, message)))
        for name in "AB"
    ]
    first, second = pool._processes
    for number in (1, 2, 3):
        pool._messages.put((first, "said", 1, pickle.dumps([number])))
        pool._messages.put((second, "said", 2, pickle.dumps([number])))
    pool._messages.put((second, "done", 2, pickle.dumps("B")))
    assert pool.wait() == [futures[1]]
    assert heard == [*(("B", number) for number in (1, 2, 3)), *(("A", number) for number in (1, 2, 3))]
    pool._messages.put((first, "said", 1, pickle.dumps([4, 5])))
    pool._messages.put((first, "done", 1, pickle.dumps("A")))
    assert pool.wait() == [futures[0]]
    assert heard[6:] == [("A", 4), ("A", 5)]
    assert [future.result() for future in futures] == ["A", "B"]


@pytest.mark.parametrize(
    ("variables", "pages"),
    [
        ({"GLIBC_TUNABLES": None, "HARNESS_NO_TUNE": None}, "glibc.malloc.hugetlb=1"),
        (
            {"GLIBC_TUNABLES": "glibc.malloc.check=1", "HARNESS_NO_TUNE": None},
            "glibc.malloc.hugetlb=1:glibc.malloc.check=1",
        ),
        ({"GLIBC_TUNABLES": "glibc.malloc.hugetlb=0", "HARNESS_NO_TUNE": None}, "glibc.malloc.hugetlb=0"),
        ({"GLIBC_TUNABLES": None, "HARNESS_NO_TUNE": "1"}, ""),
    ],
)
def test_a_worker_allocates_huge_pages_unless_it_is_set_otherwise(pool_with, variables, pages):
    """Other settings of glibc stay; where pages are set, that counts; with --no-tune nothing is set."""
    pool = pool_with('echo "pages: $GLIBC_TUNABLES" >&2; exit 3', environment=variables)
    (failure,) = results(pool, [Task(obey, Order(), "t")])
    assert f"pages: {pages}".rstrip() + ADVICE in failure.reason


def test_a_process_for_which_no_thread_can_be_started_fails_its_task(monkeypatch):
    """As one that cannot be started itself: a limit of processes counts threads, too."""

    def refused(_thread):
        raise RuntimeError("can't start new thread")

    pool = Processes(1)
    monkeypatch.setattr(threading.Thread, "start", refused)
    [failure] = results(pool, [Task(obey, Order(), "x")])
    pool.stop()
    assert failure.status == "died"
    assert failure.reason.startswith("its worker process cannot start: RuntimeError: can't start new thread")
