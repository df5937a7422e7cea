"""The conformance kit as people start it: names, options, and the pytest runs of others."""

import re

import numpy as np
import pytest

from harness.conformance import plugin
from harness.conformance.recipes import plainest
from harness_array.backends import NumpyBackend
from tests.conformance_kit import kit
from tests.plugins_on_disk import distribution

pytestmark = pytest.mark.slow  # each starts pytest

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
        "optimizer 'lion' is offered by harness-one and harness-two. Write harness-one:lion or harness-two:lion"
        in done.stderr
    )


@pytest.mark.slow
def test_other_peoples_pytest_runs_do_not_notice_the_kit(tmp_path):
    """Neither the kit nor a numeric library is loaded into them, and they see none of its options."""
    (tmp_path / "test_theirs.py").write_text(
        "import sys\n"
        "def test_theirs(pytestconfig):\n"
        "    assert pytestconfig.pluginmanager.has_plugin('nn_harness')\n"
        "    assert not {'harness.conformance', 'harness.plugins.loading', 'numpy', 'pydantic'} & set(sys.modules)\n"
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


@pytest.mark.slow
def test_a_plugins_own_suite_names_what_it_certifies(tmp_path):
    """A class of three lines."""
    (tmp_path / "test_mine.py").write_text(
        "from harness.conformance import OptimizerConformance\n"
        "class TestMine(OptimizerConformance):\n    name = 'sgd'\n    options = {'momentum': 0.5}\n"
    )
    done = kit(tmp_path, "-k", "descends", command=[])
    assert re.search(r"1 passed, \d+ deselected", done.stdout)


@pytest.mark.parametrize("text", ["{ momentum = 0.9 }", "momentum = 0.9", '{"momentum": 0.9}'])
def test_options_are_given_as_toml_or_json(text):
    """An inline table, keys, or an object."""
    assert plugin._options(Asked(text)) == {"momentum": 0.9}


@pytest.mark.parametrize("text", ["momentum", "[1]"])
def test_options_that_are_no_table_are_refused(text):
    """With what was given."""
    with pytest.raises(pytest.UsageError, match=f"--harness-options {re.escape(text)}: "):
        plugin._options(Asked(text))


class Asked:
    """A command line's ``--harness-options``."""

    def __init__(self, text):
        self.text = text

    def getoption(self, name):
        """Return it."""
        assert name == "harness_options"
        return self.text


@pytest.mark.slow
def test_options_are_those_of_a_suites_table(tmp_path):
    """And checked as such."""
    done = kit(tmp_path, "--harness-optimizer", "sgd", "--harness-options", "{ momentun = 0.9 }", "-k", "descends")
    assert done.returncode == 1
    assert "momentun: optimizer 'sgd' has no such option. Did you mean 'momentum'?" in done.stdout


TAKEN = {
    "digits of 28 x 28": ({"input_shape": {(28, 28)}, "classes": {10}}, ((28, 28), 10, 16)),
    "two classes": ({"classes": {2}}, ((6, 5), 2, 16)),
    "letters, 64 at a time": ({"input_shape": {(28, 28)}, "classes": {26}, "batch_size": {64}}, ((28, 28), 26, 64)),
}
"""What a backend takes, by key; and the images' shape, the classes and the rows of a batch that it is tested with."""


@pytest.mark.parametrize("name", TAKEN)
def test_a_backend_is_tested_with_images_and_batches_that_it_takes(name):
    """A dataset that does not fit may be declined; all that the backend takes is tested then."""
    taken, (shape, classes, batch) = TAKEN[name]

    class Choosy(NumpyBackend):
        def unsupported(self, spec, _optimizer):
            return [key for key, values in taken.items() if getattr(spec, key) not in values]

    recipe, data = plainest(Choosy())
    assert (data.features.shape[1:], len(data.class_names), recipe.batch) == (shape, classes, batch)
    assert len(data.labels) >= 6 * batch
    assert set(np.unique(data.features[:, 0, 0])) != {0} != set(np.unique(data.features[:, -1, -1]))


def test_what_a_backend_that_takes_nothing_declines_is_reported():
    """The keys that it names whatever is tried."""

    class Nothing(NumpyBackend):
        def unsupported(self, _spec, _optimizer):
            return ["input_shape"]

    assert plainest(Nothing()) == ["input_shape"]
