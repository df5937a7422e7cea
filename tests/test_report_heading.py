"""The head of a report: how much was run, and which experiment is best, or several."""

from dataclasses import replace

import pytest

from harness.report import read
from harness.report.heading import facts, verdict
from tests.report_runs import make_run


def alike(folder, names, *, tested=True, **options):
    """Return the material of a run whose experiments all have the same accuracies, but for what is not shown."""
    run = make_run(folder, dict.fromkeys(names, ""), **options)
    measured = next(run.rows()).evaluation
    for index, row in enumerate(run.rows()):
        clean = replace(measured.measures[0], accuracy=0.8 - 1e-6 * index)
        evaluation = replace(measured, measures=[clean, *measured.measures[1:]]) if tested else None
        metrics = replace(row.metrics, val_accuracy=0.8 - 1e-6 * index)
        run.write(replace(row, metrics=metrics, evaluation=evaluation))
    return read(run.directory)


@pytest.mark.parametrize(
    ("count", "told"),
    [(2, "A and B are best"), (3, "A, B and C are best"), (4, "A, B, C and 1 other are best"),
     (6, "A, B, C and 3 others are best")],
)  # fmt: skip
@pytest.mark.parametrize("tested", [True, False])
def test_all_that_share_the_first_rank_are_named(tmp_path, count, told, tested):
    """Whatever the order; what they do not share, such as a loss, is told of one alone."""
    material = alike(tmp_path, "ABCDEF"[:count], tested=tested)
    images = "test images;" if tested else "validation images, none is tested;"
    assert verdict(material).startswith(f"{told}: 80.0 % accuracy on the {images}")


def test_the_best_is_told_with_its_lead_over_the_baseline(tmp_path):
    """Not over one that is as good."""
    more = '[leaderboard]\nbaseline = "A"\n'
    (tmp_path / "tie").mkdir()
    assert " over A" not in verdict(alike(tmp_path / "tie", "AB", more=more))
    run = make_run(tmp_path, {"A": "", "B": ""}, more=more)
    for row, accuracy in zip(list(run.rows()), (0.7, 0.75), strict=True):
        clean = replace(row.evaluation.measures[0], accuracy=accuracy, cross_entropy=0.5)
        run.write(replace(row, evaluation=replace(row.evaluation, measures=[clean])))
    told = "B is best: 75.0 % accuracy on the test images, +5.0 points over A, cross-entropy 0.500; "
    assert verdict(read(run.directory)).startswith(told)


@pytest.mark.parametrize(
    ("names", "seeds", "told"), [("A", (1,), "1 experiment × 1 seed"), ("AB", (1, 2), "2 experiments × 2 seeds")]
)
def test_what_was_run_is_counted(tmp_path, names, seeds, told):
    """In the nouns' right number."""
    what = dict(facts(read(make_run(tmp_path, dict.fromkeys(names, ""), seeds).directory)))["What"]
    assert what.endswith(f" · {told}")
