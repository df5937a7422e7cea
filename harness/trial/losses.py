"""What an experiment minimises: its loss from the plugins, and its classes' weights from the training labels."""

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.builtin.losses import CrossEntropy
from harness.interfaces import Loss, NetworkSpec
from harness.plugins.loading import Registry
from harness.plugins.options import ComponentSpec, build


def build_loss(spec: ComponentSpec | None, registry: Registry) -> Loss | None:
    """Return a loss with its options; None for the plain cross-entropy, which backends have their own forms of."""
    if spec is None:
        return None
    loss: Loss = build(registry.find("loss", spec.name), spec.options, spec.directory)
    return None if type(loss) is CrossEntropy and loss.label_smoothing == 0.0 else loss


def with_loss(network: NetworkSpec, loss: ComponentSpec | None, registry: Registry) -> NetworkSpec:
    """Return a network that minimises a loss."""
    return replace(network, loss=build_loss(loss, registry))


def balanced(labels: NDArray[np.int64], classes: int) -> tuple[float, ...]:
    """Return weights that give each class the same part of a loss: rows / (classes · rows of the class).

    Raises:
        ValueError: a class has no row.

    >>> balanced(np.array([0, 0, 0, 1]), 2)
    (0.6666666666666666, 2.0)
    """
    counts = np.bincount(labels, minlength=classes)
    if not counts.all():
        msg = f"class {int(np.flatnonzero(counts == 0)[0])} has no training row"
        raise ValueError(msg)
    return tuple((len(labels) / (classes * counts)).tolist())


def weights_of_classes(
    setting: Literal["balanced"] | list[float] | None, labels: NDArray[np.int64], classes: int
) -> tuple[float, ...] | None:
    """Return the weight of each class by the experiment's ``class_weights``, None where all are alike.

    ``labels``: those of the training rows.

    Raises:
        ValueError: there are not as many weights as classes, or a class has no row to balance.
    """
    if setting is None:
        return None
    if setting == "balanced":
        return balanced(labels, classes)
    if len(setting) != classes:
        weights = f"{len(setting)} weights for {classes} classes"
        msg = f'{weights}. Give one for each, in the order of the classes, or "balanced"'
        raise ValueError(msg)
    return tuple(float(weight) for weight in setting)
