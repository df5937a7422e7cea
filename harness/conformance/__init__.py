"""The conformance kit: tests that certify a plugin. It is loaded only where it is asked for.

From the command line, wherever harness and the plugin are installed::

    pytest --pyargs harness.conformance --harness-backend NAME

or in a plugin's own suite::

    from harness.conformance import BackendConformance

    class TestMine(BackendConformance):
        name = "mine"
"""

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
