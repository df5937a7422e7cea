"""Options that change one table: none cancels what another gives to another key, whichever is typed first."""

from itertools import permutations
from pathlib import Path

import pytest

from harness.errors import HarnessError
from tests.test_suite import GOOD

FILES = GOOD + '[dataset]\nname = "files"\nimages = "x.npy"\nsplit = { train = 0.5, val = 0.2, test = 0.3, seed = 9 }\n'


def test_a_name_by_set_keeps_the_folder_of_data_dir(load, tmp_path):
    """Without its folder the dataset would be downloaded."""
    suite = load(GOOD, assignments=["dataset.name=emnist-bymerge"], data_directory=tmp_path)
    assert suite.dataset.options == {"directory": str(tmp_path.resolve())}


@pytest.mark.parametrize(
    "assignments",
    list(
        permutations(
            ["defaults.optimizer.momentum=0.9", "defaults.optimizer.name=sgd", "defaults.optimizer.learning_rate=0.5"]
        )
    ),
)
def test_the_order_of_assignments_to_different_keys_does_not_matter(load, assignments):
    """The name makes the file's table new, and no other option's keys."""
    suite = load(GOOD.replace("optimizer = { learning_rate = 0.01 }", ""), assignments=assignments)
    optimizer = suite.experiments["A"].optimizer
    assert optimizer.model_dump() == {"name": "sgd", "learning_rate": 0.5, "momentum": 0.9}


def test_of_one_key_the_later_assignment_holds(load):
    """Whether it is given alone or within a table."""
    table = 'defaults.optimizer={name="sgd", learning_rate=0.5}'
    key = "defaults.optimizer.learning_rate=0.25"
    text = GOOD.replace("optimizer = { learning_rate = 0.01 }", "")
    rates = [
        load(text, assignments=order).experiments["A"].optimizer.learning_rate for order in permutations([table, key])
    ]
    assert rates == [0.25, 0.5]


def test_the_split_is_kept_and_changed_beside_a_dataset(load, tmp_path):
    """--dataset keeps the file's split; --set changes a part of it, and --data-dir and --seeds take none away."""
    suite = load(
        FILES,
        dataset="emnist-digits",
        data_directory=tmp_path,
        assignments=["dataset.split.seed=3", "suite.name=other"],
        seeds=[7],
    )
    assert suite.dataset.name == "emnist-digits"
    assert suite.dataset.options == {"directory": str(tmp_path.resolve())}
    assert (suite.dataset.split.train, suite.dataset.split.seed) == (0.5, 3)
    assert (suite.suite.name, suite.suite.seeds) == ("other", [7])


def test_a_finalist_called_name_cancels_no_other(load):
    """The labels of [finalists] are labels."""
    suite = load(GOOD + '[finalists]\nbest = "A"\n', assignments=["finalists.name=B"])
    assert suite.finalists == {"best": "A", "name": "B"}


def test_a_mistake_is_reported_with_the_option_that_spells_the_key(load):
    """Not with the one that gave the table its name."""
    with pytest.raises(
        HarnessError, match=r"^--data-dir folder: dataset\.directory: dataset 'digits' has no such option"
    ):
        load(GOOD, assignments=["dataset.name=digits"], data_directory=Path("folder"))
    with pytest.raises(
        HarnessError, match=r"^--set defaults\.schedule\.gama=0\.5: schedule 'constant' has no option 'gama'"
    ):
        load(GOOD, assignments=["defaults.schedule.gama=0.5", "defaults.schedule.name=constant"])
