"""Tables of several perturbations: corruption errors, families, attacks, and what is unavailable."""

import json

import pytest

from harness.errors import HarnessError
from harness.plugins.loading import registry
from harness.results.leaderboard import summaries, tables
from harness.results.leaderboard.rankings import leading, ordered_by
from harness.results.results import Results
from harness.results.tables import render_all
from harness.rows import ADVERSARIAL
from harness.suite import load_suite
from tests.corrupted_runs import FAMILIES, SEVERITIES, corrupted_run
from tests.test_corruption_errors import BASE, GOOD, SUITE

BAD = {None: 3, "gaussian_noise": [12, 21], "rotation": [10, 16], "translation": [9, 12]}
WRONG = {(name, seed): of for name, of in (("base", BASE), ("good", GOOD), ("bad", BAD)) for seed in (1, 2)}
REASON = {"rotation": "takes images of 3 channels"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return Results.of(corrupted_run(tmp_path_factory.mktemp("whole"), WRONG))


@pytest.fixture(scope="module")
def lacking(tmp_path_factory):
    """Return the results of a run with an experiment that cannot be tested under one perturbation."""
    return Results.of(corrupted_run(tmp_path_factory.mktemp("lacking"), WRONG, unavailable={"bad": REASON}))


def by_key(results):
    return {table.key: table for table in tables(results)}


def lines(results, key):
    """Return a table's lines as programs read them, by experiment."""
    table = json.loads(render_all([by_key(results)[key]], "json"))[key]
    return {line["experiment"]: line for line in table["rows"]}


def test_corruption_errors_have_an_interval_and_a_mark(whole):
    """Of the difference to the baseline's 100, over seeds and images."""
    good = lines(whole, "corruption-errors")["good"]
    assert good["gaussian_noise"] == pytest.approx(50)
    assert good["gaussian_noise_low"] < 50 < good["gaussian_noise_high"] < 100
    assert (good["gaussian_noise_mark"], good["rotation_mark"]) == ("better", "same")
    assert good["mean_corruption_error_low"] < 66.7 < good["mean_corruption_error_high"]
    assert lines(whole, "corruption-errors")["base"]["mean_corruption_error"] == 100


def test_a_leaderboard_ranks_by_them(whole):
    rows = lines(whole, "mean-corruption-error")
    assert [(name, line["rank"]) for name, line in rows.items()] == [("good", 1), ("base", 2), ("bad", 3)]
    assert rows["good"]["over_baseline"] == pytest.approx(66.67 - 100, abs=0.01)


def test_the_overview_is_in_the_order_that_is_asked_for(whole):
    """By the suite, or the command line."""
    by = ordered_by(whole, "mean_corruption_error")
    assert leading(by).metric.name == "mean_corruption_error"
    assert by_key(by)["overview"].values("experiment") == ["good", "base", "bad"]
    assert by_key(whole)["overview"].values("experiment") == ["good", "bad", "base"]
    with pytest.raises(HarnessError, match=r"^--by val_loss: leaderboards do not rank by it. Known: "):
        ordered_by(whole, "val_loss")


def test_an_order_that_nothing_has_is_said(tmp_path):
    """The baseline is not tested: nothing is relative to it."""
    more = '[finalists]\ngood = "good"\nbad = "bad"\n'
    results = Results.of(corrupted_run(tmp_path, WRONG, more=more))
    overview = by_key(ordered_by(results, "mean_corruption_error"))["overview"]
    assert overview.note.startswith("In the order of accuracy: no experiment has mCE.")


def test_a_suite_that_ranks_by_them_needs_a_baseline(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text(SUITE.replace('baseline = "A"', 'by = "mean_corruption_error"'))
    with pytest.raises(HarnessError) as raised:
        load_suite(path, registry())
    message = "leaderboard.by: 'mean_corruption_error' is relative to the baseline. Name one as leaderboard.baseline"
    assert str(raised.value) == f"{path}: {message}"


def test_what_is_unavailable_has_a_mark_a_reason_and_a_note(lacking):
    """In every table that would have it; it is no dash, which is of something not measured yet."""
    table = by_key(lacking)["corruption-errors"]
    assert " n/a │" in render_all([table], "terminal")
    assert " Unavailable: rotation of bad (takes images of 3 channels)." in table.note
    bad = lines(lacking, "corruption-errors")["bad"]
    assert (bad["rotation"], bad["rotation_unavailable"]) == (None, "rotation: takes images of 3 channels")
    assert lines(lacking, "degradations")["bad"]["rotation"] is None
    for key in ("overview", "robustness-rotation", "degradation-rotation", "mean-corruption-error"):
        assert "rotation of bad (takes images of 3 channels)" in by_key(lacking)[key].note


def test_a_mean_over_fewer_perturbations_is_shown_and_not_ranked(lacking):
    """Against 3 of 3 of the others."""
    rows = lines(lacking, "mean-corruption-error")
    assert {name: (line["rank"], line["perturbations"]) for name, line in rows.items()} == {
        "good": (1, "3 of 3"),
        "base": (2, "3 of 3"),
        "bad": (None, "2 of 3"),
    }
    assert rows["bad"]["test"] == pytest.approx((110 + 131.25) / 2)
    assert lines(lacking, "overview")["bad"]["mean_corruption_error"] is None


def test_robust_accuracy_is_the_accuracy_at_each_severity_of_an_attack(tmp_path):
    attacked = FAMILIES | {"rotation": ADVERSARIAL}
    results = Results.of(corrupted_run(tmp_path, WRONG, families=attacked, unavailable={"bad": REASON}))
    table = lines(results, "robust-accuracy")
    assert table["good"]["clean"] == pytest.approx(38 / 40)
    assert [table["good"][key] for key in ("rotation_10", "rotation_20")] == [pytest.approx(0.8), pytest.approx(0.7)]
    assert table["bad"]["rotation_10"] is None
    assert table["bad"]["rotation_10_unavailable"] == "takes images of 3 channels"
    assert "robust-accuracy" not in by_key(Results.of(corrupted_run(_folder(tmp_path), WRONG)))


def _folder(folder):
    (folder / "other").mkdir()
    return folder / "other"


def test_of_many_perturbations_a_terminal_shows_the_means_of_families(tmp_path, monkeypatch):
    """Programs and pages have each of them."""
    monkeypatch.setattr("harness.results.leaderboard.rankings.FEW", 2)
    results = Results.of(corrupted_run(tmp_path, WRONG))
    every = tables(results)
    tables_by_key = summaries(results, every)
    assert {"corruption-errors-families", "degradations-families", "mean-corruption-error"} <= set(tables_by_key)
    assert not [key for key in tables_by_key if any(name in key for name in SEVERITIES)]
    assert {"corruption-errors", "degradations"} <= {table.key for table in every} - set(tables_by_key)
    good = lines(results, "corruption-errors-families")["good"]
    assert good["geometry"] == pytest.approx((100 + 50) / 2)
    assert "degradation-rotation" not in {column.key for column in every[0].columns}
    assert by_key(results)["corruption-errors-families"].note.startswith(
        "Corruption errors: percent of base's. Each perturbation: -t corruption-errors. ▲ better"
    )


def test_without_a_baseline_there_are_degradations_alone(tmp_path):
    shown_tables = by_key(Results.of(corrupted_run(tmp_path, WRONG, board="")))
    assert "degradations" in shown_tables
    assert not [key for key in shown_tables if "corruption" in key]
