"""Schedules against their formulas, and torch's where it has the same one."""

import re

import pytest
from pydantic import TypeAdapter

from harness.errors import HarnessError
from harness.trial.schedules import Schedule
from tests.test_suite import GOOD


def rates(epochs=20, initial=0.1, **table):
    schedule = TypeAdapter(Schedule).validate_python(table)
    return [schedule.rate(initial, epoch, epochs) for epoch in range(epochs)]


@pytest.mark.parametrize(
    ("table", "theirs", "options"),
    [
        ({"name": "constant"}, "ConstantLR", {"factor": 1.0}),
        ({"name": "exponential", "gamma": 0.9}, "ExponentialLR", {"gamma": 0.9}),
        ({"name": "step", "step_size": 3, "gamma": 0.5}, "StepLR", {"step_size": 3, "gamma": 0.5}),
        ({"name": "cosine", "floor": 0.01}, "CosineAnnealingLR", {"T_max": 20, "eta_min": 0.01}),
    ],
)
def test_agrees_with_torch(table, theirs, options):
    """Twenty epochs of the same schedule."""
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = getattr(torch.optim.lr_scheduler, theirs)(optimizer, **options)
    expected = []
    for _ in range(20):
        expected.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    assert rates(**table) == pytest.approx(expected, rel=1e-12)


def test_linear_decay_stops_at_its_floor():
    """The paper's M1e: 1e-5 an epoch, never below 1e-6."""
    found = rates(epochs=120, initial=0.001, name="linear", decay=1e-5, floor=1e-6)
    assert found[0] == 0.001
    assert found[10] == pytest.approx(0.0009)
    assert found[99] == pytest.approx(1e-5)
    assert found[100:] == [1e-6] * 20


@pytest.mark.parametrize(
    "table",
    [
        {"name": "linear", "decay": 0.04},
        {"name": "exponential", "gamma": 1e-30},
        {"name": "step", "step_size": 1, "gamma": 1e-30},
        {"name": "cosine"},
    ],
    ids=lambda table: table["name"],
)
def test_no_rate_is_negative_though_it_may_be_0(table):
    """Which is what backends and optimizers are told to expect."""
    found = rates(**table)
    assert min(found) >= 0
    assert min(found) == 0 or table["name"] == "cosine"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'name = "exponential", gamma = 0.9',
            'name = "cosine", gamma = 0.9',
            (
                "mine.toml: defaults.schedule.gamma: schedule 'cosine' has no option 'gamma', which belongs to "
                "exponential and step. Known: floor, name."
            ),
        ),
        (
            "[experiments.A]",
            "[experiments.A]\nschedule = { floor = 0.1 }",
            (
                "mine.toml: experiments.A.schedule.floor: schedule 'exponential' has no option 'floor', which belongs "
                "to linear and cosine. Known: gamma, name."
            ),
        ),
        (
            "gamma = 0.9",
            "gama = 0.9, gamma = 0.9",
            "mine.toml: defaults.schedule.gama: schedule 'exponential' has no option 'gama'. Did you mean 'gamma'?",
        ),
    ],
)
def test_an_option_is_checked_against_the_schedule_that_is_named(load, old, new, message):
    """Not against all of them: the message says what the named one has, and which has the option."""
    assert old in GOOD
    with pytest.raises(HarnessError, match=re.escape(message)):
        load(GOOD.replace(old, new))
