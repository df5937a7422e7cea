"""What figures and tables of a report share: an experiment's colour, room for names, nothing that tells nothing."""

import json
from dataclasses import replace

import pandas as pd
import pytest
from jsonschema import ValidationError

from harness.report import read, render
from harness.report.colours import PALETTE, together
from harness.report.figure import within
from harness.report.labels import labelled, shortened
from harness.report.page import figures
from harness.results.experiments import ExperimentRows
from harness.rows import TrialRow
from tests.report_pages import Page
from tests.report_runs import make_run

for library in ("altair", "jinja2", "vl_convert", "PIL"):
    pytest.importorskip(library)
GRID = [f"sgd[optimizer.learning_rate={rate},batch_size=64]" for rate in (0.001, 0.01, 0.1)]


def scales(specification):
    """Yield every encoding of a specification that gives experiments their colours."""
    if isinstance(specification, dict):
        if str(specification.get("field")) == "experiment" and "range" in specification.get("scale", {}):
            yield specification
        for part in specification.values():
            yield from scales(part)
    elif isinstance(specification, list):
        for part in specification:
            yield from scales(part)


@pytest.mark.slow
@pytest.mark.parametrize("groups", [["one"], ["one", "two", "three"]])
def test_an_experiment_has_one_colour_in_every_figure_and_shares_it_with_none_there(tmp_path, groups):
    """Of twelve experiments, in eight colours, ranked otherwise than they stand in the suite."""
    names = {f"M{index}": groups[index % len(groups)] for index in range(12)}
    collected = {}
    drawn = set()
    for figure in figures(read(make_run(tmp_path, names).directory)):
        for encoding in scales(figure.spec()):
            drawn.add(figure.key.split("-")[0])
            domain, colours = encoding["scale"]["domain"], encoding["scale"]["range"]
            assert len(domain) == len(colours)
            if encoding["legend"] is not None:
                assert len(set(colours)) == len(colours)
            for name, colour in zip(domain, colours, strict=True):
                collected.setdefault(name, set()).add(colour)
    assert drawn == {"loss", "accuracy", "rate", "degradation", "reliability", "samples", "seconds"}
    assert set(collected) == set(names)
    assert all(len(colours) == 1 for colours in collected.values())


@pytest.mark.slow
def test_every_specification_is_valid_vega_lite(tmp_path):
    """Altair's schema says so of the whole: figures are made without a check of their parts."""
    from altair.utils.schemapi import validate_jsonschema
    from altair.vegalite.v6.schema import load_schema

    drawn = figures(read(make_run(tmp_path, {"A": "one", "B": ""}).directory))
    assert len(drawn) > 8
    for figure in drawn:
        validate_jsonschema(figure.spec(), load_schema())
    broken = drawn[0].spec() | {"width": "wide"}
    with pytest.raises(ValidationError):
        validate_jsonschema(broken, load_schema())


def test_names_that_are_too_long_are_shortened_and_stay_apart(tmp_path):
    """In the middle, or to where they differ; the experiment keeps its name in the data."""
    for room in (42, 26, 16):
        labels = shortened([*GRID, "small"], room)
        assert list(labels) == [*GRID, "small"]
        assert len(set(labels.values())) == 4
        assert all(len(label) <= room for label in labels.values())
        assert labels["small"] == "small"
    assert labelled({"A": "A"}) == {}
    drawn = {
        figure.key: figure
        for figure in figures(read(make_run(tmp_path, dict.fromkeys([*GRID, "small"], "")).directory))
    }
    for key in ("loss-1", "reliability-1", "samples-per-second", "seconds"):
        assert set(drawn[key].frame["experiment"]) == {*GRID, "small"}
        text = json.dumps(drawn[key].spec())
        assert "labelExpr" in text
    legend = next(scales(drawn["loss-1"].spec()))["legend"]
    assert legend["columns"] == 1
    assert legend["labelLimit"] > 300


def test_two_names_of_which_one_is_the_other_shortened_are_shown_whole():
    """Nothing is left out that would have to be guessed."""
    names = ["aaaaaaaaaabbbbbbbbbb", shortened(["aaaaaaaaaabbbbbbbbbb"], 9)["aaaaaaaaaabbbbbbbbbb"]]
    assert len(set(shortened(names, 9).values())) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("epochs", "message"), [(1, "milliseconds, training"), (20, "seconds, training"), (900, "minutes, training")]
)
def test_times_are_in_the_unit_that_fits(tmp_path, epochs, message):
    """0.6 s an epoch: 600 ms, 12 s, 9 minutes; the axis has no prefix that could be read as a unit."""
    run = make_run(tmp_path, {"A": ""}, epochs=epochs)
    (figure,) = [figure for figure in figures(read(run.directory)) if figure.key == "seconds"]
    text = json.dumps(figure.spec())
    assert message in text
    assert "~s" not in text
    time = {1: "600.0", 20: "12.0", 900: "9.0"}[epochs]
    assert figure.alternative.endswith(f"from A, {time}, to A, {time}.")


def test_figures_hold_whole_groups_and_no_more_than_colours():
    """In the suite's order; a group that is too large is cut into parts of like size."""
    row = TrialRow("", 1, "", "", "done", "", "numpy", {}, 0)
    sizes = {"first": 3, "second": 4, "third": 2, "large": 17}
    experiments = [
        ExperimentRows(f"{group}{index}", [replace(row, group=group)], finalist=True, severities={})
        for group, size in sizes.items()
        for index in range(size)
    ]
    parts = list(together(experiments))
    assert [experiment for part in parts for experiment in part] == experiments
    assert [len(part) for part in parts] == [7, 8, 6, 5]
    assert max(map(len, parts)) <= len(set(PALETTE))


@pytest.mark.slow
def test_columns_and_filters_that_say_nothing_are_left_out(tmp_path):
    """Without groups, descriptions or failures there is no column of them; with one of each there is."""
    (tmp_path / "bare").mkdir()
    html = render(read(make_run(tmp_path / "bare", {"A": "", "B": ""}).directory))
    assert {"Group", "Status", "Reason", "Description"}.isdisjoint(
        heading for key in ("overview", "trials", "ece") for heading in Page(html).tables[f"table-{key}"][0]
    )
    assert "data-facet" not in html.partition("<script")[0]
    (tmp_path / "full").mkdir()
    run = make_run(tmp_path / "full", {"A": "one", "B": ""}, failed=[("B", 1, "diverged")])
    html = render(read(run.directory))
    assert {"Group", "Status"} < set(Page(html).tables["table-overview"][0])
    assert Page(html).tables["table-ece"][0][-2:] == ["ECE", "ECE if calibrated"]
    assert 'data-facet="group"' in html


def test_an_axis_of_fractions_ends_at_100_percent():
    """A band of mean ± SD may go beyond; a loss may be above 1."""
    frame = pd.DataFrame({"mean": [0.95], "high": [1.05]})
    assert within(frame, fractions=True).to_dict() == {"domainMax": 1}
    assert within(frame, fractions=False, zero=False).to_dict() == {"zero": False}
    assert within(frame - 0.1, fractions=True).to_dict() == {}
