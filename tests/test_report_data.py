"""The values behind each figure of a report, against the run's own rows, arrays and tables."""

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import confusion_matrix

from harness.metrics.catalogue import value_of
from harness.report import read, render
from harness.report.confusion import pairs
from harness.results.leaderboard import tables
from harness.results.results import Results
from harness.results.tables import render_all
from tests.report_pages import Page
from tests.report_runs import CLASSES, make_run

for library in ("altair", "jinja2", "vl_convert", "PIL"):
    pytest.importorskip(library)
SEEDS = (1, 2, 3)
NAMES = {"A": "first", "B": "second", "C": "second"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return a run of three experiments with three seeds, one trial of which failed."""
    return make_run(tmp_path_factory.mktemp("report"), NAMES, SEEDS, failed=[("C", 3, "diverged")])


@pytest.fixture(scope="module")
def page(run):
    """Return its page."""
    return Page(render(read(run.directory)))


@pytest.fixture(scope="module")
def table_rows(run):
    """Return the lines of the run's tables, raw."""
    return {key: table["rows"] for key, table in json.loads(render_all(tables(Results.of(run)), "json")).items()}


def values(figure, **chosen):
    """Return the one line of a figure's frame that is chosen."""
    frame = figure["values"]
    for name, value in chosen.items():
        frame = frame[frame[name] == value]
    assert len(frame) == 1
    return frame.iloc[0]


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["loss", "accuracy"])
@pytest.mark.parametrize(("key", "shown"), [("train", "train"), ("val", "validation")])
def test_a_curve_is_the_mean_over_the_seeds_and_its_band_the_deviation(run, page, metric, key, shown):
    """Epoch by epoch."""
    done = [row for row in run.rows() if row.status == "done"]
    for name in NAMES:
        histories = [[getattr(e, f"{key}_{metric}") for e in row.history] for row in done if row.experiment == name]
        assert len(histories) == (2 if name == "C" else 3)
        for epoch, values_ in enumerate(zip(*histories, strict=True), 1):
            line = values(page.figures[f"{metric}-1"], experiment=name, set=shown, epoch=epoch)
            mean, std = np.mean(values_), np.std(values_, ddof=1)
            assert [line["mean"], line["low"], line["high"]] == pytest.approx([mean, mean - std, mean + std], rel=1e-5)
            assert line["seeds"] == len(values_)


def test_every_early_stop_is_marked(run, page):
    """At its last epoch, a mark a trial."""
    stopped = {(row.experiment, str(row.seed)) for row in run.rows() if row.metrics and row.metrics.stopped_early}
    stops = page.figures["loss-1"]["stops"]
    assert stopped
    assert {(line["experiment"], line["seed"]) for line in stops.to_dict("records")} == stopped
    assert set(stops["epoch"]) == {20}


def test_learning_rates_are_the_histories(run, page):
    """As the optimizer had them."""
    rates = page.figures["rate-1"]["values"]
    row = next(run.rows())
    drawn_rates = rates[rates["experiment"] == row.experiment]["rate"].tolist()
    assert drawn_rates == [record.learning_rate for record in row.history]


def test_a_confusion_matrix_is_that_of_the_predictions_of_all_seeds(run, page):
    """Scikit-learn's, of what evaluation stored."""
    for name in NAMES:
        stored = [
            run.arrays(name, row.seed, "evaluation.npz")
            for row in run.rows()
            if row.experiment == name and row.status == "done"
        ]
        expected = sum(confusion_matrix(arrays["labels"], arrays["predicted"][0], labels=range(4)) for arrays in stored)
        counts = np.zeros_like(expected)
        frame = page.figures[f"confusion-{name}"]["values"]
        counts[frame["truth"], frame["predicted"]] = frame["images"]
        assert (counts == expected).all()
        share = expected / expected.sum(axis=1, keepdims=True)
        assert frame["share"].tolist() == pytest.approx(share[frame["truth"], frame["predicted"]].tolist(), rel=1e-5)


def test_the_confused_pairs_are_the_largest_errors_each_with_its_images(run, page):
    """Most confused first, as many as there are up to ten."""
    each = [run.arrays("A", seed, "evaluation.npz") for seed in SEEDS]
    matrix = sum(confusion_matrix(arrays["labels"], arrays["predicted"][0], labels=range(CLASSES)) for arrays in each)
    np.fill_diagonal(matrix, 0)
    material = read(run.directory)
    (closer,) = [closer for closer in material.closer if closer.name == "A"]
    most = closer.pairs(10)
    assert [count for *_, count in most] == sorted(matrix[matrix > 0].tolist(), reverse=True)[:10]
    assert all(matrix[truth, predicted] == count for truth, predicted, count in most)
    images = [about for tag, about in page.tags if tag == "img"]
    assert images
    assert len({about["src"] for about in images if about["alt"].startswith("a a taken for b")}) > 1
    assert all(about["src"].startswith("data:image/png;base64,") and " taken for " in about["alt"] for about in images)


def test_an_image_of_a_confused_pair_is_shown_once_with_how_many_seeds_took_it_so(run, page):
    """Counted in the predictions of all seeds; what most take so comes first."""
    material = read(run.directory)
    stored = [run.arrays("A", seed, "evaluation.npz") for seed in SEEDS]
    (closer,) = [closer for closer in material.closer if closer.name == "A"]
    shared = 0
    for pair in pairs(material, closer):
        truth, predicted = (material.labels.index(name) for name in (pair.truth, pair.predicted))
        took = sum(((each["labels"] == truth) & (each["predicted"][0] == predicted)).astype(int) for each in stored)
        assert (pair.rows, pair.times) == ((took > 0).sum(), took.sum())
        assert len({image for image, _ in pair.examples}) == len(pair.examples)
        seeds = [count for _, count in pair.examples]
        assert seeds == sorted(seeds, reverse=True)
        assert set(seeds) <= set(took.tolist())
        shared += sum(count > 1 for count in seeds)
        assert f"{pair.rows} images, {pair.times} times in 3 seeds, {pair.share:.1%}" in page.text
    assert shared


@pytest.mark.parametrize(("measure", "table"), [("accuracy", "robustness"), ("degradation", "robustness-loss")])
def test_degradation_curves_are_the_robustness_tables(page, table_rows, measure, table):
    """Mean, and one standard deviation to both sides."""
    for line in table_rows[table]:
        for severity in (0.0, 0.2, 0.4):
            key = f"{measure}_{severity:g}"
            if key not in line:
                continue
            point = values(page.figures[f"{measure}-gaussian_noise"], experiment=line["experiment"], severity=severity)
            mean, std = line[key], line[f"{key}_std"]
            expected = [mean, mean - std, mean + std]
            assert [point["mean"], point["low"], point["high"]] == pytest.approx(expected, rel=1e-5)


def test_a_reliability_diagram_is_scikit_learns(run, page):
    """Accuracy and mean confidence in fifteen bins, of all seeds together."""
    stored = [run.arrays("B", seed, "evaluation.npz") for seed in SEEDS]
    right = np.concatenate([arrays["predicted"][0] == arrays["labels"] for arrays in stored])
    confidence = np.concatenate([arrays["confidence"][0] for arrays in stored]).astype(np.float64)
    accuracy, claimed = calibration_curve(right, confidence, n_bins=15)
    frame = page.figures["reliability-1"]["values"]
    frame = frame[frame["experiment"] == "B"]
    assert frame["accuracy"].tolist() == pytest.approx(accuracy.tolist(), rel=1e-5)
    assert frame["confidence"].tolist() == pytest.approx(claimed.tolist(), rel=1e-5)
    assert frame["images"].sum() == len(right)


def test_the_bins_of_one_seed_give_the_ece_of_its_row(tmp_path):
    """The diagram and the number are of one calculation."""
    run = make_run(tmp_path, {"A": "first"})
    frame = Page(render(read(run.directory))).figures["reliability-1"]["values"]
    gaps = (frame["accuracy"] - frame["confidence"]).abs() * frame["images"]
    ece = value_of(next(run.rows()), "test_ece")
    assert gaps.sum() / frame["images"].sum() == pytest.approx(ece, rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("doubt", ["", "contended", "environment"])
def test_bars_are_the_speed_table(tmp_path, doubt):
    """The fastest first; in the suite's order, and with the table's note, where its times are not ranked."""
    run = make_run(tmp_path, NAMES, SEEDS)
    changed = {"contended": "ran beside others"} if doubt == "contended" else {"environment": {"system": "other"}}
    for row in run.rows():
        if doubt and (row.experiment, row.seed) == ("B", 2):
            run.write(replace(row, **changed))
    html = render(read(run.directory))
    page = Page(html)
    table = json.loads(render_all(tables(Results.of(run)), "json"))["speed"]
    assert bool(table["note"]) == bool(doubt)
    for figure, column in (("samples-per-second", "samples_per_second"), ("seconds", "seconds")):
        bars = page.figures[figure]["values"]
        expected = {line["experiment"]: line[column] for line in table["rows"]}
        assert dict(zip(bars["experiment"], bars["mean"], strict=True)) == pytest.approx(expected, rel=1e-5)
        fastest_first = sorted(bars["mean"], reverse=column == "samples_per_second")
        if doubt:
            assert bars["experiment"].tolist() == list(NAMES)
        else:
            assert bars["mean"].tolist() == fastest_first
        in_doubt = ["ran beside others" if name == "B" and doubt == "contended" else "" for name in bars["experiment"]]
        assert bars["contended"].tolist() == in_doubt
        assert ("in the suite's order" if doubt else "fastest first") in page.labels[figure]
    pale = "Pale: contended. " if doubt == "contended" else ""
    assert page.text.count(f"Line: mean ± SD over seeds. {pale}{table['note']}".rstrip()) == 2


@pytest.mark.slow
def test_a_curve_needs_rows_under_its_perturbation(tmp_path):
    """Of nine tested experiments the last was measured on clean images alone: no figure waits for it."""
    run = make_run(tmp_path, {f"M{index}": "" for index in range(9)})
    worst = min(run.rows(), key=lambda row: value_of(row, "test_accuracy"))
    evaluation = replace(worst.evaluation, measures=worst.evaluation.measures[:1])
    run.write(replace(worst, evaluation=evaluation))
    page = Page(render(read(run.directory)))
    for measure in ("accuracy", "degradation"):
        drawn = [
            frame["values"]["experiment"] for key, frame in page.figures.items() if key.startswith(f"{measure}-gauss")
        ]
        assert all(len(names) for names in drawn)
        curve_names = sorted(name for names in drawn for name in names.unique())
        assert curve_names == sorted({row.experiment for row in run.rows()} - {worst.experiment})


def test_the_class_distribution_is_the_runs_record(page):
    """Every class in every set."""
    frame = page.figures["classes"]["values"]
    assert frame.groupby("set")["images"].agg(list).to_dict() == {
        "train": [175] * 4,
        "validation": [25] * 4,
        "test": [50] * 4,
    }


def test_the_leaderboard_on_the_page_is_the_leaderboard(run, page):
    """Cell by cell, the failed trial among them, with its reason."""
    (overview,) = [table for table in tables(Results.of(run)) if table.key == "overview"]
    lines = render_all([overview], "markdown").splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    assert page.tables["table-overview"] == [cells[0], *cells[2:]]
    trials = page.tables["table-trials"]
    assert len(trials) == 1 + 9
    (failed,) = [line for line in trials if line[-2] == "failed"]
    assert (failed[0], failed[1], failed[-1]) == ("C", "3", "diverged")
    assert page.text.count("8 of 9 trials done") >= 1


def test_every_figure_is_in_words_with_values_of_the_run(page, table_rows):
    """Text alternatives name what is there, not merely that something is."""
    assert set(page.labels) == set(page.figures)
    for line in table_rows["validation"]:
        assert f"{line['experiment']} ends at a validation loss of {line['val_loss']:.3f}" in page.labels["loss-1"]
    for line in table_rows["test"]:
        assert f"{line['experiment']} has an ECE of {line['test_ece']:.4f}" in page.labels["reliability-1"]
