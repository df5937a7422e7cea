"""What the command line collects: the test classes of the kinds that it names components of."""

from harness.conformance.backend import BackendConformance
from harness.conformance.dataset import DatasetConformance
from harness.conformance.loss import LossConformance
from harness.conformance.model import ModelConformance
from harness.conformance.observer import ObserverConformance
from harness.conformance.optimizer import OptimizerConformance
from harness.conformance.perturbation import PerturbationConformance

__all__ = [
    "BackendConformance",
    "DatasetConformance",
    "LossConformance",
    "ModelConformance",
    "ObserverConformance",
    "OptimizerConformance",
    "PerturbationConformance",
]
