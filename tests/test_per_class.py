"""Precision, recall, F1 and support of each class: in a terminal, as CSV and on the page, as scikit-learn has them."""

import csv
import io
import weakref

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from harness.report.page import render
from harness.report.reading import read
from harness.results.leaderboard.per_class import of_run
from harness.results.results import Results
from harness.store import Run
from tests.report_pages import Page
from tests.report_runs import make_run


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a run of two seeds, one of whose experiments is not tested."""
    more = '[finalists]\nbest = "A"\n'
    return make_run(tmp_path_factory.mktemp("made"), {"A": "", "B": ""}, (1, 2), more=more)


def expected(run):
    """Return what scikit-learn has for each seed of A: (seeds, precision, recall, F1 and support, classes)."""
    collected = []
    for seed in (1, 2):
        arrays = run.arrays("A", seed, "evaluation.npz")
        collected.append(precision_recall_fscore_support(arrays["labels"], arrays["predicted"][0], zero_division=0))
    return np.array(collected)


def test_csv_has_means_over_seeds_and_their_deviations(made, typed):
    """By the class's name, raw."""
    lines = list(csv.DictReader(io.StringIO(typed("leaderboard", made.directory, "--per-class", "A", "-f", "csv").out)))
    assert [line["class"] for line in lines] == list("abcd")
    theirs = expected(made)
    for place, key in enumerate(("precision", "recall", "f1")):
        assert [float(line[key]) for line in lines] == pytest.approx(theirs[:, place].mean(axis=0).tolist())
        assert [float(line[f"{key}_std"]) for line in lines] == pytest.approx(theirs[:, place].std(axis=0, ddof=1))
    assert [int(line["support"]) for line in lines] == theirs[0, 3].tolist()


def test_a_terminal_and_the_page_have_the_same_cells(made, typed):
    """In percent; the page for each experiment that is looked at closely."""
    pytest.importorskip("altair")
    output = typed("leaderboard", made.directory, "--per-class", "A").out
    assert output.startswith("Classes of A on the clean test images · made, 1,000 images\n")
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in output.splitlines() if line.startswith("│")]
    assert cells[0] == ["Class", "Precision %", "Recall %", "F1 %", "Support"]
    recall = expected(made)[:, 1, 0]
    assert cells[1][2] == f"{100 * recall.mean():.2f} ± {100 * recall.std(ddof=1):.2f}"
    tables = Page(render(read(made.directory))).tables
    assert tables["table-per-class-1"] == cells
    assert "table-per-class-2" not in tables


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a", "--per-class a: no such experiment in this run. Known: A, B."),
        ("B", "--per-class B: has no test results: no longer a finalist"),
    ],
)
def test_an_experiment_without_test_results_is_named(made, typed, name, message):
    """In one line, with the reason."""
    printed = typed("leaderboard", made.directory, "--per-class", name, code=2)
    assert (printed.out, printed.err) == ("", f"error: {message}\n")


def test_seeds_are_read_one_after_the_other(tmp_path, monkeypatch):
    """The predictions of all of them may be larger than the memory."""
    made = make_run(tmp_path, {"A": ""}, (1, 2, 3))
    read_arrays, earlier = Run.arrays, []

    def arrays(run, *place):
        assert not any(kept() is not None for kept in earlier[:-1])
        content = read_arrays(run, *place)
        earlier.append(weakref.ref(content["predicted"]))
        return content

    monkeypatch.setattr(Run, "arrays", arrays)
    of_run(made, Results.of(made), "A")
    assert len(earlier) == 3
