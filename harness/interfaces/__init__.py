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
from harness.interfaces.network import (
    Activation,
    ActivationName,
    BatchNorm,
    Context,
    Dropout,
    Gradient,
    Layer,
    Linear,
    NetworkSpec,
    Parameter,
    Placement,
    Precision,
)

INTERFACE_VERSION = 1

__all__ = [
    "INTERFACE_VERSION",
    "WITHHELD",
    "Activation",
    "ActivationName",
    "Array",
    "Backend",
    "BatchNorm",
    "Context",
    "Dataset",
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
    "State",
    "StoredDataset",
    "StreamedDataset",
    "SweepingPerturb",
]
