"""An optimizer that does not return what its contract says is named, with what it returned, in a run and in the kit."""
# ruff: noqa: D102, ARG002 - each class is an optimizer that returns something else

import re
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest

from harness.conformance.clauses import broken
from harness.errors import HarnessError
from harness.interfaces import Optimizer
from harness.optimizers import SGD, Adam
from harness.plugins.loading import load
from harness.plugins.options import ComponentSpec
from harness.trial.jobs import build_optimizer
from harness.trial.rules import check_rule
from tests.conformance_kit import kit
from tests.plugins_on_disk import distribution

SAYS = r"the contract says \(parameters, state\): the new parameters, of their shape, and the dict of the state's"


class Plain:
    def init(self, parameters):
        return {"m": parameters * 0}


class OneValue(Plain):
    def update(self, parameters, gradients, state, learning_rate):
        return parameters - learning_rate * gradients


class Three(Plain):
    def update(self, parameters, gradients, state, learning_rate):
        return parameters, state, learning_rate


class Swapped(Plain):
    def update(self, parameters, gradients, state, learning_rate):
        return state, parameters


class Abstract(Optimizer, Protocol):
    """`update` is the protocol's, whose body is empty."""


class Undone(Plain, Abstract):
    """A concrete class."""


class Raising(Plain):
    def update(self, parameters, gradients, state, learning_rate):
        raise NotImplementedError


class Scalar(Plain):
    def update(self, parameters, gradients, state, learning_rate):
        return parameters.sum(), state


class Growing(Plain):
    def update(self, parameters, gradients, state, learning_rate):
        return parameters, {"m": np.concatenate([state["m"], gradients])}


class Listed(OneValue):
    def init(self, parameters):
        return [parameters]


class ShortOfArguments(Plain):
    def update(self, parameters, gradients):
        return parameters, {}


WRONG = {
    ShortOfArguments: r"update\(\) does not take what it is given; the contract says \(parameters, gradients, state",
    OneValue: rf"update\(\) returned one value, ndarray float32 \(6,\); {SAYS}",
    Three: rf"update\(\) returned 3 values: ndarray float32 \(6,\), dict, 0\.01; {SAYS}",
    Swapped: rf"update\(\) returned 2 values: dict, ndarray float32 \(6,\); {SAYS}",
    Undone: rf"update\(\) returned one value, None; {SAYS}",
    Raising: rf"update\(\) is not implemented; {SAYS}",
    Scalar: rf"update\(\) returned parameters of shape \(\) for those of shape \(6,\); {SAYS}",
    Growing: rf"update\(\) returned the state's 'm' of shape \(12,\) for that of shape \(6,\); {SAYS}",
    Listed: r"init\(\) returned 1 values?: ndarray float32 \(6,\); the contract says a dict of arrays by name",
    Plain: r" has no update\(\); the contract says init\(parameters\) and update",
}


@pytest.mark.parametrize("rule", WRONG)
def test_what_an_optimizer_returned_is_named(rule):
    """With the optimizer, and what the contract wants."""
    with pytest.raises(HarnessError, match=rf"^optimizer 'mine' \(p 1\):? ?{WRONG[rule]}"):
        check_rule(rule(), "optimizer 'mine' (p 1)")


class OfAnotherLibrary(Plain):
    def update(self, parameters, gradients, state, learning_rate):
        return parameters.detach(), state


@pytest.mark.parametrize("rule", [SGD(), SGD(momentum=0.9), Adam(), OfAnotherLibrary()])
def test_a_rule_that_keeps_its_contract_is_taken(rule):
    """One that raises on NumPy's arrays too: a run may use another library's."""
    check_rule(rule, "optimizer 'mine' (p 1)")


SOURCE = """
from dataclasses import dataclass
import harness

@harness.hookimpl
def register_optimizers(register):
    register("single", Single)

@dataclass(frozen=True)
class Single:
    def init(self, parameters):
        return {}
    def update(self, parameters, gradients, state, learning_rate):
        return parameters
"""
MESSAGE = r"optimizer 'single' \([^)]*\): update\(\) returned one value, ndarray float32 \(6,\); the contract"


def test_a_run_refuses_it(tmp_path, monkeypatch):
    """Where a plan or a trial builds the optimizer."""
    (tmp_path / "single_rule.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    registry = load([EntryPoint("single", "single_rule", "harness")])
    with pytest.raises(HarnessError, match=MESSAGE):
        build_optimizer(ComponentSpec("single", {}, Path()), registry)


@pytest.mark.slow
def test_the_kit_names_the_contract_in_every_test(tmp_path):
    """No test fails with a ValueError of unpacking."""
    distribution(tmp_path, "harness-single", "0.1", {"single": SOURCE}, {"single": "single"})
    done = kit(tmp_path, "--harness-optimizer=single")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    assert re.search(MESSAGE, done.stdout)
    assert "unpack" not in done.stdout
    assert "During handling" not in done.stdout


def test_a_verdict_of_the_kit_shows_no_error_that_was_being_handled():
    """Pytest writes 'During handling of the above exception' otherwise, and that before the verdict."""
    try:
        int("theirs")
    except ValueError:
        with pytest.raises(pytest.fail.Exception, match="expected x; got y; contract: clause") as verdict:
            broken("clause", "x", "y")
    assert verdict.value.__suppress_context__
