"""Layers: what a network is made of. A layer knows its shapes, its arrays and where they start."""
# ruff: noqa: ARG002 - every method is given what some layer needs

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Shape = tuple[int, ...]
"""Of one row's values, without the rows: (features,), or (height, width, channels) of an image."""
ActivationName = Literal["relu", "leaky_relu", "gelu", "silu", "tanh"]

T = TypeVar("T")


class Layer:
    """One layer of a network: a frozen dataclass of its numbers, which a backend turns into arithmetic.

    A subclass overrides what differs from a layer that keeps its input's shape and has no arrays. Names of arrays are
    those of a `State` without the layer's position: ``"weight"``; those of a layer within a layer have dots:
    ``"0.weight"``.
    """

    smallest_batch: ClassVar[int] = 1
    """The rows that a training batch needs."""

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of one row after the layer.

        Raises:
            ValueError: the layer does not take ``input_shape``.
        """
        return input_shape

    def parameters(self, input_shape: Shape) -> dict[str, Shape]:
        """Return the shape of each array that is learned, by name, in the order of the flat parameter vector."""
        return {}

    def weights(self) -> frozenset[str]:
        """Return which of `parameters` are weights, those that ``l2`` applies to; it may name absent ones."""
        return frozenset()

    def buffers(self, input_shape: Shape) -> dict[str, Shape]:
        """Return the shape of each array that training moves without a gradient, by name: running statistics."""
        return {}

    def initial(self, input_shape: Shape, rng: np.random.Generator) -> dict[str, NDArray[np.float32]]:
        """Return what `parameters` and `buffers` start from, float32; all draws come from ``rng``."""
        return {}

    def products(self, rows: int, input_shape: Shape) -> list[tuple[int, int, int]]:
        """Return the matrix products (m, k) · (k, n) of its forward pass over ``rows``, each as (m, k, n)."""
        return []

    def inner(self) -> tuple["Layer", ...]:
        """Return the layers within it."""
        return ()


@dataclass(frozen=True)
class Linear(Layer):
    """x W + b, W (inputs, outputs); W starts from N(0, 2 / inputs) (He et al., 2015), b from 0."""

    inputs: int
    outputs: int

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (outputs,)."""
        _require_features(self, self.inputs, input_shape)
        return (self.outputs,)

    def parameters(self, input_shape: Shape) -> dict[str, Shape]:
        """Return W (inputs, outputs) and b (outputs,)."""
        return {"weight": (self.inputs, self.outputs), "bias": (self.outputs,)}

    def weights(self) -> frozenset[str]:
        """Return W's name."""
        return frozenset({"weight"})

    def initial(self, input_shape: Shape, rng: np.random.Generator) -> dict[str, NDArray[np.float32]]:
        """Return W, drawn in float64 and rounded, and b."""
        weight = rng.standard_normal((self.inputs, self.outputs)) * np.sqrt(2.0 / self.inputs)
        return {"weight": weight.astype(np.float32), "bias": np.zeros(self.outputs, dtype=np.float32)}

    def products(self, rows: int, input_shape: Shape) -> list[tuple[int, int, int]]:
        """Return x W."""
        return [(rows, self.inputs, self.outputs)]


@dataclass(frozen=True)
class BatchNorm(Layer):
    """Batch normalisation (Ioffe & Szegedy, 2015) over the rows of a batch: γ x̂ + β, from γ = 1 and β = 0.

    Of images (height, width, channels), ``features`` is the channels: a channel is normalised over rows × height ×
    width. Training normalises by the batch's biased variance; the running variance, used in prediction, is the unbiased
    one: running <- (1 - momentum) running + momentum · batch, from mean 0 and variance 1.
    """

    smallest_batch: ClassVar[int] = 2
    """One row has no variance."""

    features: int
    momentum: float = 0.1
    eps: float = 1e-5

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the same shape."""
        if len(input_shape) != 3 or input_shape[-1] != self.features:
            _require_features(self, self.features, input_shape)
        return input_shape

    def parameters(self, input_shape: Shape) -> dict[str, Shape]:
        """Return γ (features,) and β (features,)."""
        return {"weight": (self.features,), "bias": (self.features,)}

    def buffers(self, input_shape: Shape) -> dict[str, Shape]:
        """Return the running mean and variance, (features,)."""
        return {"running_mean": (self.features,), "running_var": (self.features,)}

    def initial(self, input_shape: Shape, rng: np.random.Generator) -> dict[str, NDArray[np.float32]]:
        """Return γ, β, running mean and running variance."""
        starts = {"weight": 1.0, "bias": 0.0, "running_mean": 0.0, "running_var": 1.0}
        return {name: np.full(self.features, value, dtype=np.float32) for name, value in starts.items()}


@dataclass(frozen=True)
class Activation(Layer):
    """An elementwise nonlinearity.

    relu: max(0, x); leaky_relu: x for x > 0, else 0.01 x; gelu: x Φ(x), exact, by erf (Hendrycks & Gimpel, 2016);
    silu: x σ(x) (Elfwing et al., 2018); tanh: (eˣ - e⁻ˣ) / (eˣ + e⁻ˣ).
    """

    name: ActivationName


@dataclass(frozen=True)
class Dropout(Layer):
    """Inverted dropout (Srivastava et al., 2014): training zeroes with probability ``rate``, divides the rest."""

    rate: float


@runtime_checkable
class DeclaredLayers(Protocol):
    """A backend or a peer that says which layer kinds it has; where a network has another, it is not asked for it."""

    @property
    def layers(self) -> Collection[type[Layer]]:
        """The kinds, ``(Linear, Activation)``: a kind that is not among them, a subclass too, is declined."""
        ...


LAYERS_OF_INTERFACE_1: tuple[type[Layer], ...] = (Linear, BatchNorm, Activation, Dropout)
"""The layer kinds of interface 1: what a plugin has that does not say which it has."""


def kinds_of(layers: Iterable[Layer]) -> list[type[Layer]]:
    """Return the kinds of layers, and of those within them, each once, in the order of the network.

    >>> [kind.__name__ for kind in kinds_of([Linear(4, 3), Activation("relu"), Linear(3, 2)])]
    ['Linear', 'Activation']
    """
    return list(dict.fromkeys(type(layer) for layer in _walk(layers)))


def unsupported_layers(layers: Iterable[Layer], kinds: Iterable[type[Layer]], plugin: str) -> str | None:
    """Return why a plugin that has ``kinds`` cannot build ``layers``, in one line, or None.

    >>> unsupported_layers([Linear(4, 3), Dropout(0.5)], [Linear, Activation], "backend mine")
    "layer 'Dropout' is not supported by backend mine: it has Linear, Activation"
    """
    known = list(kinds)
    names = [repr(kind.__name__) for kind in kinds_of(layers) if kind not in known]
    if not names:
        return None
    what = f"layer {names[0]} is" if len(names) == 1 else f"layers {', '.join(names[:-1])} and {names[-1]} are"
    return f"{what} not supported by {plugin}: it has {', '.join(kind.__name__ for kind in known) or 'none'}"


def entry_for(layer: Layer, table: Mapping[type[Layer], T], plugin: str) -> T:
    """Return what a plugin's table has for a layer's kind.

    Raises:
        ValueError: it has nothing: a layer must never be left out, nor taken for another.
    """
    kind = type(layer)
    if kind not in table:
        raise ValueError(unsupported_layers([layer], table, plugin))
    return table[kind]


def _walk(layers: Iterable[Layer]) -> Iterator[Layer]:
    for layer in layers:
        yield layer
        yield from _walk(layer.inner())


def _require_features(layer: Layer, features: int, input_shape: Shape) -> None:
    if input_shape != (features,):
        flat = " (Flatten makes one of an image)" if len(input_shape) == 3 and type(layer) is Linear else ""
        msg = f"{layer}: takes rows of shape ({features},), not {input_shape}{flat}"
        raise ValueError(msg)
