"""Suites of several datasets: what the file may say, and what each dataset's suite is."""

import pytest

from harness.errors import HarnessError
from harness.plugins.loading import registry
from harness.suite import load_suite, load_suites

SEVERAL = """
[suite]
name = "both"

[[datasets]]
name = "iris"

[[datasets]]
name = "iris"
alias = "iris, other split"
split = { train = 0.5, val = 0.2, test = 0.3, seed = 7 }

[[datasets]]
name = "wine"
scale = "none"

[defaults]
hidden_layers = [4]
optimizer = { name = "adam", learning_rate = 0.01 }
epochs = 2

[experiments.A]

[experiments.B]
hidden_layers = []
"""
FIGURE = '\n[[expect]]\nexperiment = "A"\nmetric = "test_accuracy"\nvalue = 0.9\ntolerance = 0.5\nsource = "here"\n'
RELATION = '\n[[expect]]\nrelation = "A.test_accuracy > 0.1"\n'


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a suite and returns its path."""

    def written(text, name="mine.toml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return written


def test_each_dataset_makes_a_suite(write):
    """With its own split and scale, and the same experiments."""
    suites = load_suites(write(SEVERAL), registry())
    assert suites.labels == {"iris": "iris", "iris, other split": "iris", "wine": "wine"}
    assert [loaded.member for loaded in suites.suites] == list(suites.labels)
    first, second, third = (loaded.suite for loaded in suites.suites)
    assert (second.dataset.split.seed, first.dataset.split.seed) == (7, 42)
    assert (third.dataset.name, third.dataset.scaling) == ("wine", "none")
    assert first.experiments == second.experiments == third.experiments
    assert not any(suite.datasets for suite in (first, second, third))


def test_dataset_chooses_one_by_its_label_or_replaces_all(write):
    """A name that is no label is a dataset, which has the split of the first."""
    path = write(SEVERAL)
    chosen = load_suites(path, registry(), dataset="wine")
    assert [loaded.member for loaded in chosen.suites] == ["wine"]
    assert list(chosen.labels) == ["iris", "iris, other split", "wine"]
    replaced = load_suites(path, registry(), dataset="digits")
    assert (replaced.suites[0].suite.dataset.name, replaced.suites[0].member, replaced.labels) == ("digits", "", {})
    assert load_suite(path, registry(), dataset="iris, other split").suite.dataset.split.seed == 7


def test_an_assignment_applies_to_each_dataset(write):
    """The key of ``dataset`` is one of every table."""
    suites = load_suites(write(SEVERAL), registry(), assignments=["dataset.split.seed=9"])
    assert [loaded.suite.dataset.split.seed for loaded in suites.suites] == [9, 9, 9]


def test_figures_are_of_the_dataset_that_they_name(write):
    """By its label; relations are of all."""
    text = SEVERAL + FIGURE + 'dataset = "iris, other split"\n' + RELATION
    first, second, third = (loaded.suite.expect for loaded in load_suites(write(text), registry()).suites)
    assert [line.relation for line in first] == [line.relation for line in third] == ["A.test_accuracy > 0.1"]
    assert [line.dataset for line in second] == ["iris", None]


def test_one_dataset_may_replace_inherited_ones_and_the_other_way_round(write):
    """A suite that extends one of several datasets may have one."""
    write(SEVERAL)
    single = write('[suite]\nname = "one"\nextends = "mine.toml"\n[dataset]\nname = "digits"\n', "one.toml")
    assert load_suite(single, registry()).suite.dataset.name == "digits"
    text = '[suite]\nname = "two"\nextends = "one.toml"\n[[datasets]]\nname = "wine"\n'
    assert list(load_suites(write(text, "two.toml"), registry()).labels) == ["wine"]


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (('alias = "iris, other split"\n', ""), {}, "datasets[1].name: 'iris' is datasets[0], too. Give each an alias"),
        (("[suite]", '[dataset]\nname = "wine"\n[suite]'), {}, "datasets: is beside [dataset]. Remove one of them"),
        (("train = 0.5", "train = 0.6"), {}, "datasets[1].split: 0.6 + 0.2 + 0.3 is 1.1"),
        (('name = "wine"', 'name = "whine"'), {}, "datasets[2].name: unknown dataset 'whine'. Did you mean 'wine'?"),
        (('scale = "none"', "sclae = 3"), {}, "datasets[2].sclae: dataset 'wine' has no such option"),
        (('alias = "iris, other split"', 'alias = "a/b"'), {}, "datasets[1].alias: 'a/b'"),
        (('alias = "iris, other split"', 'alias = "report.html"'), {}, "datasets[1].alias: 'report.html' cannot be"),
        (("[experiments.A]", f"{FIGURE}[experiments.A]"), {}, "expect[0].dataset: is missing: a figure is of one of"),
        (
            ("[experiments.A]", f'{RELATION}{FIGURE}dataset = "wien"\n[experiments.A]'), {},
            "expect[1].dataset: no such label in [[datasets]]. Did you mean 'wine'?",
        ),
        (("epochs = 2", "epochs = 2"), {"assignments": ["dataset.name=digits"]}, "--set dataset.name=digits: the"),
        (("epochs = 2", "epochs = 2"), {"data_directory": "x"}, "--data-dir: "),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place(write, tmp_path, change, options, message):
    """In the file, not in the suite that was made of it."""
    assert change[0] in SEVERAL
    path = write(SEVERAL.replace(*change, 1))
    if "data_directory" in options:
        options = {"data_directory": tmp_path}
    with pytest.raises(HarnessError) as error:
        load_suites(path, registry(), **options)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("datasets = 3", "datasets: 3 is not a list of tables. Write [[datasets]], and its keys below"),
        ('datasets = ["iris"]', "datasets[0]: 'iris' is not a table. Write [[datasets]], and its keys below"),
        ('robustness = "x"', "robustness: 'x' is not a list of tables. Write [[robustness]], and its keys below"),
        (
            'defaults.augment = ["x"]',
            "defaults.augment[0]: 'x' is not a table. Write { perturbation = …, probability = …, severity = … }",
        ),
    ],
)
def test_what_is_no_list_of_tables_is_refused_with_how_to_write_one(write, line, message):
    """As TOML has it: nothing is called 0."""
    path = write(f'{line}\n[suite]\nname = "one"\nseeds = [1]\n[experiments.A]\n')
    with pytest.raises(HarnessError) as error:
        load_suites(path, registry())
    assert message in str(error.value)


def test_an_empty_list_and_a_command_for_one_dataset_are_refused(write):
    """Both say what is needed."""
    text = SEVERAL[: SEVERAL.index("[[datasets]]")] + SEVERAL[SEVERAL.index("[defaults]") :]
    path = write("datasets = []\n" + text)
    with pytest.raises(HarnessError, match="datasets: is empty"):
        load_suites(path, registry())
    with pytest.raises(HarnessError, match="one dataset is needed here, and the suite has several"):
        load_suite(write(SEVERAL), registry())
