"""Expectations in a suite: rows of figures and relations, and every way to write one that could never be judged."""

import pytest

from harness.errors import HarnessError
from harness.suite.expectations import claims, figures
from harness.suite.relations import parse

SUITE = """
[suite]
name = "mine"

[defaults]
hidden_layers = [8]
optimizer = { name = "adam", learning_rate = 0.001 }

[experiments.A]

[experiments.B]
grid = { l2 = [0.0, 0.1] }

[expectations]
images = 1_797
tolerance = { val_accuracy = 0.01, val_loss = 0.02 }
"""
FIGURE = (
    SUITE
    + """
[[expect]]
experiment = "A"
metric = "val_accuracy"
value = 0.9
source = "Table 1"
"""
)
ROW = (
    SUITE
    + """
[[expect]]
experiment = "A"
metric = ["val_accuracy", "val_loss"]
value = [0.9, 0.3]
source = "Table 1"
"""
)
NOISE = (
    SUITE
    + """
[[robustness]]
perturbation = "gaussian_noise"
severities = [0.1, 0.2]
[[expect]]
experiment = "B[l2=0.1]"
minus = "A"
metric = "test_accuracy"
perturbation = "gaussian_noise"
severity = [0.1, 0.2]
value = [0.8, 0.7]
tolerance = 0.1
source = "Table 2"
images = 100
dataset = "other"
"""
)
RELATION = (
    SUITE
    + """
[[expect]]
relation = "'B[l2=0.1]'.val_accuracy > A.val_accuracy + 0.01"
"""
)


def test_a_row_of_a_table_is_a_figure_for_each_value(load):
    """What it does not say comes from [expectations], the dataset from the file."""
    expected_figures = list(figures(load(ROW)))
    assert [(figure.metric, figure.value, figure.tolerance) for figure in expected_figures] == [
        ("val_accuracy", 0.9, 0.01), ("val_loss", 0.3, 0.02),
    ]  # fmt: skip
    assert {(figure.source, figure.dataset, figure.images, figure.condition) for figure in expected_figures} == {
        ("Table 1", "digits", 1797, (None, 0.0))
    }


def test_a_row_may_be_one_of_severities_and_of_differences(load):
    """Its own tolerance, dataset and images come first."""
    expected_figures = list(figures(load(NOISE)))
    assert [(figure.condition, figure.value) for figure in expected_figures] == [
        (("gaussian_noise", 0.1), 0.8), (("gaussian_noise", 0.2), 0.7),
    ]  # fmt: skip
    assert {
        (figure.experiment, figure.minus, figure.tolerance, figure.dataset, figure.images)
        for figure in expected_figures
    } == {("B[l2=0.1]", "A", 0.1, "other", 100)}


def test_a_figure_stays_one_of_its_own_dataset_when_an_option_replaces_it(load):
    """The suite's file says what was measured, the command line what is run."""
    text = FIGURE + '[dataset]\nname = "files"\nimages = "x.npy"\nlabels = "y.npy"\n'
    suite = load(text, dataset="digits")
    assert (suite.dataset.name, next(figures(suite)).dataset) == ("digits", "files")


def test_tolerances_are_set_from_the_command_line(load):
    """One place to change."""
    suite = load(FIGURE, assignments=["expectations.tolerance.val_accuracy=0.5"])
    assert next(figures(suite)).tolerance == 0.5


def test_relations_are_one_claim_for_each_text_and_severity(load):
    """A perturbation applies to all of them."""
    text = SUITE + (
        '[[robustness]]\nperturbation = "gaussian_noise"\nseverities = [0.0, 0.1, 0.2]\n'
        '[[expect]]\nrelation = ["A.test_accuracy > \'B[l2=0.1]\'.test_accuracy", "A.degradation < 20"]\n'
        'perturbation = "gaussian_noise"\nseverity = [0.1, 0.2]\nsource = "5.6"\n'
    )
    expected_claims = list(claims(load(text)))
    assert [(str(claim.relation), claim.condition[1]) for claim in expected_claims] == [
        ('A.test_accuracy > "B[l2=0.1]".test_accuracy', 0.1), ('A.test_accuracy > "B[l2=0.1]".test_accuracy', 0.2),
        ("A.degradation < 20", 0.1), ("A.degradation < 20", 0.2),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "spelled", "offset"),
    [
        ("A.val_loss<B.val_loss", "A.val_loss < B.val_loss", 0.0),
        ("  A.val_loss  <=  B.val_loss - 1e-3 ", "A.val_loss <= B.val_loss - 0.001", -0.001),
        ("'a b'.gap >= \"c(1.5)\".gap + 2", '"a b".gap >= "c(1.5)".gap + 2', 2.0),
        ("A.gap > -0.5", "A.gap > -0.5", -0.5),
        ("M1-x_2.epochs > 3.", "M1-x_2.epochs > 3", 3.0),
    ],
)
def test_relations_are_parsed(text, spelled, offset):
    """Names with other signs in quotes, either kind; a number alone on the right."""
    relation = parse(text)
    assert (str(relation), relation.offset) == (spelled, offset)


@pytest.mark.parametrize(
    "text",
    ["", "A.gap", "A.gap = B.gap", "A > B", "A.gap > B.gap > C.gap", "1 < A.gap", "A.gap > B.gap * 2", "A b.gap > 1"],
)
def test_other_texts_are_no_relations(text):
    """Nothing is guessed."""
    with pytest.raises(ValueError, match="is not a relation"):
        parse(text)


@pytest.mark.parametrize(
    ("operator", "below", "equal", "above"),
    [("<", True, False, False), ("<=", True, True, False), (">", False, False, True), (">=", False, True, True)],
)
def test_a_relation_holds_by_its_operator(operator, below, equal, above):
    """And never for what is not a number."""
    relation = parse(f"A.gap {operator} B.gap")
    assert [relation.holds(margin) for margin in (-1.0, 0.0, 1.0, float("nan"))] == [below, equal, above, False]


def changed(text, old, new):
    assert old in text
    return text.replace(old, new)


BAD = {
    "unknown experiment": (
        changed(FIGURE, 'experiment = "A"', 'experiment = "AA"'),
        "expect[0].experiment: unknown experiment 'AA'. Did you mean 'A'? Known: A, B[l2=0.0], B[l2=0.1].",
    ),
    "unknown other experiment": (
        changed(NOISE, 'minus = "A"', 'minus = "B"'),
        "expect[0].minus: unknown experiment 'B'.",
    ),
    "unknown metric": (
        changed(FIGURE, '"val_accuracy"\n', '"val_acuracy"\n'),
        "expect[0].metric: unknown metric 'val_acuracy'. Did you mean 'val_accuracy'? Known: anonymous_bytes,",
    ),
    "unknown metric in a row": (
        changed(ROW, '"val_loss"]', '"val_los"]'),
        "expect[0].metric[1]: unknown metric 'val_los'. Did you mean 'val_loss'?",
    ),
    "unknown key": (changed(FIGURE, "source", "sauce"), "expect[0].sauce: unknown key 'sauce'. Did you mean 'source'?"),
    "unknown metric of a tolerance": (
        changed(FIGURE, "val_loss =", "val_los ="),
        "expectations.tolerance.val_los: unknown key 'val_los'. Did you mean 'val_loss'?",
    ),
    "no source": (
        changed(FIGURE, 'source = "Table 1"\n', ""),
        "expect[0].source: is missing. An expectation is a figure (experiment, metric, value, source) or a relation",
    ),
    "neither": (SUITE + '[[expect]]\nsource = "x"\n', "expect[0].experiment: is missing. An expectation is a figure"),
    "both": (
        changed(RELATION, "relation", 'experiment = "A"\nrelation'),
        "expect[0].experiment: belongs to a figure, and this is a relation. Remove one of them",
    ),
    "no tolerance": (
        changed(FIGURE, '"val_accuracy"\n', '"epochs"\n'),
        "expect[0].tolerance: is missing. Give it here, or as expectations.tolerance.epochs",
    ),
    "negative tolerance": (
        changed(FIGURE, "value = 0.9", "value = 0.9\ntolerance = -1.0"),
        "expect[0].tolerance: -1.0 is out of range. It must be at least 0",
    ),
    "value that is no number": (changed(FIGURE, "0.9", "nan"), "expect[0].value: nan"),
    "value that is text": (changed(FIGURE, "0.9", '"0.9"'), "expect[0].value: '0.9' is not a number"),
    "no values": (changed(FIGURE, "0.9", "[]"), "expect[0].value: []"),
    "lists of two lengths": (
        changed(ROW, "[0.9, 0.3]", "[0.9, 0.3, 0.1]"),
        "expect[0].metric: has 2 entries, and value has 3. Give one entry, or one for each value",
    ),
    "a list for one value": (changed(ROW, "[0.9, 0.3]", "0.9"), "expect[0].metric: has 2 entries, and value has 1."),
    "a figure of the machine": (
        changed(FIGURE, '"val_accuracy"\n', '"seconds"\n'),
        "expect[0].metric: 'seconds' depends on the machine. Expect a relation within the run instead",
    ),
    "unknown perturbation": (
        changed(NOISE, '"gaussian_noise"\nseverity =', '"gauss_noise"\nseverity ='),
        "expect[0].perturbation: unknown perturbation 'gauss_noise'. Did you mean 'gaussian_noise'?",
    ),
    "a severity that is not tested": (
        changed(changed(NOISE, "severity = [0.1, 0.2]", "severity = [0.1, 0.4]"), 'dataset = "other"\n', ""),
        "expect[0].severity: 0.4 is not tested. Tested severities of 'gaussian_noise': 0.1, 0.2",
    ),
    "a severity of a relation that is not tested": (
        RELATION.replace("val_accuracy >", "test_accuracy >").replace("A.val_", "A.test_")
        + 'perturbation = "pgd"\nseverity = 0.4\n'
        '[[robustness]]\nperturbation = "pgd"\nseverities = [0.0, 0.3]\n',
        "expect[0].severity: 0.4 is not tested. Tested severities of 'pgd': 0, 0.3",
    ),
    "a perturbation that is not tested": (
        RELATION.replace("val_accuracy >", "test_accuracy >").replace("A.val_", "A.test_")
        + 'perturbation = "gaussian_noise"\nseverity = 0.4\n',
        "expect[0].perturbation: 'gaussian_noise' is not tested. Add a [[robustness]] table for it, or remove",
    ),
    "a perturbation without severity": (
        changed(changed(NOISE, "severity = [0.1, 0.2]\n", ""), "[0.8, 0.7]", "0.8"),
        "expect[0].severity: is missing, and perturbation needs it",
    ),
    "a severity without perturbation": (
        changed(NOISE, 'perturbation = "gaussian_noise"\nseverity =', "severity ="),
        "expect[0].perturbation: is missing, and severity needs it",
    ),
    "degradation of clean images": (
        changed(RELATION, "val_accuracy", "degradation"),
        "expect[0].perturbation: is missing, and 'degradation' needs it and a severity",
    ),
    "validation under a perturbation": (
        changed(NOISE, '"test_accuracy"', '"val_accuracy"'),
        "expect[0].perturbation: 'val_accuracy' is not measured under perturbations. Known: degradation,",
    ),
    "no relation": (
        changed(RELATION, " > A", " A"),
        "expect[0].relation: \"'B[l2=0.1]'.val_accuracy A.val_accuracy + 0.01\" is not a relation. Write EXPERIMENT.",
    ),
    "unknown experiment of a relation": (
        changed(RELATION, "> A.", "> C."),
        "expect[0].relation: unknown experiment 'C'. Known: A,",
    ),
    "unknown metric of a relation": (
        changed(RELATION, "> A.val_accuracy", "> A.val_acuracy"),
        "expect[0].relation: unknown metric 'val_acuracy'. Did you mean 'val_accuracy'?",
    ),
    "a metric of a relation without its set": (
        changed(RELATION, "> A.val_accuracy", "> A.accuracy"),
        "expect[0].relation: unknown metric 'accuracy'. Did you mean 'test_accuracy'?",
    ),
    "a relation of two units": (
        changed(RELATION, "> A.val_accuracy", "> A.val_loss"),
        'expect[0].relation: "B[l2=0.1]".val_accuracy and A.val_loss have different units. Name metrics of one unit',
    ),
    "a relation of a metric with itself": (
        changed(RELATION, "> A.", "> 'B[l2=0.1]'."),
        'expect[0].relation: compares "B[l2=0.1]".val_accuracy with itself. Name another experiment',
    ),
    "a table in place of several": (
        SUITE + "[expect]\n",
        "expect: is one table, and may have several. Write [[expect]]",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_mistake_is_one_line_with_file_place_value_and_remedy(load, case):
    """Reported when the suite is loaded, not after it has run for hours."""
    text, expected = BAD[case]
    with pytest.raises(HarnessError) as caught:
        load(text)
    assert f"mine.toml: {expected}" in str(caught.value)
    assert "\n" not in str(caught.value)
