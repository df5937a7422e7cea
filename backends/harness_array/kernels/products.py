"""The products of layers: a batch of vectors, or the patches of a batch of images, with the layer's weights."""

from math import prod

import numpy as np

from harness.interfaces import Array, Conv2d
from harness_array.kernels.plan import Stage
from harness_array.kernels.tools import Launch, Tools

PART_ROWS, TILE, BLOCKS = 1024, 64, 128
"""A part of a tall product has 1,024 rows at least. A block of a GPU writes a tile of about 64 × 64 of the result, and
about 128 blocks run at once."""


class Product:
    """z = x W of vectors, or of pixels where a convolution's images are their patches.

    The gradient of W is a product over all rows. Of pixels they are many and the result is small, work for a few
    blocks: it is divided into parts of the rows, whose products are added up.
    """

    def __init__(self, tools: Tools, stage: Stage, *, needs_gradient: bool) -> None:
        self._tools, self._pixels = tools, stage.pixels
        weight, gradient = tools.learned_pair(f"{stage.name}.weight")
        self.weight, self.weight_gradient = (array.reshape(-1, stage.width) for array in (weight, gradient))
        shape = tools.rows, prod(stage.input_shape)
        self.x_gradient = tools.matrix(*shape) if needs_gradient else None
        self._most = _most_parts(tools.rows * stage.pixels, *self.weight.shape) if stage.pixels > 1 else 1
        self._parts: Array = tools.matrix(self._most, self.weight.size) if self._most > 1 else None

    def forward(self, x: Array, z: Array, rows: int) -> list[Launch]:
        """Return the launches that write z (rows · pixels, width) of x (rows, …)."""
        return [self._tools.blas.product(self._matrix(x, rows), self.weight, z)]

    def backward(self, x: Array, gradient: Array, rows: int) -> tuple[list[Launch], Array]:
        """Return the launches that write the gradients of W and x, from that of z, and the gradient of x."""
        launches = [self._weight_gradient(self._matrix(x, rows), gradient)]
        if self.x_gradient is None:
            return launches, None
        out = self.x_gradient[:rows]
        launches.append(self._tools.blas.product(gradient, self.weight, self._matrix(out, rows), b_t=True))
        return launches, out

    def _weight_gradient(self, inputs: Array, gradient: Array) -> Launch:
        """Return the launch that writes the gradient of W, inputsᵀ gradient (n, ·)."""
        aside, out, count = self._tools.aside, self.weight_gradient, parts_of_rows(len(inputs), self._most)
        if count == 1:
            return aside.product(inputs, gradient, out)
        parts, size = self._parts[:count], (np.int32(count), np.int32(out.size))
        add = self._tools.kernels.by_columns("column_sums", out.size, parts, out, *size)
        return aside.product_of_parts(inputs, gradient, parts, add)

    def _matrix(self, x: Array, rows: int) -> Array:
        return x.reshape(rows * self._pixels, len(self.weight))


class Convolution(Product):
    """z = patches(x) W; the patches stay for the gradient of W."""

    def __init__(self, tools: Tools, stage: Stage, layer: Conv2d, *, needs_gradient: bool) -> None:
        super().__init__(tools, stage, needs_gradient=needs_gradient)
        self._patches = tools.matrix(tools.rows * stage.pixels, stage.patch)
        self._image = prod(stage.input_shape)
        sizes = *stage.input_shape, *stage.shape[:2], layer.kernel, layer.stride, layer.padding
        self._form = tuple(map(np.int32, sizes))

    def forward(self, x: Array, z: Array, rows: int) -> list[Launch]:  # noqa: ARG002 - as Product's
        """Return the launches that write z (rows · pixels, width) of x (rows, …)."""
        patches = self._patches[: len(z)]
        size = patches.size
        return [
            self._tools.kernels.elementwise("patches", size, x, patches, np.int32(size), *self._form),
            self._tools.blas.product(patches, self.weight, z),
        ]

    def backward(self, x: Array, gradient: Array, rows: int) -> tuple[list[Launch], Array]:  # noqa: ARG002 - as Product's
        """Return the launches that write the gradients of W and x, from that of z, and the gradient of x."""
        tools, patches = self._tools, self._patches[: len(gradient)]
        launches = [self._weight_gradient(patches, gradient)]
        if self.x_gradient is None:
            return launches, None
        spread, out = tools.patch_gradients[: patches.size].reshape(patches.shape), self.x_gradient[:rows]
        size = rows * self._image
        return [
            *launches,
            tools.blas.product(gradient, self.weight, spread, b_t=True),
            tools.kernels.elementwise("patches_backward", size, spread, out, np.int32(size), *self._form),
        ], out


def _most_parts(rows: int, inputs: int, outputs: int) -> int:
    """Return into how many parts the rows of a product may be divided whose result is (inputs, outputs)."""
    tiles = -(-inputs // TILE) * -(-outputs // TILE)
    return max(1, min(rows // PART_ROWS, BLOCKS // tiles))


def parts_of_rows(rows: int, most: int) -> int:
    """Return the most equal parts of some rows, not above ``most``, nor with fewer than `PART_ROWS` each.

    >>> parts_of_rows(100_352, 98), parts_of_rows(25_088, 24), parts_of_rows(1_021 * 4, 128), parts_of_rows(512, 4)
    (98, 16, 2, 1)
    """
    most = min(most, rows // PART_ROWS)
    return max((count for count in range(1, most + 1) if rows % count == 0), default=1)


def product_of(tools: Tools, stage: Stage, *, needs_gradient: bool) -> Product | None:
    """Return a stage's product, None where it has none."""
    if stage.product is None:
        return None
    if isinstance(stage.product, Conv2d) and stage.patch:
        return Convolution(tools, stage, stage.product, needs_gradient=needs_gradient)
    return Product(tools, stage, needs_gradient=needs_gradient)
