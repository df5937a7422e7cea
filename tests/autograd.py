"""The oracle of the from-scratch networks: the same network in torch's functions, differentiated by autograd."""

import pytest

from harness.interfaces import Activation, BatchNorm, Dropout, Linear

torch = pytest.importorskip("torch")
functional = torch.nn.functional

ACTIVATIONS = {
    "relu": functional.relu,
    "leaky_relu": functional.leaky_relu,
    "gelu": functional.gelu,
    "silu": functional.silu,
}


def tensors(state):
    """Return the parameters and statistics of a state as float64 tensors; parameters want gradients."""
    found = {key: torch.tensor(value, dtype=torch.float64) for key, value in state.items() if "optimizer" not in key}
    for key, value in found.items():
        value.requires_grad_("running" not in key)
    return found


def forward(spec, values, images, *, training):
    """Return logits of uint8 images (rows, height, width); dropout must be 0. Moves running statistics in training."""
    x = torch.tensor(images, dtype=torch.float64).reshape(len(images), -1) / 255
    for index, layer in enumerate(spec.layers):
        if isinstance(layer, Linear):
            x = x @ values[f"{index}.weight"] + values[f"{index}.bias"]
        elif isinstance(layer, BatchNorm):
            mean, var, weight, bias = (
                values[f"{index}.{n}"] for n in ("running_mean", "running_var", "weight", "bias")
            )
            x = functional.batch_norm(x, mean, var, weight, bias, training, layer.momentum, layer.eps)
        elif isinstance(layer, Activation):
            x = ACTIVATIONS[layer.name](x)
        else:
            assert isinstance(layer, Dropout)
    return x


def loss_and_gradients(spec, state, images, labels):
    """Return the mean loss and the gradients by key, as the spec's ``gradient``, ``l2`` and ``weight_decay`` say."""
    values = tensors(state)
    logits = forward(spec, values, images, training=True)
    truth = torch.tensor(labels)
    loss = functional.cross_entropy(logits, truth)
    functional.cross_entropy(logits, truth, reduction=spec.gradient).backward()
    gradients = {}
    for block in spec.parameters():
        value = values[block.key]
        l2 = spec.l2 if block.is_weight else 0.0
        gradients[block.key] = (value.grad + (l2 + spec.weight_decay) * value.detach()).numpy()
    return float(loss.detach()), gradients, values
