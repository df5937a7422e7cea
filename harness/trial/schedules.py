"""Learning-rate schedules: η(t) ≥ 0 at epoch t = 0, 1, …, from the experiment's learning rate η₀.

Each may begin with a warm-up of w epochs, η(t) = η₀ (t + 1) / (w + 1) for t < w (Goyal et al., 2017). Then it runs as
if it began there, over the epochs that are left: η(w) = η₀.
"""

from abc import abstractmethod
from math import cos, pi
from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from harness.settings import NotNegative, Positive, Table


class _Schedule(Table):
    """What schedules share."""

    warmup: Annotated[int, Field(ge=0, le=10**9)] = 0

    def rate(self, initial: float, epoch: int, epochs: int) -> float:
        """Return the learning rate of an epoch (from 0) out of at most ``epochs``."""
        if epoch < self.warmup:
            return initial * (epoch + 1) / (self.warmup + 1)
        return self.decayed(initial, epoch - self.warmup, epochs - self.warmup)

    @abstractmethod
    def decayed(self, initial: float, epoch: int, epochs: int) -> float:
        """Return the learning rate of an epoch after the warm-up (from 0), out of at most ``epochs`` after it."""

    @model_serializer(mode="wrap")
    def _without_a_warmup_of_0(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out a key that trials of an earlier version lack: they are identified by what is left."""
        return {key: value for key, value in handler(self).items() if key != "warmup" or value}


class Constant(_Schedule):
    """η(t) = η₀."""

    name: Literal["constant"] = "constant"

    def decayed(self, initial: float, _epoch: int, _epochs: int) -> float:
        """Return the learning rate of an epoch after the warm-up."""
        return initial


class LinearDecay(_Schedule):
    """η(t) = max(floor, η₀ - decay · t). At a floor of 0, once reached, parameters stay as they are."""

    name: Literal["linear"]
    decay: Positive
    floor: NotNegative = 0.0

    def decayed(self, initial: float, epoch: int, _epochs: int) -> float:
        """Return the learning rate of an epoch after the warm-up."""
        return max(self.floor, initial - self.decay * epoch)


class ExponentialDecay(_Schedule):
    """η(t) = η₀ · gammaᵗ."""

    name: Literal["exponential"]
    gamma: Annotated[float, Field(gt=0, le=1)]

    def decayed(self, initial: float, epoch: int, _epochs: int) -> float:
        """Return the learning rate of an epoch after the warm-up."""
        return float(initial * self.gamma**epoch)


class StepDecay(_Schedule):
    """η(t) = η₀ · gamma^⌊t / step_size⌋."""

    name: Literal["step"]
    step_size: Annotated[int, Field(ge=1)]
    gamma: Annotated[float, Field(gt=0, le=1)] = 0.1

    def decayed(self, initial: float, epoch: int, _epochs: int) -> float:
        """Return the learning rate of an epoch after the warm-up."""
        return float(initial * self.gamma ** (epoch // self.step_size))


class CosineAnnealing(_Schedule):
    """η(t) = floor + (η₀ - floor) (1 + cos(π t / T)) / 2, T the experiment's epochs (Loshchilov & Hutter, 2017)."""

    name: Literal["cosine"]
    floor: NotNegative = 0.0

    def decayed(self, initial: float, epoch: int, epochs: int) -> float:
        """Return the learning rate of an epoch after the warm-up."""
        return self.floor + (initial - self.floor) * (1.0 + cos(pi * epoch / epochs)) / 2.0


Schedule = Annotated[
    Constant | LinearDecay | ExponentialDecay | StepDecay | CosineAnnealing, Field(discriminator="name")
]
