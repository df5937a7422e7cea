"""The largest value of each window of an image."""

from harness.interfaces import Array, MaxPool2d
from harness_array.blocks import block_rows, blocks
from harness_array.site import Site


class MaxPoolLayer:
    """Along the lines first, then across them, so that of equal values the first counts, line by line.

    Where a value is larger than those before it is kept, for the backward pass.
    """

    def __init__(self, layer: MaxPool2d, site: Site) -> None:
        self._xp = xp = site.device.xp
        self._size = size = layer.size
        lines, columns, channels = layer.output_shape(site.input_shape)
        self._lines, self._columns = lines * size, columns * size  # of x: those left over are ignored
        self._block = block_rows(site, (self._lines, columns, channels))
        self._crew = site.device.crew
        self._narrow = xp.empty((site.device.crew.size, self._block, self._lines, columns, channels), dtype=site.dtype)
        self._out = xp.empty((site.rows, lines, columns, channels), dtype=site.dtype)
        marks = (size - 1, site.training_rows)
        self._along = xp.empty((*marks, self._lines, columns, channels), dtype=bool)
        self._across = xp.empty((*marks, lines, columns, channels), dtype=bool)
        self._x: Array = None

    def forward(self, x: Array, *, training: bool) -> Array:
        """Return (rows, lines, columns, channels) for x (rows, height, width, channels), which stays as it is."""
        if training:
            self._x = x
        y = self._out[: len(x)]

        def pool(member: int, _index: int, part: slice) -> None:
            narrow = self._narrow[member, : part.stop - part.start]
            along = [x[part, : self._lines, j : self._columns : self._size] for j in range(self._size)]
            self._largest(along, narrow, self._along[:, part] if training else None)
            across = [narrow[:, i :: self._size] for i in range(self._size)]
            self._largest(across, y[part], self._across[:, part] if training else None)

        self._crew.each(pool, blocks(len(x), self._block))
        return y

    def _largest(self, values: list[Array], out: Array, marks: Array) -> None:
        largest = values[0]
        for index, value in enumerate(values[1:]):
            if marks is not None:
                self._xp.greater(value, largest, out=marks[index])
            largest = self._xp.maximum(largest, value, out=out)
        if len(values) == 1:
            out[...] = largest

    def backward(self, gradient: Array) -> Array:
        """Overwrite x with its gradient, and return it; that of the output is overwritten."""
        x, size = self._x, self._size

        def spread(member: int, _index: int, part: slice) -> None:
            narrow = self._narrow[member, : part.stop - part.start]
            self._spread(gradient[part], [narrow[:, i::size] for i in range(size)], self._across[:, part])
            along = [x[part, : self._lines, j : self._columns : size] for j in range(size)]
            self._spread(narrow, along, self._along[:, part])

        self._crew.each(spread, blocks(len(x), self._block))
        x[:, self._lines :] = 0.0
        x[:, :, self._columns :] = 0.0
        return x

    def _spread(self, gradient: Array, targets: list[Array], marks: Array) -> None:
        """Write a gradient where the largest value was, and 0 elsewhere."""
        for index in range(len(targets) - 1, 1, -1):
            self._xp.multiply(gradient, marks[index - 1], out=targets[index])
            gradient -= targets[index]
        if len(targets) == 1:
            targets[0][...] = gradient
        else:
            self._xp.multiply(gradient, marks[0], out=targets[1])
            self._xp.subtract(gradient, targets[1], out=targets[0])
