"""Dropout of a backend: the rate, the scale, and masks that depend on their key alone."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.conformance.backend_base import BackendTests
from harness.conformance.bench import SEED, Bench, Rows
from harness.conformance.clauses import broken, declare, require, require_close
from harness.conformance.recipes import PLAIN_SGD, Recipe
from harness.interfaces import Dropout, Labelled, Network

_RATE = 0.3
_KEYED = "Dropout masks are drawn from (seed, epoch, step) alone"


class Masks(BackendTests):
    """`Network.train_epoch` with dropout, seen through the losses and the gradients of the output layer."""

    @pytest.fixture
    def dropping(self, bench: Bench) -> Recipe:
        """Return a recipe with dropout."""
        recipe = bench.supported(bench.plain.varied(dropout=0.5))
        if not any(isinstance(layer, Dropout) for layer in recipe.spec(bench.data).layers):
            pytest.skip("dropout follows hidden layers, and it declines hidden_layers")
        return recipe

    @pytest.fixture
    def wide(self, bench: Bench) -> Recipe:
        """Return a recipe whose gradients show the mask of a row: one hidden layer, plain descent."""
        return bench.supported(bench.plain.varied(PLAIN_SGD, hidden_layers=[200], dropout=_RATE))

    def test_dropout_zeroes_at_its_rate_and_scales_the_rest(self, bench: Bench, wide: Recipe) -> None:
        """Dropout: training zeroes with probability ``rate`` and divides the rest by 1 - rate."""
        clause = f"Dropout: zero with probability {_RATE}, divide the rest by {1 - _RATE:.1f}.{declare('dropout')}"
        row = bench.batches(1)[0][:1]
        network, bare = bench.build(wide), _undropped(bench, wide, row)
        factors = np.stack([_factors(network, bench.data, row, wide.rate, epoch, bare) for epoch in range(8)])
        kept = factors > 0.5 / (1 - _RATE)
        require_close(factors, np.where(kept, 1 / (1 - _RATE), 0.0), 0.01, clause, "each unit to be multiplied by")
        share, deviation = float(1 - kept.mean()), 5 * float(np.sqrt(_RATE * (1 - _RATE) / kept.size))
        require(abs(share - _RATE) < deviation, clause, f"a share of {_RATE} ± {deviation:.2f} zeroed", f"{share:.2f}")

    def test_each_row_of_a_batch_has_another_mask(self, bench: Bench, wide: Recipe) -> None:
        """Dropout draws for each element of (rows, units): two equal rows differ."""
        row = bench.batches(1)[0][:1]
        twice = np.repeat(row, 2)
        data = replace(bench.data, features=bench.data.features[twice], labels=bench.data.labels[twice])
        bare = _undropped(bench, wide, row)
        rows = np.arange(2, dtype=np.int64)
        kept = _factors(bench.build(wide, data), data, rows, wide.rate, 0, bare) * (1 - _RATE)
        in_one = (kept > 0.05) & (kept < 0.95)
        clause = "Dropout: each row's units are zeroed by separate draws"
        require(in_one.any(), clause, "other units zeroed in each of two equal rows", "the same ones in both")

    def test_every_seed_epoch_and_step_has_other_masks(self, bench: Bench, dropping: Recipe) -> None:
        """Dropout masks are drawn from (seed, epoch, step): anew for each."""
        steps, batch = 3, dropping.batch
        # Two batches, each three times over; at a rate of 0 its losses differ by the masks alone.
        rows = np.concatenate([indices for indices in bench.batches(2) for _ in range(steps)])
        data = replace(bench.data, features=bench.data.features[rows], labels=bench.data.labels[rows])
        orders = np.arange(len(rows), dtype=np.int64).reshape(2, steps * batch)
        losses: dict[tuple[int, int, int], NDArray[np.float64]] = {}
        for seed in (SEED, SEED + 1):
            network = bench.build(dropping, data, seed=seed)
            for epoch in range(2):
                trained = np.stack([network.train_epoch(epoch, order, 0.0).losses for order in orders])
                losses |= {(seed, epoch, step): trained[:, step] for step in range(steps)}
        for first, second in combinations(losses, 2):
            if np.allclose(losses[first], losses[second], rtol=0.0, atol=1e-6):
                got = f"the same at {first} and {second}: equal batches have equal losses"
                broken(f"{_KEYED}: anew for each", "other masks at each (seed, epoch, step)", got)

    def test_masks_do_not_depend_on_what_ran_before(self, bench: Bench, dropping: Recipe) -> None:
        """Dropout masks are drawn from (seed, epoch, step) alone: also in a trial that resumes."""
        order = np.concatenate(bench.batches(3))
        uninterrupted, resumed = bench.build(dropping), bench.build(dropping)
        uninterrupted.train_epoch(0, order, dropping.rate)
        state = uninterrupted.state()
        wanted = uninterrupted.train_epoch(1, order, dropping.rate).losses
        cases = {"of a network that resumes": resumed, "of one that trains the epoch again": uninterrupted}
        for where, network in cases.items():
            network.load(state)
            network.predict(order)
            losses = network.train_epoch(1, order, dropping.rate).losses
            require_close(losses, wanted, 1e-4, _KEYED, f"the losses {where} to be")


def _undropped(bench: Bench, recipe: Recipe, row: Rows) -> NDArray[np.float64]:
    """Return what a row feeds to the output layer (units,) without dropout, by the reference."""
    return _fed(bench.reference(recipe.varied(dropout=0.0)), bench.data, row, recipe.rate)


def _factors(
    network: Network, data: Labelled, rows: Rows, rate: float, epoch: int, bare: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return what dropout multiplied those units by that were not 0 anyway; for several rows, a mean of theirs."""
    alive = np.abs(bare) > 0.05 * np.abs(bare).max()
    factors: NDArray[np.float64] = _fed(network, data, rows, rate, epoch)[alive] / bare[alive]
    return factors


def _fed(network: Network, data: Labelled, rows: Rows, rate: float, epoch: int = 0) -> NDArray[np.float64]:
    """Return what rows of one label feed to the output layer (units,): its weights' gradient over its bias's."""
    before = network.state()
    network.train_epoch(epoch, rows, rate)
    after = network.state()
    network.load(before)
    layer = max(int(key.split(".")[0]) for key in before if key.endswith(".bias"))
    weight, bias = (np.asarray(after[key] - before[key], np.float64) for key in (f"{layer}.weight", f"{layer}.bias"))
    label = data.labels[rows[0]]
    fed: NDArray[np.float64] = weight[:, label] / bias[label]
    return fed
