"""The built-in losses: pure, for any array namespace.

z: logits (rows, classes), y: label, p: softmax(z), w: the classes' weights, C: the number of classes.
"""

from dataclasses import dataclass
from math import isfinite
from typing import Any

from array_api_compat import device

from harness.interfaces import Array


@dataclass(frozen=True)
class CrossEntropy:
    """Softmax cross-entropy with label smoothing ε (Szegedy et al., 2016, section 7), in torch's form.

    L = -Σ_c w_c q_c log p_c,  q = (1 - ε) one-hot(y) + ε / C;  ∂L/∂z = (Σ_c w_c q_c) p - w q
    """

    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.label_smoothing < 1.0:
            msg = f"label_smoothing: {self.label_smoothing} is not in [0, 1)"
            raise ValueError(msg)

    def __call__(self, xp: Any, logits: Array, labels: Array, class_weights: Array | None) -> tuple[Array, Array]:
        """Return each row's loss (rows,) and gradient (rows, classes)."""
        log_p, smoothing = log_softmax(xp, logits), self.label_smoothing
        zeros = xp.zeros_like(log_p)
        share = smoothing / logits.shape[1]
        target = xp.where(one_hot(xp, labels, logits), zeros + (1.0 - smoothing + share), zeros + share)
        if class_weights is not None:
            target = target * class_weights
        total = xp.sum(target, axis=1, keepdims=True)
        return -xp.sum(target * log_p, axis=1), total * xp.exp(log_p) - target


@dataclass(frozen=True)
class Focal:
    """Focal loss (Lin et al., 2017), over softmax; its α is the class weights. At γ = 0 it is cross-entropy.

    L = -w_y (1 - p_y)^γ log p_y;  ∂L/∂z = w_y ((1 - p_y)^γ - γ p_y (1 - p_y)^(γ-1) log p_y) (p - one-hot(y))
    """

    gamma: float = 2.0

    def __post_init__(self) -> None:
        if not (self.gamma >= 0.0 and isfinite(self.gamma)):
            msg = f"gamma: {self.gamma} is negative or not finite"
            raise ValueError(msg)

    def __call__(self, xp: Any, logits: Array, labels: Array, class_weights: Array | None) -> tuple[Array, Array]:
        """Return each row's loss (rows,) and gradient (rows, classes)."""
        log_p, hot = log_softmax(xp, logits), one_hot(xp, labels, logits)
        zeros = xp.zeros_like(log_p)
        own = xp.sum(xp.where(hot, log_p, zeros), axis=1, keepdims=True)  # log p_y, (rows, 1)
        missed = -xp.expm1(own)  # 1 - p_y, without cancellation
        ones = xp.ones_like(own)
        # log p / (1 - p), which tends to -1 where a row is all but certain: below γ = 1 the power alone has no limit.
        ratio = xp.where(missed > 0, own / xp.where(missed > 0, missed, ones), -ones)
        power = missed**self.gamma
        weight = ones if class_weights is None else xp.take(class_weights, labels, axis=0)[:, None]
        slope = weight * (power - self.gamma * xp.exp(own) * power * ratio)
        return -(weight * power * own)[:, 0], slope * (xp.exp(log_p) - xp.where(hot, zeros + 1.0, zeros))


def log_softmax(xp: Any, logits: Array) -> Array:
    """Return log p (rows, classes) of logits (rows, classes)."""
    shifted = logits - xp.max(logits, axis=1, keepdims=True)
    return shifted - xp.log(xp.sum(xp.exp(shifted), axis=1, keepdims=True))


def one_hot(xp: Any, labels: Array, logits: Array) -> Array:
    """Return booleans like the logits (rows, classes), true at each row's label."""
    classes = xp.arange(logits.shape[1], device=device(logits))
    return labels[:, None] == classes[None, :]
