"""The catalogue of metrics: what follows from its records."""

import pytest

from harness.metrics.catalogue import CATALOGUE, value_of
from harness.metrics.units import UNITS
from harness.results.leaderboard import tables
from harness.suite.relations import parse
from harness.suite.schema import suite_schema
from tests.made_results import summary
from tests.test_leaderboard import measured, row, trained

DONE = row("A", metrics=trained(0.9, 0.8, 0.5), evaluation=measured(0.75, 0.4, (0.8, 0.7, 0.6, 0.5, 0.4, 0.3)))
NOISE = ("gaussian_noise", 0.3)


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_record_is_whole(name):
    """Its name is its key, its unit has a table, and its validation metric is one of validation rows."""
    metric = CATALOGUE[name]
    assert metric.name == name
    assert metric.unit in UNITS
    if metric.validation:
        assert CATALOGUE[metric.validation].rows == "val"
        assert CATALOGUE[metric.validation].higher_is_better == metric.higher_is_better


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_relation_and_the_schema_have_every_metric(name):
    """As a suite writes it."""
    assert parse(f"A.{name} > B.{name}").left.metric == name
    assert name in suite_schema()["$defs"]["ExpectationsTable"]["properties"]["tolerance"]["propertyNames"]["enum"]


@pytest.mark.parametrize(
    ("name", "condition", "value"),
    [
        ("train_accuracy", (None, 0.0), 0.9), ("val_accuracy", (None, 0.0), 0.8), ("gap", (None, 0.0), 0.1),
        ("test_accuracy", (None, 0.0), 0.8), ("test_accuracy", NOISE, 0.5), ("test_macro_f1", (None, 0.0), 0.75),
        ("degradation", NOISE, 37.5), ("parameters", (None, 0.0), 111_791), ("peak_device_bytes", (None, 0.0), None),
        ("test_accuracy", ("other", 0.3), None),
    ],
)  # fmt: skip
def test_a_value_is_read_from_the_row(name, condition, value):
    """None where the row has none."""
    read_value = value_of(DONE, name, condition)
    assert read_value == (value if value is None else pytest.approx(value))


@pytest.mark.parametrize("name", [name for name, metric in CATALOGUE.items() if not metric.of_machine])
def test_a_row_that_is_not_trained_has_no_value(name):
    """But for what its layers say."""
    planned = row("A", status="planned")
    assert value_of(planned, name) == (111_791 if name == "parameters" else None)


def test_tables_have_the_columns_that_records_name():
    """Their keys and headings are the record's."""
    headings = {
        table.key: {column.key: column.heading for column in table.columns} for table in tables(summary([DONE]))
    }
    for metric in CATALOGUE.values():
        for shown, key in (("validation", "validation"), ("leaderboards", "overview")):
            if shown in metric.shown and not metric.ratio:  # these have a column where there is a baseline
                assert headings[key][metric.name] == metric.title
        if metric.of_test and not metric.perturbed:
            assert headings["test"][metric.name] == metric.title
