"""Where the arrays of numpy's networks begin in memory."""

import numpy as np
import pytest

from harness_array.devices import Host

CACHE_LINE, HUGE_PAGE = 64, 2 << 20


def address(array):
    return array.__array_interface__["data"][0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_vector_begins_at_a_cache_line(size, dtype):
    """Whatever was allocated before it."""
    vectors = [Host().vector(size, dtype) for _ in range(5)]
    assert [address(vector) % CACHE_LINE for vector in vectors] == [0] * 5
    assert all(vector.shape == (size,) and vector.dtype == dtype and not vector.any() for vector in vectors)


@pytest.mark.parametrize(("rows", "boundary"), [(512, CACHE_LINE), (1024, HUGE_PAGE)])
def test_a_batch_begins_at_a_huge_page_if_it_takes_as_much(rows, boundary):
    """A smaller one would take a page for nothing."""
    batches = [Host().batch(rows, 784, np.float32) for _ in range(3)]
    assert [address(batch) % boundary for batch in batches] == [0] * 3
    assert all(batch.shape == (rows, 784) and batch.flags.c_contiguous and not batch.any() for batch in batches)
