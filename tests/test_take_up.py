"""A run that is taken up again: the trials of earlier commands stay, in the suite's order."""

from dataclasses import replace
from time import process_time

from harness.store import take_up
from tests.tiny import run_suite


def test_seeds_stay_in_the_order_in_which_they_were_first_planned(tmp_path):
    """Experiment by experiment; what is planned again is planned once."""
    _, run = run_suite(tmp_path, only=["A"], assignments=["defaults.epochs=1"], seeds=[3, 1])
    again = take_up(replace(run, planned=[("C", 2), ("A", 1), ("A", 9)]))
    assert again.planned == [("A", 3), ("A", 1), ("A", 9), ("C", 2)]


def test_the_time_grows_with_the_number_of_trials_and_not_with_its_square(tmp_path):
    """100,000 of them took more than a minute."""
    _, run = run_suite(tmp_path, only=["A"], assignments=["defaults.epochs=1"])
    many = [("A", seed) for seed in range(100_000)]
    started = process_time()
    again = take_up(replace(run, planned=many))
    assert process_time() - started < 20
    assert sorted(again.planned) == many
