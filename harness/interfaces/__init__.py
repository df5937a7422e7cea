"""The contracts between the core and its plugins.

This package imports nothing of ours. A change to it that an existing plugin could notice raises `INTERFACE_VERSION`.
"""

from typing import Any

from harness.interfaces.arrays import Array
from harness.interfaces.attacks import Attack, Differentiable, DifferentiableBackend, Victim
from harness.interfaces.backend import (
    WITHHELD,
    Backend,
    Batch,
    Batches,
    BatchTraining,
    BatchTrainingBackend,
    BlockOptimizer,
    EpochStats,
    LaunchingNetwork,
    Network,
    Optimizer,
    ReducedPrecision,
    State,
    joined_state,
    split_state,
)
from harness.interfaces.bench import MultiplyingBackend, Peer, PeerNetwork, Product
from harness.interfaces.chain import chain_buffers, chain_parameters, chain_shapes, chain_weights
from harness.interfaces.data import (
    DataKind,
    Dataset,
    DependentPerturb,
    GradedPerturb,
    Holding,
    Labelled,
    LabelledStream,
    Perturb,
    RangedPerturb,
    SelectivePerturb,
    StoredDataset,
    StreamedDataset,
    SweepingPerturb,
)
from harness.interfaces.layers import (
    LAYERS_OF_INTERFACE_1,
    Activation,
    ActivationName,
    BatchNorm,
    DeclaredLayers,
    Dropout,
    Layer,
    Linear,
    Shape,
    entry_for,
    kinds_of,
    unsupported_layers,
)
from harness.interfaces.loss import Loss
from harness.interfaces.members import implements
from harness.interfaces.network import Context, Gradient, NetworkSpec, Parameter, Placement, Precision
from harness.interfaces.residual import SHORTCUT, Residual
from harness.interfaces.spatial import AveragePool2d, Conv2d, Flatten, GlobalAveragePool, MaxPool2d

INTERFACE_VERSION = 2

__all__ = [
    "INTERFACE_VERSION",
    "LAYERS_OF_INTERFACE_1",
    "SHORTCUT",
    "WITHHELD",
    "Activation",
    "ActivationName",
    "Array",
    "Attack",
    "AveragePool2d",
    "Backend",
    "Batch",
    "BatchNorm",
    "BatchTraining",
    "BatchTrainingBackend",
    "Batches",
    "BlockOptimizer",
    "Context",
    "Conv2d",
    "DataKind",
    "Dataset",
    "DeclaredLayers",
    "DependentPerturb",
    "Differentiable",
    "DifferentiableBackend",
    "Dropout",
    "EpochStats",
    "Flatten",
    "GlobalAveragePool",
    "GradedPerturb",
    "Gradient",
    "Holding",
    "Labelled",
    "LabelledStream",
    "LaunchingNetwork",
    "Layer",
    "Linear",
    "Loss",
    "MaxPool2d",
    "MultiplyingBackend",
    "Network",
    "NetworkSpec",
    "Optimizer",
    "Parameter",
    "Peer",
    "PeerNetwork",
    "Perturb",
    "Placement",
    "Precision",
    "Product",
    "RangedPerturb",
    "ReducedPrecision",
    "Residual",
    "SelectivePerturb",
    "Shape",
    "State",
    "StoredDataset",
    "StreamedDataset",
    "SweepingPerturb",
    "Victim",
    "chain_buffers",
    "chain_parameters",
    "chain_shapes",
    "chain_weights",
    "entry_for",
    "implements",
    "joined_state",
    "kinds_of",
    "split_state",
    "unsupported_layers",
]

_OF_INTERFACE_1 = {"LabelledImages": "Labelled", "ImageStream": "LabelledStream"}


def __getattr__(name: str) -> Any:
    """Refuse an import of what interface 1 had, in one line that says what to change."""
    if name in _OF_INTERFACE_1:
        msg = (
            f"{name} is of interface 1, and this harness has {INTERFACE_VERSION}: return {_OF_INTERFACE_1[name]}, with "
            'kind="image" (docs/how-to/move-to-interface-2.md)'
        )
        raise ImportError(msg)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
