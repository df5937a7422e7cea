"""Optimizers over one flat vector: torch's own where it has the rule, any other through its generic form.

`torch.optim`'s functional forms, fused: one kernel for the whole network. Every build since torch 2.6 has these for
float32 and float64 on the CPU and CUDA. The classes around them hold no more than the state that is held here, and
constructing one imports torch's compiler, which takes two seconds.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from numpy.typing import NDArray
from torch import Tensor, float32, int32, zeros, zeros_like
from torch.optim.adam import adam
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd

from harness.interfaces import Optimizer
from harness.optimizers import SGD, Adam, AdamW
from harness_torch.images import to_tensor


class Update(Protocol):
    """An optimizer with its state, working on one flat vector in place; called without gradient tracking."""

    def step(self, parameters: Tensor, gradients: Tensor, learning_rate: float) -> None:
        """Move ``parameters`` (n,)."""
        ...

    def state(self) -> dict[str, Tensor]:
        """Return the state under the names of the rule's generic form."""
        ...

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over such a state."""
        ...


class GenericUpdate:
    """Any `Optimizer`, through its pure form."""

    def __init__(self, rule: Optimizer, parameters: Tensor) -> None:
        self._rule = rule
        self._device = parameters.device
        self._state: dict[str, Tensor] = rule.init(parameters)

    def step(self, parameters: Tensor, gradients: Tensor, learning_rate: float) -> None:
        """Move ``parameters``."""
        updated, self._state = self._rule.update(parameters, gradients, self._state, learning_rate)
        parameters.copy_(updated)

    def state(self) -> dict[str, Tensor]:
        """Return the rule's own state."""
        return self._state

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over a state."""
        self._state = {name: to_tensor(value, self._device) for name, value in state.items()}


class SGDUpdate:
    """`harness.optimizers.SGD` by `torch.optim.sgd`."""

    def __init__(self, rule: SGD, parameters: Tensor) -> None:
        self._rule = rule
        self._velocity = zeros_like(parameters) if rule.momentum else None

    def step(self, parameters: Tensor, gradients: Tensor, learning_rate: float) -> None:
        """Move ``parameters``."""
        sgd(
            [parameters],
            [gradients],
            [self._velocity],
            fused=True,
            weight_decay=0.0,
            momentum=self._rule.momentum,
            lr=learning_rate,
            dampening=0.0,
            nesterov=self._rule.nesterov,
            maximize=False,
        )

    def state(self) -> dict[str, Tensor]:
        """Return the velocity, if the rule has momentum."""
        return {} if self._velocity is None else {"velocity": self._velocity}

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over the velocity."""
        if self._velocity is not None:
            self._velocity.copy_(to_tensor(state["velocity"], self._velocity.device))


class AdamUpdate:
    """`harness.optimizers.Adam` and `AdamW` by `torch.optim.adam` and `adamw`."""

    def __init__(self, rule: Adam, parameters: Tensor) -> None:
        self._rule = rule
        self._apply = adamw if isinstance(rule, AdamW) else adam
        self._decay = rule.weight_decay if isinstance(rule, AdamW) else 0.0
        self._m = zeros_like(parameters)
        self._v = zeros_like(parameters)
        self._step = zeros((), dtype=float32, device=parameters.device)  # torch's: exact up to 16 million

    def step(self, parameters: Tensor, gradients: Tensor, learning_rate: float) -> None:
        """Move ``parameters``."""
        beta1, beta2 = self._rule.betas
        self._apply(
            [parameters],
            [gradients],
            [self._m],
            [self._v],
            [],
            [self._step],
            fused=True,
            amsgrad=False,
            beta1=beta1,
            beta2=beta2,
            lr=learning_rate,
            weight_decay=self._decay,
            eps=self._rule.eps,
            maximize=False,
        )

    def state(self) -> dict[str, Tensor]:
        """Return the moments and the step count."""
        return {"m": self._m, "v": self._v, "step": self._step.to(int32)}

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over moments and step count."""
        for mine, name in ((self._m, "m"), (self._v, "v"), (self._step, "step")):
            mine.copy_(to_tensor(state[name], mine.device))


def update_for(rule: Optimizer, parameters: Tensor) -> Update:
    """Return the native form of a rule that has one here, told by its exact type, else its generic form."""
    native: dict[type, Any] = {SGD: SGDUpdate, Adam: AdamUpdate, AdamW: AdamUpdate}
    update: Update = native.get(type(rule), GenericUpdate)(rule, parameters)
    return update
