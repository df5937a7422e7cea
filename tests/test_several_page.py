"""The page of several datasets, its critical-difference diagram, and the shipped suite against scipy."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from harness.metrics.over_datasets import critical_difference, over_datasets
from harness.report.critical_difference import figure, groups
from harness.results.datasets import SeveralResults, compared
from harness.store import read_several
from tests.test_over_datasets import TABLE_6

SUITE = Path(__file__).parent.parent / "suites" / "several.toml"
NAMES = ["C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf"]


def _published(copies):
    """Return the published example as a comparison, its datasets several times."""
    comparison = over_datasets(np.vstack([TABLE_6] * copies))
    order = [NAMES[at] for at in np.argsort(comparison.mean_ranks)]
    ranking, datasets = SimpleNamespace(title="auc", metric=SimpleNamespace(heading="AUC")), list(range(14 * copies))
    return SimpleNamespace(key="auc", ranking=ranking, ranked=NAMES, counting=datasets, order=order, over=comparison)


def test_the_diagram_of_the_published_example():
    """Mean ranks in their order, the critical difference, and bars over those that do not differ."""
    pytest.importorskip("altair")
    once = figure(_published(1))
    assert once.frame["experiment"].tolist() == ["C4.5+m+cf", "C4.5+m", "C4.5+cf", "C4.5"]
    assert once.frame["mean_rank"].round(3).tolist() == [1.964, 2.0, 2.893, 3.143]
    assert "Critical difference 1.25." in once.alternative
    twice = figure(_published(2))
    assert twice.beside["groups"]["depth"].nunique() == 2
    assert "Not significantly different: C4.5+m+cf to C4.5+m; C4.5+cf to C4.5." in twice.alternative
    twice.spec()


def test_bars_are_the_longest_runs_that_do_not_differ():
    """One that another contains is not drawn."""
    differ = np.zeros((4, 4), dtype=bool)
    differ[0, 2] = differ[0, 3] = differ[1, 3] = True
    over = SimpleNamespace(differ=differ | differ.T)
    assert groups(over, [0, 1, 2, 3]) == [(0, 1), (1, 2), (2, 3)]
    assert groups(SimpleNamespace(differ=np.zeros((3, 3), dtype=bool)), [2, 0, 1]) == [(0, 2)]


@pytest.mark.slow
def test_three_datasets_six_experiments_and_five_seeds(harness, tmp_path):
    """Of the shipped suite, ranks, Friedman's test, the critical difference and the diagram are scipy's."""
    harness("run", SUITE, "--out", "runs")
    root = tmp_path / "runs"
    results = SeveralResults.of(root, read_several(root))
    comparison = compared(results)[0]
    means = np.array(
        [
            [
                np.mean(list(results.results[label].named[name].values("test_accuracy").values()))
                for name in comparison.ranked
            ]
            for label in ("digits", "wine", "breast-cancer")
        ]
    ).round(9)
    assert means.shape == (3, 6)
    ranks = stats.rankdata(-means, axis=1)
    assert np.allclose(comparison.over.mean_ranks, ranks.mean(axis=0))
    expected = stats.friedmanchisquare(*means.T)
    assert comparison.over.friedman.chi2 == pytest.approx(expected.statistic)
    assert comparison.over.friedman.p == pytest.approx(expected.pvalue)
    quantile = stats.studentized_range.ppf(0.95, 6, np.inf) / np.sqrt(2)
    assert comparison.over.critical == pytest.approx(quantile * np.sqrt(6 * 7 / (6 * 3))) == critical_difference(3, 6)
    drawn = figure(comparison)
    assert np.allclose(sorted(drawn.frame["mean_rank"]), sorted(ranks.mean(axis=0)))
    output = harness("report", root).stdout
    page = (root / "report.html").read_text()
    for label in ("digits", "wine", "breast-cancer"):
        assert f'<a href="report-{label}.html">{label}</a>' in page
        assert f"report-{label}.html" in output
    assert "critical difference" in page
