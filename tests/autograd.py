"""The oracle of the from-scratch networks: the same network in torch's functions, differentiated by autograd."""

import pytest

from harness.interfaces import (
    Activation,
    AveragePool2d,
    BatchNorm,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAveragePool,
    Linear,
    MaxPool2d,
    Residual,
)

torch = pytest.importorskip("torch")
functional = torch.nn.functional

ACTIVATIONS = {
    "relu": functional.relu,
    "leaky_relu": functional.leaky_relu,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "tanh": torch.tanh,
}


def tensors(state):
    """Return the parameters and statistics of a state as float64 tensors; parameters want gradients."""
    tensors_by_key = {
        key: torch.tensor(value, dtype=torch.float64) for key, value in state.items() if "optimizer" not in key
    }
    for key, value in tensors_by_key.items():
        value.requires_grad_("running" not in key)
    return tensors_by_key


def forward(spec, values, images, *, training):
    """Return logits of uint8 images (rows, …); dropout must be 0. Moves running statistics in training."""
    x = torch.tensor(images, dtype=torch.float64).reshape(len(images), *spec.row_shape) / 255
    return chained(spec.layers, values, x.permute(0, 3, 1, 2) if x.ndim == 4 else x, training=training)


def chained(layers, values, x, *, training, within=""):
    """Return what layers make of x (rows, features) or (rows, channels, height, width)."""
    for index, layer in enumerate(layers):
        place = f"{within}{index}."
        own = {key.removeprefix(place): value for key, value in values.items() if key.startswith(place)}
        if isinstance(layer, Residual):
            y = chained(layer.layers, values, x, training=training, within=place)
            x = y + shortcut(layer, own, x)
        else:
            x = APPLIED[type(layer)](layer, own, x, training)
    return x


def _convolution(layer, own, x, _training):
    weight = own["weight"].permute(3, 2, 0, 1)
    return functional.conv2d(x, weight, own.get("bias"), layer.stride, layer.padding)


def _batch_norm(layer, own, x, training):
    mean, var, weight, bias = (own[name] for name in ("running_mean", "running_var", "weight", "bias"))
    return functional.batch_norm(x, mean, var, weight, bias, training, layer.momentum, layer.eps)


APPLIED = {
    Linear: lambda _layer, own, x, _training: x @ own["weight"] + own["bias"],
    Conv2d: _convolution,
    BatchNorm: _batch_norm,
    Activation: lambda layer, _own, x, _training: ACTIVATIONS[layer.name](x),
    MaxPool2d: lambda layer, _own, x, _training: functional.max_pool2d(x, layer.size),
    AveragePool2d: lambda layer, _own, x, _training: functional.avg_pool2d(x, layer.size),
    GlobalAveragePool: lambda _layer, _own, x, _training: x.mean(dim=(2, 3)),
    Flatten: lambda _layer, _own, x, _training: (x.permute(0, 2, 3, 1) if x.ndim == 4 else x).flatten(1),
    Dropout: lambda _layer, _own, x, _training: x,
}


def shortcut(layer, own, x):
    """Return what a residual's shortcut makes of x."""
    if "shortcut.weight" not in own:
        return x
    if x.ndim == 2:
        return x @ own["shortcut.weight"] + own["shortcut.bias"]
    stride = layer.shortcut((*x.shape[2:], x.shape[1])).stride
    return functional.conv2d(x, own["shortcut.weight"].permute(3, 2, 0, 1), stride=stride)


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
