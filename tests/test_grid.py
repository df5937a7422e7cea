"""Grids: one experiment's table becomes one for every combination, named by what differs."""

import re

import pytest

from harness.errors import HarnessError
from harness.execution.plan import choose
from tests.tiny import run_suite

GRID = """
[suite]
name = "grid"
seeds = [1]

[defaults]
hidden_layers = [8]
epochs = 1
optimizer = { name = "sgd", learning_rate = 0.5, momentum = 0.9 }

[experiments.A]

[experiments.B]
group = "grid"
grid = { "optimizer.learning_rate" = [0.001, 0.1], gradient = ["sum", "mean"] }
"""
NAMES = [
    "A",
    "B[optimizer.learning_rate=0.001,gradient=sum]",
    "B[optimizer.learning_rate=0.001,gradient=mean]",
    "B[optimizer.learning_rate=0.1,gradient=sum]",
    "B[optimizer.learning_rate=0.1,gradient=mean]",
]


def test_every_combination_is_an_experiment_in_the_templates_place(load):
    """The last key varies fastest; what a key does not name is as in the template and the defaults."""
    suite = load(GRID)
    assert list(suite.experiments) == NAMES
    experiment = suite.experiments[NAMES[3]]
    assert (experiment.optimizer.learning_rate, experiment.optimizer.options, experiment.gradient) == (
        0.1,
        {"momentum": 0.9},
        "sum",
    )
    assert experiment.group == "grid"


@pytest.mark.parametrize(
    ("grid", "names"),
    [
        ("{ hidden_layers = [[4], [8, 4]] }", ["B[hidden_layers=[4]]", "B[hidden_layers=[8,4]]"]),
        ("{ batch_norm = [true, false] }", ["B[batch_norm=true]", "B[batch_norm=false]"]),
        ("{ l2 = [0, 1e-5] }", ["B[l2=0]", "B[l2=1e-05]"]),
    ],
)
def test_values_are_spelled_in_the_name(load, grid, names):
    """As TOML writes them, in letters that a name may have."""
    text = GRID.replace('{ "optimizer.learning_rate" = [0.001, 0.1], gradient = ["sum", "mean"] }', grid)
    assert list(load(text).experiments)[1:] == names


def test_names_are_reached_by_globs_and_exactly_and_settings_through_the_template(load):
    """Brackets mean something to a glob; an exact name comes first."""
    suite = load(GRID, assignments=["experiments.B.epochs=5"])
    assert choose(suite, ["B*"]) == NAMES[1:]
    assert choose(suite, [NAMES[2]]) == [NAMES[2]]
    assert [experiment.epochs for experiment in suite.experiments.values()] == [1, 5, 5, 5, 5]
    suite = load(GRID, assignments=["experiments.B.grid.gradient=['sum']"])
    assert list(suite.experiments) == [NAMES[0], *NAMES[1::2]]


def test_one_of_a_grid_cannot_be_set_alone(load):
    """Its template can: that is what the file has."""
    with pytest.raises(HarnessError) as caught:
        load(GRID, assignments=[f"experiments.'{NAMES[1]}'.epochs=5"])
    assert str(caught.value).endswith(
        f": unknown experiment '{NAMES[1]}'. A grid makes it: set experiments.B for all of the grid"
    )


def test_a_grid_is_run_and_resumed(tmp_path):
    """Names with brackets are directories too."""
    text = GRID.replace(', gradient = ["sum", "mean"]', "")
    outcome, run = run_suite(tmp_path, text)
    assert [row.status for row in outcome.rows] == ["done"] * 3
    assert [row.experiment for row in run.rows()][1:] == [f"B[optimizer.learning_rate={rate}]" for rate in (0.001, 0.1)]
    again, _ = run_suite(tmp_path, text)
    assert [row.fingerprint for row in again.rows] == [row.fingerprint for row in outcome.rows]


BAD = {
    "no table": ("3", 'grid: 3 is not a table. Write { "optimizer.learning_rate" = [0.01, 0.1] }'),
    "empty": ("{}", 'grid: is empty. Write { "optimizer.learning_rate" = [0.01, 0.1] }, or leave it out'),
    "no list": ("{ epochs = 3 }", "grid.epochs: 3 is not a list of values. Write [3]"),
    "no values": ("{ epochs = [] }", "grid.epochs: has no values. Give at least one, or leave the key out"),
    "unquoted dots": (
        "{ optimizer.learning_rate = [0.1] }",
        "grid.optimizer: {'learning_rate': [0.1]} is not a list of values. Quote a key with dots: \"optimizer.l",
    ),
    "a table as a value": (
        '{ schedule = [{ name = "cosine" }] }',
        "grid.schedule[0]: {'name': 'cosine'} cannot be part of a name. Vary its keys one by one: \"schedule.n",
    ),
    "unknown key": (
        "{ epoch = [1, 2] }",
        "grid.epoch[0]: unknown key 'epoch'. Did you mean 'epochs'?",
    ),
    "unknown key within": (
        '{ "early_stopping.patience" = [2], "early_stopping.patiense" = [1] }',
        "grid.'early_stopping.patiense'[0]: unknown key 'patiense'. Did you mean 'patience'?",
    ),
    "unknown option": (
        '{ "optimizer.momentun" = [0.5, 0.9] }',
        "grid.'optimizer.momentun'[0]: optimizer 'sgd' has no such option. Did you mean 'momentum'?",
    ),
    "unknown optimizer": (
        '{ "optimizer.name" = ["sgd", "adan"], "optimizer.learning_rate" = [0.1] }',
        "grid.'optimizer.name'[1]: unknown optimizer 'adan'. Did you mean 'adam'?",
    ),
    "unknown backend": (
        '{ backend = ["numpy", "nunpy"] }',
        "grid.backend[1]: unknown backend 'nunpy'. Did you mean 'numpy'?",
    ),
    "a value that is refused": (
        '{ "optimizer.learning_rate" = [0.1, -0.1] }',
        "grid.'optimizer.learning_rate'[1]: -0.1 is out of range. It must be greater than 0",
    ),
    "a value of a wrong type": ('{ epochs = [1, "2"] }', "grid.epochs[1]: '2' is not a whole number. Write epochs = 2"),
    "an element that is refused": (
        "{ hidden_layers = [[4], [4, 0]] }",
        "grid.hidden_layers[1][1]: 0 is out of range. It must be at least 1",
    ),
    "a setting below a number": (
        '{ "epochs.x" = [1] }',
        "grid.'epochs.x'[0]: {'x': 1} is not a whole number. Write epochs = 10",
    ),
    "settings that exclude each other": (
        "{ batch_norm = [true], batch_size = [64, 1] }",
        "grid.batch_size[1]: batch_norm needs at least 2 rows a batch, not 1",
    ),
    "equal values": (
        "{ l2 = [0.1, 0.10] }",
        "grid: gives two experiments 'B[l2=0.1]'. Remove one of the equal values",
    ),
    "a name with other signs": (
        '{ description = ["a/b"] }',
        "grid: 'B[description=a/b]' cannot be a name: at most 100 letters",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_mistake_is_reported_with_its_place_in_the_grid(load, case):
    """The key, and which of its values."""
    grid, expected = BAD[case]
    text = GRID.replace('{ "optimizer.learning_rate" = [0.001, 0.1], gradient = ["sum", "mean"] }', grid)
    with pytest.raises(HarnessError) as caught:
        load(text)
    assert f"mine.toml: experiments.B.{expected}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_mistake_in_the_template_is_reported_as_one_of_the_template(load):
    """Not of a name that is nowhere in the file."""
    with pytest.raises(HarnessError, match=re.escape("experiments.B.epochs: 0 is out of range")):
        load(GRID.replace('group = "grid"', "epochs = 0"))


def test_an_experiment_of_the_same_name_is_refused(load):
    """Written out, and made by the grid."""
    with pytest.raises(HarnessError, match=re.escape("gives two experiments")):
        load(f"{GRID}\n[experiments.'{NAMES[1]}']\n")


def test_defaults_have_no_grid(load):
    """It would multiply every experiment."""
    with pytest.raises(HarnessError, match=re.escape("mine.toml: defaults.grid: unknown key 'grid'. Known:")):
        load(GRID.replace("[defaults]", "[defaults]\ngrid = { l2 = [0.1] }"))
