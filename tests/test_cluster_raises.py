"""Jobs that raise on a cluster's node: the row, the log and the neighbours are those of a local pool."""

import json
import pickle
import threading
from pathlib import Path

import pytest

pytest.importorskip("distributed")

from harness.errors import REASON_LIMIT, HarnessError
from harness.execution.pools.cluster.blocks import Line, piece
from harness.execution.pools.cluster.lending import unpacked
from harness.execution.pools.cluster.nodes import Member
from harness.execution.pools.cluster.orders import Returned
from harness.execution.pools.cluster.shipping import Shipment
from harness.execution.pools.perform import perform
from harness.execution.pools.pool import Node
from harness.trial.tasks import Failure, Task
from tests.chaos.contents import content, differences
from tests.clusters import harness
from tests.test_cluster import plugins


class MuteError(Exception):
    """One that cannot be shown."""

    def __init__(self, why):
        super().__init__()
        self.why = why

    def __str__(self):
        raise self.why


class BoundError(Exception):
    """One that cannot be pickled."""

    def __init__(self):
        super().__init__("bound to a lock")
        self.lock = threading.Lock()


RAISED = {
    "plain": (lambda: KeyError("no such thing"), "KeyError: 'no such thing'"),
    "ours": (lambda: HarnessError("the node's disk is full"), "the node's disk is full"),
    "lines": (lambda: ValueError("two\nlines, \x1b[31mred"), "ValueError: two lines, \\x1b[31mred"),
    "long": (lambda: ValueError("x" * 1_000_000), "ValueError: xxxx"),
    "mute": (lambda: MuteError(KeyError()), "MuteError: (its message cannot be read: KeyError)"),
    "mute and ending": (lambda: MuteError(SystemExit()), "MuteError: (its message cannot be read: SystemExit)"),
    "bound": (BoundError, "BoundError: bound to a lock"),
    "group": (lambda: ExceptionGroup("both", [OSError(), KeyError()]), "ExceptionGroup: both (2 sub-exceptions)"),
    "ending": (lambda: SystemExit(7), "SystemExit: 7"),
    "exhausted": (MemoryError, "MemoryError"),
}


def job(kind, _registry, _report):
    """Raise, or return what cannot be passed on."""
    error = RAISED[kind][0]()
    raise error


@pytest.mark.parametrize("kind", RAISED)
def test_what_a_job_raises_comes_home_as_from_a_local_pool(kind, tmp_path):
    """The same failure, whatever the exception is: neither it nor its class travels."""
    here = perform(Task(job, kind, "here", tmp_path / "here.txt"), dict, print, own_process=False)
    order = pickle.dumps((job, kind), protocol=5)
    there = perform(Task(unpacked, order, "there", tmp_path / "there.txt"), dict, print, own_process=False)
    node = Member("tcp://nowhere", Node("n", 1), Line(None, "tcp://nowhere"), str(tmp_path), session=None)
    shipment = Shipment(1, "topic", node, Task(job, kind, "there"), data=lambda path: path)
    (tmp_path / "result").write_bytes(pickle.dumps(there, protocol=5))
    assert shipment._received(Returned(piece(tmp_path / "result"))) == here
    assert type(here) is Failure
    assert here.status == "failed"
    assert here.reason.startswith(RAISED[kind][1])
    assert len(here.reason) <= REASON_LIMIT
    for log in ("here.txt", "there.txt"):
        assert "Traceback (most recent call last)" in (tmp_path / log).read_text()


BACKENDS = """
import threading
import harness
from harness_array.backends import NumpyBackend
from harness.interfaces import EpochStats

@harness.hookimpl
def register_backends(register):
    for name in ("building", "training", "testing", "bound", "mute", "odd_result"):
        register(name, lambda name=name: Raises(name))

@harness.hookimpl
def register_perturbations(register):
    register("torn", torn)

def torn(images, severity, rng):
    if severity > 0.1:
        raise BoundError("torn at", severity)
    return images

class MuteError(Exception):
    def __str__(self):
        raise RuntimeError("not even that")

class BoundError(Exception):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.lock = threading.Lock()

class Raises(NumpyBackend):
    def __init__(self, name):
        super().__init__()
        self.fault = name

    def build(self, *arguments):
        if self.fault == "building":
            raise ValueError("cannot be\\nbuilt")
        network = super().build(*arguments)
        train, fault = network.train_epoch, self.fault

        def trained(epoch, order, learning_rate):
            stats = train(epoch, order, learning_rate)
            print(f"epoch {epoch} is over")
            if epoch == 1:
                if fault == "training":
                    raise KeyError("no such thing")
                if fault == "bound":
                    raise BoundError("bound to a lock")
                if fault == "mute":
                    raise MuteError
                if fault == "odd_result":
                    return EpochStats(lambda: None, stats.sizes, stats.correct)
            return stats

        def refused(images):
            raise OSError(28, "No space left on device")

        network.train_epoch = trained
        if fault == "testing":
            network.predict_images = refused
        return network
"""
SUITE = """
[suite]
name = "raises"
[defaults]
hidden_layers = [8]
optimizer = { name = "adam", learning_rate = 0.01 }
epochs = 2
[experiments.well]
backend = "numpy"
[[robustness]]
perturbation = "gaussian_noise"
severities = [0.1]
[[robustness]]
perturbation = "torn"
severities = [0.1, 0.2]
"""
REASONS = {
    "well": "",
    "building": "ValueError: cannot be built",
    "training": "KeyError: 'no such thing'",
    "testing": "OSError: [Errno 28] No space left on device",
    "bound": "BoundError: bound to a lock",
    "mute": "MuteError: (its message cannot be read: RuntimeError)",
    "odd_result": "the backend's losses are function; the contract says float64 (steps,)",
}


def log_of(run, experiment):
    """Return a trial's log."""
    [path] = Path(run).glob(f"trials/{experiment}/*/log.txt")
    return path.read_text()


@pytest.mark.slow
def test_trials_that_raise_on_nodes_have_the_rows_of_a_local_pool(tmp_path):
    """In building, training and testing, and in a perturbation; what has no fault is done."""
    path = plugins(tmp_path / "plugins", "raising", "1.0", BACKENDS)
    names = [name for name in REASONS if name != "well"]
    (tmp_path / "s.toml").write_text(SUITE + "".join(f'[experiments.{name}]\nbackend = "{name}"\n' for name in names))
    for where in (("--jobs", "2"), ("--cluster", "local:2")):
        output = harness("run", "s.toml", *where, "--out", where[0][2:], cwd=tmp_path, code=1, PYTHONPATH=path)
        assert "Traceback" not in output
    local, spread = tmp_path / "jobs", tmp_path / "cluster"
    assert differences(content(local), content(spread)) == []
    rows = {row["experiment"]: row for row in map(row_of, spread.glob("trials/*/*/row.json"))}
    for name, reason in REASONS.items():
        assert rows[name]["status"] == ("failed" if reason else "done")
        assert rows[name]["reason"].startswith(reason)
        assert bool(rows[name]["reason"]) == bool(reason)
    assert rows["testing"]["metrics"]
    torn = "perturbation 'torn' at severity 0.2: BoundError: ('torn at', 0.2)"
    assert rows["well"]["evaluation"]["unavailable"] == {"torn": torn}
    for run in (local, spread):
        text = log_of(run, "bound")
        assert "epoch 1 is over" in text
        assert "BoundError: bound to a lock" in text
        assert text.rstrip().endswith("failed: BoundError: bound to a lock")


def row_of(path):
    """Return what a file of a row holds."""
    return json.loads(path.read_text())["row"]
