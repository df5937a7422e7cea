"""The experiments that a backend is certified with: the plainest one that it honours, and variations of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import cycle, islice, product
from typing import Any, get_args

import numpy as np

from harness.builtin.losses import CrossEntropy, Focal
from harness.conformance.strangers import Foreign, ForeignByBlocks, ForeignLoss
from harness.descent import for_blocks
from harness.interfaces import (
    Activation,
    ActivationName,
    Backend,
    BatchNorm,
    BlockOptimizer,
    Dropout,
    Labelled,
    Layer,
    Loss,
    NetworkSpec,
    Optimizer,
    kinds_of,
)
from harness.optimizers import SGD, Adam, AdamW
from harness.plugins.layer_kinds import layer_kinds
from harness.suite.models import Experiment
from harness.suite.network import network_spec

ACTIVATIONS: tuple[ActivationName, ...] = get_args(ActivationName)


LOSSES: dict[str, Callable[..., Loss]] = {"cross_entropy": CrossEntropy, "focal": Focal, "foreign": ForeignLoss}
_WEIGHTS = (0.5, 2.0, 1.25)
"""Of the classes, in turn, where a recipe balances them: its sample has as many rows of each."""


@dataclass(frozen=True)
class Rule:
    """An optimizer, the learning rate that suits it, and what a suite calls it."""

    optimizer: Optimizer | BlockOptimizer
    rate: float
    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def bound(self, spec: NetworkSpec) -> Optimizer:
        """Return the optimizer as a backend is given it for a network."""
        return for_blocks(self.optimizer, spec.parameters())


PLAIN_SGD = Rule(SGD(), 0.05, "sgd")
RULES = {
    "sgd": PLAIN_SGD,
    "sgd-momentum": Rule(SGD(momentum=0.9), 0.02, "sgd", {"momentum": 0.9}),
    "sgd-nesterov": Rule(SGD(momentum=0.8, nesterov=True), 0.02, "sgd", {"momentum": 0.8, "nesterov": True}),
    "adam": Rule(Adam(), 0.01, "adam"),
    "adam-betas-eps": Rule(Adam(betas=(0.8, 0.95), eps=1e-3), 0.01, "adam", {"betas": [0.8, 0.95], "eps": 1e-3}),
    "adamw": Rule(AdamW(weight_decay=0.5), 0.01, "adamw", {"weight_decay": 0.5}),
    "third-party": Rule(Foreign(), 0.02, "foreign"),
    "third-party-by-blocks": Rule(ForeignByBlocks(), 0.05, "foreign"),
}


@dataclass(frozen=True)
class Recipe:
    """Keys of an experiment, and its optimizer."""

    keys: Mapping[str, Any]
    rule: Rule
    layers: tuple[Layer, ...] | None = None
    """Of the network, in place of those that the keys describe."""

    def spec(self, data: Labelled) -> NetworkSpec:
        """Return the network that the keys describe, for these rows."""
        optimizer = {"name": self.rule.name, "learning_rate": self.rule.rate}
        experiment = Experiment.model_validate({**self.keys, "optimizer": optimizer})
        network = network_spec(experiment, data.features.shape[1:], len(data.class_names), self.layers)
        loss = LOSSES[experiment.loss.name](**experiment.loss.options)
        weights = tuple(islice(cycle(_WEIGHTS), network.classes)) if experiment.class_weights else None
        plain = loss == CrossEntropy()
        return replace(network, loss=None if plain else loss, class_weights=weights, clip_norm=experiment.clip_norm)

    def varied(self, rule: Rule | None = None, **keys: Any) -> "Recipe":
        """Return the recipe with other keys, or another optimizer."""
        return replace(self, keys={**self.keys, **keys}, rule=rule or self.rule)

    @property
    def batch(self) -> int:
        """The rows in a batch."""
        return int(self.keys["batch_size"])

    @property
    def rate(self) -> float:
        """The learning rate: that of the rule, for plain descent on a sum divided by the rows in it."""
        summed = self.keys["gradient"] == "sum" and isinstance(self.rule.optimizer, SGD)
        return self.rule.rate / self.batch if summed else self.rule.rate


@dataclass(frozen=True)
class UnknownLayer(Layer):
    """A layer kind that no backend has: it keeps its input's shape, so that a network without it would train too."""


def with_unknown_layer(spec: NetworkSpec) -> NetworkSpec:
    """Return a network with a layer, behind its first, of a kind that no backend has."""
    first, *others = spec.layers
    return replace(spec, layers=(first, UnknownLayer(), *others))


_KEYS: dict[type[Layer], str] = {Activation: "hidden_layers", BatchNorm: "batch_norm", Dropout: "dropout"}
"""The key of an experiment without which its network does not have a layer kind."""


def declined(backend: Backend, recipe: Recipe, data: Labelled) -> list[str]:
    """Return the keys that a backend declines: those of layer kinds that it lacks, or else those of `unsupported`."""
    spec, kinds = recipe.spec(data), layer_kinds(backend)
    lacking = [_KEYS.get(kind, kind.__name__) for kind in kinds_of(spec.layers) if kind not in kinds]
    return lacking or backend.unsupported(spec, recipe.rule.bound(spec))


_CHOICES: dict[str, list[Any]] = {
    "hidden_layers": [[12, 8], [12], []],
    "activation": list(ACTIVATIONS),
    "gradient": ["mean", "sum"],
    "batch_norm": [False, True],
    "batch_size": [16, 32, 64, 128, 256, 512],
    "optimizer": [rule for name, rule in RULES.items() if not name.startswith("third-party")],
    "sample": list(product([(6, 5), (28, 28), (8, 8), (32, 32), (16, 16)], [4, 10, 2, 26, 47, 62, 100])),
}
_SAMPLE = {"input_shape", "classes"}
"""The keys that are the images' own: where one is declined, others are tried."""


def plainest(backend: Backend) -> tuple[Recipe, Labelled] | list[str]:
    """Return the first recipe and images that a backend honours, as it declines others' keys.

    Or the keys that it names whatever is tried.
    """
    left = {key: iter(values) for key, values in _CHOICES.items()}
    chosen = {key: next(values) for key, values in left.items()}
    while True:
        rule, (shape, classes) = chosen["optimizer"], chosen["sample"]
        recipe = Recipe({key: value for key, value in chosen.items() if key not in {"optimizer", "sample"}}, rule)
        rows = max(6 * recipe.batch, 24 * classes)  # six batches, and some of each class in every part of a split
        data = sample(rows, shape, classes)
        named = declined(backend, recipe, data)
        if not named:
            return recipe, data
        keys = {"sample" if key in _SAMPLE else key for key in named}
        others = {key: next(left[key], None) for key in keys & set(left)}
        others = {key: value for key, value in others.items() if value is not None}
        if not others:
            return list(named)
        chosen |= others


def sample(rows: int, shape: tuple[int, int], classes: int) -> Labelled:
    """Return images with random values at thirty pixels, from the first to the last, and random labels: each occurs.

    Elsewhere they are 0, so that the same learning rates and tolerances suit any shape: where a gradient is 0, no rule
    makes a step of its rounding.
    """
    rng = np.random.default_rng(7)
    height, width = shape
    lit = np.unique(np.linspace(0, height * width - 1, 30).astype(int))
    images = np.zeros((rows, height * width), dtype=np.uint8)
    images[:, lit] = rng.integers(0, 256, (rows, len(lit)), dtype=np.uint8)
    labels = rng.permutation(np.arange(rows, dtype=np.int64) % classes)
    names = tuple(f"class {index}" for index in range(classes))
    return Labelled(images.reshape(rows, height, width), labels, names, "image")
