"""What one result does not show: repetition, time, memory, another process."""

import gc
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.conformance.backend_base import BackendTests
from harness.conformance.bench import Bench
from harness.conformance.clauses import broken, require, require_close, require_equal, require_same
from harness.conformance.recipes import Recipe
from harness.conformance.worker import trained
from harness.interfaces import Network, State
from harness.machine.host import anonymous_bytes

_CLOCK = "Network.synchronize waits for all queued work: the clock is read after it"
_SECONDS = 0.1
"""An epoch of this duration is measured well enough."""


class Honesty(BackendTests):
    """Determinism as declared, times that can be trusted, memory that does not grow, work in a fresh process."""

    def test_equal_inputs_give_equal_bits_where_it_says_so(self, bench: Bench) -> None:
        """Backend.deterministic: equal inputs give equal bits, dropout included."""
        if not bench.backend.deterministic(bench.device):
            pytest.skip("deterministic() says that it is not")
        recipe = bench.honoured(bench.stateful(), dropout=0.5)
        networks = bench.build(recipe), bench.build(recipe)
        order = np.concatenate(bench.batches())
        for network in networks:
            for epoch in range(2):
                network.train_epoch(epoch, order, recipe.rate)
        first, second = (network.state() for network in networks)
        clause = "Backend.deterministic: equal inputs (dropout masks are keyed by seed, epoch and step) give equal bits"
        for key, value in first.items():
            require_same(second[key], value, clause, f"{key} of two equal runs to be equal")

    def test_an_epoch_has_ended_when_synchronize_returns(self, bench: Bench) -> None:
        """Network.synchronize waits for queued device work: nothing of an epoch is left for the next call."""
        data = bench.images(2**16, (8, 8))
        network = bench.build(bench.plain, data)
        order, seconds = self._sized(network, bench.plain, len(data.labels))
        shares = []
        for epoch in range(2, 5):
            started = perf_counter()
            stats = network.train_epoch(epoch, order, bench.plain.rate)
            network.synchronize()
            ended = perf_counter()
            losses = np.array(stats.losses)
            network.state()
            first = perf_counter()
            network.state()
            late = (first - ended) - (perf_counter() - first)  # what a state takes anyway is not late
            shares.append(late / (first - started))
            require_same(np.array(stats.losses), losses, _CLOCK, "losses that stay when synchronize has returned")
        share = min(shares)
        require(
            share < 0.25,
            _CLOCK,
            f"an epoch of {len(order):,} rows ({seconds:.2g} s) to have ended when synchronize() returns",
            f"{share:.0%} of its time spent after that, in state(): train_epoch returns early",
        )

    @staticmethod
    def _sized(network: Network, recipe: Recipe, most: int) -> tuple[NDArray[np.int64], float]:
        """Return an order whose epoch takes long enough, its state read back, and the seconds; warm."""
        rows = 1024
        while True:
            order = np.arange(rows, dtype=np.int64)
            for epoch in range(2):  # the first may compile
                started = perf_counter()
                network.train_epoch(epoch, order, recipe.rate)
                network.synchronize()
                network.state()
                seconds = perf_counter() - started
            if seconds >= _SECONDS or rows >= most:
                return order, seconds
            rows *= 2

    def test_memory_does_not_grow_over_epochs(self, bench: Bench) -> None:
        """Nothing of an epoch is kept: a trial has hundreds of them."""
        if anonymous_bytes() is None:
            pytest.skip("this system does not report the anonymous memory of a process")
        data = bench.images(16 * bench.plain.batch, (32, 32))
        recipe = bench.honoured(bench.plain, data, hidden_layers=[64])
        network = bench.build(recipe, data)
        order = np.arange(len(data.labels), dtype=np.int64)
        batch = data.features.size // 16 * 4  # bytes of a batch in float32

        def bytes_after(epochs: int) -> int:
            peak = 0
            for _ in range(epochs):
                peak = network.train_epoch(0, order, recipe.rate / 10).peak_device_bytes or 0
                network.predict(order)
                network.state()
            gc.collect()
            return (anonymous_bytes() or 0) + peak

        epochs = 20
        in_use = [bytes_after(epochs) for _ in range(5)][1:]
        # A leak shows in every stretch, memory that an allocator keeps in one.
        growth = min(int(step) for step in np.diff(in_use))
        grown = f"{growth / epochs / 1024:,.0f} KiB more after each, in every stretch of {epochs} epochs"
        clause = "Network.train_epoch and predict keep nothing of an epoch: memory does not grow"
        require(growth < epochs * batch / 2, clause, "the same memory after every epoch", grown)

    def test_trains_in_a_fresh_worker_process(self, bench: Bench, tmp_path: Path) -> None:
        """A pool runs trials in spawned processes, which find the backend by its name; results are pickled."""
        clause = "a trial is trained in a fresh process, and its result pickled"
        states: list[State] = []
        for where, outcome in trained(bench, tmp_path).items():
            if isinstance(outcome, str):
                broken(clause, f"a trained network in {where}", f"the failure {outcome!r}")
            states.append(outcome)
        here, there = states
        require_equal(sorted(there), sorted(here), clause, "a state with the keys")
        for key, value in here.items():
            if bench.backend.deterministic(bench.device):
                require_same(there[key], value, clause, f"{key} as this process trains it")
            else:
                require_close(there[key], value, 1e-3, clause, f"{key} as this process trains it")
