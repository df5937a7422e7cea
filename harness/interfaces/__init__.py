"""The contracts between the core and its plugins.

This package imports nothing of ours. A change to it that an existing plugin could notice raises `INTERFACE_VERSION`.
"""

from harness.interfaces.backend import (
    WITHHELD,
    Array,
    Backend,
    EpochStats,
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
    Dataset,
    Holding,
    ImageStream,
    LabelledImages,
    Perturb,
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
from harness.interfaces.network import Context, Gradient, NetworkSpec, Parameter, Placement, Precision
from harness.interfaces.residual import SHORTCUT, Residual
from harness.interfaces.spatial import AveragePool2d, Conv2d, Flatten, GlobalAveragePool, MaxPool2d

INTERFACE_VERSION = 1

__all__ = [
    "INTERFACE_VERSION",
    "LAYERS_OF_INTERFACE_1",
    "SHORTCUT",
    "WITHHELD",
    "Activation",
    "ActivationName",
    "Array",
    "AveragePool2d",
    "Backend",
    "BatchNorm",
    "Context",
    "Conv2d",
    "Dataset",
    "DeclaredLayers",
    "Dropout",
    "EpochStats",
    "Flatten",
    "GlobalAveragePool",
    "Gradient",
    "Holding",
    "ImageStream",
    "LabelledImages",
    "Layer",
    "Linear",
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
    "ReducedPrecision",
    "Residual",
    "Shape",
    "State",
    "StoredDataset",
    "StreamedDataset",
    "SweepingPerturb",
    "chain_buffers",
    "chain_parameters",
    "chain_shapes",
    "chain_weights",
    "entry_for",
    "joined_state",
    "kinds_of",
    "split_state",
    "unsupported_layers",
]
