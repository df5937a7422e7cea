"""A small network that keeps the contract."""
# ruff: noqa: D102 - the contract says what its methods do

import numpy as np

from harness.interfaces import Activation, Dropout, Linear
from harness.seeding import generator
from harness.stepwise import StepwiseNetwork


class Correct(StepwiseNetwork):
    """Linear layers, ReLU and dropout."""

    def step(self, x, y, learning_rate):
        inputs, masks, logits = self.run(x, training=True)
        loss, slope = self.loss(logits, y)
        self.descend(self.gradients(inputs, masks, slope), learning_rate)
        return loss, (logits.argmax(axis=1) == y).sum()

    def forward(self, x):
        return self.run(x, training=False)[2]

    def run(self, x, *, training):
        """Return each layer's input, the dropout masks by layer, and the logits."""
        inputs, masks = [], {}
        for index, layer in enumerate(self.spec.layers):
            inputs.append(x)
            if isinstance(layer, Linear):
                x = x @ self.values[f"{index}.weight"] + self.values[f"{index}.bias"]
            elif isinstance(layer, Activation):
                x = np.maximum(x, 0)
            elif isinstance(layer, Dropout) and training:
                kept = self.draws(index, x.shape) >= layer.rate
                masks[index] = kept.astype(x.dtype) / x.dtype.type(1 - layer.rate)
                x = x * masks[index]
        return inputs, masks, x

    def draws(self, index, shape):
        """Return what decides which elements (rows, units) of a layer's input stay, uniform in [0, 1)."""
        return generator(self.context.seed, "dropout", index, *self.position).random(shape)

    def gradients(self, inputs, masks, g):
        collected = {}
        for index, layer in reversed(list(enumerate(self.spec.layers))):
            if isinstance(layer, Linear):
                collected |= {f"{index}.weight": inputs[index].T @ g, f"{index}.bias": g.sum(axis=0)}
                g = g @ self.values[f"{index}.weight"].T
            elif isinstance(layer, Activation):
                g = g * (inputs[index] > 0)
            elif index in masks:
                g = g * masks[index]
        return collected
