"""What a job is given names no file of the driver's once it is moved to a node: there may be no common file system."""

import pickle
from pathlib import Path

import pytest

from harness.datasets.cache import CachedDataset
from harness.interfaces import Context, implements
from harness.plugins.options import ComponentSpec
from harness.trial.ensemble import EnsembleSpec
from harness.trial.rehearsal import RehearsalSpec
from harness.trial.specs import EvaluationSpec, TrialSpec
from harness.trial.tasks import Movable

HERE, DATA = Path("/driver"), CachedDataset(None, Path("/driver/data"))
TRIAL = TrialSpec(
    "A", 1, DATA, None, None, "numpy", ComponentSpec("adam", {}, Path("/suite")), 0.01, None, 1, None,
    Context(1, "cpu", 1, "float32"), "fingerprint", checkpoint=(HERE / "checkpoint.npz", 1.0),
)  # fmt: skip
STATES = ((TRIAL, HERE / "state.npz", "digest"),)
ARGUMENTS = {
    "trial": (TRIAL, ["data", "update"]),
    "rehearsal": (RehearsalSpec(TRIAL, 1, ()), ["data", "update"]),
    "evaluation": (EvaluationSpec(STATES, (), kept=(HERE / "kept",)), ["data", "update", "read", "write"]),
    "ensemble": (
        EnsembleSpec(DATA, None, (HERE / "a", HERE / "b"), (), attacked=STATES),
        ["data", "update", "read", "data", "read", "read"],
    ),
}


@pytest.mark.parametrize("kind", ARGUMENTS)
def test_every_path_of_an_argument_is_moved(kind):
    """Each with what the job does with it, in the same order every time."""
    argument, uses = ARGUMENTS[kind]
    assert implements(argument, Movable)
    for _ in range(2):
        calls = []

        def locate(path, use, calls=calls):
            calls.append((path, use))
            return Path("/node") / path.name

        moved = argument.moved(locate)
        assert [use for _, use in calls] == uses
        assert b"/driver" not in pickle.dumps(moved)
        assert type(moved) is type(argument)
