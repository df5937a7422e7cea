"""The head of a report: how much was run, and which experiment is best, or several."""

from dataclasses import replace

import pytest

from harness.report import read
from harness.report.heading import facts, verdict
from tests.measures import changed, fallen
from tests.report_runs import make_run


def alike(folder, names, *, tested=True, **options):
    """Return the material of a run whose experiments all have the same accuracies, but for what is not shown."""
    run = make_run(folder, dict.fromkeys(names, ""), **options)
    measured = next(run.rows()).evaluation
    for index, row in enumerate(run.rows()):
        clean = changed(measured.measures[0], accuracy=0.8 - 1e-6 * index)
        evaluation = replace(measured, measures=[clean, *measured.measures[1:]]) if tested else None
        metrics = replace(row.metrics, val_accuracy=0.8 - 1e-6 * index)
        run.write(replace(row, metrics=metrics, evaluation=evaluation))
    return read(run.directory)


@pytest.mark.parametrize(
    ("count", "message"),
    [(2, "A and B are highest"), (3, "A, B and C are highest"), (4, "A, B, C and 1 other are highest"),
     (6, "A, B, C and 3 others are highest")],
)  # fmt: skip
@pytest.mark.parametrize("tested", [True, False])
def test_all_that_share_the_first_rank_are_named(tmp_path, count, message, tested):
    """Whatever the order; what they do not share, such as a loss, is said of one alone."""
    material = alike(tmp_path, "ABCDEF"[:count], tested=tested)
    caveat = ", of one seed: about these networks, not about their recipes"
    images = f"test images{caveat};" if tested else "validation images, none is tested;"
    assert verdict(material).startswith(f"{message}: 80.0 % accuracy on the {images}")


def test_the_best_is_reported_with_its_lead_over_the_baseline(tmp_path):
    """Not over one that is as good."""
    more = '[leaderboard]\nbaseline = "A"\n'
    (tmp_path / "tie").mkdir()
    assert " over A" not in verdict(alike(tmp_path / "tie", "AB", more=more))
    run = of_accuracies(tmp_path, {"A": (0.7,), "B": (0.95,)}, more=more)
    message = (
        "B is highest: 95.0 % accuracy on the test images, +25.0 points over A (one seed), undecided, of one seed: "
    )
    assert verdict(read(run.directory)).startswith(message)


def of_accuracies(folder, accuracies, *, degradation=None, **options):
    """Return a run whose experiments have these test accuracies, one a seed, and degradations."""
    folder.mkdir(exist_ok=True)
    run = make_run(folder, dict.fromkeys(accuracies, ""), range(1, 1 + len(next(iter(accuracies.values())))), **options)
    for row in list(run.rows()):
        clean, *others = row.evaluation.measures
        clean = changed(clean, accuracy=accuracies[row.experiment][row.seed - 1], cross_entropy=0.5)
        noisy = [fallen(measure, clean, degradation[row.experiment]) for measure in others] if degradation else []
        run.write(replace(row, evaluation=replace(row.evaluation, measures=[clean, *noisy])))
        (run.trial_directory(row.experiment, row.seed) / "evaluation.npz").unlink()  # of other accuracies
    return run


@pytest.mark.parametrize(
    ("best", "message"),
    [
        ((0.96, 0.94, 0.98),
         "96.0 ± 2.0 % accuracy on the test images, +25.0 points over A (95 % CI [+22.52, +27.48], 3 seeds), "),
        ((0.72, 0.73, 0.71),
         "72.0 ± 1.0 % accuracy on the test images, +1.0 points over A (95 % CI [-3.97, +5.97], 3 seeds), not di"),
    ],
)  # fmt: skip
def test_the_lead_is_reported_with_its_error_over_the_seeds_that_both_have(tmp_path, best, message):
    """Without predictions, the paired t-test's."""
    run = of_accuracies(tmp_path, {"A": (0.71, 0.70, 0.72), "B": best}, more='[leaderboard]\nbaseline = "A"\n')
    words = verdict(read(run.directory))
    assert words.startswith(f"B is highest: {message}")
    assert "cross-entropy 0.500; " in words


def test_without_a_baseline_the_lead_is_over_the_next_and_one_seed_may_not_settle_it(tmp_path):
    """What is known of one seed are two networks alone; without predictions not even they."""
    run = of_accuracies(tmp_path, {"A": (0.7,), "B": (0.85,), "C": (0.5,)})
    message = (
        "B is highest: 85.0 % accuracy on the test images, +15.0 points over A (one seed), undecided, of one seed: "
    )
    assert verdict(read(run.directory)).startswith(message)


def test_the_best_is_reported_with_its_rank_by_degradation(tmp_path):
    """The most accurate of three may be the least sturdy."""
    accuracies = {"A": (0.7,), "B": (0.95,), "C": (0.6,)}
    for name, rank in (("last", "number 3"), ("sturdy", "first")):
        fall = {"A": 20.0, "B": 30.0 if name == "last" else 5.0, "C": 10.0}
        run = of_accuracies(tmp_path / name, accuracies, degradation=fall)
        assert f", {rank} of 3 in degradation; " in verdict(read(run.directory))


@pytest.mark.parametrize(
    ("names", "seeds", "message"), [("A", (1,), "1 experiment × 1 seed"), ("AB", (1, 2), "2 experiments × 2 seeds")]
)
def test_what_was_run_is_counted(tmp_path, names, seeds, message):
    """In the nouns' right number."""
    sentence = dict(facts(read(make_run(tmp_path, dict.fromkeys(names, ""), seeds).directory)))["What"]
    assert sentence.endswith(f" · {message}")
