"""The page's section of significance: intervals, rank sets, tie letters, pairs and what would settle more."""

from types import SimpleNamespace

import numpy as np
import pytest

from harness.metrics.analysis import analyse
from harness.metrics.crossed import Sums
from harness.metrics.proportions import wilson
from harness.report import read, render
from harness.report.detectable import curve, observed
from harness.report.intervals import known, letters
from harness.report.matrix import matrix
from harness.results.leaderboard import certainty
from harness.results.leaderboard.rankings import places, rankings
from harness.results.results import Results
from tests.report_pages import Page
from tests.report_runs import make_run

for library in ("altair", "jinja2", "vl_convert", "PIL"):
    pytest.importorskip(library)
SEEDS = (1, 2, 3)
SHARES = {"low": 0.3, "middle": 0.7, "high": 0.95, "near": 0.93}
KINDS = ("accuracy", "macro-f1", "cross-entropy", "degradation")


def results_of(folder, shares, seeds, **options):
    """Return the results of a made run whose experiments are right as often as they should be."""
    return Results.of(make_run(folder, dict.fromkeys(shares, ""), seeds, shares=shares, **options))


def by_accuracy(results):
    """Return the ranking by accuracy."""
    return rankings(results)[0]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Return the results of four experiments, two of which are about as good, with three seeds."""
    return results_of(tmp_path_factory.mktemp("significance"), SHARES, SEEDS)


@pytest.fixture(scope="module")
def page(results):
    """Return its page."""
    return Page(render(read(results.directory)))


@pytest.mark.slow
def test_intervals_and_rank_sets_are_the_analysis_and_the_leaderboard(results, page):
    """Of each ranked metric, the best first."""
    assert [ranking.key for ranking in rankings(results)] == list(KINDS)
    for ranking in rankings(results):
        analysis, board = ranking.analysis(results), places(results, ranking)
        lines = page.figures[f"intervals-{ranking.key}"]["values"].to_dict("records")
        assert [line["experiment"] for line in lines] == [analysis.names[at] for at in analysis.order]
        for line in lines:
            level, place = analysis.level(line["experiment"]), board[line["experiment"]]
            at = analysis.names.index(line["experiment"])
            assert line["estimate"] == pytest.approx(analysis.means[at], rel=1e-5)
            assert line["low"] == pytest.approx(level.low, rel=1e-5)
            assert line["high"] == pytest.approx(min(level.high, 1.0 if analysis.proportion else np.inf), rel=1e-5)
            assert (line["rank"], line["rank_low"], line["rank_high"]) == (place.rank, place.low, place.high)
        assert page.figures[f"ranks-{ranking.key}"]["values"].equals(page.figures[f"intervals-{ranking.key}"]["values"])


def test_two_share_a_letter_if_and_only_if_they_do_not_differ_significantly(results):
    """High and near are tied, middle and low are apart; one letter of two that are tied with a third each."""
    tied = {line["experiment"]: line["letters"] for line in known(results, by_accuracy(results))}
    assert tied == {"high": "a", "near": "a", "middle": "b", "low": "c"}
    analysis = by_accuracy(results).analysis(results)
    for first in analysis.names:
        for second in (name for name in analysis.names if name != first):
            assert bool(set(tied[first]) & set(tied[second])) != analysis.pair(first, second).significant


def made(means):
    """Return the analysis of seeds alone, (experiments, seeds)."""
    names = [f"E{at}" for at in range(len(means))]
    return analyse(names, Sums(np.asarray(means, dtype=float)), higher_is_better=True)


def test_letters_of_a_chain_overlap():
    """The first and the last differ, the middle one from neither."""
    noise = np.array([0.0, 0.01, -0.01, 0.02, -0.02])
    analysis = made([0.9 + 0.2 * noise, 0.88 + np.roll(noise, 1), 0.86 + 0.1 * noise])
    assert analysis.pair("E0", "E2").significant
    assert not analysis.pair("E0", "E1").significant
    assert not analysis.pair("E1", "E2").significant
    assert letters(analysis) == {"E0": "a", "E1": "ab", "E2": "b"}


def test_there_are_no_letters_of_one_seed_or_of_too_many_experiments():
    rng = np.random.default_rng(0)
    assert letters(made(rng.random((4, 1)))) == {}
    assert letters(made(rng.random((25, 3)))) == {}
    assert len(letters(made(rng.random((24, 3))))) == 24


def test_the_matrix_has_every_pair_both_ways(results, page):
    """The difference with its sign, the interval and the adjusted p-value, as the analysis has them."""
    for ranking in rankings(results):
        analysis, pairs = ranking.analysis(results), matrix(results, ranking)
        names = [line.name for line in pairs.lines]
        shown = page.tables[f"matrix-{ranking.key}"]
        assert shown[0] == ["", *names]
        scale = 1 if ranking.metric.unit.key in {"losses", "degradation"} else 100
        for line, cells in zip(pairs.lines, shown[1:], strict=True):
            for other, cell, text in zip(names, line.cells, cells[1:], strict=True):
                if other == line.name:
                    assert (cell, text) == (None, "")
                    continue
                pair = analysis.pair(line.name, other)
                assert float(cell.change) == pytest.approx(scale * pair.difference, abs=0.006)
                ends = [float(end) for end in cell.interval.strip("[]").split(",")]
                assert ends == pytest.approx([scale * pair.low, scale * pair.high], abs=0.006)
                better = (pair.difference > 0) == ranking.metric.higher_is_better
                assert cell.sign == (("▲" if better else "▼") if pair.significant else "≈")
                assert cell.p == "p < 0.001" or float(cell.p[4:]) == pytest.approx(pair.p_holm, abs=0.0006)
                assert text == f"{cell.change} {cell.sign} {cell.interval} {cell.p}"


def test_the_curve_begins_at_the_runs_seeds_and_falls_to_what_images_cannot_show(results, page):
    """The first value is the one in the note below the leaderboard; neighbours are marked, or counted."""
    ranking = by_accuracy(results)
    analysis, lines = ranking.analysis(results), curve(results, ranking)
    differences = [line["difference"] for line in lines]
    assert (lines[0]["seeds"], lines[-1]["seeds"]) == (3, 100)
    assert differences[0] == pytest.approx(100 * analysis.detectable)
    assert differences == sorted(differences, reverse=True)
    assert 100 * analysis.detectable_at_best < differences[-1]
    figure = page.figures["detectable-accuracy"]
    assert figure["limit"]["difference"].tolist() == pytest.approx([100 * analysis.detectable_at_best], rel=1e-5)
    neighbours = observed(results, ranking)
    assert [line["experiments"] for line in neighbours] == ["high and near", "near and middle", "middle and low"]
    assert [line["what"] for line in neighbours] == ["not significant", "significant", "significant"]
    drawn = figure["observed"]["experiments"].tolist()
    assert "high and near" in drawn
    assert f"Not drawn: {3 - len(drawn)} larger difference" in page.text or len(drawn) == 3


def test_the_note_is_what_would_settle_it(results, page):
    """No sentence of it is about something else."""
    settling = [sentence for sentence in certainty.settling(results, by_accuracy(results)) if sentence]
    assert settling[0].startswith("Smallest detectable difference: ")
    assert " ".join(settling) in page.text


@pytest.mark.parametrize(
    ("smallest", "at_best", "now", "then"),
    [
        (0.0123, 0.0041, "1.23 points", "0.41, not below"),
        (0.0012, 0.0001, "0.12 points, less than 1 of 500 test images", "0.01, not below"),
        (0.00002, 1e-9, "0.01 points, less than 1 of 500 test images", "0.01 or less"),
    ],
)
def test_a_detectable_difference_is_never_shown_as_0(results, smallest, at_best, now, then):
    """Means over seeds may differ by less than an image: that is said."""
    analysis = SimpleNamespace(detectable=smallest, detectable_at_best=at_best, proportion=True, images=500)
    text = certainty._detectable(results, analysis, by_accuracy(results))
    assert text == f"Smallest detectable difference: {now} (80 % power); more seeds can lower it to {then}."


@pytest.mark.slow
def test_one_seed_has_no_rank_sets_and_the_page_says_why(tmp_path):
    """Intervals and differences of two networks are there, Wilson's and McNemar's; no ranks, letters or curves."""
    results = results_of(tmp_path, SHARES, (1,))
    page = Page(render(read(results.directory)))
    assert [key for key in page.figures if key.startswith(("intervals", "ranks", "detectable"))] == [
        f"intervals-{key}" for key in KINDS
    ]
    for line in known(results, by_accuracy(results)):
        assert (line["low"], line["high"]) == wilson(line["estimate"], 200)
        assert (line["rank_low"], line["rank_high"], line["letters"]) == (None, None, "")
    assert "One seed: nothing is known of other seeds, so ranks have no confidence set." in page.text
    assert "One seed: intervals are over test images, of these networks, not of their recipes." in page.text
    assert "Of these networks, not their recipes: McNemar's exact test." in page.text


def test_one_experiment_has_nothing_to_compare_with(tmp_path):
    page = Page(render(read(results_of(tmp_path, {"only": 0.8}, SEEDS).directory)))
    assert "Fewer than two experiments are tested: there is nothing to compare." in page.text


@pytest.mark.slow
def test_without_predictions_seeds_are_what_is_known(tmp_path):
    """The page says what it rests on, and has no limit of images."""
    results = results_of(tmp_path, SHARES, SEEDS, noise=False)
    for path in results.directory.rglob("evaluation.npz"):
        path.unlink()
    page = Page(render(read(results.directory)))
    assert "Over seeds alone, without predictions." in page.text
    assert "limit" not in page.figures["detectable-accuracy"]


def test_a_large_matrix_has_the_best_and_says_where_all_are(tmp_path):
    """Of thirty experiments twenty-four; figures have them all."""
    shares = {f"E{at:02}": 0.6 + 0.01 * at for at in range(30)}
    results = results_of(tmp_path, shares, (1, 2), noise=False, epochs=1)
    ranking = by_accuracy(results)
    best = [line["experiment"] for line in known(results, ranking)]
    assert len(best) == 30
    pairs = matrix(results, ranking)
    assert [line.name for line in pairs.lines] == best[:24]
    assert all(len(line.cells) == 24 for line in pairs.lines)
    assert "The 24 best of 30; -t differences-accuracy has all pairs." in pairs.note
