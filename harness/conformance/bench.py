"""A backend under test beside the NumPy reference: the same network, state and rows in both."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.conformance.clauses import accepted, broken, explained, failed, require, require_close, require_equal
from harness.conformance.gradient_steps import gradient_steps
from harness.conformance.handing import read_only_arguments
from harness.conformance.recipes import RULES, Recipe, declined, plainest, sample
from harness.conformance.target import Target
from harness.errors import HarnessError
from harness.interfaces import (
    Backend,
    Context,
    EpochStats,
    Labelled,
    Network,
    Precision,
    State,
    joined_state,
    split_state,
)
from harness.plugins.loading import registry
from harness.seeding import generator, initial_state
from harness.trial.jobs import load_backend

SEED = 42
ROUNDING = 3e-5
"""How far float32 may be from the float64 reference, relative to the largest value of an array."""
_NUDGE = 64 * 2.0**-24
"""How far, relatively, parameters are moved to find what no rounding decides: some of float32's last bits."""

REFERENCE = "numpy"
"""The backend that others are compared with, found as any is."""

Rows = NDArray[np.int64]


class Bench:
    """Builds networks of a backend and of the reference."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.device = target.device
        try:
            self.backend: Backend = load_backend(target.component(), target.options)
        except HarnessError as error:
            failed(str(error))
        reason = self.backend.unavailable(self.device)
        if reason is not None:
            pytest.skip(f"{target.name} is unavailable: {reason}")
        clause = "Backend.layers and Backend.unsupported name what it has and what it cannot honour"
        plain = accepted(clause, "layer classes in layers", plainest, self.backend)
        if isinstance(plain, list):
            broken(clause, "an experiment that it honours", f"it declines {', '.join(plain)} in every one")
        self.plain, self.data = plain

    def declined(self, recipe: Recipe, data: Labelled | None = None) -> list[str]:
        """Return the keys of a recipe that the backend declares that it cannot honour."""
        return declined(self.backend, recipe, data or self.data)

    def supported(self, recipe: Recipe) -> Recipe:
        """Return a recipe, or skip the test if the backend declares that it cannot honour it."""
        if keys := self.declined(recipe):
            pytest.skip(f"it declines {', '.join(keys)}")
        return recipe

    def honoured(self, recipe: Recipe, data: Labelled | None = None, **keys: Any) -> Recipe:
        """Return a recipe with these keys if the backend honours them, else the recipe as it is."""
        varied = recipe.varied(**keys)
        return recipe if self.declined(varied, data) else varied

    def images(self, rows: int, shape: tuple[int, int]) -> Labelled:
        """Return ``rows`` images of a shape if the backend honours it, else of the shape that it is tested with."""
        classes = len(self.data.class_names)
        if self.declined(self.plain, sample(classes, shape, classes)):
            height, width = self.data.features.shape[1:]
            shape = height, width
        return sample(rows, shape, classes)

    def stateful(self) -> Recipe:
        """Return a recipe with all that a state may have: an optimizer's moments, a batch norm's statistics."""
        recipe = self.plain
        for rule in RULES.values():
            if not recipe.rule.optimizer.init(np.zeros(1)):
                recipe = self.honoured(recipe, rule=rule)
        return self.honoured(recipe, batch_norm=True)

    def build(
        self, recipe: Recipe, data: Labelled | None = None, precision: Precision = "float32", seed: int = SEED
    ) -> Network:
        """Return a network of the backend under test with images attached; its weights are the same for any seed.

        As in a run, what it is given is read-only.
        """
        network = read_only_arguments(self.unattached(recipe, data, precision, seed))
        data = data or self.data
        network.attach(data.features, data.labels)
        return network

    def unattached(
        self, recipe: Recipe, data: Labelled | None = None, precision: Precision = "float32", seed: int = SEED
    ) -> Network:
        """Return the same network without images, which takes its arguments as they are."""
        spec, context = recipe.spec(data or self.data), self.context(precision, seed)
        return self.backend.build(spec, initial_state(spec, SEED), recipe.rule.bound(spec), context)

    def context(self, precision: Precision = "float32", seed: int = SEED) -> Context:
        """Return where and how the backend under test runs."""
        return Context(seed, device=self.device, precision=precision)

    def reference(self, recipe: Recipe, data: Labelled | None = None) -> Network:
        """Return the reference's network, in float64, with rows attached."""
        data = data or self.data
        backend = load_backend(registry().find("backend", REFERENCE))
        spec = recipe.spec(data)
        context = Context(SEED, device="cpu", precision="float64")
        network = backend.build(spec, initial_state(spec, SEED), recipe.rule.bound(spec), context)
        network.attach(data.features, data.labels)
        return network

    def batches(self, count: int = 6) -> list[Rows]:
        """Return the rows of some batches, six at most."""
        order = generator(SEED, "conformance").permutation(len(self.data.labels)).astype(np.int64)
        return [order[index * self.plain.batch : (index + 1) * self.plain.batch] for index in range(count)]

    def trained(self, recipe: Recipe) -> State:
        """Return a float32 state of the reference after some steps: statistics and moments are not trivial."""
        network = self.reference(recipe)
        network.train_epoch(0, np.concatenate(self.batches(4)), recipe.rate)
        return rounded(network.state())

    def check_steps(
        self, recipe: Recipe, orders: Iterable[Rows], clause: str, rates: Iterable[float] | None = None
    ) -> None:
        """Require that epochs, each begun from the reference's state, end as the reference's do."""
        with gradient_steps(self):
            self._check_steps(recipe, orders, clause, rates)

    def _check_steps(self, recipe: Recipe, orders: Iterable[Rows], clause: str, rates: Iterable[float] | None) -> None:
        reference, tested, nudged = self.reference(recipe), self.build(recipe), self.reference(recipe)
        epoch_rates = iter(rates) if rates is not None else iter(lambda: recipe.rate, None)
        for epoch, (order, rate) in enumerate(zip(orders, epoch_rates, strict=False)):
            state = rounded(reference.state())
            reference.load(state)
            wanted = reference.train_epoch(epoch, order, rate)
            with explained(clause):
                tested.load(state)
                got = tested.train_epoch(epoch, order, rate)
            check_stats(got, wanted, clause)
            ways = []
            for start in _nudged(state):
                nudged.load(start)
                nudged.train_epoch(epoch, order, rate)
                ways.append(_moved(start, nudged.state()))
            check_states(state, tested.state(), reference.state(), ways, clause)


def rounded(state: State) -> State:
    """Return a float64 state in float32, whole numbers as they are."""
    return {key: value.astype(np.float32) if value.dtype.kind == "f" else value for key, value in state.items()}


def check_stats(got: EpochStats, wanted: EpochStats, clause: str) -> None:
    """Require the reference's statistics of an epoch."""
    require(isinstance(got, EpochStats), clause, "EpochStats from train_epoch", type(got).__name__)
    require_equal(np.asarray(got.sizes).tolist(), wanted.sizes.tolist(), clause, "a step for each batch, of sizes")
    require_close(got.losses, wanted.losses, ROUNDING * float(wanted.losses.max()), clause, "a step's mean loss of")
    require_equal(int(got.correct), wanted.correct, clause, "rows classified rightly before their update:")


def _nudged(state: State) -> Iterator[State]:
    """Yield the state with its parameters some bits up or down, each at random, and the other way."""
    rng = np.random.default_rng(11)
    shifts = {
        key: _NUDGE * rng.uniform(-1.0, 1.0, value.shape)
        for key, value in state.items()
        if key.endswith(("weight", "bias"))
    }
    for sign in (1, -1):
        yield state | {key: state[key] * (1.0 + sign * shift) for key, shift in shifts.items()}


def _moved(before: State, after: State) -> State:
    """Return how far the parameters and statistics have moved, and the optimizer's state as it is."""
    network, optimizer = split_state(after)
    return joined_state({key: value - before[key] for key, value in network.items()}, optimizer)


def check_states(before: State, got: State, wanted: State, ways: Sequence[State], clause: str) -> None:
    """Require the reference's state, to within what float32 makes of the way from ``before``.

    ``ways``: how far the reference goes if its parameters differ in their last bits. Where that is elsewhere, so may be
    what is tested: a unit at the kink of its activation, a gradient of rounding that Adam makes a whole step of.
    """
    require_equal(sorted(got), sorted(wanted), clause, "a state with the keys")
    # A bias that batch norm takes away again has no gradient but rounding, which Adam and its like make large.
    idle = {_bias_before(key) for key in wanted if key.endswith(".running_mean")}
    own = _moved(before, wanted)
    for key, oracle in wanted.items():
        if key in idle:
            continue
        slack = np.max([np.abs(way[key] - own[key]) for way in ways], axis=0)
        if key.startswith("optimizer."):
            require_close(got[key], oracle, ROUNDING * _largest(oracle) + slack, clause, f"{key}")
            continue
        spacing = float(np.spacing(np.float32(_largest(oracle))))
        tolerance = ROUNDING * _largest(own[key]) + 2 * spacing + slack
        change = np.asarray(got[key], dtype=np.float64) - before[key]
        require_close(change, own[key], tolerance, clause, f"{key} to change by")


def _bias_before(key: str) -> str:
    """Return the key of the bias of the layer before a batch norm, of which ``key`` is an array's."""
    *around, position, _ = key.split(".")
    return ".".join([*around, str(int(position) - 1), "bias"])


def _largest(values: Any) -> float:
    return float(np.abs(values).max(initial=0.0))
