"""Dropout from generators of our own, so that torch's global one never moves."""

from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn


class Masks(Protocol):
    """Draws that depend on a key, and on how many were drawn since it was given."""

    def restart(self, key: tuple[int, int, int]) -> None:
        """Begin the draws of (seed, epoch, step)."""
        ...

    def fill(self, mask: Tensor, rate: float) -> None:
        """Fill ``mask`` with 0 where an element is dropped, with probability ``rate``, and 1 elsewhere."""
        ...


_TOGETHER = 32
"""Steps whose generators are made together."""


class HostMasks:
    """For the CPU: NumPy's SFC64, 16 bits an element, so that ``rate`` is met to 1 part in 65,536.

    Over ten times as fast as `Tensor.bernoulli_`, which draws one element after another from a Mersenne twister.
    """

    def __init__(self) -> None:
        self._bits = np.random.SFC64(0)
        self._next: dict[tuple[int, int, int], np.random.SFC64] = {}

    def restart(self, key: tuple[int, int, int]) -> None:
        """Begin the draws of a key.

        Generators are made for some steps together: one by one, between products that fill the caches, each took ten
        times as long.
        """
        if key not in self._next:
            seed, epoch, step = key
            coming = [(seed, epoch, later) for later in range(step, step + _TOGETHER)]
            self._next = {each: np.random.SFC64(np.random.SeedSequence(each)) for each in coming}
        self._bits = self._next.pop(key)

    def fill(self, mask: Tensor, rate: float) -> None:
        """Compare the bits, as int16 from -32,768 on, with the rate."""
        least = round(rate * 65_536) - 32_768
        if least > 32_767:  # no int16, and none is as large: compared with them it would be -32,768, and drop nothing
            mask.zero_()
            return
        drawn = self._bits.random_raw(-(-mask.numel() // 4)).view(np.int16)
        lanes = torch.from_numpy(drawn)[: mask.numel()].view(mask.shape)
        torch.ge(lanes, least, out=mask)


class DeviceMasks:
    """For a CUDA device: a generator of torch's that lives there."""

    def __init__(self, device: torch.device) -> None:
        self.generator = torch.Generator(device)
        """A graph that is replayed finds its seed, and counts from there as eager draws do: the masks are the same."""

    def renew(self) -> None:
        """Take another generator."""
        self.generator = torch.Generator(self.generator.device)

    def restart(self, key: tuple[int, int, int]) -> None:
        """Begin the draws of a key."""
        self.generator.manual_seed(int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> np.uint64(1)))

    def fill(self, mask: Tensor, rate: float) -> None:
        """Draw from Bernoulli's distribution."""
        mask.bernoulli_(1.0 - rate, generator=self.generator)


class KeyedDropout(nn.Module):
    """Inverted dropout of activations (rows, …): training zeroes with probability ``rate``, divides the rest.

    ``in_place``: where ``x`` is not needed any more, this saves a pass over memory.
    """

    def __init__(self, rate: float, masks: Masks, mask: Tensor, *, in_place: bool = False) -> None:
        super().__init__()
        self._rate = rate
        self._masks = masks
        self._mask = mask  # (batch, width), or (batch, height, width, channels) for images, whose channels are last
        self._in_place = in_place

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` itself in evaluation mode."""
        if not self.training:
            return x
        mask = self._mask[: len(x)]
        self._masks.fill(mask, self._rate)
        mask.mul_(1.0 / (1.0 - self._rate))
        if x.ndim == 4:
            mask = mask.permute(0, 3, 1, 2)
        return x.mul_(mask) if self._in_place else (x * mask).to(x.dtype)
