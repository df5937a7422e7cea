"""What the README says is true: it is short, its suite runs, its plugin works, CI runs its commands."""

import subprocess
import sys
from collections import Counter
from functools import partial

import numpy as np
import pytest

import harness
from harness.plugins.loading import registry
from harness.suite import load_suite
from harness.suite.expectations import claims, listed
from tests import documents
from tests.command_line import module
from tests.plugins_on_disk import distribution

block = partial(documents.block, "README.md")


def code(text):
    """Return the lines of a block that are not blank."""
    return [line for line in text.splitlines() if line.strip()]


def test_it_is_short():
    """A thousand words, code and all."""
    assert len(documents.text("README.md").split()) <= 1000


def test_ci_runs_its_two_commands():
    """The first block under "Run it"."""
    script = [sys.executable, documents.ROOT / ".ci" / "readme_commands.py", documents.ROOT / "README.md"]
    printed = subprocess.run(script, capture_output=True, text=True, check=True).stdout
    assert printed.splitlines() == [
        'pip install -c constraints.txt -e ".[torch]" && harness run suites/full.toml --dataset digits',
        'pip install -c constraints.txt -e ".[torch,test]" && pytest',
    ]


def test_its_first_command_has_the_seed_epochs_and_backends_that_it_says():
    """What it says of ``cupy``: the suite's list has it before ``numpy``."""
    text = " ".join(documents.text("README.md").split())
    sentence = (
        "seed 42, at most 50 or 100 epochs, nine on `numpy` (on `cupy` where it is installed) and three on `torch`."
    )
    assert sentence in text
    suite = load_suite(documents.ROOT / "suites" / "full.toml", registry()).suite
    assert suite.suite.seeds == [42]
    assert {experiment.epochs for experiment in suite.experiments.values()} == {50, 100}
    backends = Counter(" ".join(listed(experiment.backend)) for experiment in suite.experiments.values())
    assert backends == {"cupy numpy": 9, "torch": 3}


@pytest.mark.slow
def test_momentum_on_a_summed_gradient_does_not_settle_on_digits(tmp_path, monkeypatch):
    """As written, one of four seeds at least fails, and a tenth of the learning rate trains all."""
    assert "M1a and M1d, momentum on a summed gradient, do not settle" in " ".join(documents.text("README.md").split())
    monkeypatch.chdir(tmp_path)
    rate = {f"experiments.{name}.optimizer.learning_rate": 0.0001 for name in ("M1a", "M1d")}
    lowest = []
    for change in ({}, rate):
        run = harness.run(
            "full", dataset="digits", only=["M1a", "M1d"], seeds=[1, 2, 3, 42], overrides=change, jobs=0, fresh=True
        )
        lowest.append(min(trial["val_accuracy"] for _, trial in run.trials().iterrows()))
    as_written, slower = lowest
    assert as_written < 0.8
    assert slower > 0.9


def test_its_suite_has_fifteen_lines_and_loads(load):
    """Two networks, three seeds, a baseline and a perturbation."""
    assert len(code(block("toml", "[suite]"))) == 15
    suite = load(block("toml", "[suite]"))
    assert (list(suite.experiments), suite.suite.seeds) == (["small", "large"], [1, 2, 3])


def test_its_expectation_is_one_of_its_suite(load):
    """Appended to the fifteen lines."""
    (claim,) = claims(load(block("toml", "[suite]") + block("toml", "[[expect]]")))
    assert str(claim.relation) == "large.test_accuracy > small.test_accuracy"


def test_its_plugin_has_nine_lines_and_harms_more_with_severity():
    """Severity 0 changes nothing."""
    source = block("python", "dead_pixels")
    assert len(code(source)) == 9
    names = {}
    exec(source, names)  # noqa: S102 - our own page
    images = np.full((10, 8, 8), 0.5, dtype=np.float32)
    dead = [
        np.mean(names["dead_pixels"](images, severity, np.random.default_rng(0)) == 0) for severity in (0.0, 0.2, 0.7)
    ]
    assert dead == pytest.approx([0.0, 0.2, 0.7], abs=0.1)
    assert dead[0] == 0


@pytest.mark.slow
def test_its_plugin_is_certified_and_harms_a_network(tmp_path):
    """Installed as a distribution, by the README's command; a suite names it."""
    source = block("python", "dead_pixels")
    site = distribution(tmp_path, "harness-dead", "0.1.0", {"harness_dead": source}, {"dead": "harness_dead"})
    (line,) = code(block("sh", "--pyargs"))
    assert " passed" in module(*line.split(), "-q", "-p", "no:cacheprovider", cwd=site)
    suite = block("toml", "[suite]").replace("gaussian_noise", "dead-pixels")
    (tmp_path / "dead.toml").write_text(suite.replace("[defaults]", "[defaults]\nepochs = 3"))
    output = module("harness", "run", "dead.toml", "--jobs", "0", cwd=site)
    assert "Degradation % under dead-pixels" in output
