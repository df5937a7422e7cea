"""Backends whose layer kinds, which the reference lacks, have wrong gradients: one mistake each."""
# ruff: noqa: D102, ARG002, ARG005 - the name says what is wrong; arithmetic of any kind has the same arguments

from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

import harness
from harness.interfaces import Flatten, Layer, Linear, entry_for
from harness.stepwise import StepwiseBackend, StepwiseNetwork


@dataclass(frozen=True)
class Gain(Layer):
    """tanh(w x), w learned."""

    features: int

    def output_shape(self, input_shape):
        if input_shape != (self.features,):
            msg = f"{self}: takes ({self.features},), not {input_shape}"
            raise ValueError(msg)
        return input_shape

    def parameters(self, input_shape):
        return {"weight": input_shape}

    def initial(self, input_shape, rng):
        return {"weight": np.ones(input_shape, dtype=np.float32)}


@dataclass(frozen=True)
class Cosine(Layer):
    """cos x, which learns nothing."""


@dataclass(frozen=True)
class Square(Layer):
    """x², a kind that is in no model."""


class Arithmetic:
    """Functions (own, x) -> y and (own, x, delta) -> gradients of own, of x; by layer kind."""

    def __init__(self, learned=1.0, frozen=1.0):
        self.learned, self.frozen = np.float32(learned), np.float32(frozen)
        self.kinds = {
            Flatten: (lambda own, x: x.reshape(len(x), -1), lambda own, x, delta: ({}, delta.reshape(x.shape))),
            Linear: (lambda own, x: x @ own["weight"] + own["bias"], self.linear),
            Gain: (lambda own, x: np.tanh(x * own["weight"]), self.gain),
            Cosine: (lambda own, x: np.cos(x), lambda own, x, delta: ({}, -self.frozen * np.sin(x) * delta)),
            Square: (lambda own, x: x * x, lambda own, x, delta: ({}, 2 * x * delta)),
        }

    @staticmethod
    def linear(own, x, delta):
        return {"weight": x.T @ delta, "bias": delta.sum(axis=0)}, delta @ own["weight"].T

    def gain(self, own, x, delta):
        delta = (1 - np.tanh(x * own["weight"]) ** 2) * delta
        return {"weight": self.learned * (delta * x).sum(axis=0)}, delta * own["weight"]


class Network(StepwiseNetwork):
    arithmetic = Arithmetic()

    def forward(self, x):
        return self.outputs(x)[-1]

    def step(self, x, y, learning_rate):
        *inputs, logits = self.outputs(x)
        loss, delta = self.loss(logits, y)
        gradients, _ = self.back(inputs, delta)
        self.descend(gradients, learning_rate)
        return loss, int((logits.argmax(axis=1) == y).sum())

    def outputs(self, x):
        outputs = [x]
        for index in range(len(self.spec.layers)):
            outputs.append(self.entry(index)[0](self.own(index), outputs[-1]))
        return outputs

    def back(self, inputs, delta):
        gradients = {}
        for index in reversed(range(len(inputs))):
            own, delta = self.entry(index)[1](self.own(index), inputs[index], delta)
            gradients |= {f"{index}.{name}": gradient for name, gradient in own.items()}
        return gradients, delta

    def entry(self, index):
        return entry_for(self.spec.layers[index], self.arithmetic.kinds, "backend broken")

    def own(self, index):
        return {key.partition(".")[2]: value for key, value in self.values.items() if key.startswith(f"{index}.")}


class Differentiable(Network):
    def input_gradient(self, images, labels):
        *inputs, logits = self.outputs(images.reshape(len(images), -1))
        delta = softmax(logits, axis=1)
        delta[np.arange(len(labels)), labels] -= 1
        return self.back(inputs, delta)[1].reshape(images.shape).astype(images.dtype)


class Backend(StepwiseBackend):
    interface = 2

    def __init__(
        self, arithmetic, network=Network, optimizer=None, kinds=(Flatten, Linear, Gain, Cosine), precisions=()
    ):
        self.network = type("Broken", (network,), {"arithmetic": arithmetic})
        self.layers, self.input_gradients, self.optimizer = kinds, network is Differentiable, optimizer
        self.precisions = ("float32", *precisions)

    def unsupported(self, spec, optimizer):
        return ["optimizer"] if self.optimizer and type(optimizer).__name__ != self.optimizer else []


BACKENDS = {
    "sound": lambda: Backend(Arithmetic(), Differentiable),
    "sound_in_float64": lambda: Backend(Arithmetic(), precisions=("float64",)),
    "sound_with_adam_alone": lambda: Backend(Arithmetic(), optimizer="Adam"),
    "learned_times_minus_7": lambda: Backend(Arithmetic(learned=-7.0)),
    "learned_times_3_with_adam_alone": lambda: Backend(Arithmetic(learned=3.0), optimizer="Adam"),
    "never_learns": lambda: Backend(Arithmetic(learned=0.0)),
    "frozen_times_3": lambda: Backend(Arithmetic(frozen=3.0)),
    "frozen_times_3_to_attacks": lambda: Backend(Arithmetic(frozen=3.0), Differentiable),
    "square_in_no_model": lambda: Backend(Arithmetic(), kinds=(Flatten, Linear, Gain, Cosine, Square)),
    "adamw_alone": lambda: Backend(Arithmetic(), optimizer="AdamW"),
}


def gained(input_shape, classes):
    """Return a network with the learned kind in its middle."""
    return (*_flat(input_shape), Linear(_features(input_shape), 12), Gain(12), Linear(12, classes))


def waves(input_shape, classes):
    """Return a network with the frozen kind first."""
    return (*_flat(input_shape), Cosine(), Linear(_features(input_shape), classes))


def _flat(shape):
    return () if len(shape) == 1 else (Flatten(),)


def _features(shape):
    return int(np.prod(shape))


@harness.hookimpl
def register_backends(register):
    for name, backend in BACKENDS.items():
        register(name, backend)


@harness.hookimpl
def register_models(register):
    register("gained", gained)
    register("waves", waves)
