"""The network that an experiment asks for."""

from math import prod

from harness.interfaces import Activation, BatchNorm, Dropout, Layer, Linear, NetworkSpec
from harness.suite.models import Experiment


def network_spec(experiment: Experiment, input_shape: tuple[int, ...], classes: int) -> NetworkSpec:
    """Return the layers of an experiment: each hidden layer is linear → batch norm → activation → dropout."""
    layers: list[Layer] = []
    width = prod(input_shape)
    for hidden in experiment.hidden_layers:
        layers.append(Linear(width, hidden))
        if experiment.batch_norm:
            layers.append(BatchNorm(hidden))
        layers.append(Activation(experiment.activation))
        if experiment.dropout:
            layers.append(Dropout(experiment.dropout))
        width = hidden
    layers.append(Linear(width, classes))
    return NetworkSpec(
        input_shape=input_shape,
        classes=classes,
        layers=tuple(layers),
        batch_size=experiment.batch_size,
        gradient=experiment.gradient,
        l2=experiment.l2,
        weight_decay=experiment.weight_decay,
    )
