"""Suites: what is read, merged, and refused with one line that says where and what would do."""

import re

import pytest

from harness.errors import HarnessError
from harness.plugins.loading import registry
from harness.suite import load_suite
from harness.trial.stopping import EarlyStopping

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


def changed(old, new):
    assert old in GOOD
    return GOOD.replace(old, new)


BAD = {
    "unknown table": (GOOD + "\n[sweet]\n", "mine.toml: sweet: unknown key 'sweet'. Known: dataset, datasets,"),
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
    "unknown optimizer whose other keys are missing": (
        GOOD + '[experiments.D]\noptimizer = { name = "adan" }\n',
        "mine.toml: experiments.D.optimizer.name: unknown optimizer 'adan'. Did you mean 'adam'? Known: adam, adamw,",
    ),
    "unknown perturbation whose other keys are missing": (
        GOOD + '[[robustness]]\nperturbation = "gausian_noise"\n',
        "mine.toml: robustness[0].perturbation: unknown perturbation 'gausian_noise'. Did you mean 'gaussian_noise'?",
    ),
    "optimizer that lacks a key": (
        GOOD + '[experiments.D]\noptimizer = { name = "adam" }\n',
        "mine.toml: experiments.D.optimizer.learning_rate: is missing",
    ),
    "unknown optimizer option": (
        changed("eps = 1e-7", "epsilon = 1e-7"),
        "mine.toml: defaults.optimizer.epsilon: optimizer 'adam' has no such option. Did you mean 'eps'? Known: betas,",
    ),
    "optimizer option of a wrong type": (
        changed("eps = 1e-7", 'eps = "1e-7"'),
        "mine.toml: defaults.optimizer.eps: '1e-7' is not a number",
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
        GOOD + '[[robustness]]\nperturbation = "gauss_noise"\nseverities = [0.1]\n',
        "mine.toml: robustness[0].perturbation: unknown perturbation 'gauss_noise'. Did you mean 'gaussian_noise'?",
    ),
    "no experiments": ('[suite]\nname = "mine"\n', "mine.toml: experiments: has none."),
    "no suite table": ("[experiments.A]\nhidden_layers = [3]\n", "mine.toml: suite: is missing"),
    "duplicate seed": (changed("[1, 2]", "[1, 2, 1]"), "mine.toml: suite.seeds: 1 is there twice. Remove one"),
    "no seeds": (changed("[1, 2]", "[]"), "mine.toml: suite.seeds: is empty. At least one value is needed"),
    "misspelt table": (changed("[suite]", "[suit]"), "mine.toml: suit: unknown key 'suit'. Did you mean 'suite'?"),
    "name for a table": (
        changed("[suite]", 'leaderboard = "A"\n[suite]'),
        "mine.toml: leaderboard: 'A' is not a table. Write leaderboard = {",
    ),
    "hidden layer of zero": (
        changed("hidden_layers = [8]", "hidden_layers = [8, 0]"),
        "mine.toml: defaults.hidden_layers[1]: 0 is out of range. It must be at least 1",
    ),
    "hidden layers missing": (changed("hidden_layers = [8]", ""), "mine.toml: experiments.A.hidden_layers: is missing"),
    "optimizer missing": (
        '[suite]\nname = "x"\n[experiments.A]\nhidden_layers = [3]\n',
        "mine.toml: experiments.A.optimizer: is missing",
    ),
    "dropout of one": (
        changed("[experiments.A]", "[experiments.A]\ndropout = 1.0"),
        "mine.toml: experiments.A.dropout: 1.0 is out of range. It must be less than 1",
    ),
    "negative learning rate": (
        changed("learning_rate = 0.01", "learning_rate = -0.01"),
        "mine.toml: experiments.A.optimizer.learning_rate: -0.01 is out of range. It must be greater than 0",
    ),
    "learning rate that is not a number": (
        changed("learning_rate = 0.01", "learning_rate = nan"),
        "mine.toml: experiments.A.optimizer.learning_rate: nan",
    ),
    "learning rate that is text": (
        changed("learning_rate = 0.01", 'learning_rate = "0.01"'),
        "mine.toml: experiments.A.optimizer.learning_rate: '0.01' is not a number",
    ),
    "epochs of a wrong type": (
        changed("[experiments.A]", "[experiments.A]\nepochs = 2.5"),
        "mine.toml: experiments.A.epochs: 2.5 is not a whole number",
    ),
    "split that does not sum to one": (
        GOOD + "[dataset]\nname = 'digits'\nsplit = { train = 0.7, val = 0.2, test = 0.2 }\n",
        "mine.toml: dataset.split: 0.7 + 0.2 + 0.2 is 1.1. train, val and test must sum to 1",
    ),
    "split that leaves nothing for test": (
        GOOD + "[dataset]\nname = 'digits'\nsplit = { train = 0.7, val = 0.3, test = 1e-10 }\n",
        "mine.toml: dataset.split: train 0.7 and val 0.3 leave no rows for test",
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
        "mine.toml: robustness[0].severities[1]: -0.1 is out of range. It must be at least 0",
    ),
    "severity that is there twice": (
        GOOD + '[[robustness]]\nperturbation = "gaussian_noise"\nseverities = [0.3, 0.1, 0.3]\n',
        "mine.toml: robustness[0].severities: 0.3 is there twice",
    ),
    "severity of one perturbation in two tables": (
        GOOD
        + '[[robustness]]\nperturbation = "gaussian_noise"\nseverities = [0, 0.3]\n'
        + '[[robustness]]\nperturbation = "gaussian_noise"\nseverities = [0.1, 0.3]\nseed = 7\n',
        "mine.toml: robustness[1].severities[1]: 0.3 of 'gaussian_noise' is in robustness[0], too, and results have",
    ),
    "name that is a path": (
        changed("[experiments.A]", '[experiments."../../evil"]'),
        "mine.toml: experiments.'../../evil': cannot be a name: at most 100 letters, digits, spaces and",
    ),
    "baseline that is none": (
        GOOD + '[leaderboard]\nbaseline = "C"\n',
        "mine.toml: leaderboard.baseline: unknown experiment 'C'.",
    ),
    "pair with a stranger": (
        GOOD + '[leaderboard]\ncompare = [["A", "C"]]\n',
        "mine.toml: leaderboard.compare[0]: unknown experiment 'C'.",
    ),
    "pair of one": (
        GOOD + '[leaderboard]\ncompare = [["A"]]\n',
        "mine.toml: leaderboard.compare[0]: ['A'] is no pair. Name two different experiments",
    ),
    "pair of the same": (
        GOOD + '[leaderboard]\ncompare = [["A", "A"]]\n',
        "mine.toml: leaderboard.compare[0]: ['A', 'A'] is no pair. Name two different experiments",
    ),
    "one table of several": (
        GOOD + '[robustness]\nperturbation = "gaussian_noise"\n',
        "mine.toml: robustness: is one table, and may have several. Write [[robustness]] instead of [robustness]",
    ),
    "hidden layers that are a number": (
        changed("hidden_layers = [8]", "hidden_layers = 32"),
        "mine.toml: defaults.hidden_layers: 32 is not a list. Write hidden_layers = [32]",
    ),
    "series of no label": (
        GOOD + '[leaderboard]\nseries = { M1 = "A" }\n',
        "mine.toml: leaderboard.series.M1: no such label in [finalists].",
    ),
    "series of no experiment": (
        GOOD + '[finalists]\nM1 = "A"\n[leaderboard]\nseries = { M1 = "Z?" }\n',
        "mine.toml: leaderboard.series.M1: 'Z?' matches no experiment.",
    ),
    "high severity of an unknown perturbation": (
        GOOD + "[leaderboard]\nhigh_severity = { gausian_noise = 0.3 }\n",
        "mine.toml: leaderboard.high_severity.gausian_noise: unknown perturbation 'gausian_noise'. Did you mean 'gauss",
    ),
    "early stopping that is true": (
        changed("early_stopping = { patience = 7 }", "early_stopping = true"),
        "mine.toml: experiments.A.early_stopping: True is not a table. Write early_stopping = { min_delta = …, mon",
    ),
    "coupled and decoupled decay": (
        changed('"sgd", learning_rate = 0.5 }', '"adamw", learning_rate = 0.5 }\nweight_decay = 0.1'),
        "experiments.B.weight_decay: 0.1 (added to the gradient) and optimizer.weight_decay 0.01 (in adamw) are",
    ),
    "coupled and decoupled decay of an optimizer by its full name": (
        changed('"sgd"', '"nn-harness:adamw"').replace("[defaults]", "[defaults]\nweight_decay = 0.1"),
        "mine.toml: defaults.weight_decay: 0.1 (added to the gradient) and optimizer.weight_decay 0.01 (in nn-harness:",
    ),
    "batch norm over batches of one": (
        changed("[experiments.A]", "[experiments.A]\nbatch_norm = true\nbatch_size = 1"),
        "mine.toml: experiments.A.batch_size: batch_norm needs at least 2 rows a batch, not 1",
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
    assert len(message.partition("mine.toml")[2]) < 400  # the folder may be long


def test_a_perturbation_may_have_two_tables_of_other_severities(load):
    """Their results can be distinguished."""
    tables = '[[robustness]]\nperturbation = "gaussian_noise"\nseverities = [{}]\n'
    suite = load(GOOD + tables.format("0.0, 0.3") + tables.format("0.1, 0.2"))
    assert [test.severities for test in suite.robustness] == [[0.0, 0.3], [0.1, 0.2]]


@pytest.mark.parametrize(("experiment", "own"), [(0.1, 0.0), (0.0, 0.1)])
def test_one_decay_of_two_may_be_0(load, experiment, own):
    """The optimizer's own, or the experiment's."""
    load(changed('"sgd",', f'"adamw", weight_decay = {own},') + f"weight_decay = {experiment}\n")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("epoch = 3\nbatchsize = 4", "'batchsize'. Did you mean 'batch_size'"),
        (
            "epoch = 3\nbatchsize = 4\ndropot = 0.1",
            "Also experiments.A.dropot: unknown key 'dropot'. Did you mean 'dropout'",
        ),
        ("epoch = 3\nbatchsize = 4\ndropot = 0.1\nl22 = 1\nzz = 1", " And 2 more mistakes."),
    ],
)
def test_several_mistakes_are_shown(load, keys, message):
    """The first three in full, the others counted."""
    text = changed("[experiments.A]", f"[experiments.A]\n{keys}")
    with pytest.raises(HarnessError, match=re.escape(message)) as error:
        load(text)
    assert re.search(
        r"experiments\.A\.epoch: unknown key 'epoch'\. .* Also experiments\.A\.batchsize: ", str(error.value)
    )
    assert ".." not in str(error.value).replace("...", "")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file. Did you mean 'mine.toml'?"),
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
