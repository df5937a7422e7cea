"""Modules that torch lacks; images are (rows, channels, height, width), channels last in memory."""

from collections.abc import Iterable

from torch import Tensor, nn

from harness.interfaces import SHORTCUT


class ChannelsLastFlatten(nn.Module):
    """Images as vectors in the order of their memory, line by line, pixel by pixel: no copy."""

    def forward(self, x: Tensor) -> Tensor:
        """Return (rows, features)."""
        return x.permute(0, 2, 3, 1).flatten(1) if x.ndim == 4 else x.flatten(1)


class Mean(nn.Module):
    """The mean of each channel."""

    def forward(self, x: Tensor) -> Tensor:
        """Return (rows, channels)."""
        return x.mean(dim=(2, 3))


class ResidualBlock(nn.Module):
    """x + F(x); with a module named as the shortcut P, P(x) + F(x). The modules of F are named by their position."""

    def __init__(self, modules: Iterable[nn.Module]) -> None:
        super().__init__()
        for index, module in enumerate(modules):
            self.add_module(str(index), module)

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum."""
        shortcut = y = x
        for name, module in self.named_children():
            if name == SHORTCUT:
                shortcut = module(x)
            else:
                y = module(y)
        return shortcut + y
