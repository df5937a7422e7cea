"""``[[robustness]]``: levels in place of severities, whole suites of perturbations, and severities that are none."""

from types import SimpleNamespace

import pytest

from harness.errors import HarnessError
from harness.execution.plan import make_plan
from harness.execution.pools import InProcess
from harness.plugins.components import Component
from harness.plugins.loading import registry
from harness.plugins.perturbations import absence, levels_of, range_problem, suites_of
from harness.suite import load_suite
from tests.test_suite import GOOD

CORRUPTIONS = suites_of(registry())["corruptions"]


def table(*lines):
    """Return the text of a suite with a table of ``[[robustness]]``."""
    return "\n".join([GOOD, "[[robustness]]", *lines, ""])


def test_severities_that_are_left_out_are_the_levels(load):
    """All five, or those that ``levels`` names in its order; what is stored has severities alone."""
    levels = levels_of(registry().find("perturbation", "rotation"))
    suite = load(table('perturbation = "rotation"'))
    assert [each.severities for each in suite.robustness] == [levels]
    assert len(levels) == 5
    suite = load(table('perturbation = "rotation"', "levels = [5, 1]", "seed = 3"))
    assert [each.model_dump() for each in suite.robustness] == [
        {"perturbation": "rotation", "severities": [levels[4], levels[0]], "seed": 3}
    ]


def test_a_suite_of_perturbations_takes_all_that_no_other_table_names(load):
    """Each with its levels, those of a family side by side; gaussian_noise, of another distribution root, too."""
    whole = load(table('perturbation = "corruptions/*"')).robustness
    assert [each.perturbation for each in whole] == CORRUPTIONS
    assert len(CORRUPTIONS) == 21
    families = [registry().find("perturbation", name).load().family for name in CORRUPTIONS]
    assert len(set(families)) == sum(a != b for a, b in zip(families, [None, *families[:-1]], strict=True))
    text = table('perturbation = "fog"', "severities = [0.5]", "[[robustness]]", 'perturbation = "corruptions/*"')
    rest = load(text).robustness
    assert rest[0].severities == [0.5]
    assert [each.perturbation for each in rest] == ["fog", *(name for name in CORRUPTIONS if name != "fog")]


MISTAKES = {
    "an unknown level": (
        ['perturbation = "fog"', "levels = [1, 6]"],
        "robustness[0].levels[1]: 6 is not a level of 'fog'. It has 1 … 5",
    ),
    "a level of 0": (['perturbation = "fog"', "levels = [0]"], "robustness[0].levels[0]: 0 is out of range"),
    "severities and levels": (
        ['perturbation = "fog"', "levels = [1]", "severities = [0.1]"],
        "robustness[0].levels: is beside severities. Remove one of them",
    ),
    "severities of a suite": (
        ['perturbation = "corruptions/*"', "severities = [0.1]"],
        "robustness[0].severities: each perturbation of 'corruptions/*' has another unit. Remove the line, or give",
    ),
    "an option of a suite": (
        ['perturbation = "corruptions/*"', "level = [1]"],
        "robustness[0].level: unknown key 'level'. Did you mean 'levels'? Known: levels, perturbation, seed.",
    ),
    "an unknown suite": (
        ['perturbation = "corruption/*"'],
        "robustness[0].perturbation: unknown suite of perturbations 'corruption'. Did you mean 'corruptions'?",
    ),
    "a suite twice": (
        ['perturbation = "corruptions/*"', "[[robustness]]", 'perturbation = "corruptions/*"'],
        "robustness[1].perturbation: 0.1 of 'shot_noise' is in robustness[0], too, and results have only",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_line_with_its_place(load, case):
    """The file's place, whatever a table of a whole suite became."""
    lines, message = MISTAKES[case]
    with pytest.raises(HarnessError) as caught:
        load(table(*lines))
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "severity", "limits"),
    [
        ("jpeg", 100.0, "'jpeg': JPEG's quality is 100 - severity, a whole number from 1 to 99"),
        ("jpeg", 7.5, "'jpeg': JPEG's quality is 100 - severity, a whole number from 1 to 99"),
        ("gamma", 11.0, "'gamma': it is in octaves of gamma, 10 at most"),
        ("pixelate", 1.0, "'pixelate': it is a part of the resolution, below 1"),
        ("rotation", 181.0, "'rotation': it is in degrees, 180 at most"),
        ("shot_noise", 1e-9, "'shot_noise': a white pixel's standard deviation is 1e-06 at least, or 0"),
    ],
)
def test_a_severity_out_of_range_is_refused_when_planning(tmp_path, name, severity, limits):
    """In tests and in training: the place, the value and the range."""
    plugins = registry()
    path = tmp_path / "mine.toml"
    path.write_text(table(f'perturbation = "{name}"', f"severities = [0.0, {severity}]"))
    with pytest.raises(HarnessError) as caught:
        make_plan(load_suite(path, plugins), plugins, InProcess(plugins))
    assert str(caught.value) == f"{path}: robustness[0].severities[1]: {severity:g} is not a severity of {limits}"
    path.write_text(
        GOOD.replace("[defaults]", f'[defaults]\naugment = [{{ perturbation = "{name}", severity = {severity} }}]')
    )
    with pytest.raises(HarnessError) as caught:
        make_plan(load_suite(path, plugins), plugins, InProcess(plugins))
    assert str(caught.value) == f"{path}: defaults.augment: {severity:g} is not a severity of {limits}"


def component(**members):
    """Return a perturbation with some members, as a plugin's."""
    return Component("perturbation", "mine", "plugin", "1", SimpleNamespace(**members))


def _raises(_severity=0.0):
    msg = "broken"
    raise RuntimeError(msg)


@pytest.mark.parametrize(
    "levels", [[], [0.0, 1.0], [2.0, 1.0], [1.0, 1.0], ["a"], "abc", 3, [float("nan")], [float("inf")], [True]]
)
def test_levels_that_are_none_are_refused(levels):
    """With the plugin, what it has and what the contract says."""
    with pytest.raises(
        HarnessError, match=r"perturbation 'mine' \(plugin 1\): levels .*; the contract says numbers above"
    ):
        levels_of(component(levels=levels))


def test_what_a_plugin_says_is_a_text_or_none():
    """One that raises, or returns something else, is named."""
    assert range_problem(component(check=lambda _: None), 1.0) == ""
    assert range_problem(component(check=_raises), 0.0) == ""  # the identity: not asked
    assert range_problem(component(check=lambda _: "a\nb"), 1.0) == "a b"
    with pytest.raises(HarnessError, match=r"\(plugin 1\): check\(1.0\): RuntimeError: broken"):
        range_problem(component(check=_raises), 1.0)
    with pytest.raises(HarnessError, match=r"unavailable\(\) returned 3; the contract says a text or None"):
        absence(component(unavailable=lambda: 3))


def test_without_pillow_a_corruption_names_the_extra(tmp_path, monkeypatch):
    """When planning, in one line."""
    monkeypatch.setattr("harness_corruptions.digital.find_spec", lambda _: None)
    plugins = registry()
    path = tmp_path / "mine.toml"
    path.write_text(table('perturbation = "jpeg"'))
    with pytest.raises(HarnessError) as caught:
        make_plan(load_suite(path, plugins), plugins, InProcess(plugins))
    assert str(caught.value) == (
        f"{path}: robustness[0].perturbation: 'jpeg' needs Pillow: pip install 'nn-harness[images]'"
    )
