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


@pytest.mark.parametrize(
    ("table", "theirs", "options"),
    [
        ({"name": "constant"}, "ConstantLR", {"factor": 1.0}),
        ({"name": "exponential", "gamma": 0.9}, "ExponentialLR", {"gamma": 0.9}),
        ({"name": "cosine", "floor": 0.01}, "CosineAnnealingLR", {"T_max": 15, "eta_min": 0.01}),
    ],
)
def test_a_warmup_comes_before_any_schedule_as_torch_has_it(table, theirs, options):
    """From 1/(warmup + 1) in equal steps to the rate that the schedule begins with, over the epochs that are left."""
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    schedulers = torch.optim.lr_scheduler
    up = schedulers.LinearLR(optimizer, start_factor=1 / 6, total_iters=5)
    scheduler = schedulers.SequentialLR(optimizer, [up, getattr(schedulers, theirs)(optimizer, **options)], [5])
    expected = []
    for _ in range(20):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert rates(**table, warmup=5) == pytest.approx(expected, rel=1e-12)


def test_a_schedule_without_a_warmup_is_written_as_before():
    """What identifies a trial has no key that earlier versions lacked."""
    adapter = TypeAdapter(Schedule)
    assert adapter.dump_python(adapter.validate_python({"name": "constant", "warmup": 0})) == {"name": "constant"}
    assert adapter.dump_python(adapter.validate_python({"name": "constant", "warmup": 2}))["warmup"] == 2


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (
            '{ name = "constant", warmup = 31 }',
            "experiments.A.schedule.warmup: a warm-up of 31 epochs is longer than the 30 epochs of training. Shorten",
        ),
        ("{ warmup = -1 }", "experiments.A.schedule.warmup: -1 is out of range. It must be at least 0"),
        ("{ warmup = 2.5 }", "experiments.A.schedule.warmup: 2.5 is not a whole number"),
    ],
)
def test_an_impossible_warmup_is_refused(load, schedule, message):
    with pytest.raises(HarnessError, match=re.escape(message)):
        load(GOOD.replace("[experiments.A]", f"[experiments.A]\nepochs = 30\nschedule = {schedule}"))


def test_linear_decay_stops_at_its_floor():
    """The paper's M1e: 1e-5 an epoch, never below 1e-6."""
    measured_rates = rates(epochs=120, initial=0.001, name="linear", decay=1e-5, floor=1e-6)
    assert measured_rates[0] == 0.001
    assert measured_rates[10] == pytest.approx(0.0009)
    assert measured_rates[99] == pytest.approx(1e-5)
    assert measured_rates[100:] == [1e-6] * 20


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
    """Which is what backends and optimizers expect."""
    measured_rates = rates(**table)
    assert min(measured_rates) >= 0
    assert min(measured_rates) == 0 or table["name"] == "cosine"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'name = "exponential", gamma = 0.9',
            'name = "cosine", gamma = 0.9',
            (
                "mine.toml: defaults.schedule.gamma: schedule 'cosine' has no option 'gamma', which belongs to "
                "exponential and step. Known: floor, name, warmup."
            ),
        ),
        (
            "[experiments.A]",
            "[experiments.A]\nschedule = { floor = 0.1 }",
            (
                "mine.toml: experiments.A.schedule.floor: schedule 'exponential' has no option 'floor', which belongs "
                "to linear and cosine. Known: gamma, name, warmup."
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
