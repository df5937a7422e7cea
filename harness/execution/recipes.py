"""What an experiment is trained with, as jobs are given it: its optimizer, its loss, its classes' weights."""

from dataclasses import replace
from pathlib import Path

from harness.datasets.cache import CachedDataset
from harness.datasets.splits import Split
from harness.interfaces import NetworkSpec
from harness.plugins.options import ComponentSpec
from harness.suite import LoadedSuite
from harness.suite.component_tables import CROSS_ENTROPY
from harness.suite.models import Experiment
from harness.trial.losses import weights_of_classes


def minimising(loaded: LoadedSuite, name: str, network: NetworkSpec, data: CachedDataset, split: Split) -> NetworkSpec:
    """Return a network with an experiment's weights of classes, those that the training rows balance, and clipping."""
    experiment = loaded.suite.experiments[name]
    if experiment.class_weights is None:  # of thousands of experiments none need open the data
        return replace(network, clip_norm=experiment.clip_norm)
    try:
        weights = weights_of_classes(experiment.class_weights, data.open().labels[split.train], network.classes)
    except ValueError as error:
        raise loaded.problem(name, "class_weights", str(error)) from None
    return replace(network, class_weights=weights, clip_norm=experiment.clip_norm)


def optimizer_spec(loaded: LoadedSuite, experiment: str) -> ComponentSpec:
    """Return an experiment's optimizer with its options."""
    return optimizer_of(loaded.suite.experiments[experiment], loaded.path.parent)


def loss_spec(loaded: LoadedSuite, experiment: str) -> ComponentSpec | None:
    """Return what an experiment minimises; None for the plain cross-entropy, which no plugin takes part in."""
    return loss_of(loaded.suite.experiments[experiment], loaded.path.parent)


def optimizer_of(experiment: Experiment, folder: Path) -> ComponentSpec:
    """Return an experiment's optimizer; ``folder``: that of the paths in its options."""
    return ComponentSpec(experiment.optimizer.name, experiment.optimizer.options, folder.absolute())


def loss_of(experiment: Experiment, folder: Path) -> ComponentSpec | None:
    """Return an experiment's loss, None for the plain cross-entropy; ``folder`` as in `optimizer_of`."""
    if experiment.loss == CROSS_ENTROPY:
        return None
    return ComponentSpec(experiment.loss.name, experiment.loss.options, folder.absolute())
