"""What a node is compared by when it joins: a line for each difference, and none takes part by mistake."""

import platform
from importlib.metadata import PackageNotFoundError, version
from types import SimpleNamespace

import pytest

from harness.execution.pools.cluster import nodes
from harness.execution.pools.cluster.nodes import Member, UnfitError, examined, name_of
from harness.execution.pools.cluster.orders import about_node
from harness.execution.pools.cluster.pool import Cluster
from harness.execution.pools.cluster.waiting import GoneError
from harness.execution.pools.pool import Node
from harness.machine.host import host
from harness.plugins.loading import registry
from harness.trial.tasks import Failure


class Answers:
    """A line to a node that answers as it is set to; the rest is as here."""

    def __init__(self, **answers):
        self.answers = answers

    def call(self, function, *arguments):
        """Return what the node says."""
        name = arguments[0] if arguments else function.__name__
        answer = self.answers.get(name.replace("-", "_"), None)
        if isinstance(answer, Exception):
            raise GoneError from answer
        return function(*arguments) if answer is None else answer


MINOR = ".".join(platform.python_version().split(".")[:2])
DIFFERENT = {
    "another Python": ({"python_version": "3.9.7"}, f"it has Python 3.9, and this environment {MINOR}"),
    "another harness": (
        {"nn_harness": "0.0.1"}, f"it has nn-harness 0.0.1, and this environment {version('nn-harness')}",
    ),
    "another NumPy": ({"numpy": "1.0"}, f"it has numpy 1.0, and this environment {version('numpy')}"),
    "no harness": ({"nn_harness": PackageNotFoundError("nn-harness")}, "nn-harness is not installed there"),
}  # fmt: skip


@pytest.mark.parametrize("kind", DIFFERENT)
def test_a_node_of_other_versions_is_left_out_before_anything_of_harness_runs_there(kind):
    """By what Python itself can be asked."""
    answers, line = DIFFERENT[kind]
    with pytest.raises(UnfitError) as refused:
        nodes._same_versions(Answers(**answers))
    assert str(refused.value) == line


def test_a_node_of_the_same_versions_is_not_refused_nor_is_one_that_is_silent_unfit():
    """A release of Python that differs in its last number is the same one."""
    nodes._same_versions(Answers(python_version=f"{MINOR}.99"))
    with pytest.raises(GoneError):
        nodes._same_versions(Answers(numpy=TimeoutError()))


def member():
    """Return a node that has been opened."""
    return Member("tcp://n", Node("n", 2), Answers(), "folder", session=None)


def facts(**more):
    """Return what a node says of itself."""
    return about_node((), registry(), print) | more


PARTS = {"optimizer lion": "harness-lion 0.2.0", "backend torch": "harness-torch 1.0", "dataset files": "nn-harness 1"}
REFUSED = {
    "an optimizer of another version": (
        {"optimizer lion": "harness-lion 0.1.0"},
        "its optimizer lion is harness-lion 0.1.0, and harness-lion 0.2.0 here",
    ),
    "no such optimizer": ({}, "it has no optimizer lion, which is harness-lion 0.2.0 here"),
    "a backend of another version": (
        {"optimizer lion": "harness-lion 0.2.0", "backend torch": "harness-torch 2.0"},
        "its backend torch is harness-torch 2.0, and harness-torch 1.0 here",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_a_node_whose_plugins_differ_is_left_out(kind):
    """The part is named, with what it is in both places."""
    has, line = REFUSED[kind]
    with pytest.raises(UnfitError) as refused:
        examined(member(), PARTS, lambda _task: facts(**has), third_party=False)
    assert str(refused.value) == line


def test_a_node_without_a_backend_or_a_dataset_takes_part():
    """Trials of the one go elsewhere, the other is sent; the node is shown with what it has."""
    node = examined(member(), PARTS, lambda _task: facts(**{"optimizer lion": "harness-lion 0.2.0"}), third_party=False)
    node.abilities = {"backend numpy": ("cpu",), "backend fake": ("gpu:0", "gpu:1", "cpu")}
    assert node.shown() == f"node n: 2 trials at a time, cpu, gpu:0, gpu:1, {host()['processor']}"
    assert node.node.machine == facts()["machine"]


def test_a_question_that_fails_leaves_the_node_out_and_a_lost_node_is_lost():
    """The reason is the task's."""
    with pytest.raises(UnfitError, match="worker died"):
        examined(member(), PARTS, lambda _task: Failure("died", "worker died (signal 9)"), third_party=False)
    with pytest.raises(GoneError):
        examined(member(), PARTS, lambda _task: Failure("lost", "the node n was lost"), third_party=False)


def test_a_worker_is_called_by_its_name_or_its_host_and_port():
    """Dask names one by its address where it was given no name."""
    assert name_of("tcp://10.0.0.1:4000", {"name": "node-a"}) == "node-a"
    assert name_of("tcp://10.0.0.1:4000", {"name": "tcp://10.0.0.1:4000"}) == "10.0.0.1:4000"
    assert name_of("tcp://10.0.0.1:4000", {}) == "10.0.0.1:4000"
    assert len(name_of("tcp://10.0.0.1:4000", {"name": "n" * 1000})) == 100


def test_a_task_has_the_devices_that_all_it_needs_have_on_a_node():
    """In the order of the first; a need without any runs on the CPU, and what a node lacks is nowhere."""
    ready = member()
    ready.abilities = {"gpu": ("cuda:0", "cuda:1"), "one": ("cuda:1", "cpu"), "any": (), "cpu": ("cpu",)}
    pool = Cluster.__new__(Cluster)
    pool._roster = SimpleNamespace(ready={"n": ready})
    for needs, devices in (
        (("gpu",), ("cuda:0", "cuda:1")), (("gpu", "one"), ("cuda:1",)), (("one", "any"), ("cpu",)),
        (("gpu", "cpu"), ()), (("gpu", "none"), ()),
    ):  # fmt: skip
        assert pool.devices(Node("n", 1), needs) == devices
    assert pool.devices(Node("gone", 1), ("cpu",)) == ()
