"""What a model must do to be certified."""

import pickle
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from harness.conformance.clauses import broken, require, require_equal
from harness.conformance.kinds import UNVERIFIED, beyond_reference
from harness.conformance.target import Conformance, Target
from harness.errors import HarnessError
from harness.interfaces import Layer, NetworkSpec, Shape, kinds_of
from harness.plugins.components import Kind
from harness.plugins.models import build_layers
from harness.plugins.options import OptionError
from harness.seeding import initial_state

_SHAPES: tuple[Shape, ...] = ((8, 8), (28, 28), (9, 12), (32, 32, 3), (30,))
_CLASSES = (2, 10, 47)
_FACTORY = "a model's factory returns a tuple of layers, from rows of input_shape to (classes,)"


class ModelConformance(Conformance):
    """Tests of a model on images, grey and coloured, and on vectors; what it declines by a ValueError is skipped."""

    kind: ClassVar[Kind] = "model"

    @pytest.fixture
    def built(self, target: Target) -> dict[tuple[Shape, int], tuple[Layer, ...]]:
        """Return its layers for each shape and number of classes that it does not decline."""
        sides = {}
        reasons = []
        for shape in _SHAPES:
            for classes in _CLASSES:
                try:
                    sides[shape, classes] = _layers(target, shape, classes)
                except OptionError as error:
                    reasons.append(str(error))
        require(sides, _FACTORY, "layers for one of the shapes that it is tested with", "; ".join(set(reasons)))
        return sides

    def test_layers_lead_from_rows_to_classes(self, built: dict[tuple[Shape, int], tuple[Layer, ...]]) -> None:
        """A model's layers take each other's output, and the last gives (classes,)."""
        for (shape, classes), layers in built.items():
            spec = NetworkSpec(shape, classes, layers, batch_size=8)
            require_equal(spec.shapes()[-1], (classes,), _FACTORY, f"for rows {shape}, the last shape to be")

    def test_returns_the_same_layers_again(
        self, target: Target, built: dict[tuple[Shape, int], tuple[Layer, ...]]
    ) -> None:
        """A model's factory draws nothing: initial values are the core's."""
        clause = "a model's factory is deterministic: equal arguments, equal layers"
        for (shape, classes), layers in built.items():
            require_equal(_layers(target, shape, classes), layers, clause, "a second time")

    def test_layers_can_be_pickled_and_hashed(self, built: dict[tuple[Shape, int], tuple[Layer, ...]]) -> None:
        """A layer is a frozen dataclass: networks are compared, and cross to other processes."""
        clause = "a layer is a frozen dataclass of its numbers: it can be hashed, and pickled"
        for layers in built.values():
            try:
                copy = pickle.loads(pickle.dumps(layers))  # noqa: S301 - our own bytes
            except Exception as error:  # noqa: BLE001 - pickling a foreign object may raise anything
                broken(clause, "layers that can be pickled", f"{type(error).__name__}: {error}")
            require_equal(copy, layers, clause, "a copy that was pickled")
            require_equal(hash(copy), hash(layers), clause, "its hash")

    def test_initial_values_have_the_declared_shapes(self, built: dict[tuple[Shape, int], tuple[Layer, ...]]) -> None:
        """Layer.initial returns what Layer.parameters and Layer.buffers declare, float32, and finite."""
        clause = "Layer.initial returns float32 arrays of the names and shapes of parameters and buffers"
        for (shape, classes), layers in built.items():
            spec = NetworkSpec(shape, classes, layers, batch_size=8)
            declared = {block.key: block.shape for block in spec.parameters()} | spec.buffers()
            state = initial_state(spec, 1)
            require_equal({key: value.shape for key, value in state.items()}, declared, clause, "the shapes")
            for key, value in state.items():
                require_equal(str(value.dtype), "float32", clause, f"the type of {key}")
                require(np.isfinite(value).all(), clause, f"finite values in {key}", "others")

    def test_its_layer_kinds_are_verified_with_a_backend(
        self, built: dict[tuple[Shape, int], tuple[Layer, ...]], pytestconfig: pytest.Config
    ) -> None:
        """A layer computes nothing: gradients are verified in a backend's networks."""
        kinds = beyond_reference({kind: None for layers in built.values() for kind in kinds_of(layers)})
        if kinds and not pytestconfig.getoption("harness_backend", None):
            names = ", ".join(f"layer kind {kind.__name__}" for kind in kinds)
            pytest.skip(f"{UNVERIFIED}{names} (a layer computes nothing: --harness-backend names a backend that does)")


def _layers(target: Target, shape: Shape, classes: int) -> tuple[Layer, ...]:
    try:
        return build_layers(target.component(), target.options, Path(), shape, classes)
    except OptionError:
        raise
    except HarnessError as error:
        broken(_FACTORY, f"layers for rows {shape} of {classes} classes", str(error))
