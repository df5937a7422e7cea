"""The stratified partition: the paper's counts, on hypothesis's sizes and on real EMNIST."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from harness.datasets.files import Files
from harness.datasets.splits import sizes, stratified
from harness.errors import HarnessError

EMNIST = Path(__file__).parents[2] / "shared" / "data" / "emnist-bymerge"


@pytest.mark.parametrize(
    ("count", "expected"),
    [(44_604, (31_222, 4_460, 8_922)), (2_861, (2_002, 286, 573)), (90, (63, 9, 18)), (10, (7, 1, 2))],
)
def test_a_class_is_cut_as_in_the_papers_table_1(count, expected):
    """Its largest and its smallest class, and one whose exact floor binary floats miss."""
    assert sizes(count, 0.7, 0.1) == expected
    split = stratified(np.repeat([0, 1], count), 0.7, 0.1, 0.2, seed=42)
    assert [len(rows) for rows in (split.train, split.val, split.test)] == [2 * size for size in expected]


@pytest.mark.slow
@given(st.integers(0, 10**6), st.integers(1, 98), st.integers(1, 98))
def test_floors_are_exact(count, train, val):
    """For every share that a person would write, against rational arithmetic."""
    shares = Fraction(train, 100), Fraction(val, 100)
    expected = [int(share * count) for share in shares]
    assert sizes(count, train / 100, val / 100) == (*expected, count - sum(expected))


@given(st.lists(st.integers(10, 60), min_size=2, max_size=6), st.integers(0, 2**31), st.integers(0, 2**31))
def test_every_row_is_in_one_set_and_every_class_in_the_same_share(counts, seed, shuffle):
    """Whatever the order of the rows; the sets are ascending, and the same once more."""
    labels = np.random.default_rng(shuffle).permutation(np.repeat(np.arange(len(counts)), counts))
    split = stratified(labels, 0.7, 0.1, 0.2, seed)
    parts = [split.train, split.val, split.test]
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(len(labels)))
    assert all(np.all(np.diff(part) > 0) and part.dtype == np.int64 for part in parts)
    for index, count in enumerate(counts):
        assert tuple(int((labels[part] == index).sum()) for part in parts) == sizes(count, 0.7, 0.1)
    again = stratified(labels, 0.7, 0.1, 0.2, seed)
    assert again.digest() == split.digest()


def test_another_seed_is_another_split_and_another_class_leaves_a_class_alone():
    """A class is shuffled by its own generator."""
    labels = np.repeat([0, 1], 100)
    first = stratified(labels, 0.7, 0.1, 0.2, seed=42)
    assert stratified(labels, 0.7, 0.1, 0.2, seed=43).digest() != first.digest()
    longer = stratified(np.concatenate([labels, np.full(50, 2)]), 0.7, 0.1, 0.2, seed=42)
    assert np.array_equal(longer.test[longer.test < 200], first.test)


def test_a_class_with_too_few_images_is_named_with_how_many_it_needs():
    """It needs one image for every set."""
    labels = np.array([0] * 20 + [1] * 9)
    with pytest.raises(HarnessError) as caught:
        stratified(labels, 0.7, 0.1, 0.2, seed=42, class_names=("cat", "dog"))
    assert str(caught.value) == (
        "class 'dog' has 9 rows: the split 0.7 / 0.1 / 0.2 leaves 0 for val; at least 10 rows are needed"
    )


@given(st.integers(1, 97), st.integers(1, 97))
def test_as_many_as_it_needs_are_enough_and_one_fewer_are_not(train, val):
    """Against counting one by one."""
    assume(train + val < 100)
    shares = train / 100, val / 100
    needed = next(count for count in range(1, 101) if min(sizes(count, *shares)) >= 1)
    labels = np.repeat([0, 1], [100, needed])
    assert len(stratified(labels, *shares, 0.0, seed=1).train)
    with pytest.raises(HarnessError, match=f"class '1' has .* at least {needed} rows are needed"):
        stratified(labels[:-1], *shares, 0.0, seed=1)


def test_how_many_a_tiny_share_needs_is_reported_at_once():
    """Not counted up to."""
    with pytest.raises(HarnessError, match="leaves 0 for val; at least 100,000,000,000 rows are needed"):
        stratified(np.repeat([0, 1], 100), 0.89999999995, 1e-11, 0.1, seed=42)


@pytest.mark.slow
@pytest.mark.skipif(not EMNIST.is_dir(), reason="the shared EMNIST images are not beside this checkout")
def test_real_emnist_splits_as_the_rule_says():
    """47 classes of 759 to 11,846 images, in two files each, in the official format."""
    files = {role: sorted(EMNIST.glob(f"*-{role}-*.gz"), reverse=True) for role in ("images", "labels")}
    loaded = Files(**files).load()
    assert loaded.features.shape == (216_168, 28, 28)
    counts = np.bincount(loaded.labels)
    assert (len(counts), counts.min(), counts.max()) == (47, 759, 11_846)
    split = stratified(loaded.labels, 0.7, 0.1, 0.2, seed=42)
    assert (len(split.train), len(split.val), len(split.test)) == (151_296, 21_595, 43_277)
