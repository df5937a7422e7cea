"""A label of [finalists] means its experiment in comparisons and expectations: tune, then compare the winners."""

import pytest

from harness.errors import HarnessError
from harness.plugins.loading import registry
from harness.results.leaderboard import tables
from harness.results.results import Results
from harness.results.verify.verification import verify
from harness.suite import load_suite
from tests.tiny import TINY, run_suite

NAMED = (
    TINY.replace('baseline = "A"\ncompare = [["A", "B"]]', 'baseline = "one"\ncompare = [["one", "two"]]')
    + """
[[expect]]
relation = ["two.test_accuracy > one.test_accuracy", "one.val_accuracy <= 1"]
[[expect]]
experiment = "two"
minus = "one"
metric = "test_accuracy"
value = 0.0
tolerance = 1.0
source = "the same"
"""
)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return Results.of(run_suite(tmp_path_factory.mktemp("named"), NAMED)[1])


def test_the_winners_are_compared(results):
    """By the names of the experiments, and what was chosen among how many is said."""
    (winner,) = results.finalists["two"]
    assert results.baseline.name == "A"
    assert [(first.name, second.name) for first, second in results.pairs] == [("A", winner)]
    by_key = {table.key: table for table in tables(results)}
    assert [line["experiment"] for line in by_key["comparison"].lines] == ["A", winner, f"{winner} − A"]
    assert f"two is {winner}, the best of 2 by val_accuracy." in by_key["test"].note


def test_expectations_are_of_the_winners(results):
    (winner,) = results.finalists["two"]
    verification = verify(results)
    assert [str(claim.expected.relation.left) for claim in verification.claims] == [
        f"{winner}.test_accuracy",
        "A.val_accuracy",
    ]
    assert all(claim.margin is not None for claim in verification.claims)
    (figure,) = verification.figures
    assert (figure.expected.experiment, figure.expected.minus, figure.verdict.value) == (winner, "A", "met")


def test_a_label_that_stands_for_none_yet_is_not_run(tmp_path):
    """Nothing is compared, and nothing is met."""
    results = Results.of(run_suite(tmp_path, NAMED, dry=True)[1])
    assert results.meant("two") == "two"
    assert {claim.verdict.value for claim in verify(results).claims} == {"not run"}
    assert not any(
        table.key == "comparison" and table.lines[2].get("test_accuracy_change") for table in tables(results)
    )


def test_a_pair_that_is_one_experiment_has_no_table(tmp_path):
    text = NAMED.replace('["one", "two"]', '["one", "A"]')
    assert Results.of(run_suite(tmp_path, text, dry=True)[1]).pairs == []


def test_another_name_is_refused_with_labels_among_the_suggestions(tmp_path):
    path = tmp_path / "suite.toml"
    path.write_text(NAMED.replace('baseline = "one"', 'baseline = "onne"'))
    with pytest.raises(HarnessError, match=r"leaderboard\.baseline: unknown experiment 'onne'\. Did you mean 'one'\?"):
        load_suite(path, registry())
