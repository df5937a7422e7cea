"""Random numbers: NumPy's Philox in CuPy's place."""

import numpy as np

from cupy._arrays import ndarray


class Philox4x3210:
    """A bit generator."""

    def __init__(self, seed=None, *, size=-1):  # noqa: ARG002 - CuPy's signature
        self.bits = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed)))


class Generator:
    """Draws from a bit generator."""

    def __init__(self, bit_generator):
        if not isinstance(bit_generator, Philox4x3210):
            raise TypeError(type(bit_generator))
        self._bits = bit_generator.bits

    def random(self, size=None, dtype=np.float64, out=None):
        """Return uniform draws."""
        if out is not None:
            raise NotImplementedError("the double's random() has no out")
        return ndarray.of(self._bits.random(size, np.dtype(dtype).type))
