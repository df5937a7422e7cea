"""Float32 in full on CUDA: TF32, whose products keep 10 of 23 bits of the significand, is off while a network computes.

torch has it on for convolutions and off for matrix products, unless a program says otherwise. It has two interfaces to
say so, and reading the older one raises where the newer set what it cannot express: since torch 2.9, whose kernels
follow ``fp32_precision``, only that is used here, and before only ``allow_tf32`` and its like.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import torch


class _Switch(NamedTuple):
    get: Callable[[], Any]
    set: Callable[[Any], Any]
    off: Any
    """The value at which TF32 is off."""


@contextmanager
def full_float32(device: torch.device) -> Iterator[None]:
    """Switch TF32 off for matrix products and convolutions on a CUDA device, and afterwards back to what it was.

    The switches are the process's: what its other threads compute meanwhile obeys them, too.
    """
    switches = list(_switches().values()) if device.type == "cuda" else []
    before = [switch.get() for switch in switches]
    for switch in switches:
        switch.set(switch.off)
    try:
        yield
    finally:
        for switch, value in zip(switches, before, strict=True):
            switch.set(value)


def float32_precisions() -> dict[str, str]:
    """Return what float32 is on CUDA within `full_float32`, for each switch: "highest", or "tf32" if it is still on."""
    with full_float32(torch.device("cuda")):
        return {name: "highest" if switch.get() == switch.off else "tf32" for name, switch in _switches().items()}


def _switches() -> dict[str, _Switch]:
    """Return the switches of this torch, by their names in a row's environment."""
    products, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
    if hasattr(convolutions, "conv"):
        return {
            "float32_matmul": _attribute(products, "fp32_precision", "ieee"),
            "float32_convolution": _attribute(convolutions.conv, "fp32_precision", "ieee"),
        }
    return {
        "float32_matmul": _Switch(torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, "highest"),
        "float32_convolution": _attribute(convolutions, "allow_tf32", False),
    }


def _attribute(owner: object, name: str, off: Any) -> _Switch:
    return _Switch(partial(getattr, owner, name), partial(setattr, owner, name), off)
