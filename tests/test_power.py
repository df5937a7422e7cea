"""What more seeds would settle: the medians and the bisection give what every pair, and every number of seeds, give."""

import numpy as np
import pytest

from harness.metrics.components import Components
from harness.metrics.power import MOST_SEEDS, detectable, median_detectable, seeds_needed


def made(pairs, *, seed=0, flat=0.2, unknown=0.1, n=5):
    """Return components of pairs; ``flat``: the part without a variance over seeds, ``unknown``: without any."""
    rng = np.random.default_rng(seed)
    seeds = np.where(rng.random(pairs) < flat, 0.0, rng.lognormal(-9, 1.5, pairs))
    images = np.where(rng.random(pairs) < flat, 0.0, rng.lognormal(-11, 1.5, pairs))
    places = np.arange(pairs)
    known = (rng.random(pairs) >= unknown) & (seeds + images > 0)
    return Components(
        places, places + 1, rng.normal(0, 0.1, pairs), seeds, images, rng.lognormal(1, 1, pairs), known, n
    )


@pytest.mark.parametrize("n", [None, 2, 17, 10**6])
@pytest.mark.parametrize("undecided", [0, 1, 40_000])
@pytest.mark.parametrize("pairs", [1, 2, 3, 400, 4001])
def test_the_median_is_that_of_all_pairs_to_the_last_bit(pairs, undecided, n):
    parts = made(pairs, seed=pairs)
    each = detectable(parts, undecided, n)[parts.known]
    expected = float(np.median(each)) if len(each) else None
    assert median_detectable(parts, undecided, n) == expected


@pytest.mark.parametrize("flat", [0.0, 1.0])
def test_it_is_none_where_nothing_is_known_and_normal_where_seeds_have_no_part(flat):
    parts = made(50, flat=flat, unknown=0.0)
    each = detectable(parts, 3)[parts.known]
    assert median_detectable(parts, 3) == (float(np.median(each)) if len(each) else None)
    images_alone = Components(*(getattr(parts, name) for name in ("first", "second", "difference")), 0 * parts.seeds,
                              np.full(50, 1e-6), parts.prior, np.ones(50, dtype=bool), 5)  # fmt: skip
    assert median_detectable(images_alone, 3) == detectable(images_alone, 3)[0]
    assert median_detectable(images_alone.of(np.zeros(50, dtype=bool)), 3) is None


def test_the_seeds_that_are_needed_are_the_first_that_are_enough():
    """By trying each number, from as many as there are; 0 where a hundred are not enough or nothing is known."""
    parts = made(300)
    counts = range(parts.n, MOST_SEEDS + 1)
    enough = np.array([detectable(parts, 250, n) <= np.abs(parts.difference) for n in counts])
    first = np.where(enough.any(axis=0) & parts.known, parts.n + enough.argmax(axis=0), 0)
    assert seeds_needed(parts, 250).tolist() == first.tolist()
    assert 0 < (first > parts.n).sum() < len(first)
    assert (first == 0).any()
