"""Optimizers over a network's parameters: torch's own where it has the rule, any other through its generic form.

The kernels of `torch.optim`'s fused forms, one call for the whole network. Every build since torch 2.6 has these for
float32 and float64 on the CPU and CUDA. The classes around them have no more than the state that is here, and
constructing one imports torch's compiler, which takes two seconds; the functions around them count a step for each
tensor, which costs more than the smaller tensors' updates.

In all of this file a list has a tensor for each parameter, in torch's layout; a state is that of the rule's generic
form, whose vectors (n,) have the parameters in the order and layout of `NetworkSpec.parameters`.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from numpy.typing import NDArray
from torch import Tensor, float32, int32, zeros, zeros_like

from harness.interfaces import Optimizer
from harness.optimizers import SGD, Adam, AdamW
from harness_torch.images import to_tensor
from harness_torch.parameters import flatten, spread

Tensors = list[Tensor]


class Update(Protocol):
    """An optimizer with its state, working in place; called without gradient tracking."""

    capturable: bool
    """Whether its steps can be captured in a CUDA graph: always the same kernels, on the same memory."""

    def step(self, parameters: Tensors, gradients: Tensors, learning_rate: float | Tensor, weight_decay: float) -> None:
        """Move ``parameters``, after adding ``weight_decay`` times them to ``gradients``, which may be overwritten.

        A rate may be a tensor (), float32, beside them, where the steps are `capturable`.
        """
        ...

    def restart(self, parameters: Tensors) -> None:
        """Begin anew from ``parameters``, with the state before the first step."""
        ...

    def state(self) -> dict[str, Tensor]:
        """Return the state under the names of the rule's generic form."""
        ...

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over such a state."""
        ...


class GenericUpdate:
    """Any `Optimizer`, through its pure form, on one vector."""

    capturable = False

    def __init__(self, rule: Optimizer, parameters: Tensors) -> None:
        self._rule = rule
        self._device = parameters[0].device
        self._state: dict[str, Tensor] = rule.init(flatten(parameters))

    def restart(self, parameters: Tensors) -> None:
        """Begin anew."""
        self._state = self._rule.init(flatten(parameters))

    def step(self, parameters: Tensors, gradients: Tensors, learning_rate: float | Tensor, weight_decay: float) -> None:
        """Move ``parameters``."""
        vector, gradient = flatten(parameters), flatten(gradients)
        if weight_decay:
            gradient.add_(vector, alpha=weight_decay)
        updated, self._state = self._rule.update(vector, gradient, self._state, learning_rate)
        spread(updated, parameters)

    def state(self) -> dict[str, Tensor]:
        """Return the rule's own state."""
        return self._state

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over a state."""
        self._state = {name: to_tensor(value, self._device) for name, value in state.items()}


class SGDUpdate:
    """`harness.optimizers.SGD` by the kernel of `torch.optim.SGD`."""

    capturable = True

    def __init__(self, rule: SGD, parameters: Tensors) -> None:
        self._rule = rule
        self._velocity = [zeros_like(parameter) for parameter in parameters] if rule.momentum else []

    def restart(self, _parameters: Tensors) -> None:
        """Begin anew."""
        for velocity in self._velocity:
            velocity.zero_()

    def step(self, parameters: Tensors, gradients: Tensors, learning_rate: float | Tensor, weight_decay: float) -> None:
        """Move ``parameters``."""
        torch._fused_sgd_(
            parameters,
            gradients,
            self._velocity,
            weight_decay=weight_decay,
            momentum=self._rule.momentum,
            lr=learning_rate,
            dampening=0.0,
            nesterov=self._rule.nesterov,
            maximize=False,
            is_first_step=False,  # the velocity is zeros then, which comes to the same
        )

    def state(self) -> dict[str, Tensor]:
        """Return the velocity, if the rule has momentum."""
        return {"velocity": flatten(self._velocity)} if self._velocity else {}

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over the velocity."""
        if self._velocity:
            spread(to_tensor(state["velocity"], self._velocity[0].device), self._velocity)


class AdamUpdate:
    """`harness.optimizers.Adam` and `AdamW` by the kernels of `torch.optim.Adam` and `AdamW`."""

    capturable = True

    def __init__(self, rule: Adam, parameters: Tensors) -> None:
        self._rule = rule
        self._m = [zeros_like(parameter) for parameter in parameters]
        self._v = [zeros_like(parameter) for parameter in parameters]
        self._step = zeros((), dtype=float32, device=parameters[0].device)  # torch's: exact up to 16 million
        self._steps = [self._step] * len(parameters)

    def restart(self, _parameters: Tensors) -> None:
        """Begin anew."""
        for tensor in (*self._m, *self._v, self._step):
            tensor.zero_()

    def step(self, parameters: Tensors, gradients: Tensors, learning_rate: float | Tensor, weight_decay: float) -> None:
        """Move ``parameters``."""
        apply, decay = torch._fused_adam_, weight_decay
        if isinstance(self._rule, AdamW):
            if weight_decay:  # the kernel has room for one of the two
                torch._foreach_add_(gradients, parameters, alpha=weight_decay)
            apply, decay = torch._fused_adamw_, self._rule.weight_decay
        beta1, beta2 = self._rule.betas
        self._step += 1
        apply(
            parameters,
            gradients,
            self._m,
            self._v,
            [],
            self._steps,
            amsgrad=False,
            beta1=beta1,
            beta2=beta2,
            lr=learning_rate,
            weight_decay=decay,
            eps=self._rule.eps,
            maximize=False,
        )

    def state(self) -> dict[str, Tensor]:
        """Return the moments and the step count."""
        return {"m": flatten(self._m), "v": flatten(self._v), "step": self._step.to(int32)}

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over moments and step count."""
        device = self._step.device
        for moments, name in ((self._m, "m"), (self._v, "v")):
            spread(to_tensor(state[name], device), moments)
        self._step.copy_(to_tensor(state["step"], device))


def update_for(rule: Optimizer, parameters: Tensors) -> Update:
    """Return the native form of a rule that has one here, recognised by its exact type, else its generic form."""
    native: dict[type, Any] = {SGD: SGDUpdate, Adam: AdamUpdate, AdamW: AdamUpdate}
    update: Update = native.get(type(rule), GenericUpdate)(rule, parameters)
    return update
