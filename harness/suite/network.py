"""The network that an experiment asks for."""

from harness.builtin.models import mlp
from harness.interfaces import Layer, NetworkSpec, Shape, kinds_of
from harness.plugins.loading import Registry
from harness.plugins.models import build_layers
from harness.plugins.options import OptionError
from harness.suite.loading import LoadedSuite
from harness.suite.models import Experiment


def network_spec(
    experiment: Experiment, input_shape: Shape, classes: int, layers: tuple[Layer, ...] | None = None
) -> NetworkSpec:
    """Return what a backend is to build; ``layers``: those of its model, if it names one."""
    if layers is None:
        layers = mlp(
            input_shape,
            classes,
            hidden_layers=experiment.hidden_layers,
            activation=experiment.activation,
            batch_norm=experiment.batch_norm,
            dropout=experiment.dropout,
        )
    return NetworkSpec(
        input_shape=input_shape,
        classes=classes,
        layers=layers,
        batch_size=experiment.batch_size,
        gradient=experiment.gradient,
        l2=experiment.l2,
        weight_decay=experiment.weight_decay,
    )


def planned_network(
    loaded: LoadedSuite, registry: Registry, name: str, input_shape: Shape, classes: int
) -> NetworkSpec:
    """Return the network of a suite's experiment for rows of a shape.

    Raises:
        HarnessError: its model does not fit them, or a batch is too small for it; the message has the place.
    """
    experiment, layers = loaded.suite.experiments[name], None
    if experiment.model is not None:
        component = registry.find("model", experiment.model.name)
        try:
            layers = build_layers(component, experiment.model.options, loaded.path.parent, input_shape, classes)
        except OptionError as error:
            raise loaded.problem(name, "model", error.what, error.key) from None
    spec = network_spec(experiment, input_shape, classes, layers)
    smallest = max(kind.smallest_batch for kind in kinds_of(spec.layers))
    if spec.batch_size < smallest:
        what = f"{spec.batch_size} is too small: its batch norm needs at least {smallest} rows a batch"
        raise loaded.problem(name, "batch_size", what)
    return spec
