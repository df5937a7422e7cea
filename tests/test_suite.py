"""Suites: what is read, merged, overridden, and refused with one line that says where and what would do."""

import json
import re
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.plugins import registry
from harness.suite import load_suite
from harness.suite.models import EarlyStopping
from harness.suite.schema import suite_schema

SUITES = Path(__file__).parent.parent / "suites"

GOOD = """
[suite]
name = "mine"
seeds = [1, 2]

[defaults]
hidden_layers = [8]
optimizer = { name = "adam", learning_rate = 0.001, eps = 1e-7 }
early_stopping = { patience = 5, min_delta = 1e-4 }
schedule = { name = "exponential", gamma = 0.9 }

[experiments.A]
optimizer = { learning_rate = 0.01 }
early_stopping = { patience = 7 }

[experiments.B]
optimizer = { name = "sgd", learning_rate = 0.5 }
early_stopping = false
schedule = { name = "constant" }
"""


def test_tables_merge_key_by_key_unless_they_have_a_name(load):
    """A named table replaces the inherited one whole: sgd must not inherit adam's eps."""
    suite = load(GOOD)
    first, second = suite.experiments["A"], suite.experiments["B"]
    assert first.optimizer.model_dump() == {"name": "adam", "learning_rate": 0.01, "eps": 1e-7}
    assert first.early_stopping == EarlyStopping(patience=7, min_delta=1e-4)
    assert first.schedule.name == "exponential"
    assert second.optimizer.model_dump() == {"name": "sgd", "learning_rate": 0.5}
    assert second.early_stopping is False
    assert second.schedule.name == "constant"


def test_digits_is_the_dataset_without_a_dataset_table(load):
    """The embedded default needs no download."""
    assert load(GOOD).dataset.name == "digits"


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


def changed(old, new):
    assert old in GOOD
    return GOOD.replace(old, new)


BAD = {
    "unknown table": (GOOD + "\n[sweet]\n", "mine.toml: sweet: unknown key 'sweet'. Known: dataset, defaults,"),
    "unknown key in an experiment": (
        changed("[experiments.A]", "[experiments.A]\nepoch = 3"),
        "mine.toml: experiments.A.epoch: unknown key 'epoch'. Did you mean 'epochs'?",
    ),
    "unknown key in the defaults": (
        changed("[defaults]", "[defaults]\nbatchsize = 3"),
        "mine.toml: defaults.batchsize: unknown key 'batchsize'. Did you mean 'batch_size'?",
    ),
    "unknown key in a table": (
        changed("{ patience = 7 }", "{ patience = 7, mindelta = 1 }"),
        "mine.toml: experiments.A.early_stopping.mindelta: unknown key 'mindelta'. Did you mean 'min_delta'?",
    ),
    "unknown backend": (
        changed("[experiments.A]", '[experiments.A]\nbackend = ["numpy", "nunpy"]'),
        "mine.toml: experiments.A.backend: unknown backend 'nunpy'. Did you mean 'numpy'? Known: cupy, numpy, torch.",
    ),
    "unknown optimizer": (
        changed('"sgd"', '"adan"'),
        "mine.toml: experiments.B.optimizer.name: unknown optimizer 'adan'. Did you mean 'adam'? Known: adam, adamw,",
    ),
    "unknown optimizer option": (
        changed("eps = 1e-7", "epsilon = 1e-7"),
        "mine.toml: defaults.optimizer.epsilon: optimizer 'adam' has no such option. Did you mean 'eps'? Known: betas,",
    ),
    "optimizer option of a wrong type": (
        changed("eps = 1e-7", 'eps = "1e-7"'),
        "mine.toml: defaults.optimizer.eps: '1e-7': input should be a valid number",
    ),
    "optimizer option out of range": (
        changed("learning_rate = 0.5", "learning_rate = 0.5, momentum = 1.5"),
        "mine.toml: experiments.B.optimizer.momentum: 1.5 is not in [0, 1)",
    ),
    "unknown activation": (
        changed("[experiments.A]", '[experiments.A]\nactivation = "rely"'),
        "mine.toml: experiments.A.activation: unknown activation 'rely'. Did you mean 'relu'? Known: gelu, leaky_relu,",
    ),
    "unknown schedule": (
        changed('"exponential"', '"exponentail"'),
        "mine.toml: defaults.schedule: unknown schedule 'exponentail'. Did you mean 'exponential'?",
    ),
    "unknown dataset": (
        GOOD + '[dataset]\nname = "digit"\n',
        "mine.toml: dataset.name: unknown dataset 'digit'. Did you mean 'digits'?",
    ),
    "unknown perturbation": (
        GOOD + '[[robustness]]\nperturbation = "gaussian"\nseverities = [0.1]\n',
        "mine.toml: robustness[0].perturbation: unknown perturbation 'gaussian'. Did you mean 'gaussian_noise'?",
    ),
    "no experiments": ('[suite]\nname = "mine"\n', "mine.toml: experiments: there are none."),
    "no suite table": ("[experiments.A]\nhidden_layers = [3]\n", "mine.toml: suite: is missing"),
    "duplicate seed": (changed("[1, 2]", "[1, 2, 1]"), "mine.toml: suite.seeds: 1 stands there twice"),
    "no seeds": (changed("[1, 2]", "[]"), "mine.toml: suite.seeds: []: list should have at least 1 item"),
    "hidden layer of zero": (
        changed("hidden_layers = [8]", "hidden_layers = [8, 0]"),
        "mine.toml: defaults.hidden_layers[1]: 0 is out of range: it must be at least 1",
    ),
    "hidden layers missing": (changed("hidden_layers = [8]", ""), "mine.toml: experiments.A.hidden_layers: is missing"),
    "optimizer missing": (
        '[suite]\nname = "x"\n[experiments.A]\nhidden_layers = [3]\n',
        "mine.toml: experiments.A.optimizer: is missing",
    ),
    "dropout of one": (
        changed("[experiments.A]", "[experiments.A]\ndropout = 1.0"),
        "mine.toml: experiments.A.dropout: 1.0 is out of range: it must be less than 1",
    ),
    "negative learning rate": (
        changed("learning_rate = 0.01", "learning_rate = -0.01"),
        "mine.toml: experiments.A.optimizer.learning_rate: -0.01 is out of range: it must be greater than 0",
    ),
    "learning rate that is not a number": (
        changed("learning_rate = 0.01", "learning_rate = nan"),
        "mine.toml: experiments.A.optimizer.learning_rate: nan",
    ),
    "learning rate that is text": (
        changed("learning_rate = 0.01", 'learning_rate = "0.01"'),
        "mine.toml: experiments.A.optimizer.learning_rate: '0.01': input should be a valid number",
    ),
    "epochs of a wrong type": (
        changed("[experiments.A]", "[experiments.A]\nepochs = 2.5"),
        "mine.toml: experiments.A.epochs: 2.5: input should be a valid integer",
    ),
    "split that does not sum to one": (
        GOOD + "[dataset]\nname = 'digits'\nsplit = { train = 0.7, val = 0.2, test = 0.2 }\n",
        "mine.toml: dataset.split: 0.7 + 0.2 + 0.2 is 1.1. train, val and test must sum to 1",
    ),
    "finalist that matches nothing": (
        GOOD + '[finalists]\nbest = "AA"\n',
        "mine.toml: finalists.best: 'AA' matches no experiment. Did you mean 'A'? Known: A, B.",
    ),
    "best_of that matches nothing": (
        GOOD + '[finalists]\nbest = { best_of = "C*" }\n',
        "mine.toml: finalists.best: 'C*' matches no experiment.",
    ),
    "finalist that matches several": (
        GOOD + '[finalists]\nbest = "*"\n',
        "mine.toml: finalists.best: '*' matches 2 experiments. Choose one, or write { best_of = '*' }",
    ),
    "unknown metric of a finalist": (
        GOOD + '[finalists]\nbest = { best_of = "*", by = "val_acuracy" }\n',
        "mine.toml: finalists.best.by: unknown by 'val_acuracy'. Did you mean 'val_accuracy'?",
    ),
    "negative severity": (
        GOOD + '[[robustness]]\nperturbation = "gaussian_noise"\nseverities = [0.0, -0.1]\n',
        "mine.toml: robustness[0].severities[1]: -0.1 is out of range: it must be at least 0",
    ),
    "severity that stands there twice": (
        GOOD + '[[robustness]]\nperturbation = "gaussian_noise"\nseverities = [0.3, 0.1, 0.3]\n',
        "mine.toml: robustness[0].severities: 0.3 stands there twice",
    ),
    "severity of one perturbation in two tables": (
        GOOD
        + '[[robustness]]\nperturbation = "gaussian_noise"\nseverities = [0, 0.3]\n'
        + '[[robustness]]\nperturbation = "gaussian_noise"\nseverities = [0.1, 0.3]\nseed = 7\n',
        "mine.toml: robustness[1].severities[1]: 0.3 of 'gaussian_noise' stands in robustness[0] too, and results are",
    ),
    "name that is a path": (
        changed("[experiments.A]", '[experiments."../../evil"]'),
        "mine.toml: experiments.'../../evil': cannot be a name: at most 100 letters, digits, spaces and",
    ),
    "baseline that is none": (
        GOOD + '[leaderboard]\nbaseline = "C"\n',
        "mine.toml: leaderboard.baseline: there is no experiment 'C'.",
    ),
    "pair with a stranger": (
        GOOD + '[leaderboard]\ncompare = [["A", "C"]]\n',
        "mine.toml: leaderboard.compare[0]: there is no experiment 'C'.",
    ),
    "early stopping that is true": (
        changed("early_stopping = { patience = 7 }", "early_stopping = true"),
        "mine.toml: experiments.A.early_stopping: True",
    ),
    "coupled and decoupled decay": (
        changed('{ name = "sgd", learning_rate = 0.5 }', '{ name = "adamw", learning_rate = 0.5 }\nweight_decay = 0.1'),
        "mine.toml: experiments.B.weight_decay: 0.1 (coupled) and optimizer.weight_decay 0.01",
    ),
    "batch norm over batches of one": (
        changed("[experiments.A]", "[experiments.A]\nbatch_norm = true\nbatch_size = 1"),
        "mine.toml: experiments.A.batch_size: 1 leaves batch_norm nothing to normalise.",
    ),
    "experiments that are no table": (
        '[suite]\nname = "x"\n[experiments]\nA = 3\n',
        "mine.toml: experiments.A: 3 is not a table",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_mistake_is_one_line_with_file_place_value_and_remedy(load, case):
    """Every kind of mistake that a person makes in a suite."""
    text, expected = BAD[case]
    with pytest.raises(HarnessError) as caught:
        load(text)
    message = str(caught.value)
    assert expected in message
    assert "\n" not in message
    assert len(message) < 400


def test_a_perturbation_may_have_two_tables_of_other_severities(load):
    """Their results can be told apart."""
    tables = '[[robustness]]\nperturbation = "gaussian_noise"\nseverities = [{}]\n'
    suite = load(GOOD + tables.format("0.0, 0.3") + tables.format("0.1, 0.2"))
    assert [one.severities for one in suite.robustness] == [[0.0, 0.3], [0.1, 0.2]]


def test_several_mistakes_are_counted(load):
    """The first in full, and how many more."""
    text = changed("[experiments.A]", "[experiments.A]\nepoch = 3\nbatchsize = 4")
    with pytest.raises(HarnessError, match=re.escape("(and 1 more)")):
        load(text)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no such file. Did you mean 'mine.toml'?"),
        (b"name = = 3", "not TOML: Invalid value (at line 1, column 8)"),
        (b"\xff\xfe", "not TOML: byte 0 is not UTF-8"),
    ],
)
def test_a_file_that_is_no_suite(tmp_path, content, message):
    """Missing, not TOML, not text."""
    (tmp_path / "mine.toml").write_text(GOOD)
    path = tmp_path / "miney.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(HarnessError, match=re.escape(message)):
        load_suite(path, registry())


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("epochs", "--set epochs: not of the form key.path=value"),
        ("experiments.C.epochs=3", "--set experiments.C.epochs=3: there is no experiment 'C'. Known: A, B."),
        ("experiments=5", "--set experiments=5: 5 is not a table"),
        ("a b.c=3", "--set a b.c=3: 'a b.c' is no TOML key"),
    ],
)
def test_a_faulty_override_is_refused(load, assignment, message):
    """It is of the form that it must have, and cannot make an experiment by mistake."""
    with pytest.raises(HarnessError, match=re.escape(message)):
        load(GOOD, assignments=[assignment])


OVERRIDDEN = {
    "a key": ({"assignments": ["experiments.A.epoch=3"]}, "--set experiments.A.epoch=3: unknown key 'epoch'. Did you"),
    "the defaults": ({"assignments": ["defaults.epochs=0"]}, "--set defaults.epochs=0: 0 is out of range: it must be"),
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
            "--set experiments.B.optimizer.name=adam: experiments.B.optimizer.learning_rate: is missing: a table that "
            "is given a name starts anew. Add --set experiments.B.optimizer.learning_rate=0.5"
        ),
    ),
    "a name that nobody has": (
        {"assignments": ["experiments.B.optimizer.name=adan", "experiments.B.optimizer.learning_rate=0.1"]},
        "--set experiments.B.optimizer.name=adan: unknown optimizer 'adan'. Did you mean 'adam'?",
    ),
    "settings that exclude each other": (
        {"assignments": ["defaults.batch_norm=true", "defaults.batch_size=1"]},
        "--set defaults.batch_size=1: 1 leaves batch_norm nothing to normalise.",
    ),
    "a finalist": (
        {"assignments": ["finalists.one=C"]},
        "--set finalists.one=C: 'C' matches no experiment. Known: A, B",
    ),
    "seeds": ({"seeds": [1, 1]}, "--seeds 1,1: 1 stands there twice"),
    "a seed": ({"seeds": [-1]}, "--seeds -1: -1 is out of range: it must be at least 0"),
    "a dataset": ({"dataset": "digit"}, "--dataset digit: unknown dataset 'digit'. Did you mean 'digits'?"),
    "a dataset's option": (
        {"dataset": "files"},
        "--dataset files: dataset.images: is missing: dataset 'files' needs it. Add --set dataset.images=VALUE",
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
def test_a_mistake_in_an_option_is_told_with_the_option(load, tmp_path, case):
    """Nobody finds it in the file."""
    options, expected = OVERRIDDEN[case]
    with pytest.raises(HarnessError) as caught:
        load(**{"text": GOOD} | options)
    assert str(caught.value).replace(f"{tmp_path}/", "").startswith(expected)


def test_the_name_of_a_suite_is_set_without_its_seeds(load):
    """It has a name, and is no component that another could take the place of."""
    suite = load(GOOD, assignments=["suite.name=another"]).suite
    assert (suite.name, suite.seeds) == ("another", [1, 2])


@pytest.mark.parametrize("name", sorted(path.stem for path in SUITES.glob("*.toml")))
def test_shipped_suites_load_and_name_their_schema(name):
    """Editors complete keys because the first line says where the schema is."""
    path = SUITES / f"{name}.toml"
    assert load_suite(path, registry(), dataset="digits").suite.experiments
    assert path.read_text().startswith("#:schema ./suite.schema.json\n")


def test_the_shipped_schema_is_the_current_one():
    """``harness schema > suites/suite.schema.json`` makes it."""
    assert json.loads((SUITES / "suite.schema.json").read_text()) == suite_schema()


def test_the_paper_as_it_was_run():
    """The matrix of the paper, as its logs have it: what makes its numbers."""
    suite = load_suite(SUITES / "full.toml", registry(), dataset="digits").suite
    found = {}
    for name, one in suite.experiments.items():
        stopping = one.early_stopping
        found[name] = (
            one.hidden_layers, one.activation, one.optimizer.name, one.optimizer.options.get("momentum", 0), one.epochs,
            stopping and stopping.patience, stopping and stopping.min_delta, one.gradient, one.l2, one.weight_decay,
        )  # fmt: skip
        assert one.batch_size == 512
        assert one.optimizer.learning_rate == 0.001
    small, deep = [128, 64], [400, 240, 120]
    assert found == {
        "M0": (small, "relu", "sgd", 0, 100, False, False, "sum", 0, 0),
        "M1a": (small, "relu", "sgd", 0.9, 50, 5, 1e-4, "sum", 0, 0),
        "M1b": (small, "relu", "adam", 0, 50, 5, 1e-4, "sum", 0, 0),
        "M1c": (small, "relu", "adam", 0, 100, False, False, "sum", 0.01, 0),
        "M1d": (small, "relu", "sgd", 0.9, 100, 10, 1e-4, "sum", 0.01, 0),
        "M1e": (small, "relu", "adam", 0, 100, 5, 1e-4, "sum", 0, 0),
        "M1f": (small, "relu", "adam", 0, 100, 5, 1e-4, "sum", 0, 0),
        "M1g": (deep, "relu", "adam", 0, 50, 5, 1e-4, "sum", 0, 0),
        "M1h": ([370, 370], "relu", "adam", 0, 50, 5, 1e-4, "sum", 0, 0),
        "M2": (deep, "relu", "adam", 0, 50, 5, 0.0, "mean", 0, 0),
        "M3a": ([256, 128, 64, 64], "gelu", "adam", 0, 50, 7, 0.0, "mean", 0, 1e-4),
        "M3b": ([400, 400], "silu", "adam", 0, 50, 7, 0.0, "mean", 0, 1e-4),
    }
    assert suite.experiments["M1e"].schedule.model_dump() == {"name": "linear", "decay": 1e-5, "floor": 1e-6}
    assert suite.experiments["M1f"].schedule.model_dump() == {"name": "exponential", "gamma": 0.98}
    assert (suite.experiments["M3a"].dropout, suite.experiments["M3b"].dropout) == (0.2, 0.3)
    assert suite.experiments["M3b"].batch_norm
    assert not any(one.early_stopping and one.early_stopping.restore_best for one in suite.experiments.values())


def shipped(name):
    return load_suite(SUITES / f"{name}.toml", registry(), dataset="digits").suite


def test_the_paper_as_it_was_written():
    """What its text says otherwise, and nothing else."""
    full, written = shipped("full").experiments, shipped("as-written").experiments
    changed = {}
    for name, one in full.items():
        before, after = one.model_dump(), written[name].model_dump()
        changed |= {(name, key): after[key] for key in before if before[key] != after[key]}
    assert changed == {
        ("M0", "epochs"): 50,
        ("M1f", "schedule"): {"name": "exponential", "gamma": 0.95},
        ("M3a", "weight_decay"): 0.01,
        ("M3b", "weight_decay"): 0.01,
    }


def test_gradient_reduction_has_the_papers_two_and_a_grid_of_the_mean():
    """The paper's two are full.toml's but for what names them; the others differ in reduction and learning rate."""
    full, found = shipped("full").experiments, shipped("gradient-reduction").experiments
    named = {"group", "description"}
    for name in ("M1a", "M1b"):
        assert found[name].model_dump(exclude=named) == full[name].model_dump(exclude=named)
    for name, one in found.items():
        paper = full["M1a" if name.startswith(("M1a", "SGD")) else "M1b"]
        other = {"gradient", "optimizer"}
        assert one.model_dump(exclude=named | other) == paper.model_dump(exclude=named | other)
        assert one.gradient == ("sum" if name in {"M1a", "M1b"} else "mean")
        assert one.optimizer.options == paper.optimizer.options
    rates = [one.optimizer.learning_rate for name, one in found.items() if name.startswith("SGD")]
    assert rates == [0.001, 0.01, 0.1, 0.5]


def test_batch_size_varies_nothing_else():
    """From 128 to 2,048, the paper's Adam experiment."""
    full, found = shipped("full").experiments["M1b"], shipped("batch-size").experiments
    assert [one.batch_size for one in found.values()] == [128, 256, 512, 1024, 2048]
    for one in found.values():
        other = {"group", "description", "batch_size"}
        assert one.model_dump(exclude=other) == full.model_dump(exclude=other)
