"""A suite that extends another inherits what it does not change."""

import pytest

from harness.errors import HarnessError
from harness.plugins.loading import registry
from harness.suite import load_suite

BASE = """
[suite]
name = "base"
seeds = [1, 2]

[dataset]
name = "files"
images = "x.npy"
labels = "y.npy"

[defaults]
hidden_layers = [8]
optimizer = { name = "adam", learning_rate = 0.001 }
early_stopping = { patience = 5, min_delta = 1e-4 }

[experiments.A]
epochs = 3
early_stopping = { min_delta = 0.5 }

[experiments.B]

[expectations.tolerance]
val_accuracy = 0.1

[[expect]]
experiment = "A"
metric = "val_accuracy"
value = 0.9
source = "base"
"""
CHILD = """
[suite]
extends = "base.toml"
name = "child"

[dataset]
name = "digits"

[experiments.A]
early_stopping = { patience = 7 }

[experiments.B]
optimizer = { name = "sgd", learning_rate = 0.5 }

[experiments.C]

[[expect]]
experiment = "C"
metric = "val_accuracy"
value = 0.8
source = "child"
"""


@pytest.fixture
def load(tmp_path):
    """Return a function that writes suites by name and loads the last."""

    def write_and_load(*, options=None, **texts):
        for name, text in texts.items():
            (tmp_path / f"{name}.toml").write_text(text)
        return load_suite(tmp_path / f"{name}.toml", registry(), **options or {}).suite

    return write_and_load


def test_tables_merge_key_by_key_and_expectations_add_up(load):
    """A table with a name is replaced whole; ``[suite]`` is not, though it has one."""
    suite = load(base=BASE, child=CHILD)
    assert (suite.suite.name, suite.suite.seeds) == ("child", [1, 2])
    assert (suite.dataset.name, suite.dataset.options) == ("digits", {})
    assert list(suite.experiments) == ["A", "B", "C"]
    experiment = suite.experiments["A"]
    assert (experiment.epochs, experiment.early_stopping.patience, experiment.early_stopping.min_delta) == (3, 7, 0.5)
    assert suite.experiments["B"].optimizer.name == "sgd"
    # A figure belongs to the dataset of its file.
    assert [(expectation.source, expectation.dataset) for expectation in suite.expect] == [
        ("base", "files"),
        ("child", "digits"),
    ]


def test_a_suite_may_extend_one_that_extends_another(load):
    """The nearest has the last word; the command line is nearer still."""
    last = '[suite]\nextends = "child.toml"\n[experiments.A]\nepochs = 4\n'
    suite = load(base=BASE, child=CHILD, last=last, options={"assignments": ["experiments.B.epochs=9"]})
    assert (suite.suite.name, suite.experiments["A"].epochs, suite.experiments["B"].epochs) == ("child", 4, 9)


def test_an_experiment_may_be_called_name(load):
    """It is no component, whose table would replace the others."""
    suite = load(base=BASE, child='[suite]\nextends = "base.toml"\n[experiments.name]\n')
    assert list(suite.experiments) == ["A", "B", "name"]


CIRCLE = "suite.extends: 'child.toml' extends this suite. Name another"
BAD = {
    "missing": (
        {"child": CHILD.replace("base.toml", "bass.toml")},
        "child.toml: suite.extends: bass.toml: no such file. Did you mean 'base.toml'?",
    ),
    "itself": ({"child": CHILD.replace("base.toml", "child.toml")}, f"child.toml: {CIRCLE}"),
    "in a circle": (
        {"base": BASE.replace('"base"\n', '"base"\nextends = "child.toml"\n', 1), "child": CHILD},
        f"base.toml: {CIRCLE}",
    ),
    "wrong type": (
        {"child": CHILD.replace('"base.toml"', "3")},
        "child.toml: suite.extends: 3 is not text",
    ),
    "a mistake in the base has the base's name": (
        {"base": BASE.replace("epochs = 3", "epoch = 3"), "child": CHILD},
        "base.toml: experiments.A.epoch: unknown key 'epoch'. Did you mean 'epochs'?",
    ),
    "a mistake in the child has the child's": (
        {"child": CHILD.replace("[experiments.C]", "[experiments.C]\nepoch = 3")},
        "child.toml: experiments.C.epoch: unknown key 'epoch'. Did you mean 'epochs'?",
    ),
    "a base that is no TOML": ({"base": "x = = 3", "child": CHILD}, "base.toml: not TOML: "),
}


@pytest.mark.parametrize("case", BAD)
def test_a_mistake_is_one_line_with_the_file_that_it_is_in(load, tmp_path, case):
    """Whichever of them it is."""
    texts, expected = BAD[case]
    with pytest.raises(HarnessError) as caught:
        load(**{"base": BASE} | texts)
    assert expected in str(caught.value).replace(f"{tmp_path}/", "")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("own", [True, False])
def test_what_is_expected_need_not_be_inherited(tmp_path, own):
    """Neither figures nor claims, only the tolerances; a suite that extends that one inherits from it again."""
    (tmp_path / "base.toml").write_text(BASE)
    child = CHILD.replace("[[expect]]", "[expectations]\ninherit = false\n\n[[expect]]", 1)
    (tmp_path / "child.toml").write_text(child if own else child.partition("[[expect]]")[0])
    (tmp_path / "grandchild.toml").write_text('[suite]\nextends = "child.toml"\nname = "grandchild"\n')
    for name in ("child", "grandchild"):
        suite = load_suite(tmp_path / f"{name}.toml", registry()).suite
        assert [expectation.source for expectation in suite.expect] == (["child"] if own else [])
        assert suite.expectations.tolerance == {"val_accuracy": 0.1}
        assert suite.expectations.inherit == (name == "grandchild")


def test_a_leaderboards_options_are_inherited_key_by_key(load):
    """A suite that adds a series keeps those of the suite that it extends."""
    base = BASE + '[finalists]\none = "A"\ntwo = "B"\n[leaderboard]\nhigh_severity = { gaussian_noise = 0.3 }\n'
    suite = load(base=base + 'series = { one = "A" }\n', child=CHILD + '[leaderboard]\nseries = { two = "[BC]" }\n')
    assert suite.leaderboard.high_severity == {"gaussian_noise": 0.3}
    assert suite.leaderboard.series == {"one": "A", "two": "[BC]"}
