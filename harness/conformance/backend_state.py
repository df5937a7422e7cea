"""How networks are saved and resumed."""

import numpy as np
import pytest

from harness.conformance.backend_base import BackendTests
from harness.conformance.bench import SEED, Bench
from harness.conformance.clauses import accepted, require, require_close, require_equal, require_same
from harness.conformance.handing import read_only_arguments
from harness.conformance.recipes import Recipe
from harness.interfaces import Network, State, joined_state, split_state
from harness.seeding import initial_state
from harness.trial.outputs import read_state

_STATE = (
    "State: parameters, running statistics and optimizer.* by the names and shapes that harness.interfaces documents"
)


def _copied(state: State) -> State:
    return {key: value.copy() for key, value in state.items()}


class Saving(BackendTests):
    """`Network.state` and `Network.load`."""

    @staticmethod
    def _require_alike(bench: Bench, got: State, wanted: State, clause: str) -> None:
        """Require equal states: in every bit where the backend is deterministic."""
        require_equal(sorted(got), sorted(wanted), clause, "the keys")
        for key, value in wanted.items():
            if bench.backend.deterministic(bench.device):
                require_same(got[key], value, clause, f"the bits of {key}")
            else:
                require_close(got[key], value, 1e-4, clause, key)

    @pytest.fixture
    def recipe(self, bench: Bench) -> Recipe:
        """Return the recipe whose state has most arrays; with dropout, whose masks are in no state."""
        return bench.honoured(bench.stateful(), dropout=0.5)

    @pytest.fixture
    def pair(self, bench: Bench, recipe: Recipe) -> tuple[Network, Network]:
        """Return two networks of the recipe."""
        return bench.build(recipe), bench.build(recipe)

    def test_starts_from_the_initial_state(self, bench: Bench) -> None:
        """Backend.build returns a network that starts from ``initial``, which stays as it is."""
        spec = bench.plain.spec(bench.data)
        initial = initial_state(spec, SEED)
        before = _copied(initial)
        network = read_only_arguments(bench.backend.build(spec, initial, bench.plain.rule.bound(spec), bench.context()))
        state = network.state()
        for key, value in before.items():
            require(key in state, _STATE, f"the key {key!r}", f"the keys {sorted(state)}")
            require_same(state[key], value, "Backend.build: a network that starts from initial", f"initial {key}")
        network.attach(bench.data.features, bench.data.labels)
        network.train_epoch(0, bench.batches(1)[0], bench.plain.rate)
        for key, value in before.items():
            require_same(initial[key], value, "Backend.build does not modify initial", f"initial {key} as it was")

    def test_a_state_has_the_documented_arrays(self, bench: Bench, recipe: Recipe) -> None:
        """State: NumPy arrays, float32 in a float32 network, by the documented names and shapes."""
        network, spec = bench.build(recipe), recipe.spec(bench.data)
        network.train_epoch(0, bench.batches(1)[0], recipe.rate)
        state = network.state()
        accepted(_STATE, "a state that a run takes", read_state, state, spec)
        moments = recipe.rule.optimizer.init(np.zeros(spec.parameter_count(), dtype=np.float32))
        wanted = joined_state(initial_state(spec, SEED), {name: np.asarray(value) for name, value in moments.items()})
        require_equal(sorted(state), sorted(wanted), _STATE, "the keys")
        for key, value in wanted.items():
            array = state[key]
            require(isinstance(array, np.ndarray), _STATE, f"a NumPy array for {key}", type(array).__name__)
            require_equal(array.shape, value.shape, _STATE, f"{key} of shape")
            kind = str(array.dtype) if value.dtype.kind == "f" else array.dtype.kind
            require_equal(kind, str(value.dtype) if value.dtype.kind == "f" else "i", _STATE, f"{key} of type")

    def test_a_state_resumes_where_it_was_saved(
        self, bench: Bench, recipe: Recipe, pair: tuple[Network, Network]
    ) -> None:
        """Network.load takes over a state that `state` returned: the same predictions, the same next epoch."""
        clause = "Network.load takes over a state that state() returned: all that prediction and resuming need"
        first, second = pair
        order = np.concatenate(bench.batches(3))
        first.train_epoch(0, order, recipe.rate)
        saved = first.state()
        before = _copied(saved)
        second.load(saved)
        self._require_alike(bench, second.state(), before, clause)
        require_close(second.predict(order), first.predict(order), 1e-5, clause, "the prediction")
        for network in pair:
            network.train_epoch(1, order, recipe.rate)
        self._require_alike(bench, second.state(), first.state(), f"{clause}; here, after the next epoch")
        for key, value in before.items():
            require_same(saved[key], value, "Network.state and load copy", f"{key} as it was saved")

    def test_a_state_is_a_copy(self, bench: Bench, pair: tuple[Network, Network]) -> None:
        """Network.state returns copies: writing to them changes nothing."""
        network, _ = pair
        rows = bench.batches(1)[0]
        before = network.predict(rows).copy()
        for value in network.state().values():
            if value.flags.writeable:
                value[...] = 0
        clause = "Network.state returns a copy"
        require_close(network.predict(rows), before, 1e-6, clause, "the prediction after writing to the state")
        saved = network.state()
        at_once = _copied(saved)
        network.train_epoch(0, rows, bench.plain.rate)
        for key, value in at_once.items():
            require_same(saved[key], value, f"{clause}: training goes on without it", f"{key} as it was saved")

    def test_a_state_without_moments_resets_the_optimizer(
        self, bench: Bench, recipe: Recipe, pair: tuple[Network, Network]
    ) -> None:
        """Network.load of a state without ``optimizer.*`` resets the optimizer."""
        clause = "Network.load: a state without optimizer.* resets the optimizer"
        used, new = pair
        used.train_epoch(0, np.concatenate(bench.batches(4)), recipe.rate)
        state, _ = split_state(used.state())
        for network in pair:
            network.load(state)
            network.train_epoch(1, bench.batches(1)[0], recipe.rate)
        self._require_alike(bench, used.state(), new.state(), clause)
