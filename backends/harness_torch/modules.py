"""From a specification to an ordinary `torch.nn.Sequential`, whose parameters are views into one flat vector."""

from collections.abc import Callable

from torch import Tensor, nn

from harness.interfaces import Activation, BatchNorm, Linear, NetworkSpec
from harness_torch.dropout import KeyedDropout, Masks

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    # In place where the gradient follows from the result: a pass over memory saved.
    "relu": lambda: nn.ReLU(inplace=True),
    "leaky_relu": lambda: nn.LeakyReLU(0.01, inplace=True),
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}


def build_modules(
    spec: NetworkSpec, parameters: Tensor, gradients: Tensor, masks: Masks
) -> tuple[nn.Sequential, dict[str, Tensor]]:
    """Return the modules, and by its key in a `State` each tensor that they learn or keep.

    Parameters and their ``grad`` are views into ``parameters`` and ``gradients`` (n,), in the order of
    `NetworkSpec.parameters`. A linear layer's weight is the transposed view of the block (inputs, outputs), so that
    autograd, which adds to a ``grad`` that is there, leaves the whole gradient in one vector.
    """
    modules: list[nn.Module] = []
    width = spec.features
    for layer in spec.layers:
        if isinstance(layer, Linear):
            # On "meta" no weights are drawn: they would come from torch's global generator.
            modules.append(nn.Linear(layer.inputs, layer.outputs, device="meta"))
            width = layer.outputs
        elif isinstance(layer, BatchNorm):
            norm = nn.BatchNorm1d(
                layer.features, layer.eps, layer.momentum, device=parameters.device, dtype=parameters.dtype
            )
            modules.append(norm)
        elif isinstance(layer, Activation):
            modules.append(ACTIVATIONS[layer.name]())
        else:
            modules.append(KeyedDropout(layer.rate, masks, parameters.new_empty((spec.batch_size, width))))
    tensors: dict[str, Tensor] = {}
    for block in spec.parameters():
        index, _, name = block.key.partition(".")
        value, gradient = (flat[block.start : block.stop].view(block.shape) for flat in (parameters, gradients))
        tensors[block.key] = value
        parameter = nn.Parameter(value.t() if block.is_weight else value)
        parameter.grad = gradient.t() if block.is_weight else gradient
        setattr(modules[int(index)], name, parameter)
    for position, module in enumerate(modules):
        if isinstance(module, nn.BatchNorm1d):
            tensors |= {f"{position}.{name}": getattr(module, name) for name in ("running_mean", "running_var")}
    return nn.Sequential(*modules), tensors
