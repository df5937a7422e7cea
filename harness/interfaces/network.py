"""What a network is to be: its layers, its parameters, how it is trained, where it runs."""

from dataclasses import dataclass
from math import prod
from typing import Literal

from harness.interfaces.chain import chain_buffers, chain_parameters, chain_shapes, chain_values, chain_weights
from harness.interfaces.layers import Layer, Linear, Shape
from harness.interfaces.loss import Loss

Precision = Literal["float32", "float64", "bfloat16"]
Placement = Literal["auto", "stream", "resident"]
Gradient = Literal["sum", "mean"]


@dataclass(frozen=True)
class Parameter:
    """One block of the flat parameter vector: its key in a `State`, its shape and place, and whether ``l2`` applies."""

    key: str
    shape: tuple[int, ...]
    start: int
    is_weight: bool

    @property
    def stop(self) -> int:
        """One past the block's last element."""
        return self.start + prod(self.shape)


@dataclass(frozen=True)
class NetworkSpec:
    """What a backend is to build and how it is to train it; the same for every backend.

    ``loss``: what is minimised; None is the plain cross-entropy, -log softmax(z)[label]. ``class_weights``: the weight
    of each class in it, or None. ``gradient``: whether a batch's gradient is the sum or the mean of its rows' (the
    reported loss is always a mean). A weighted mean is the sum divided by the sum of the rows' weights, each its
    label's; a sum is not divided. A last, smaller batch is not rescaled. ``clip_norm``: where the Euclidean norm of the
    gradient of all parameters exceeds it, the gradient is multiplied by clip_norm / (norm + 1e-6). ``l2`` · W is added
    to the gradient of weights (`Layer.weights`), and ``weight_decay`` · θ to that of every parameter, both after
    clipping and before the optimizer sees it; neither enters the loss.

    ``input_shape`` is that of one row of the data: (height, width), (height, width, channels) or (features,).
    """

    input_shape: Shape
    classes: int
    layers: tuple[Layer, ...]
    batch_size: int
    gradient: Gradient = "mean"
    l2: float = 0.0
    weight_decay: float = 0.0
    loss: Loss | None = None
    class_weights: tuple[float, ...] | None = None
    clip_norm: float | None = None

    @property
    def features(self) -> int:
        """Values of one row."""
        return prod(self.input_shape)

    @property
    def row_shape(self) -> Shape:
        """The shape in which the first layer takes a row: a vector for `Linear`, else the channels of an image last."""
        if self.layers and isinstance(self.layers[0], Linear):
            return (self.features,)
        return (*self.input_shape, 1) if len(self.input_shape) == 2 else self.input_shape

    def shapes(self) -> tuple[Shape, ...]:
        """Return the shape of one row at each layer's input, and after the last: a layer more than there are.

        Raises:
            ValueError: a layer does not take what comes before it; the message names its position.
        """
        return chain_shapes(self.layers, self.row_shape)

    def layers_with_shapes(self) -> tuple[tuple[Layer, Shape], ...]:
        """Return each layer with the shape of one row at its input; raises as `shapes`."""
        return tuple(zip(self.layers, self.shapes()[:-1], strict=True))

    def rows_within(self, size: int, itemsize: int = 4) -> int:
        """Return how many rows' values take ``size`` bytes at most, at the input and after every layer: 1 or more.

        That is about what a network keeps of a batch. ``itemsize``: bytes of a value. Raises as `shapes`.
        """
        return max(1, size // (chain_values(self.layers, self.row_shape) * itemsize))

    def parameters(self) -> tuple[Parameter, ...]:
        """Return the blocks of the flat parameter vector, in its order: layer by layer, weight before bias."""
        blocks: list[Parameter] = []
        weights, start = chain_weights(self.layers), 0
        for key, shape in chain_parameters(self.layers, self.row_shape).items():
            blocks.append(Parameter(key, shape, start, key in weights))
            start = blocks[-1].stop
        return tuple(blocks)

    def buffers(self) -> dict[str, Shape]:
        """Return the shapes of running statistics, by their key in a `State`."""
        return chain_buffers(self.layers, self.row_shape)

    def parameter_count(self) -> int:
        """Return the length of the flat parameter vector."""
        return self.parameters()[-1].stop


@dataclass(frozen=True)
class Context:
    """Where and how a network runs: nothing here changes what is computed beyond rounding, but for ``seed``.

    ``device``: ``"auto"`` (the backend's best), ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ….
    ``threads``: of a matrix product; ``OMP_NUM_THREADS`` and its like say the same before a plugin is imported.
    ``precision``: of parameters and arithmetic; float64 is for tests, and a backend need not have it. ``"bfloat16"`` is
    that of matrix products alone, all else stays float32; asked of a `ReducedPrecision` only.
    ``placement``: where the images are kept, ``"stream"`` (host, copied batch by batch), ``"resident"`` (device) or
    ``"auto"`` (resident on a device where they fit).
    """

    seed: int
    device: str = "auto"
    threads: int = 1
    precision: Precision = "float32"
    placement: Placement = "auto"
