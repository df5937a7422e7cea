"""Many comparisons at once: adjusted p-values, confidence sets of ranks, letters of what is tied."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.metrics.crossed import Floats

LEVEL = 0.05
"""The chance that any of a table's differences is called significant where all are 0."""

Booleans = NDArray[np.bool_]


def holm(p: ArrayLike) -> Floats:
    """Return p-values adjusted for how many there are (Holm, 1979, Scandinavian Journal of Statistics 6, 65-70).

    Where differences are called significant whose adjusted p-value is at most 5 %, the chance that any is called so
    wrongly is at most 5 %, however the p-values depend on one another.

    >>> holm([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    factors = np.arange(len(values), 0, -1)
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(values[order] * factors))
    return adjusted


def ranks(goodness: ArrayLike) -> NDArray[np.int64]:
    """Return each experiment's rank, 1 the best; equal ones share a rank. A higher ``goodness`` (K,) is better.

    >>> ranks([0.9, 0.8, 0.9])
    array([1, 3, 1])
    """
    good = np.asarray(goodness, dtype=np.float64)
    return np.asarray(1 + (good[None, :] > good[:, None]).sum(axis=1))


def rank_sets(goodness: ArrayLike, significant: Booleans) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the lowest and the highest rank that each experiment may have in truth, both (K,).

    ``significant`` (K, K): which differ, symmetric. An experiment ranks behind those that are significantly better and
    before those that are significantly worse; where these all are so in truth, all sets hold the true ranks: they are
    simultaneous confidence sets (Mogstad, Romano, Shaikh & Wilhelm, 2024, Review of Economic Studies 91, 476-518).

    >>> rank_sets([0.9, 0.8, 0.7], np.array([[0, 0, 1], [0, 0, 0], [1, 0, 0]], dtype=bool))
    (array([1, 1, 2]), array([2, 3, 3]))
    """
    good = np.asarray(goodness, dtype=np.float64)
    better = (good[:, None] > good[None, :]) & significant  # (K, K): the first than the second
    return 1 + better.sum(axis=0), len(good) - better.sum(axis=1)


def tie_letters(order: Sequence[int], significant: Booleans) -> list[str]:
    """Return letters for each experiment: two share one if and only if they do not differ significantly.

    ``order`` has the experiments' positions, the best first: its group is "a". Groups are split at each significant
    difference, and those that another contains are dropped (Piepho, 2004, Journal of Computational and Graphical
    Statistics 13, 456-466). More than 26 are "a1", "b1", …

    >>> tie_letters([0, 1, 2], np.array([[0, 0, 1], [0, 0, 0], [1, 0, 0]], dtype=bool))
    ['a', 'ab', 'b']
    """
    groups: list[frozenset[int]] = [frozenset(order)]
    for place, experiment in enumerate(order):
        for other in order[place + 1 :]:
            if not significant[experiment, other]:
                continue
            split = [group - {left} for group in groups if {experiment, other} <= group for left in (experiment, other)]
            whole = [group for group in groups if not {experiment, other} <= group]
            groups = _without_contained([*whole, *split])
    places = {experiment: place for place, experiment in enumerate(order)}
    groups.sort(key=lambda group: sorted(places[member] for member in group))
    return [
        "".join(_letter(at) for at, group in enumerate(groups) if experiment in group)
        for experiment in range(len(order))
    ]


def _without_contained(groups: Sequence[frozenset[int]]) -> list[frozenset[int]]:
    """Return groups, each once, without those that another contains."""
    different = list(dict.fromkeys(groups))
    return [group for group in different if not any(group < other for other in different)]


def _letter(place: int) -> str:
    turn, letter = divmod(place, 26)
    return chr(ord("a") + letter) + (str(turn) if turn else "")
