"""What an optimizer must do to be certified."""

import io
import pickle
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest

from harness.conformance.clauses import described, failed, require, require_close, require_equal, require_same
from harness.conformance.libraries import LIBRARIES, compiled, converter
from harness.conformance.surfaces import (
    RATE,
    SCALES,
    STEPS,
    SURFACES,
    Vector,
    descend,
    quadratic,
    rosenbrock,
    start,
    unrolled,
)
from harness.conformance.target import Conformance, Target
from harness.descent import ForBlocks, for_blocks
from harness.errors import HarnessError
from harness.interfaces import Array, Optimizer, Parameter
from harness.machine.arrays import npz
from harness.plugins.components import Kind
from harness.trial.rules import check_rule

BLOCKS = (Parameter("0.weight", (2, 2), 0, is_weight=True), Parameter("0.bias", (2,), 4, is_weight=False))
"""Of the six parameters, for rules that work layer by layer."""


class OptimizerConformance(Conformance):
    """Tests of an optimizer: pure, elementwise or block by block, one rule for every array library.

    A `BlockOptimizer` is given two blocks, `BLOCKS`: a weight of four elements and a bias of two.

    A subclass may give ``reference``, a static method (parameters, gradients of each step, learning rate) ->
    parameters, written independently of the rule.
    """

    kind: ClassVar[Kind] = "optimizer"
    reference: ClassVar[Any] = None

    @pytest.fixture
    def rule(self, target: Target) -> Optimizer:
        """Return the optimizer with its options; every test fails where it does not return what a run needs."""
        rule = target.build()
        try:
            check_rule(rule, target.component().spoken)
        except HarnessError as error:
            failed(str(error))
        return for_blocks(rule, BLOCKS)

    def test_agrees_with_its_reference(self, rule: Optimizer) -> None:
        """Optimizer.update is the rule that the reference computes."""
        if self.reference is None:
            pytest.skip("the test class gives no reference")
        gradients = list(np.random.default_rng(5).standard_normal((STEPS, len(SCALES))))
        x = start()
        parameters = unrolled(rule, x, gradients)
        wanted = self.reference(x.copy(), gradients, RATE)
        require_close(parameters, wanted, 1e-9, "Optimizer.update: the rule of its reference", "a parameter of")

    @pytest.mark.parametrize("library", LIBRARIES)
    @pytest.mark.parametrize("surface", SURFACES)
    def test_is_one_rule_for_every_array_library(self, rule: Optimizer, library: str, surface: str) -> None:
        """Optimizer: over a vector of any array namespace."""
        convert = converter(library)
        x = start(dtype=np.float32)
        wanted = descend(rule, x, SURFACES[surface])
        got = descend(rule, x, SURFACES[surface], convert)
        clause = "Optimizer: one rule over a vector of any array namespace (array_api_compat.array_namespace finds it)"
        require_close(got, wanted, 1e-4, clause, f"from {library}'s arrays what NumPy's give:")

    def test_has_no_branch_on_values(self, rule: Optimizer) -> None:
        """Optimizer: no branch depends on an array's values, so that it can be captured and compiled."""
        x, clause = start(dtype=np.float32), "Optimizer: no branch depends on an array's values"

        def first_step(x: Array, rate: Array) -> Array:
            return rule.update(x, x, rule.init(x), rate)[0]

        parameters = compiled(first_step, clause, x, np.asarray(RATE, dtype=x.dtype))
        require_close(np.asarray(parameters), first_step(x, RATE), 1e-5, clause, "compiled, a parameter of")

    def test_descends(self, rule: Optimizer) -> None:
        """Optimizer.update goes down a convex quadratic at a small rate."""
        x = start()
        before, after = (float((SCALES * at * at).sum() / 2) for at in (x, descend(rule, x, quadratic)))
        clause = "Optimizer.update descends along the gradients"
        require(after < before, clause, f"less than {before:.4g} after {STEPS} steps on a quadratic", f"{after:.4g}")

    def test_leaves_its_arguments_as_they_were(self, rule: Optimizer) -> None:
        """Optimizer: no argument is modified."""
        x = start()
        parameters, state = rule.update(x, quadratic(x), rule.init(x), RATE)
        gradients = quadratic(parameters)
        arguments = {"parameters": parameters, "gradients": gradients, **{f"state {k}": v for k, v in state.items()}}
        before = {name: np.array(value) for name, value in arguments.items()}
        rule.update(parameters, gradients, state, RATE)
        for name, value in before.items():
            clause = "Optimizer.update modifies no argument"
            require_same(np.asarray(arguments[name]), value, clause, f"{name} as it was")

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("trials", [1, 3])
    def test_keeps_shape_and_dtype(self, rule: Optimizer, dtype: str, trials: int) -> None:
        """Optimizer: (n,) or (trials, n), one floating dtype, in parameters and state alike."""
        x = start(trials, dtype)
        clause = "Optimizer: parameters and state keep their shapes, (n,) or (trials, n), and their dtypes"
        first = rule.init(x)
        parameters, state = x, first
        for _ in range(2):
            parameters, state = rule.update(parameters, x, state, RATE)
        require_equal(described(parameters), described(x), clause, "parameters")
        require_equal(_all_described(state), _all_described(first), clause, "a state of")

    def test_serves_a_leading_axis_of_trials(self, rule: Optimizer) -> None:
        """Optimizer: (trials, n) is what each trial's vector gives."""
        stack = start(3)
        for name, surface in SURFACES.items():
            wanted = np.stack([descend(rule, vector, surface) for vector in stack])
            clause = "Optimizer: a leading axis of trials, each as it would be alone"
            require_close(descend(rule, stack, surface), wanted, 1e-12, clause, f"on {name} a parameter of")

    def test_a_block_depends_on_itself_alone(self, rule: Optimizer) -> None:
        """BlockOptimizer: a block's update is that of the block by itself."""
        if not isinstance(rule, ForBlocks):
            pytest.skip("it is elementwise")
        x, clause = start(), "BlockOptimizer: a block's update depends on that block alone"
        gradients = np.random.default_rng(4).standard_normal((5, len(x)))
        whole = unrolled(rule, x, gradients)
        for block in BLOCKS:
            part = slice(block.start, block.stop)
            alone = unrolled(ForBlocks(rule.rule, (replace(block, start=0),)), x[part], gradients[:, part])
            require_close(alone, whole[part], 1e-12, clause, f"{block.key} by itself, a parameter of")

    def test_is_elementwise(self, rule: Optimizer) -> None:
        """Optimizer: elementwise: no element depends on another's, nor on its place."""
        if isinstance(rule, ForBlocks):
            pytest.skip("it works block by block")
        x, clause = start(), "Optimizer: elementwise: blocks of the vector may be updated one by one, in any order"
        gradients = np.random.default_rng(4).standard_normal((5, len(x)))

        def run(chosen: Any) -> Vector:
            return unrolled(rule, x[chosen], gradients[:, chosen])

        whole, order = run(slice(None)), np.array([3, 1, 5, 0, 2, 4])
        require_close(np.concatenate([run(slice(2)), run(slice(2, None))]), whole, 1e-12, clause, "in two parts")
        require_close(run(order), whole[order], 1e-12, clause, "in another order")

    def test_takes_another_learning_rate_at_each_step(self, rule: Optimizer) -> None:
        """Optimizer.update takes a rate that is a float or a 0-d array; twice the rate goes further."""
        x, clause = start(), "Optimizer.update: learning_rate is a float or an array that broadcasts, new at each step"
        updated = [rule.update(x, x, rule.init(x), rate)[0] for rate in (RATE, np.asarray(RATE), 2 * RATE)]
        require_close(updated[1], updated[0], 1e-12, clause, "with the rate as an array")
        near, far = (float(np.abs(np.asarray(moved) - x).sum()) for moved in (updated[0], updated[2]))
        require(far > near, clause, f"a step longer than {near:.4g} at twice the rate", f"{far:.4g}")

    def test_takes_a_learning_rate_of_0(self, rule: Optimizer) -> None:
        """Optimizer.update at a rate of 0, which a schedule may end with: parameters stay."""
        x, clause = start(), "Optimizer.update: at a learning rate of 0 parameters stay, and later steps are finite"
        parameters, state = rule.update(x, quadratic(x), rule.init(x), 0.0)
        require_same(np.asarray(parameters), x, clause, "the parameters as they were")
        parameters, _ = rule.update(parameters, quadratic(x), state, RATE)
        require(np.isfinite(parameters).all(), clause, "finite parameters from the step after it", parameters)

    def test_state_is_arrays_by_name(self, rule: Optimizer) -> None:
        """Optimizer.init returns a flat dict: vectors like the parameters, the step count a 0-d array."""
        x, clause = start(dtype=np.float32), "Optimizer.init: vectors like the parameters, and 0-d arrays, by name"
        state = rule.init(x)
        require(isinstance(state, dict), clause, "a dict", type(state).__name__)
        for name, value in state.items():
            fits = isinstance(name, str) and isinstance(value, np.ndarray | np.generic)
            require(
                fits and value.shape in {(), x.shape},
                clause,
                f"an array {x.shape} or () for {name!r}",
                described(value),
            )

    def test_resumes_from_a_file(self, rule: Optimizer) -> None:
        """Optimizer.update goes on from a state that went through an npz file."""
        parameters = start()
        state = rule.init(parameters)
        for _ in range(3):
            parameters, state = rule.update(parameters, rosenbrock(parameters), state, RATE)
        file = io.BytesIO(npz({name: np.asarray(value) for name, value in state.items()}))
        with np.load(file, allow_pickle=False) as arrays:
            read = {name: arrays[name] for name in arrays.files}
        gradients = rosenbrock(parameters)
        wanted, got = (rule.update(parameters, gradients, past, RATE)[0] for past in (state, read))
        clause = "Optimizer: its state is all that resuming needs"
        require_close(got, wanted, 1e-12, clause, "after a state was saved and read")

    def test_can_be_pickled(self, rule: Optimizer) -> None:
        """An optimizer crosses to other processes."""
        clause = "a factory's optimizer crosses to other processes: it can be pickled"
        try:
            copy = pickle.loads(pickle.dumps(rule))  # noqa: S301 - our own bytes
        except Exception as error:  # noqa: BLE001 - pickling a foreign object may raise anything
            require(False, clause, "an optimizer that can be pickled", f"{type(error).__name__}: {error}")
        else:
            wanted = descend(rule, start(), rosenbrock)
            require_close(descend(copy, start(), rosenbrock), wanted, 1e-12, clause, "a copy's parameter of")

    def test_can_be_hashed(self, target: Target, rule: Optimizer) -> None:
        """Optimizers with equal options hash alike: a jitted backend keeps what it compiled for one."""
        clause = "an optimizer is immutable and hashable: a frozen dataclass of its options is"
        try:
            hashes = hash(rule), hash(for_blocks(target.build(), BLOCKS))
        except TypeError as error:
            require(False, clause, "a hash", f"TypeError: {error}")
        else:
            require_equal(hashes[1], hashes[0], clause, "another with the same options to have the hash")


def _all_described(state: dict[str, Array]) -> str:
    return ", ".join(f"{name} {described(value)}" for name, value in sorted(state.items()))
