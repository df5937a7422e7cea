"""Plugins are found, checked one by one, set aside when faulty, and named by their distribution."""

import sys
from importlib.metadata import entry_points

import pytest

from harness.errors import HarnessError
from harness.plugins.loading import GROUP, load
from harness.trial.jobs import load_backend
from tests.plugins_on_disk import distribution

GOOD = """
import harness

@harness.hookimpl
def register_optimizers(register):
    register("{name}", "{module}:Rule")

class Rule:
    pass
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Return a function that installs distributions and loads what is there then."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(*plugins):
        for name, version, source in plugins:
            module = name.replace("-", "_")
            monkeypatch.delitem(sys.modules, module, raising=False)
            distribution(tmp_path, name, version, {module: source}, {module: module})
        return load(entry_points(group=GROUP))

    return install


def faulty(registry):
    return {entry.distribution: entry for entry in registry.quarantined}


def test_first_party_plugins_come_by_entry_points(installed):
    """What the harness ships with is found as a third party's plugin is, and nothing is set aside."""
    registry = installed()
    assert {"numpy", "cupy", "torch"} <= set(registry.named("backend"))
    assert {"sgd", "adam", "adamw"} <= set(registry.named("optimizer"))
    assert {"digits", "files"} <= set(registry.named("dataset"))
    assert "gaussian_noise" in registry.named("perturbation")
    assert {component.distribution for component in registry.components} == {"nn-harness"}
    assert not registry.quarantined


def test_a_third_partys_component_is_named_with_its_distribution_and_version(installed):
    """Provenance is what a row records."""
    registry = installed(("harness-lion", "1.2.3", GOOD.format(name="lion", module="harness_lion")))
    assert registry.find("optimizer", "lion").provenance == "harness-lion 1.2.3"
    assert registry.find("optimizer", "harness-lion:lion").load().__name__ == "Rule"


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        (
            "import harness\n@harness.hookimpl\ndef register_optimisers(register): pass",
            "unknown hook 'register_optimisers'. Did you mean 'register_optimizers'?",
        ),
        ("import harness\n@harness.hookimpl\ndef register_backends(registry): pass", "registry"),
        ("import harness\n@harness.hookimpl\ndef register_backends(register): register('x', 3)", "'x': 3 is neither"),
        (
            "import harness\n@harness.hookimpl\ndef register_backends(register): register('a:b', int)",
            "'a:b' is not a name",
        ),
        (
            "import harness\n@harness.hookimpl\ndef register_backends(register): 1 / 0",
            "ZeroDivisionError: division by zero",
        ),
    ],
)
def test_a_faulty_plugin_is_set_aside_with_its_error_and_the_others_serve(installed, source, error):
    """One that raises on import, has an unknown hook or a wrong signature costs itself alone."""
    registry = installed(
        ("harness-bad", "0.1", source), ("harness-fine", "1.0", GOOD.format(name="fine", module="harness_fine"))
    )
    assert error in faulty(registry)["harness-bad"].error
    assert faulty(registry)["harness-bad"].version == "0.1"
    assert "\n" not in faulty(registry)["harness-bad"].error
    assert "fine" in registry.named("optimizer")
    assert "numpy" in registry.named("backend")
    assert not registry.manager.has_plugin("harness-bad:harness_bad")
    assert registry.manager.has_plugin("harness-fine:harness_fine")


def test_a_name_that_two_distributions_offer_is_reachable_with_its_distribution_alone(installed):
    """The bare name would be a guess."""
    registry = installed(
        *((f"harness-{name}", "1.0", GOOD.format(name="lion", module=f"harness_{name}")) for name in ("one", "two"))
    )
    assert {"harness-one:lion", "harness-two:lion"} <= set(registry.named("optimizer"))
    assert "lion" not in registry.named("optimizer")
    assert registry.find("optimizer", "harness-two:lion").distribution == "harness-two"
    with pytest.raises(
        HarnessError, match=r"offered by harness-one and harness-two\. Write harness-one:lion or harness-two:lion"
    ):
        registry.find("optimizer", "lion")


WATCHING = """
import harness

seen = []

@harness.hookimpl
def register_optimizers(register):
    register("{name}", "{name}:Rule")

@harness.hookimpl
def trial_finished(row):
    seen.append(row)
"""


def test_two_distributions_may_have_an_entry_point_of_one_name(tmp_path, monkeypatch):
    """Both serve, their components and their observers; a faulty third of that name costs itself alone."""
    monkeypatch.syspath_prepend(tmp_path)
    sources = {"one": WATCHING, "three": "import harness\n1 / 0", "two": WATCHING}
    for name, source in sources.items():
        module = f"watching_{name}"
        distribution(tmp_path, f"harness-{name}", "1.0", {module: source.format(name=name)}, {"main": module})
    registry = load(entry_points(group=GROUP))
    assert {"one", "two"} <= set(registry.named("optimizer"))
    assert [entry.distribution for entry in registry.quarantined] == ["harness-three"]
    registry.manager.hook.trial_finished(row={})
    assert [sys.modules[name].seen for name in ("watching_one", "watching_two")] == [[{}], [{}]]


def test_a_plugin_that_two_entry_points_name_is_registered_once(tmp_path, monkeypatch):
    """The second is set aside, and takes nothing from the first."""
    monkeypatch.syspath_prepend(tmp_path)
    points = {"first": "harness_both", "second": "harness_both"}
    distribution(tmp_path, "harness-both", "1.0", {"harness_both": WATCHING.format(name="lion")}, points)
    registry = load(entry_points(group=GROUP))
    output = "harness_both is already loaded as the plugin harness-both:first"
    assert [(entry.plugin, entry.error) for entry in registry.quarantined] == [("second", output)]
    assert registry.find("optimizer", "lion").distribution == "harness-both"
    registry.manager.hook.trial_finished(row={})
    assert sys.modules["harness_both"].seen == [{}]


def test_an_unknown_name_is_answered_with_the_nearest_and_with_what_is_set_aside(installed):
    """A plugin that failed to load is the likeliest reason for a name that is missing."""
    registry = installed(("harness-bad", "0.1", "import no_such_module"))
    with pytest.raises(
        HarnessError, match=r"unknown optimizer 'adan'. Did you mean 'adam'\? Known: .*Quarantined: harness_bad"
    ):
        registry.find("optimizer", "adan")


def test_a_component_that_fails_when_it_is_first_asked_for_is_an_error_of_its_own(installed):
    """Lazy registration moves the import, not the message."""
    source = GOOD.format(name="late", module="harness_late_missing")
    registry = installed(("harness-late", "2.0", source))
    with pytest.raises(
        HarnessError, match=r"optimizer 'late' \(harness-late 2.0\): harness_late_missing:Rule: ModuleNotFound"
    ):
        registry.find("optimizer", "late").load()


def test_plugins_that_are_disabled_are_not_loaded_and_are_named(installed):
    """By name, or all but harness's own; an error about what they offer names them."""
    installed(("harness-lion", "1.2.3", GOOD.format(name="lion", module="harness_lion")))
    for disable in ("harness_lion", " harness_lion , other", "*"):
        sys.modules.pop("harness_lion")
        registry = load(entry_points(group=GROUP), disable)
        assert "harness_lion" not in sys.modules or sys.modules.setdefault("harness_lion", None) is None
        assert registry.disabled == ("harness_lion (harness-lion 1.2.3)",)
        assert "adam" in registry.named("optimizer")
        with pytest.raises(
            HarnessError, match=r"unknown optimizer 'lion'.* Disabled: harness_lion \(harness-lion 1.2.3\)"
        ):
            registry.find("optimizer", "lion")
        sys.modules["harness_lion"] = None


@pytest.mark.parametrize(
    ("interface", "output"),
    [
        ("", "does not say which interface it was written for: set interface = 2"),
        ('interface = "2"', "interface is '2', of type str; the contract says an int: set interface = 2 if"),
        ("interface = 2.0", "interface is 2.0, of type float; the contract says an int"),
        (
            "interface = 0",
            "interface 0; this harness has 2: install a version of harness-old that matches, or change it as docs/",
        ),
    ],
)
def test_a_backend_of_another_interface_is_refused_in_words(installed, interface, output):
    """Before anything is asked of it."""
    source = f"""
        import harness
        from harness.stepwise import StepwiseBackend
        @harness.hookimpl
        def register_backends(register):
            register("old", Old)
        class Old(StepwiseBackend):
            network = None
            {interface}
    """
    component = installed(("harness-old", "0.1", source)).find("backend", "old")
    with pytest.raises(HarnessError, match=output):
        load_backend(component)
