"""Optimizers in place: the native forms of the core's update rules, and any other rule through its generic form."""

from typing import Any, Protocol

import numpy as np

from harness.interfaces import Array, Optimizer
from harness.optimizers import SGD, Adam, AdamW
from harness_array.devices import Device


class Update(Protocol):
    """An optimizer with its state, working on one flat vector in place."""

    def step(self, parameters: Array, gradients: Array, learning_rate: float) -> None:
        """Move ``parameters`` (n,); ``gradients`` (n,) may be overwritten."""
        ...

    def state(self) -> dict[str, Array]:
        """Return the state under the names of the rule's generic form."""
        ...

    def load(self, state: dict[str, Array]) -> None:
        """Take over such a state."""
        ...

    def reset(self) -> None:
        """Start anew, in the same memory where the rule is native."""
        ...


class GenericUpdate:
    """Any `Optimizer`, through its pure form."""

    def __init__(self, device: Device, optimizer: Optimizer, parameters: Array) -> None:
        self._device = device
        self._optimizer = optimizer
        self._parameters = parameters
        self.reset()

    def reset(self) -> None:
        """Start anew."""
        self._state = self._optimizer.init(self._parameters)

    def step(self, parameters: Array, gradients: Array, learning_rate: float) -> None:
        """Move ``parameters``."""
        updated, self._state = self._optimizer.update(parameters, gradients, self._state, learning_rate)
        parameters[...] = updated

    def state(self) -> dict[str, Array]:
        """Return the rule's own state."""
        return self._state

    def load(self, state: dict[str, Array]) -> None:
        """Take over a state."""
        self._state = {name: self._device.to_device(np.asarray(value)) for name, value in state.items()}


class SGDUpdate:
    """`harness.optimizers.SGD`, block by block, so that a block stays in the cache from one operation to the next."""

    def __init__(self, device: Device, rule: SGD, parameters: Array) -> None:
        self._device = device
        self.rule = rule
        self._block = device.update_block or parameters.size
        self.velocity = device.vector(parameters.size, parameters.dtype) if rule.momentum else None

    def step(self, parameters: Array, gradients: Array, learning_rate: float) -> None:
        """Move ``parameters``."""
        rule = self.rule
        for start in range(0, parameters.size, self._block):
            part = slice(start, start + self._block)
            gradient = gradients[part]
            if self.velocity is not None:
                velocity = self.velocity[part]
                velocity *= rule.momentum
                velocity += gradient
                if rule.nesterov:
                    gradient += rule.momentum * velocity
                else:
                    gradient[...] = velocity
            gradient *= learning_rate
            parameters[part] -= gradient

    def state(self) -> dict[str, Array]:
        """Return the velocity, if the rule has momentum."""
        return {} if self.velocity is None else {"velocity": self.velocity}

    def load(self, state: dict[str, Array]) -> None:
        """Take over the velocity."""
        if self.velocity is not None:
            self.velocity[...] = self._device.to_device(np.asarray(state["velocity"]))

    def reset(self) -> None:
        """Start at rest."""
        if self.velocity is not None:
            self.velocity[...] = 0.0


class AdamUpdate:
    """`harness.optimizers.Adam` and `AdamW`, block by block, with the bias corrections taken out of the arrays."""

    def __init__(self, device: Device, rule: Adam, parameters: Array) -> None:
        self._device = device
        self._xp = device.xp
        self.rule = rule
        self._decay = rule.weight_decay if isinstance(rule, AdamW) else 0.0
        self._block = device.update_block or parameters.size
        self.m, self.v = (device.vector(parameters.size, parameters.dtype) for _ in range(2))
        self._scratch = device.vector(min(self._block, parameters.size), parameters.dtype)
        self.steps = 0

    def step(self, parameters: Array, gradients: Array, learning_rate: float) -> None:
        """Move ``parameters``."""
        xp, eps = self._xp, self.rule.eps
        beta1, beta2 = self.rule.betas
        self.steps += 1
        root_correction = (1.0 - beta2**self.steps) ** 0.5
        rate = learning_rate * root_correction / (1.0 - beta1**self.steps)
        for start in range(0, parameters.size, self._block):
            part = slice(start, start + self._block)
            gradient, m, v = gradients[part], self.m[part], self.v[part]
            scratch = self._scratch[: gradient.size]
            if self._decay:
                parameters[part] *= 1.0 - learning_rate * self._decay
            m *= beta1
            m += xp.multiply(gradient, 1.0 - beta1, out=scratch)
            v *= beta2
            gradient *= gradient
            gradient *= 1.0 - beta2
            v += gradient
            # m̂ / (√v̂ + ε), numerator and denominator times √(1 - β₂ᵗ): a pass less over the block.
            xp.sqrt(v, out=scratch)
            scratch += eps * root_correction
            xp.divide(m, scratch, out=scratch)
            scratch *= rate
            parameters[part] -= scratch

    def state(self) -> dict[str, Array]:
        """Return the moments and the step count."""
        return {"m": self.m, "v": self.v, "step": self._xp.asarray(self.steps, dtype=self._xp.int32)}

    def load(self, state: dict[str, Array]) -> None:
        """Take over moments and step count."""
        self.m[...] = self._device.to_device(np.asarray(state["m"]))
        self.v[...] = self._device.to_device(np.asarray(state["v"]))
        self.steps = int(state["step"])

    def reset(self) -> None:
        """Start from moments of zeros."""
        self.m[...] = 0.0
        self.v[...] = 0.0
        self.steps = 0


def update_for(device: Device, optimizer: Optimizer, parameters: Array) -> Update:
    """Return the native form of an optimizer that has one here, else its generic form."""
    native: dict[type, Any] = {SGD: SGDUpdate, Adam: AdamUpdate, AdamW: AdamUpdate}
    return native.get(type(optimizer), GenericUpdate)(device, optimizer, parameters)  # type: ignore[no-any-return] # each takes its own rule
