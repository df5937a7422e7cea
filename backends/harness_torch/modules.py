"""From a specification to an ordinary `torch.nn.Sequential`."""

from collections.abc import Callable

from torch import Tensor, nn

from harness.interfaces import Activation, BatchNorm, Linear, NetworkSpec
from harness_torch.dropout import KeyedDropout, Masks
from harness_torch.parameters import Parameters

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    # In place where the gradient follows from the result: a pass over memory saved.
    "relu": lambda: nn.ReLU(inplace=True),
    "leaky_relu": lambda: nn.LeakyReLU(0.01, inplace=True),
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}


def build_modules(spec: NetworkSpec, parameters: Parameters, masks: Masks) -> nn.Sequential:
    """Return the modules, with the leaves of ``parameters``."""
    modules: list[nn.Module] = []
    width = spec.features
    kept = parameters.kept[0]
    for layer in spec.layers:
        if isinstance(layer, Linear):
            # On "meta" no weights are drawn: they would come from torch's global generator.
            modules.append(nn.Linear(layer.inputs, layer.outputs, device="meta"))
            width = layer.outputs
        elif isinstance(layer, BatchNorm):
            norm = nn.BatchNorm1d(layer.features, layer.eps, layer.momentum, device=kept.device, dtype=kept.dtype)
            modules.append(norm)
        elif isinstance(layer, Activation):
            modules.append(ACTIVATIONS[layer.name]())
        else:
            # What an activation in place returned, autograd still needs; of the others it keeps what they were given.
            in_place = not getattr(modules[-1], "inplace", False)
            mask = kept.new_empty((spec.batch_size, width))
            modules.append(KeyedDropout(layer.rate, masks, mask, in_place=in_place))
    for key, leaf in zip(parameters.names, parameters.leaves, strict=True):
        index, _, name = key.partition(".")
        setattr(modules[int(index)], name, leaf)
    return nn.Sequential(*modules)


def statistics(modules: nn.Sequential) -> dict[str, Tensor]:
    """Return the running statistics of batch norms, by their key in a `State`."""
    return {
        f"{index}.{name}": getattr(module, name)
        for index, module in enumerate(modules)
        if isinstance(module, nn.BatchNorm1d)
        for name in ("running_mean", "running_var")
    }
