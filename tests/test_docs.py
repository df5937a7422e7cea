"""What docs/ says of plugins is true: its backend is certified, its errors are the real ones, its other code works."""

import json
import re
from functools import partial

import numpy as np
import pytest

from harness import hookspecs
from harness.errors import HarnessError
from harness.interfaces import (
    Activation,
    Backend,
    BatchNorm,
    BlockOptimizer,
    Dataset,
    DeclaredLayers,
    Dropout,
    Layer,
    Linear,
    MultiplyingBackend,
    Network,
    NetworkSpec,
    Optimizer,
    Peer,
)
from harness.plugins.layer_kinds import missing_layers
from harness.plugins.loading import registry
from harness.plugins.scaffold import create
from harness.store import Run
from tests import documents
from tests.command_line import module
from tests.plugins_on_disk import distribution

GUIDE, REFERENCE = "docs/how-to/write-a-backend.md", "docs/reference/plugins.md"

CONTRACTS = (
    Backend, DeclaredLayers, MultiplyingBackend, Layer, Network, Optimizer, BlockOptimizer, Dataset, Peer,
)  # fmt: skip

block = partial(documents.block, GUIDE)
command = partial(module, COLUMNS="1000")


@pytest.fixture
def package(tmp_path):
    """Return the folder of the tutorial's package, with its backend, as if it were installed."""
    create("backend", "mine", tmp_path, registry())
    folder = tmp_path / "harness-mine"
    assert block("python", "class TestBackend").strip() in (folder / "tests" / "test_backend.py").read_text()
    (folder / "harness_mine" / "backend.py").write_text(block("python", "Softmax regression"))
    return distribution(folder, "harness-mine", "0.1.0", {}, {"harness_mine": "harness_mine"})


def test_the_tutorials_backend_has_twenty_lines():
    """Blank lines apart."""
    assert len([line for line in block("python", "Softmax regression").splitlines() if line.strip()]) <= 20


@pytest.mark.slow
def test_the_tutorials_backend_is_certified(package):
    """By its own tests, and from the command line."""
    assert " passed" in command("pytest", "-q", "-p", "no:cacheprovider", cwd=package)
    line = next(line for line in block("sh", "--pyargs").splitlines() if line.startswith("pytest"))
    assert " passed" in command(*line.split(), "-q", "-p", "no:cacheprovider", cwd=package)


@pytest.mark.slow
def test_the_tutorials_mistake_is_answered_as_shown(package):
    """In the same words, by the first failure; the figures may differ in their last digits on another machine."""
    module = package / "harness_mine" / "backend.py"
    source, line = module.read_text(), re.search(r" +loss, delta = .*\n", module.read_text())[0]
    module.write_text(source.replace(line, f"{line}        delta *= len(y)\n"))
    output = command("pytest", "-x", "-q", "-p", "no:cacheprovider", cwd=package, code=1)
    sample = block("text", "16 times the reference's").strip()
    assert without_decimals(sample) in without_decimals(output)
    assert "1 failed" in output


def without_decimals(text):
    """Return a text with its decimal numbers taken out."""
    return re.sub(r"-?\d+(\.\d+)?e-\d+|-?\d+\.\d+", "…", text)


@pytest.mark.slow
def test_the_tutorials_suite_is_planned_as_it_says(package):
    """Two experiments run; the third names what it cannot honour."""
    (package / "mine.toml").write_text(block("toml", "Mine and theirs"))
    output = command("harness", "plan", "mine.toml", cwd=package)
    assert "mine cannot honour hidden_layers" in output
    assert "3 trials, 0 done, 2 to run, 1 unavailable" in output


@pytest.mark.slow
def test_the_tutorials_backend_trains_and_is_named_in_its_rows(package):
    """It equals numpy, whose softmax regression it is; what it declines is unavailable."""
    (package / "mine.toml").write_text(block("toml", "Mine and theirs").replace("epochs = 5", "epochs = 20"))
    output = command("harness", "run", "mine.toml", "--jobs", "0", cwd=package, code=1)
    assert "deep seed 42 unavailable: mine cannot honour hidden_layers" in output
    rows = {row.experiment: row for row in Run.open(package / "runs" / "mine").rows()}
    assert rows["mine"].components["backend mine"].startswith("harness-mine 0.1.0")
    assert rows["mine"].metrics.val_accuracy > 0.9
    assert rows["mine"].metrics.val_loss == pytest.approx(rows["theirs"].metrics.val_loss, rel=1e-3)
    assert rows["mine"].parameters == rows["theirs"].parameters == 650


@pytest.mark.slow
def test_another_interface_version_is_refused_in_the_words_shown(package):
    """In the row's reason, where a suite names it."""
    module = package / "harness_mine" / "backend.py"
    module.write_text(module.read_text().replace("interface = 2", "interface = 1"))
    (package / "mine.toml").write_text(block("toml", "Mine and theirs"))
    message = documents.block(REFERENCE, "text", "was written for interface 1").strip()
    assert message in command("harness", "plan", "mine.toml", cwd=package)


def test_the_optimizer_descends():
    """By the learning rate, against the sign."""
    names = {}
    source = documents.block("docs/how-to/write-an-optimizer.md", "python", "class Optimizer:")
    exec(source, names)  # noqa: S102 - our own page
    rule = names["Optimizer"]()
    x = np.array([1.0, -2.0])
    assert rule.update(x, x, rule.init(x), 0.1)[0].tolist() == [0.9, -1.9]


def test_the_loss_has_its_gradient():
    """By finite differences, with weights and without."""
    names = {}
    exec(documents.block("docs/how-to/write-a-loss.md", "python", "class Loss:"), names)  # noqa: S102 - our own page
    loss, rng = names["Loss"](), np.random.default_rng(0)
    logits, labels, step = rng.standard_normal((4, 3)), np.array([0, 2, 1, 2]), 1e-6
    for weights in (None, np.array([0.5, 2.0, 1.0])):
        _, gradient = loss(np, logits, labels, weights)
        for column in range(3):
            shift = step * np.eye(3)[column]
            up, down = (loss(np, logits + way * shift, labels, weights)[0] for way in (1, -1))
            assert gradient[:, column] == pytest.approx((up - down) / (2 * step), abs=1e-8)


@pytest.mark.slow
def test_the_observer_writes_a_line_a_trial(tmp_path):
    """Installed as a plugin, in a run."""
    source = documents.block("docs/how-to/observe-a-run.md", "python", "trials.jsonl")
    distribution(tmp_path, "harness-lines", "0.1.0", {"harness_lines": source}, {"lines": "harness_lines"})
    (tmp_path / "two.toml").write_text(
        '[suite]\nname = "two"\nseeds = [1, 2]\n[defaults]\nhidden_layers = []\nepochs = 1\n'
        'optimizer = { name = "sgd", learning_rate = 0.1 }\n[experiments.a]\n'
    )
    command("harness", "run", "two.toml", "--jobs", "0", cwd=tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "trials.jsonl").read_text().splitlines()]
    assert lines == [["a", 1, "done"], ["a", 2, "done"]]


def test_every_member_of_the_contracts_has_its_line():
    """Nothing that a plugin writes is left out."""
    members = [
        name
        for contract in CONTRACTS
        for name in (*vars(contract), *contract.__annotations__)
        if not name.startswith("_")
    ]
    hooks = [name for name in vars(hookspecs) if hasattr(getattr(hookspecs, name), "harness_spec")]
    assert {"train_epoch", "interface", "source"} <= set(members)
    assert {"register_backends", "trial_evaluated"} <= set(hooks)
    for name in {*members, *hooks}:
        assert re.search(rf"`{name}[`(]", documents.text("docs/reference/plugin-contracts.md")), name


def test_the_explained_suite_loads_and_its_mistake_is_answered_as_shown(load, tmp_path):
    """The sample of the reference, and the sample error."""
    sample = partial(documents.block, "docs/reference/suite.md")
    text = sample("toml", "[experiments.large]")
    assert list(load(text).experiments) == ["small", "sgd", "large"]
    with pytest.raises(HarnessError) as caught:
        load(text.replace('{ name = "adam",', '{ name = "adam", epsilon = 1e-7,'))
    message = f"error: {caught.value}".replace(str(tmp_path) + "/", "")
    assert message in sample("text", "epsilon")
    assert message in documents.block(REFERENCE, "text", "epsilon")


def test_layers_are_mapped_by_a_table_as_shown():
    """The sample runs, and declines in the words shown."""
    names = {}
    exec(block("python", "LAYERS = {"), names)  # noqa: S102 - our own page
    layers = (Linear(2, 2), Activation("relu"))
    spec = NetworkSpec((1, 2), 2, layers, batch_size=1)
    values = [{"weight": np.eye(2), "bias": np.array([1.0, -5.0])}, {}]
    assert names["forward"](spec, values, np.ones((1, 2))).tolist() == [[2.0, 0.0]]
    refused = NetworkSpec((1, 2), 2, (*layers, BatchNorm(2), Dropout(0.5)), batch_size=1)
    assert missing_layers(names["Backend"](), "backend mine", refused) == block("text", "layers 'BatchNorm'").strip()
