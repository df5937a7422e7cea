"""``--only``: what the chosen experiments need must be here, what the others need may be missing."""

import re

import pytest

from harness.errors import HarnessError
from harness.plugins.loading import registry
from harness.suite import load_suite
from tests.tiny import TINY

MISSING = TINY.replace(
    'activation = "silu"', 'activation = "silu"\noptimizer = { name = "lookahead", learning_rate = 0.1 }'
)
FOREIGN = TINY.replace("[experiments.B]", '[experiments.B]\nbackend = "elsewhere"').replace("epochs = 3", "epochs = 1")
UNTESTED = FOREIGN.replace('"gaussian_noise"', '"haze"')


def loaded(tmp_path, text, only=()):
    path = tmp_path / "tiny.toml"
    path.write_text(text)
    return load_suite(path, registry(), only=only)


@pytest.mark.parametrize(
    ("text", "experiment", "message"),
    [
        (MISSING, "C", "tiny.toml: experiments.C.optimizer.name: unknown optimizer 'lookahead'. "),
        (FOREIGN, "B", "tiny.toml: experiments.B.backend: unknown backend 'elsewhere'. "),
    ],
)
def test_a_missing_plugin_of_an_experiment_that_is_not_chosen_is_no_mistake(tmp_path, text, experiment, message):
    """It is one of those that are chosen, and of all."""
    assert loaded(tmp_path, text, ["A"]).lacking.keys() == {experiment}
    for only in ([experiment], ["[ABC]"], []):
        with pytest.raises(HarnessError, match=re.escape(message)):
            loaded(tmp_path, text, only)


def test_the_other_experiments_are_still_validated(tmp_path):
    """What can be known without the plugin: values, and options of a component that is here."""
    with pytest.raises(HarnessError, match=r"experiments\.B\.optimizer\.momentun: .*Did you mean 'momentum'"):
        loaded(tmp_path, TINY.replace("momentum", "momentun"), ["A"])
    with pytest.raises(HarnessError, match=r"experiments\.C\.dropout: "):
        loaded(tmp_path, TINY.replace("dropout = 0.2", "dropout = 2.0"), ["A"])


def test_a_perturbation_is_needed_by_what_may_be_tested(tmp_path):
    """C may become the finalist 'two', A is 'one'; without either, nothing is perturbed."""
    text = UNTESTED.replace('two = { best_of = "[BC]" }', 'two = { best_of = "B" }')
    assert loaded(tmp_path, text, ["C"]).lacking.keys() == {"B"}
    for only in (["A"], ["A", "C"]):
        with pytest.raises(HarnessError, match=r"robustness\[0\]\.perturbation: unknown perturbation 'haze'"):
            loaded(tmp_path, text, only)


@pytest.mark.slow
def test_plan_run_and_why_serve_an_experiment_beside_one_that_cannot_be_loaded(typed, tmp_path):
    """Plan says which is unavailable, and why; the run is well."""
    (tmp_path / "tiny.toml").write_text(UNTESTED.replace('two = { best_of = "[BC]" }', ""))
    chosen = ("tiny.toml", "--only", "C", "--jobs", 0)
    output = typed("plan", *chosen, "--smoke")
    assert "\nB: not selected, and unavailable: unknown backend 'elsewhere'. " in output.out
    assert re.search(r"C +numpy +works", output.out)
    typed("run", *chosen, "--quiet")
    assert "C seed 1: its stored row serves" in typed("why", "tiny.toml", "C").out
    assert "unknown backend 'elsewhere'" in typed("run", "tiny.toml", code=2).err
