"""As which parts a network's layers run by kernels: what is joined to a product, what begins a part, what has none."""

import numpy as np
import pytest

from harness.builtin.models import cnn, mlp, resnet
from harness.interfaces import (
    Activation,
    BatchNorm,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAveragePool,
    Layer,
    Linear,
    MaxPool2d,
    NetworkSpec,
    Residual,
)
from harness_array.kernels.plan import Branch, Pool, Stage, has_kernels, network_parts, parts_of
from tests.image_networks import CHAINS, spec_of

BYTES = np.dtype(np.uint8)


def spec(*layers, shape=(6, 6, 2), **keys):
    return NetworkSpec(shape, 3, layers, **{"batch_size": 8} | keys)


def test_what_follows_a_product_is_part_of_its_stage():
    """Batch norm, activation and dropout, in this order; what comes out of order begins a part without a product."""
    layers = Conv2d(2, 3, 3), BatchNorm(3), Activation("silu"), Dropout(0.5), Activation("relu"), BatchNorm(3)
    first, second, third = parts_of(layers, (6, 6, 2))
    assert (first.norm_name, first.activation, first.rate, first.dropout_number) == ("1", 4, 0.5, 3)
    assert (first.name, first.pixels, first.width, first.patch) == ("0", 16, 3, 18)
    assert (second.product, second.activation, second.norm) == (None, 1, None)
    assert (third.product, third.norm_name, third.activation) == (None, "5", 0)


def test_a_norm_of_features_is_not_that_of_the_channels_before_them():
    """Flatten is in no part, and what follows it takes vectors."""
    first, second = parts_of((Conv2d(2, 3, 3), Flatten(), BatchNorm(48), Activation("relu")), (6, 6, 2))
    assert first.norm is None
    assert (second.shape, second.norm_name, second.activation) == ((48,), "2", 1)


def test_dropout_that_drops_nothing_is_in_no_part():
    assert parts_of((Dropout(0.0), MaxPool2d(2), Dropout(0.0)), (6, 6, 2)) == (
        Pool((6, 6, 2), (3, 3, 2), (2, 2), largest=True),
    )


def test_a_mean_over_the_image_is_one_window():
    (pool,) = parts_of((GlobalAveragePool(),), (5, 7, 3))
    assert (pool.window, pool.shape, pool.largest) == ((5, 7), (3,), False)


def test_a_residual_has_parts_and_a_shortcut_by_their_names():
    block = Residual((Conv2d(2, 4, 3, stride=2, padding=1, bias=False), BatchNorm(4)))
    _, branch = parts_of((Activation("relu"), block), (6, 6, 2))
    (inner,) = branch.parts
    assert (inner.name, inner.norm_name, inner.biased) == ("1.0", "1.1", False)
    assert (branch.shortcut.name, branch.shortcut.product.stride, branch.shortcut.plain) == ("1.shortcut", 2, True)
    assert parts_of((Residual((Activation("relu"),)),), (6, 6, 2))[0].shortcut is None


def test_a_residual_learns_by_its_projection_alone():
    """Then what comes before it needs a gradient, and what comes after it too."""
    pooled, activated = (Residual(layers) for layers in ((MaxPool2d(2),), (Activation("relu"),)))
    assert parts_of((pooled,), (6, 6, 2))[0].learns
    assert not parts_of((activated,), (6, 6, 2))[0].learns


def test_masks_have_numbers_of_their_own():
    """Those of the network's own layers are their positions, which draws of multilayer perceptrons depend on."""
    drop = Dropout(0.5)
    inner = Residual((drop, Conv2d(2, 2, 1), drop, Residual((Conv2d(2, 2, 1), drop))))
    parts = parts_of((drop, Conv2d(2, 2, 1), drop, inner, inner, drop), (6, 6, 2))

    def numbers(parts):
        for part in parts:
            if isinstance(part, Branch):
                yield from numbers(part.parts)
            elif part.rate:
                yield part.dropout_number

    mask_numbers = list(numbers(parts))
    assert len(set(mask_numbers)) == len(mask_numbers) == 9
    assert [number for number in mask_numbers if number < 1024] == [0, 2, 5]
    assert max(mask_numbers) < 2**32


def test_dropout_too_deep_for_a_number_of_32_bits_has_no_kernel():
    """Beyond three levels two layers would share a mask; what draws nothing may be as deep as it likes."""

    def nested(layer, levels):
        return (Residual((Conv2d(2, 2, 1), *nested(layer, levels - 1))),) if levels else (layer,)

    deep, deeper = (parts_of(nested(Dropout(0.5), levels), (6, 6, 2)) for levels in (2, 3))
    assert deep[0].parts[1].parts[0].dropout_number == 2 * 1024**2 + 2 * 1024
    assert deeper is None
    assert parts_of(nested(Activation("relu"), 3), (6, 6, 2)) is not None


@pytest.mark.parametrize("name", CHAINS)
def test_every_layer_of_images_has_kernels(name):
    assert has_kernels(spec_of(name), BYTES)


@pytest.mark.parametrize("factory", [cnn, resnet])
@pytest.mark.parametrize("shape", [(28, 28), (32, 32, 3)])
def test_the_models_have_kernels(factory, shape):
    layers = factory(shape, 10, dropout=0.3)
    assert has_kernels(NetworkSpec(shape, 10, layers, batch_size=128), BYTES)


def test_a_perceptron_is_a_stage_for_each_layer():
    layers = mlp((4, 3), 2, hidden_layers=[5, 6], batch_norm=True, dropout=0.1)
    parts, last = network_parts(NetworkSpec((4, 3), 2, layers, batch_size=8))
    assert [part.name for part in (*parts, last)] == ["0", "4", "8"]
    assert all(isinstance(part, Stage) and part.norm and part.activation and part.rate for part in parts)


class Doubling(Layer):
    """A third party's."""


NONE = {
    "another layer": (Conv2d(2, 3, 3), Doubling(), Flatten(), Linear(48, 3)),
    "another layer in a residual": (Residual((Doubling(),)), Flatten(), Linear(72, 3)),
    "a subclass": (type("Mine", (Conv2d,), {})(2, 3, 3), Flatten(), Linear(48, 3)),
    "an activation at the end": (Flatten(), Linear(72, 3), Activation("relu")),
    "a pool at the end": (Conv2d(2, 3, 3), GlobalAveragePool()),
    "no layers": (),
}


@pytest.mark.parametrize("name", NONE)
def test_what_has_no_kernels(name):
    """A layer of another kind, a subclass of one that has them, and logits that are not a linear layer's."""
    assert network_parts(spec(*NONE[name])) is None
    assert not has_kernels(spec(*NONE[name]), BYTES)


def test_patches_that_indices_of_32_bits_cannot_count_have_no_kernels():
    """Nine times the image here: in a chain, in a residual, and in a shortcut."""
    convolution = Conv2d(2, 2, 3, padding=1)
    for layers in ([convolution], [Residual((convolution,))]):
        network = spec(*layers, Flatten(), Linear(72, 3), batch_size=1 << 20)
        assert has_kernels(network, BYTES)
        assert not has_kernels(spec(*layers, Flatten(), Linear(72, 3), batch_size=1 << 21), BYTES)
