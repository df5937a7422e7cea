"""The conformance kit catches what is wrong with a plugin, says what a person needs, and passes what is right."""

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.broken_plugins.broken_backends import NETWORKS
from tests.broken_plugins.broken_components import DATASETS, OPTIMIZERS, PERTURBATIONS
from tests.plugins_on_disk import distribution

ROOT = Path(__file__).parent.parent
KIT = ["--pyargs", "harness.conformance"]
PASSING = ["correct", "softmax", "limited"]
SLOW = {
    "fresh_worker": "cannot_be_pickled or wrong_dtype or diverges",
    "synchronize_returns": "returns_early",
    "memory_does": "leaks_memory",
}
"""The tests that take their time, and the components that they are about: the others are spared them."""
CHOSEN = f"correct or not ({' or '.join(SLOW)})" + "".join(f" or {test} and ({name})" for test, name in SLOW.items())
BROKEN = {"backend": NETWORKS, "optimizer": OPTIMIZERS, "perturbation": PERTURBATIONS, "dataset": DATASETS}


def kit(folder, *arguments, command=KIT):
    """Run the kit from a folder, on whose path the distributions in it are; return the finished process."""
    roots = [folder, ROOT / "tests" / "broken_plugins", ROOT, ROOT / "backends", ROOT / "perturbations"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, roots))}
    line = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", *command, *arguments]
    return subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def findings(tmp_path_factory):
    """Certify every broken component in one run; return the failures of each: its message by the name of the test."""
    folder = tmp_path_factory.mktemp("broken")
    points = {"backends": "broken_backends", "components": "broken_components"}
    distribution(folder, "harness-broken", "0.1", {}, points)
    asked = [f"--harness-{kind}={name}" for kind, names in BROKEN.items() for name in names]
    done = kit(folder, *asked, "-k", CHOSEN, f"--junitxml={folder / 'report.xml'}")
    assert done.returncode == 1, done.stdout + done.stderr
    found = {name: {} for names in BROKEN.values() for name in names}
    for case in ET.parse(folder / "report.xml").iter("testcase"):  # noqa: S314 - our own file
        test, _, name = re.fullmatch(r"(\w+)(\[(\w+)[^\]]*\])?", case.get("name")).groups()
        for failure in [*case.iter("failure"), *case.iter("error")]:
            found[name].setdefault(test, failure.get("message") + (failure.text or ""))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", PASSING)
def test_a_backend_that_keeps_the_contract_passes(findings, name):
    """Limited ones too: keys that they decline are not tested."""
    assert findings[name] == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "test", "message"),
    [
        (
            "wrong_sign",
            "losses_and_gradients_agree_with_the_reference",
            r"expected \d\.\w+ to change by .* got .* \(all of it is -1 times the reference's\); contract: Network",
        ),
        (
            "forgets_the_last_batch",
            "uses_every_row_of_the_order_once",
            r"expected 5 steps of sizes \[16, 16, 16, 16, 7\]; got 4 of sizes \[16, 16, 16, 16\]; contract: Network",
        ),
        (
            "drops_out_in_prediction",
            "predicts_in_evaluation_mode",
            r"expected the same predictions twice: .* contract: Network.predict, in evaluation mode: dropout off",
        ),
        (
            "returns_early",
            "an_epoch_has_ended_when_synchronize_returns",
            r"to have ended when synchronize.. returns; got \d+% of its time .*: train_epoch returns early; contract:",
        ),
        (
            "predicts_early",
            "a_prediction_is_there_when_it_is_returned",
            r"expected values that stand; got \d+ of 65536 values that differ; contract: Network.predict returns when",
        ),
        (
            "leaks_memory",
            "memory_does_not_grow_over_epochs",
            r"got [\d,]+ KiB more after each, .* contract: Network.train_epoch and predict keep nothing of an epoch",
        ),
        (
            "modifies_its_input",
            "leaves_what_it_is_given_as_it_was",
            r"expected images as they were attached; got \d+ of 2880 values that differ; contract: Network.attach",
        ),
        (
            "wrong_dtype",
            "returns_float32_log_probabilities",
            r"expected an array 'float32 \(4, 4\)'; got 'float64 \(4, 4\)'; contract: Network.predict returns float32",
        ),
        (
            "wrong_dtype",
            "trains_in_a_fresh_worker_process",
            r"the failure .the backend's predictions are float64 \(\d+, 4\); the contract says float32 \(\d+, 4\)",
        ),
        (
            "diverges",
            "trains_in_a_fresh_worker_process",
            r"expected a trained network in .*; got the failure 'diverged at epoch 1, step 2: the loss is nan'",
        ),
        (
            "hides_nan",
            "weights_that_are_nan_show",
            r"expected a loss of nan from weights that are nan; got \[0\.\]; contract: EpochStats.losses",
        ),
        (
            "cannot_be_pickled",
            "trains_in_a_fresh_worker_process",
            r"expected a trained network in a fresh process; got .*its result cannot be passed on: .*pickle.*; contr",
        ),
        (
            "ignores_keys",
            "honours_the_keys_that_it_does_not_decline",
            r"contract: NetworkSpec with l2 = 0.3. A backend that cannot honour 'l2' must declare it in unsupported",
        ),
        (
            "ignores_keys",
            "trains_with_the_optimizers_that_it_does_not_decline",
            r"A backend that cannot honour 'optimizer' must declare it in unsupported\(\)",
        ),
        (
            "refuses",
            "honours_the_keys_that_it_does_not_decline",
            r"contract: NetworkSpec with weight_decay = 0.3. A backend that cannot honour 'weight_decay' must declare",
        ),
        (
            "ignores_the_rate",
            "uses_the_learning_rate_that_it_is_handed",
            r"\(all of it is 4 times the reference's\); contract: Network.train_epoch: each epoch's learning rate",
        ),
        (
            "in_place",
            "leaves_its_arguments_as_they_were",
            r"expected parameters as it was; got \d of 6 values that differ; contract: Optimizer.update modifies no",
        ),
        ("ascends", "descends", r"expected less than .* on a quadratic; got .* contract: Optimizer.update descends"),
        ("normalised", "is_elementwise", r"contract: Optimizer: elementwise: blocks of the vector may be updated"),
        (
            "unpicklable",
            "can_be_pickled",
            r"expected an optimizer that can be pickled; got .*lambda.* contract: a factory's optimizer crosses to",
        ),
        (
            "global_noise",
            "draws_from_its_generator_alone",
            r"expected the global random state as it was; got that it has drawn from it; contract: Perturb: all random",
        ),
        (
            "changes_images",
            "does_not_modify_its_input",
            r"expected the input as it was at severity 0.1; got \d+ of 12800 values that differ; contract: Perturb",
        ),
        (
            "doubles",
            "returns_images_of_the_same_kind",
            r"expected at severity 0.0 'float32 \(200, 8, 8\)'; got 'float64 \(200, 8, 8\)'; contract: Perturb:",
        ),
        (
            "unclipped",
            "returns_images_of_the_same_kind",
            r"expected values in \[0, 1\] at severity 0.1; got values in \[-0\.\d+, 1\.\d+\]; contract: Perturb",
        ),
        (
            "gap",
            "every_class_occurs_and_has_a_name_of_its_own",
            r"expected the labels 0 … 9, all of them, for 10 class names; got \[1, 2, .* 10\]; contract: Labelled",
        ),
        (
            "shuffled",
            "is_the_same_whenever_it_is_loaded",
            r"expected the same images twice; got \d+ of \d+ values that differ; contract: Dataset.load",
        ),
    ],
)
def test_a_broken_plugin_is_caught_and_told_what_is_wrong(findings, name, test, message):
    """What was expected, what came, and which clause of the contract says so."""
    assert re.search(message, findings[name][f"test_{test}"])


GOOD = "import harness\n@harness.hookimpl\ndef register_optimizers(register): register('lion', int)"
FAULTY = {
    "missing": ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
    "hook": (
        "import harness\n@harness.hookimpl\ndef register_optimisers(register): pass",
        "unknown hook 'register_optimisers'. Did you mean 'register_optimizers'?",
    ),
    "signature": (
        "import harness\n@harness.hookimpl\ndef register_backends(registry): pass",
        "register_backends(registry) Argument(s) {'registry'} are declared in the hookimpl but can not be found in",
    ),
}


def test_a_name_that_no_plugin_offers_ends_the_run_with_what_is_set_aside(tmp_path):
    """Import error, unknown hook, wrong signature: the loader's messages, with the distribution and its version."""
    for name, (source, _) in FAULTY.items():
        distribution(tmp_path, f"harness-{name}", "0.1", {f"harness_{name}": source}, {name: f"harness_{name}"})
    done = kit(tmp_path, "--harness-backend", "mine")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "ERROR: unknown backend 'mine'." in done.stderr
    for name, (_, error) in FAULTY.items():
        assert f"{name} (harness-{name} 0.1): " in done.stderr
        assert error in done.stderr


def test_a_name_that_two_distributions_offer_ends_the_run(tmp_path):
    """The message says what to write."""
    for name in ("one", "two"):
        distribution(tmp_path, f"harness-{name}", "0.1", {f"harness_{name}": GOOD}, {name: f"harness_{name}"})
    done = kit(tmp_path, "--harness-optimizer", "lion")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert (
        "optimizer 'lion' is offered by harness-one and harness-two: write harness-one:lion or harness-two:lion"
        in done.stderr
    )


def test_other_peoples_pytest_runs_do_not_notice_the_kit(tmp_path):
    """Neither the kit nor a numeric library is loaded into them, and they see none of its options."""
    (tmp_path / "test_theirs.py").write_text(
        "import sys\n"
        "def test_theirs(pytestconfig):\n"
        "    assert pytestconfig.pluginmanager.has_plugin('nn_harness')\n"
        "    assert not {'harness.conformance', 'harness.plugins', 'numpy', 'pydantic'} & set(sys.modules)\n"
        "    assert not hasattr(pytestconfig.option, 'harness_backend')\n"
    )
    done = kit(tmp_path, command=[])
    assert done.returncode == 0, done.stdout


def test_the_kit_without_a_name_says_how_it_is_used(tmp_path):
    """And exits as pytest does when it is used wrongly."""
    done = kit(tmp_path)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    usage = "usage: pytest --pyargs harness.conformance --harness-backend NAME"
    assert usage in done.stdout + done.stderr


def test_a_plugins_own_suite_names_what_it_certifies(tmp_path):
    """A class of three lines."""
    (tmp_path / "test_mine.py").write_text(
        "from harness.conformance import OptimizerConformance\n"
        "class TestMine(OptimizerConformance):\n    name = 'sgd'\n    options = {'momentum': 0.5}\n"
    )
    done = kit(tmp_path, "-k", "descends", command=[])
    assert re.search(r"1 passed, \d+ deselected", done.stdout)


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        ("{ momentum = 0.9 }", 0, "passed"),
        ('{"momentum": 0.9}', 0, "passed"),
        ("{ momentun = 0.9 }", 1, "momentun: optimizer 'sgd' has no such option. Did you mean 'momentum'?"),
        ("momentum", 4, "--harness-options momentum: "),
    ],
)
def test_options_are_given_as_toml_or_json(tmp_path, options, code, told):
    """They are those of a suite's table, and checked as such."""
    done = kit(tmp_path, "--harness-optimizer", "sgd", "--harness-options", options, "-k", "descends or elementwise")
    assert done.returncode == code
    assert told in done.stdout + done.stderr
