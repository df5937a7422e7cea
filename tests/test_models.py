"""Models: their layers, their options in a suite, and a third party's, which rows name."""

from dataclasses import replace

import pytest

from harness.builtin.models import cnn, mlp, resnet
from harness.errors import HarnessError
from harness.execution.plan import make_plan
from harness.execution.pools import InProcess
from harness.interfaces import (
    Activation,
    AveragePool2d,
    BatchNorm,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAveragePool,
    Linear,
    MaxPool2d,
    Residual,
)
from harness.plugins.loading import registry
from harness.results.leaderboard import tables
from harness.suite import load_suite
from harness.suite.model_table import taken
from harness.suite.network import network_spec
from harness.trial.fingerprints import stamped
from tests.command_line import typed
from tests.made_results import summary
from tests.plugins_on_disk import installed
from tests.test_leaderboard import row, trained

__all__ = ["typed"]

SUITE = """
[suite]
name = "models"
[defaults]
batch_size = 64
epochs = 1
optimizer = {{ name = "adam", learning_rate = 0.003 }}
{defaults}
[experiments.A]
{experiment}
"""
RELU = Activation("relu")


def test_a_cnn_has_blocks_of_convolutions_and_hidden_layers():
    """Each number of channels a block, each width a hidden layer."""
    assert cnn((28, 28), 10) == (
        Conv2d(1, 16, 3, padding=1), RELU, MaxPool2d(2), Conv2d(16, 32, 3, padding=1), RELU, MaxPool2d(2),
        Flatten(), Linear(1568, 128), RELU, Linear(128, 10),
    )  # fmt: skip
    silu = Activation("silu")
    options = {"pooling": "average", "activation": "silu", "batch_norm": True, "dropout": 0.2}
    assert cnn((9, 7, 3), 4, channels=[5], kernel=5, dense=[6], **options) == (
        Conv2d(3, 5, 5, padding=2, bias=False), BatchNorm(5), silu, AveragePool2d(2),
        Flatten(), Linear(60, 6), BatchNorm(6), silu, Dropout(0.2), Linear(6, 4),
    )  # fmt: skip
    assert cnn((4, 4), 2, channels=[3], kernel=2, pooling="none", dense=[])[-2:] == (Flatten(), Linear(27, 2))


def test_a_resnet_has_stages_of_residual_blocks():
    """All but the first stage begin by halving the image."""
    assert resnet((8, 8), 10, channels=[4, 6], blocks=2, dropout=0.1) == (
        Conv2d(1, 4, 3, padding=1, bias=False), BatchNorm(4), RELU,
        *[part for inputs, outputs, stride in [(4, 4, 1), (4, 4, 1), (4, 6, 2), (6, 6, 1)] for part in (Residual((
            Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False), BatchNorm(outputs), RELU,
            Conv2d(outputs, outputs, 3, padding=1, bias=False), BatchNorm(outputs),
        )), RELU)],
        GlobalAveragePool(), Dropout(0.1), Linear(6, 10),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cnn((30,), 3), "cnn takes images, and the dataset has vectors of 30 values. Choose mlp"),
        (lambda: resnet((30,), 3), "resnet takes images"),
        (lambda: cnn((8, 8), 3, kernel=9), "kernel: 9 is larger than the input of convolution 1, 8 × 8"),
        (lambda: cnn((8, 8), 3, kernel=5), "kernel: 5 is larger than the input of convolution 2, 4 × 4"),
        (lambda: cnn((2, 2), 3, kernel=1), r"MaxPool2d\(size=2\): 2 × 2 is larger than its input, 1 × 1"),
        (lambda: cnn((8, 8), 3, channels=[0]), "channels: 0 is out of range. It must be at least 1"),
        (lambda: resnet((8, 8), 3, channels=[]), "channels: is empty"),
        (lambda: resnet((8, 8), 3, blocks=0), "blocks: 0 is out of range"),
        (lambda: mlp((8, 8), 3, hidden_layers=[4], dropout=1.0), "dropout: 1.0 is out of range"),
    ],
)
def test_a_model_refuses_what_it_cannot_build(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def suite(folder, experiment, defaults=""):
    path = folder / "s.toml"
    path.write_text(SUITE.format(experiment=experiment, defaults=defaults))
    return path


def planned(folder, experiment, defaults="", **options):
    """Return the one planned trial of a suite."""
    loaded = load_suite(suite(folder, experiment, defaults), registry(), **options)
    return make_plan(loaded, registry(), InProcess(registry())).trials[0]


MISTAKES = {
    'model = "cn"': "experiments.A.model: unknown model 'cn'. Did you mean 'cnn'? Known: cnn, mlp, resnet.",
    'model = { name = "cnn", kernal = 3 }': "experiments.A.model.kernal: model 'cnn' has no such option. Did you",
    'model = { name = "cnn", kernel = "3" }': "experiments.A.model.kernel: '3' is not a whole number",
    'model = { name = "cnn", pooling = "min" }': "experiments.A.model.pooling: unknown pooling 'min'. Known",
    'model = { name = "cnn", kernel = 9 }': "experiments.A.model.kernel: 9 is larger than the input of convolution",
    'model = { name = "cnn", channels = [1, 1, 1, 1] }': "model.kernel: 3 is larger than the input of convolution 3",
    'model = { name = "cnn", kernel = 1, channels = [1, 1, 1, 1] }': "model.name: MaxPool2d(size=2): 2 × 2 is larger",
    'model = { name = "cnn", dropout = 1.0 }': "experiments.A.model.dropout: 1.0 is out of range",
    'model = "cnn"\nhidden_layers = [8]': "experiments.A.hidden_layers: is an option of the model 'mlp', and the model",
    'model = "mlp"': "experiments.A.model.hidden_layers: is missing",
    'model = { name = "mlp", epochs = 3 }': "experiments.A.model.epochs: model 'mlp' has no such option",
    'model = { name = "mlp", hidden_layers = [0] }': "experiments.A.model.hidden_layers[0]: 0 is out of range",
    'model = { name = "mlp", hidden_layers = [8] }\ndropout = 0.1': "experiments.A.dropout: is beside model = { name",
    "model = 3": "experiments.A.model: 3 is not a table. Write model = { name = … }, with its options",
    "model = {}": "experiments.A.model.name: is missing",
    'model = "resnet"\nbatch_size = 1': "experiments.A.batch_size: 1 is too small: its batch norm needs at least",
    'model = "resnet"\nbatch_size = 313': "313 leaves a last batch of one row out of 1,253, which batch_norm cannot",
}  # fmt: skip


@pytest.mark.parametrize("experiment", MISTAKES)
def test_a_mistake_in_a_model_is_one_line_with_its_place(experiment, tmp_path):
    with pytest.raises(HarnessError) as error:
        planned(tmp_path, experiment)
    assert MISTAKES[experiment] in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kernel", [9, "true"])
def test_the_command_line_refuses_a_model_with_exit_code_2(kernel, typed, tmp_path):
    suite(tmp_path, f'model = {{ name = "cnn", kernel = {kernel} }}')
    output = typed("plan", "s.toml", code=2)
    assert output.out == ""
    assert "error: s.toml: experiments.A.model.kernel: " in output.err


@pytest.mark.parametrize(
    ("experiment", "defaults"),
    [
        ('model = { name = "mlp", hidden_layers = [9], dropout = 0.1 }', ""),
        ('model = { name = "nn-harness:mlp", hidden_layers = [9], dropout = 0.1 }', ""),
        ("dropout = 0.1", 'model = { name = "mlp", hidden_layers = [9] }'),
        ('model = { name = "mlp", hidden_layers = [9], dropout = 0.1 }', "hidden_layers = [4]\nbatch_norm = true"),
    ],
)
def test_the_model_mlp_is_its_shorthand(experiment, defaults, tmp_path):
    """The same settings, fingerprint and layers."""
    plain = planned(tmp_path, "hidden_layers = [9]\ndropout = 0.1")
    trial = planned(tmp_path, experiment, defaults)
    assert trial.row == plain.row
    assert trial.spec.network == plain.spec.network
    assert trial.spec.network.layers == (Linear(64, 9), RELU, Dropout(0.1), Linear(9, 10))
    assert not [key for key in plain.row.components if key.startswith("model")]


def test_a_row_without_a_model_keeps_the_fingerprint_that_it_had(tmp_path):
    """Rows of an earlier version have no such setting: they are not trained again."""
    row = planned(tmp_path, "hidden_layers = [9]").row
    earlier = replace(row, settings={key: value for key, value in row.settings.items() if key != "model"})
    assert stamped(earlier).fingerprint == row.fingerprint


def test_a_models_options_are_part_of_the_fingerprint_and_its_plugin_of_the_row(tmp_path):
    rows = [planned(tmp_path, f"model = {model}").row for model in ('"cnn"', '{ name = "cnn", kernel = 1 }')]
    assert rows[0].fingerprint != rows[1].fingerprint
    assert rows[0].components["model cnn"].startswith("nn-harness ")
    assert rows[1].settings["model"] == {"name": "cnn", "kernel": 1}


def test_options_merge_with_those_of_the_defaults(tmp_path):
    """Key by key; a table with a name replaces the whole; the shorthand of the defaults is left to others."""
    defaults = 'model = "cnn"'
    layers = planned(tmp_path, "model = { kernel = 1 }", defaults).spec.network.layers
    assert layers[0] == Conv2d(1, 16, 1)
    assert planned(tmp_path, 'model = "resnet"', defaults + "\nbatch_norm = true").row.settings["batch_norm"] is False
    changed = planned(tmp_path, 'model = "cnn"', assignments=["experiments.A.model.kernel=1"])
    assert changed.spec.network.layers == layers
    gridded = planned(tmp_path, 'model = "cnn"\ngrid = { "model.kernel" = [1, 3] }')
    assert gridded.row.experiment == "A[model.kernel=1]"


PLUGIN = """
import harness
from harness.interfaces import Linear

def wide(input_shape, classes, *, width: int = 7):
    return (Linear(64, width), Linear(width, classes))

@harness.hookimpl
def register_models(register):
    register("wide", wide)
    register("listed", lambda input_shape, classes: [Linear(64, classes)])
    register("short", lambda input_shape, classes: (Linear(64, classes - 1),))
    register("unfit", lambda input_shape, classes: (Linear(63, classes),))
    register("raises", lambda input_shape, classes: 1 / 0)
"""


@pytest.fixture
def plugins(tmp_path, monkeypatch):
    """Put a third party's models beside harness's own."""
    with installed(tmp_path, monkeypatch, "harness-wide", "0.1", PLUGIN) as plugins:
        yield plugins


@pytest.mark.usefixtures("plugins")
def test_a_third_partys_model_is_named_in_the_row_and_trained_apart(tmp_path):
    trial = planned(tmp_path, 'model = { name = "wide", width = 5 }')
    assert trial.row.components["model wide"].startswith("harness-wide 0.1")
    assert trial.spec.third_party
    assert trial.spec.network.layers == (Linear(64, 5), Linear(5, 10))


@pytest.mark.slow
@pytest.mark.usefixtures("plugins")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("listed", "model 'listed' (harness-wide 0.1): it returns [Linear(inputs=64, outputs=10)]; the contract"),
        ("short", "its layers end in the shape (9,); the contract says a tuple of layers, from rows to"),
        ("unfit", "model 'unfit' does not fit rows of shape (8, 8): layer 0: Linear(inputs=63, outputs=10): takes"),
        ("raises", "model 'raises' (harness-wide 0.1): ZeroDivisionError: division by zero"),
    ],
)  # fmt: skip
def test_a_broken_model_is_one_line(name, message, tmp_path):
    with pytest.raises(HarnessError) as error:
        planned(tmp_path, f'model = "{name}"')
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_an_experiment_without_a_model_is_the_network_that_it_was(tmp_path):
    """Linear → batch norm → activation → dropout, for each hidden layer."""
    keys = "hidden_layers = [5]\nbatch_norm = true\ndropout = 0.5"
    experiment = load_suite(suite(tmp_path, keys), registry()).suite.experiments["A"]
    layers = (Linear(12, 5), BatchNorm(5), RELU, Dropout(0.5), Linear(5, 2))
    assert network_spec(experiment, (3, 4), 2).layers == layers


def test_a_setting_that_the_model_does_not_take_is_shown_nowhere():
    """Rows hold the defaults of the multilayer perceptron beside any model: tables, pages and frames do not."""
    shorthand = {"hidden_layers": [], "activation": "relu", "batch_norm": False, "dropout": 0.0, "epochs": 3}
    models = {"rbf": {"name": "rbf", "gamma": 1.0}, "own": {"name": "own", "activation": "tanh"},
              "cnn": {"name": "nn-harness:cnn"}, "mlp": None}  # fmt: skip
    metrics = trained(0.9, 0.8, 0.5)
    rows = [row(name, metrics=metrics, settings=shorthand | {"model": model}) for name, model in models.items()]
    validation = next(table for table in tables(summary(rows)) if table.key == "validation")
    activations = {line["experiment"]: line["activation"] for line in validation.lines}
    assert activations == {"rbf": None, "own": "tanh", "cnn": "relu", "mlp": "relu"}
    assert taken(rows[0].settings).keys() == {"epochs", "model"}
    assert taken(rows[-1].settings).keys() == {*shorthand, "model"}
