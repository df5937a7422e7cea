"""A wrapper has what it passes on by ``__getattr__``, on every Python."""

from typing import Protocol, runtime_checkable

import pytest

from harness.descent import for_blocks
from harness.interfaces import (
    Attack,
    BatchTraining,
    BatchTrainingBackend,
    BlockOptimizer,
    DeclaredLayers,
    DependentPerturb,
    DifferentiableBackend,
    GradedPerturb,
    Linear,
    Loss,
    MultiplyingBackend,
    RangedPerturb,
    ReducedPrecision,
    SelectivePerturb,
    StoredDataset,
    StreamedDataset,
    SweepingPerturb,
    implements,
)
from harness.plugins.layer_kinds import layer_kinds
from harness.plugins.loading import registry
from harness.plugins.perturbations import is_attack
from harness.trial.attacks import gives_gradients


class Delegating:
    """A wrapper that adds nothing."""

    def __init__(self, inner):
        self.inner = inner

    def __getattr__(self, name):
        return getattr(self.inner, name)


class Everything:
    """Every optional member of every contract."""

    takes, levels, layers, precisions = {"image"}, (1.0,), (Linear,), ("float32",)
    takes_batches = input_gradients = needs_network = True

    def __call__(self):
        """Do nothing."""

    init = update_blocks = train_batches = sweep = check = unavailable = stream = holding = fetch = __call__
    matrix_products = matrix_kernels = __call__


OPTIONAL = (
    Attack,
    BatchTraining,
    BatchTrainingBackend,
    BlockOptimizer,
    DeclaredLayers,
    DependentPerturb,
    DifferentiableBackend,
    GradedPerturb,
    Loss,
    MultiplyingBackend,
    RangedPerturb,
    ReducedPrecision,
    SelectivePerturb,
    StoredDataset,
    StreamedDataset,
    SweepingPerturb,
)


@pytest.mark.parametrize("protocol", OPTIONAL)
def test_a_wrapper_has_what_it_delegates(protocol):
    """As a caller finds it, whatever the depth; and an object without it does not."""
    assert implements(Everything(), protocol)
    assert implements(Delegating(Delegating(Everything())), protocol)
    assert not implements(Delegating(object()), protocol)


def test_a_method_that_is_none_is_missing():
    """As `isinstance` has it; a value that is None is there."""

    @runtime_checkable
    class Both(Protocol):
        value: object

        def method(self):
            """Do nothing."""

    class Has:
        value = None

        def method(self):
            """Do nothing."""

    class Lacks(Has):
        method = None

    assert [implements(kind(), Both) for kind in (Has, Lacks, object)] == [True, False, False]
    assert [isinstance(kind(), Both) for kind in (Has, Lacks, object)] == [True, False, False]


def test_the_core_asks_a_wrapped_plugin_as_it_asks_the_plugin():
    """Layers, gradients, attacks and rules by blocks."""
    backend = Delegating(registry().find("backend", "numpy").load()())
    assert layer_kinds(backend) == layer_kinds(backend.inner)
    assert gives_gradients(backend)
    assert is_attack(Delegating(registry().find("perturbation", "fgsm").load()))
    assert type(for_blocks(Delegating(Everything()), ())).__name__ == "ForBlocks"
