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

INTERFACE_VERSION = 1

__all__ = [
    "INTERFACE_VERSION",
    "LAYERS_OF_INTERFACE_1",
    "WITHHELD",
    "Activation",
    "ActivationName",
    "Array",
    "Backend",
    "BatchNorm",
    "Context",
    "Dataset",
    "DeclaredLayers",
    "Dropout",
    "EpochStats",
    "Gradient",
    "Holding",
    "ImageStream",
    "LabelledImages",
    "Layer",
    "Linear",
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
    "Shape",
    "State",
    "StoredDataset",
    "StreamedDataset",
    "SweepingPerturb",
    "entry_for",
    "joined_state",
    "kinds_of",
    "split_state",
    "unsupported_layers",
]
