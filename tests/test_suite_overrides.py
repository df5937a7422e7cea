"""What a command line changes of a suite, and how a mistake in it is reported."""

import re
from pathlib import Path

import pytest

from harness.errors import HarnessError
from tests.test_suite import GOOD


def test_set_reaches_into_tables_and_keeps_their_other_keys(load):
    """Each value is TOML; what is none is text; a name with dots and brackets is quoted as TOML quotes it."""
    suite = load(
        GOOD + '\n[experiments."C[lr=0.1]"]\n',
        assignments=[
            "experiments.A.optimizer.learning_rate=0.25",
            "experiments.B.hidden_layers=[3, 4]",
            "suite.name=another one",
            'experiments."C[lr=0.1]".epochs=3',
        ],
    )
    assert suite.experiments["A"].optimizer.learning_rate == 0.25
    assert suite.experiments["A"].optimizer.options == {"eps": 1e-7}
    assert suite.experiments["B"].hidden_layers == [3, 4]
    assert suite.suite.name == "another one"
    assert suite.experiments["C[lr=0.1]"].epochs == 3


@pytest.mark.parametrize("key", ['experiments."B.c"', "experiments.'B.c'", '"experiments" . "B.c"'])
@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("backend", '["torch", "numpy"]', ["torch", "numpy"]),
        ("backend", "['torch', 'numpy']", ["torch", "numpy"]),
        ("description", '"lr = 0.1"', "lr = 0.1"),
        ("description", "a \"b\" = 'c'", "a \"b\" = 'c'"),
        ("description", "", ""),
    ],
)
def test_key_and_value_may_both_have_quotes(load, key, name, value, expected):
    """The key ends at the first "=" that no quotes enclose."""
    suite = load(GOOD + '\n[experiments."B.c"]\n', assignments=[f"{key}.{name}={value}"])
    assert getattr(suite.experiments["B.c"], name) == expected


def test_dataset_override_replaces_the_table_but_keeps_the_split(load):
    """Options of the suite's dataset mean nothing to another one."""
    text = (
        GOOD + '[dataset]\nname = "files"\nimages = "x.npy"\nsplit = { train = 0.5, val = 0.2, test = 0.3, seed = 9 }\n'
    )
    suite = load(text, dataset="digits")
    assert suite.dataset.options == {}
    assert (suite.dataset.split.train, suite.dataset.split.seed) == (0.5, 9)


def test_seeds_override_replaces_the_suites(load):
    """--seeds 7."""
    assert load(GOOD, seeds=[7]).suite.seeds == [7]


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("epochs", "--set epochs: not of the form key.path=value"),
        ("experiments.C.epochs=3", "--set experiments.C.epochs=3: unknown experiment 'C'. Known: A, B."),
        ("experiments=5", "--set experiments=5: 5 is not a table"),
        ("a b.c=3", "--set a b.c=3: 'a b.c' is not a TOML key"),
        ("=3", "--set =3: not of the form key.path=value"),
        (" =3", "--set  =3: not of the form key.path=value"),
        ('experiments."B.epochs=3', '--set experiments."B.epochs=3: not of the form key.path=value'),
        (
            'suite.extends="nope.toml"',
            '--set suite.extends="nope.toml": suite.extends cannot be set on the command',
        ),
        (
            "suite={extends='nope.toml'}",
            "--set suite={extends='nope.toml'}: suite.extends cannot be set on the command line.",
        ),
        (
            "expectations.inherit=false",
            "--set expectations.inherit=false: expectations.inherit cannot be set on the command line.",
        ),
    ],
)
def test_a_faulty_override_is_refused(load, assignment, message):
    """It is of the form that it must have, and cannot make an experiment by mistake."""
    with pytest.raises(HarnessError, match=re.escape(message)):
        load(GOOD, assignments=[assignment])


OVERRIDDEN = {
    "a key": ({"assignments": ["experiments.A.epoch=3"]}, "--set experiments.A.epoch=3: unknown key 'epoch'. Did you"),
    "the defaults": ({"assignments": ["defaults.epochs=0"]}, "--set defaults.epochs=0: 0 is out of range. It must be"),
    "an element": ({"assignments": ["defaults.hidden_layers=[3, 0]"]}, "--set defaults.hidden_layers=[3, 0]: 0 is out"),
    "the last of two": (
        {"assignments": ["defaults.epochs=3", "defaults.epochs=0"]},
        "--set defaults.epochs=0: 0 is out of range",
    ),
    "the table around it": (
        {"assignments": ["dataset.split.train=0.9"]},
        "--set dataset.split.train=0.9: dataset.split: 0.9 + 0.1 + 0.2 is 1.2.",
    ),
    "what a name took away": (
        {"assignments": ["experiments.B.optimizer.name=adam"]},
        (
            "--set experiments.B.optimizer.name=adam: experiments.B.optimizer.learning_rate: is missing, because a "
            "new name replaces the whole table. Add --set experiments.B.optimizer.learning_rate=0.5"
        ),
    ),
    "an option of a loss that the file does not have": (
        {"assignments": ["experiments.A.loss.gamma=3"]},
        (
            "--set experiments.A.loss.gamma=3: experiments.A.loss.name: is missing; its table has gamma. "
            "Add --set experiments.A.loss.name=VALUE"
        ),
    ),
    "an option of a schedule that the file does not have": (
        {
            "assignments": ["experiments.A.schedule.gamma=0.5"],
            "text": GOOD.replace('schedule = { name = "exponential", gamma = 0.9 }\n', ""),
        },
        (
            "--set experiments.A.schedule.gamma=0.5: experiments.A.schedule: is missing its key 'name'. "
            "Add --set experiments.A.schedule.name=VALUE"
        ),
    ),
    "an experiment's key at the top": (
        {"assignments": ["loss.gamma=3"]},
        "--set loss.gamma=3: unknown key 'loss'. Did you mean --set defaults.loss.gamma=3? Known: dataset, ",
    ),
    "a suite's key at the top": (
        {"assignments": ["seeds=[1]"]},
        "--set seeds=[1]: unknown key 'seeds'. Did you mean --set 'suite.seeds=[1]'? Known: dataset, ",
    ),
    "an optimizer's option of a wrong value": (
        {"assignments": ["defaults.optimizer.eps=-1"]},
        "--set defaults.optimizer.eps=-1: -1.0 is not above 0",
    ),
    "too few numbers": (
        {"assignments": ["defaults.optimizer.betas=[0.9]"]},
        "--set defaults.optimizer.betas=[0.9]: [0.9] has 1 of the 2 values that it needs",
    ),
    "an unknown name": (
        {"assignments": ["experiments.B.optimizer.name=adan", "experiments.B.optimizer.learning_rate=0.1"]},
        "--set experiments.B.optimizer.name=adan: unknown optimizer 'adan'. Did you mean 'adam'?",
    ),
    "settings that exclude each other": (
        {"assignments": ["defaults.batch_norm=true", "defaults.batch_size=1"]},
        "--set defaults.batch_size=1: batch_norm needs at least 2 rows a batch, not 1",
    ),
    "a finalist": (
        {"assignments": ["finalists.one=C"]},
        "--set finalists.one=C: 'C' matches no experiment. Known: A, B",
    ),
    "seeds": ({"seeds": [1, 1]}, "--seeds 1,1: 1 is there twice"),
    "a seed": ({"seeds": [-1]}, "--seeds -1: -1 is out of range. It must be at least 0"),
    "a dataset": ({"dataset": "digit"}, "--dataset digit: unknown dataset 'digit'. Did you mean 'digits'?"),
    "a dataset's option": (
        {"dataset": "files"},
        "--dataset files: dataset.images: is missing, and dataset 'files' needs it, or vectors, or table. Add --set",
    ),
    "a dataset's folder": (
        {"data_directory": Path("x")},
        "--data-dir x: dataset.directory: dataset 'digits' has no such option. There is none.",
    ),
    "none of them": (
        {"assignments": ["experiments.A.epochs=3"], "seeds": [7], "text": GOOD + "[sweet]\n"},
        "mine.toml: sweet: unknown key 'sweet'.",
    ),
    "the split that stays": (
        {"dataset": "digits", "text": GOOD + "[dataset]\nname = 'files'\nsplit = { train = 0.9 }\n"},
        "mine.toml: dataset.split: 0.9 + 0.1 + 0.2 is 1.2.",
    ),
}


@pytest.mark.parametrize("case", OVERRIDDEN)
def test_a_mistake_in_an_option_is_reported_with_the_option(load, tmp_path, case):
    """It is not in the file."""
    options, expected = OVERRIDDEN[case]
    with pytest.raises(HarnessError) as caught:
        load(**{"text": GOOD} | options)
    assert str(caught.value).replace(f"{tmp_path}/", "").startswith(expected)


def test_the_name_of_a_suite_is_set_without_its_seeds(load):
    """It has a name, and is no component that another could take the place of."""
    suite = load(GOOD, assignments=["suite.name=another"]).suite
    assert (suite.name, suite.seeds) == ("another", [1, 2])
