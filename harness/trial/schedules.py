"""Learning-rate schedules: η(t) ≥ 0 at epoch t = 0, 1, …, from the experiment's learning rate η₀."""

from math import cos, pi
from typing import Annotated, Literal

from pydantic import Field

from harness.settings import NotNegative, Positive, Table


class Constant(Table):
    """η(t) = η₀."""

    name: Literal["constant"] = "constant"

    def rate(self, initial: float, _epoch: int, _epochs: int) -> float:
        """Return the learning rate of an epoch (from 0) out of at most ``epochs``."""
        return initial


class LinearDecay(Table):
    """η(t) = max(floor, η₀ - decay · t). At a floor of 0, once reached, parameters stay as they are."""

    name: Literal["linear"]
    decay: Positive
    floor: NotNegative = 0.0

    def rate(self, initial: float, epoch: int, _epochs: int) -> float:
        """Return the learning rate of an epoch (from 0) out of at most ``epochs``."""
        return max(self.floor, initial - self.decay * epoch)


class ExponentialDecay(Table):
    """η(t) = η₀ · gammaᵗ."""

    name: Literal["exponential"]
    gamma: Annotated[float, Field(gt=0, le=1)]

    def rate(self, initial: float, epoch: int, _epochs: int) -> float:
        """Return the learning rate of an epoch (from 0) out of at most ``epochs``."""
        return float(initial * self.gamma**epoch)


class StepDecay(Table):
    """η(t) = η₀ · gamma^⌊t / step_size⌋."""

    name: Literal["step"]
    step_size: Annotated[int, Field(ge=1)]
    gamma: Annotated[float, Field(gt=0, le=1)] = 0.1

    def rate(self, initial: float, epoch: int, _epochs: int) -> float:
        """Return the learning rate of an epoch (from 0) out of at most ``epochs``."""
        return float(initial * self.gamma ** (epoch // self.step_size))


class CosineAnnealing(Table):
    """η(t) = floor + (η₀ - floor) (1 + cos(π t / T)) / 2, T the experiment's epochs (Loshchilov & Hutter, 2017)."""

    name: Literal["cosine"]
    floor: NotNegative = 0.0

    def rate(self, initial: float, epoch: int, epochs: int) -> float:
        """Return the learning rate of an epoch (from 0) out of at most ``epochs``."""
        return self.floor + (initial - self.floor) * (1.0 + cos(pi * epoch / epochs)) / 2.0


Schedule = Annotated[
    Constant | LinearDecay | ExponentialDecay | StepDecay | CosineAnnealing, Field(discriminator="name")
]
