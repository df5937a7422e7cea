"""Networks that do not train as the experiment says: its keys, its learning rates."""
# ruff: noqa: D102 - the class says what its method does wrong

from dataclasses import replace

import numpy as np

from harness.descent import batch_loss
from tests.broken_plugins.small_network import Correct


class IgnoresKeys(Correct):
    """It knows neither l2 nor any optimizer but plain descent, and does not say so."""

    def descend(self, gradients, learning_rate):
        for key, gradient in gradients.items():
            self.values[key] -= learning_rate * gradient


class IgnoresTheLoss(Correct):
    """It minimises cross-entropy, whatever the suite asks for."""

    def loss(self, logits, labels):
        weights = self.spec.class_weights and np.array(self.spec.class_weights, dtype=logits.dtype)
        return batch_loss(replace(self.spec, loss=None), np, logits, labels, weights)


class IgnoresClassWeights(Correct):
    def loss(self, logits, labels):
        return batch_loss(replace(self.spec, class_weights=None), np, logits, labels, None)


class IgnoresClipping(Correct):
    def descend(self, gradients, learning_rate):
        spec, self.spec = self.spec, replace(self.spec, clip_norm=None)
        super().descend(gradients, learning_rate)
        self.spec = spec


class Refuses(Correct):
    """It raises where it should have declined."""

    def descend(self, gradients, learning_rate):
        if self.spec.weight_decay:
            raise NotImplementedError("no decay")
        super().descend(gradients, learning_rate)


class IgnoresTheRate(Correct):
    def descend(self, gradients, learning_rate):
        self.__dict__.setdefault("first_rate", learning_rate)
        super().descend(gradients, self.first_rate)


class ForgetsTheRateOf0(Correct):
    """It takes a rate of 0 for none at all, and its own instead."""

    def descend(self, gradients, learning_rate):
        super().descend(gradients, learning_rate or 0.01)


class RestsAt0(Correct):
    """At a rate of 0 it does nothing: not even momentum changes."""

    def descend(self, gradients, learning_rate):
        if learning_rate:
            super().descend(gradients, learning_rate)
