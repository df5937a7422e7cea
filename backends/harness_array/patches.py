"""Patches of images as the rows of a matrix ("im2col"): a convolution is their product with its weights."""

from typing import Any

from harness.interfaces import Array

_NARROW = 16
"""Values in a line of a patch, below which the matrix is laid out patch position by patch position: a line of so few is
copied slower than a line of the image."""


class Patches:
    """The patches of some images at a time, in memory that is made once."""

    def __init__(
        self, xp: Any, rows: int, image: tuple[int, int, int], kernel: int, stride: int, padding: int, dtype: Any
    ) -> None:
        height, width, channels = image
        self._kernel, self._channels = kernel, channels
        self._lines, self._columns = ((size + 2 * padding - kernel) // stride + 1 for size in (height, width))
        self.size = kernel * kernel * channels
        """Values in a patch."""
        self._whole = kernel == stride == 1 and padding == 0
        """Whether the images are their patches."""
        if self._whole:
            return
        # Zeros around the images stay as they are; only what is within is written.
        self._padded = xp.zeros((rows, height + 2 * padding, width + 2 * padding, channels), dtype=dtype)
        self._inside = self._padded[:, padding : padding + height, padding : padding + width]
        self._matrix = xp.empty(rows * self._lines * self._columns * self.size, dtype=dtype)
        image_step, line_step, pixel_step, item = self._padded.strides
        self._windows = xp.lib.stride_tricks.as_strided(
            self._padded,
            (rows, self._lines, self._columns, kernel, kernel * channels),
            (image_step, stride * line_step, stride * pixel_step, line_step, item),
        )

    def of(self, images: Array) -> Array:
        """Return (n · lines · columns, `size`) for images (n, height, width, channels); the next call overwrites it."""
        rows = len(images)
        patches = rows * self._lines * self._columns
        if self._whole:
            return images.reshape(patches, self.size)
        self._inside[:rows] = images
        matrix = self._matrix[: patches * self.size]
        if self._kernel * self._channels >= _NARROW:
            lines = matrix.reshape(rows, self._lines, self._columns, self._kernel, self._kernel * self._channels)
            lines[...] = self._windows[:rows]
            return matrix.reshape(patches, self.size)
        positions = matrix.reshape(self.size, rows, self._lines, self._columns)
        windows = self._windows[:rows]
        for position in range(self.size):
            line, within = divmod(position, self._kernel * self._channels)
            positions[position] = windows[:, :, :, line, within]
        return matrix.reshape(self.size, patches).T
