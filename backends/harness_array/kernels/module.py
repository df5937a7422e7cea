"""The kernels, compiled by CuPy for the device at hand."""

from collections.abc import Callable
from functools import partial
from importlib.resources import files
from typing import Any

import numpy as np

THREADS = 256
"""Threads in a block of an elementwise kernel, and in the blocks that add up."""
COLUMNS, LANES = 8, 64
"""The form of a block by columns: eight float32 are a sector of memory, and a batch of 512 is eight rows a thread."""
CHUNK = 1024
"""Rows of a matrix of pixels that a block by chunks adds up: sixteen a thread."""
SOURCES = ("kernels.cu", "vectors.cu", "loss.cu", "update.cu", "images.cu", "channels.cu")


def source() -> str:
    """Return the source of all kernels, `kernels.cu` first, which has what the others use.

    In ASCII, without the Greek of its comments: CuPy writes it to a file in the locale's encoding, which may lack that.
    """
    folder = files("harness_array.kernels")
    text = "\n".join(folder.joinpath(name).read_text(encoding="utf-8") for name in SOURCES)
    return text.encode("ascii", "ignore").decode()


class Kernels:
    """Launches of the kernels in a precision; compiled once a machine, CuPy keeps them in its cache."""

    def __init__(self, xp: Any, dtype: Any) -> None:
        self.real = np.dtype(dtype).type
        name = {"float32": "float", "float64": "double"}[np.dtype(dtype).name]
        self._module = xp.RawModule(code=source(), options=("-std=c++17", f"-DREAL={name}"))

    def elementwise(self, name: str, count: int, *arguments: Any) -> Callable[[], None]:
        """Return a launch with a thread for each of ``count`` elements."""
        return self._launch(name, -(-count // THREADS), (THREADS,), arguments)

    def by_columns(self, name: str, width: int, *arguments: Any) -> Callable[[], None]:
        """Return a launch whose blocks have some of ``width`` columns each."""
        return self._launch(name, -(-width // COLUMNS), (COLUMNS, LANES), arguments)

    def by_chunks(self, name: str, parts: tuple[int, int], *arguments: Any) -> Callable[[], None]:
        """Return a launch whose blocks have some columns of a chunk each; ``parts``: how many chunks, and columns."""
        chunks, width = parts
        return self._launch(name, chunks * -(-width // COLUMNS), (COLUMNS, LANES), arguments)

    def by_rows(self, name: str, rows: int, *arguments: Any) -> Callable[[], None]:
        """Return a launch with a warp for each row."""
        return self._launch(name, -(-rows // 4), (128,), arguments)

    def blocks(self, name: str, blocks: int, *arguments: Any) -> Callable[[], None]:
        """Return a launch of some blocks of `THREADS`."""
        return self._launch(name, blocks, (THREADS,), arguments)

    def _launch(self, name: str, blocks: int, block: tuple[int, ...], arguments: tuple[Any, ...]) -> Callable[[], None]:
        return partial(self._module.get_function(name), (blocks,), block, arguments)
