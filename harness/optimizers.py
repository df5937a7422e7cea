"""The built-in update rules: pure, elementwise, for any array namespace.

θ: parameters, g: gradient, η: learning rate, t: the step, from 1.
"""

from dataclasses import dataclass
from math import log
from typing import Any

from array_api_compat import array_namespace, device

from harness.interfaces import Array


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent with momentum (Polyak, 1964) or Nesterov's (Sutskever et al., 2013), in torch's form.

    v <- β v + g;  θ <- θ - η v;  with Nesterov θ <- θ - η (g + β v);  without momentum θ <- θ - η g
    """

    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        _check_fraction("momentum", self.momentum)
        if self.nesterov and self.momentum == 0.0:
            raise ValueError("nesterov: needs a momentum above 0")

    def init(self, parameters: Array) -> dict[str, Array]:
        """Return a velocity of zeros, or nothing without momentum."""
        if self.momentum == 0.0:
            return {}
        return {"velocity": array_namespace(parameters).zeros_like(parameters)}

    def update(
        self, parameters: Array, gradients: Array, state: dict[str, Array], learning_rate: Any
    ) -> tuple[Array, dict[str, Array]]:
        """Return the new parameters and velocity."""
        if self.momentum == 0.0:
            return parameters - learning_rate * gradients, {}
        velocity = self.momentum * state["velocity"] + gradients
        step = gradients + self.momentum * velocity if self.nesterov else velocity
        return parameters - learning_rate * step, {"velocity": velocity}


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma & Ba, 2015, algorithm 1).

    m <- β₁ m + (1 - β₁) g;  v <- β₂ v + (1 - β₂) g²;  θ <- θ - η m̂ / (√v̂ + ε),  m̂ = m / (1 - β₁ᵗ), v̂ = v / (1 - β₂ᵗ)
    """

    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8

    def __post_init__(self) -> None:
        for beta in self.betas:
            _check_fraction("betas", beta)
        if not self.eps > 0.0:
            msg = f"eps: {self.eps} is not above 0"
            raise ValueError(msg)

    def init(self, parameters: Array) -> dict[str, Array]:
        """Return moments of zeros and the step count 0."""
        xp = array_namespace(parameters)
        return {
            "m": xp.zeros_like(parameters),
            "v": xp.zeros_like(parameters),
            "step": xp.zeros((), dtype=xp.int32, device=device(parameters)),
        }

    def update(
        self, parameters: Array, gradients: Array, state: dict[str, Array], learning_rate: Any
    ) -> tuple[Array, dict[str, Array]]:
        """Return the new parameters and moments."""
        xp = array_namespace(parameters)
        beta1, beta2 = self.betas
        step = xp.asarray(state["step"] + 1)
        t = xp.astype(step, parameters.dtype)
        m = beta1 * state["m"] + (1.0 - beta1) * gradients
        v = beta2 * state["v"] + (1.0 - beta2) * gradients * gradients
        m_hat = m / _one_minus_power(xp, beta1, t)
        v_hat = v / _one_minus_power(xp, beta2, t)
        updated = parameters - learning_rate * m_hat / (xp.sqrt(v_hat) + self.eps)
        return updated, {"m": m, "v": v, "step": step}


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay λ (Loshchilov & Hutter, 2019, algorithm 2, in torch's form).

    θ <- θ - η λ θ;  then Adam's step on g
    """

    weight_decay: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.weight_decay >= 0.0:
            msg = f"weight_decay: {self.weight_decay} is negative"
            raise ValueError(msg)

    def update(
        self, parameters: Array, gradients: Array, state: dict[str, Array], learning_rate: Any
    ) -> tuple[Array, dict[str, Array]]:
        """Return the new parameters and moments."""
        decayed = parameters - learning_rate * self.weight_decay * parameters
        return super().update(decayed, gradients, state, learning_rate)


def _one_minus_power(xp: Any, beta: float, t: Array) -> Array:
    """Return 1 - βᵗ as -expm1(t log β): in float32, 1 - 0.999 itself would be off by 1 part in 80,000."""
    return xp.ones_like(t) if beta == 0.0 else -xp.expm1(t * log(beta))


def _check_fraction(name: str, value: float) -> None:
    if not 0.0 <= value < 1.0:
        msg = f"{name}: {value} is not in [0, 1)"
        raise ValueError(msg)
