"""The experiments that a backend is certified with: the plainest one that it honours, and variations of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, get_args

import numpy as np

from harness.interfaces import ActivationName, Array, Backend, LabelledImages, NetworkSpec, Optimizer
from harness.optimizers import SGD, Adam, AdamW
from harness.specs import network_spec
from harness.suite.models import Experiment

BATCH = 16
ACTIVATIONS: tuple[ActivationName, ...] = get_args(ActivationName)


@dataclass(frozen=True)
class Foreign:
    """A rule that no backend knows, so that each runs its generic form: a <- 0.9 a + g;  θ <- θ - η a / (1 + |a|)."""

    def init(self, parameters: Array) -> dict[str, Array]:
        """Return an average of zeros."""
        return {"average": parameters * 0}

    def update(
        self, parameters: Array, gradients: Array, state: dict[str, Array], learning_rate: Any
    ) -> tuple[Array, dict[str, Array]]:
        """Return the new parameters and average."""
        average = 0.9 * state["average"] + gradients
        return parameters - learning_rate * average / (1 + abs(average)), {"average": average}


@dataclass(frozen=True)
class Rule:
    """An optimizer, the learning rate that suits it, and what a suite calls it."""

    optimizer: Optimizer
    rate: float
    name: str
    options: Mapping[str, Any] = field(default_factory=dict)


PLAIN_SGD = Rule(SGD(), 0.05, "sgd")
RULES = {
    "sgd": PLAIN_SGD,
    "sgd-momentum": Rule(SGD(momentum=0.9), 0.02, "sgd", {"momentum": 0.9}),
    "sgd-nesterov": Rule(SGD(momentum=0.8, nesterov=True), 0.02, "sgd", {"momentum": 0.8, "nesterov": True}),
    "adam": Rule(Adam(), 0.01, "adam"),
    "adam-betas-eps": Rule(Adam(betas=(0.8, 0.95), eps=1e-3), 0.01, "adam", {"betas": [0.8, 0.95], "eps": 1e-3}),
    "adamw": Rule(AdamW(weight_decay=0.5), 0.01, "adamw", {"weight_decay": 0.5}),
    "third-party": Rule(Foreign(), 0.02, "foreign"),
}


@dataclass(frozen=True)
class Recipe:
    """Keys of an experiment, and its optimizer."""

    keys: Mapping[str, Any]
    rule: Rule

    def spec(self, data: LabelledImages) -> NetworkSpec:
        """Return the network that the keys describe, for these images."""
        optimizer = {"name": self.rule.name, "learning_rate": self.rule.rate}
        experiment = Experiment.model_validate({**self.keys, "optimizer": optimizer})
        height, width = data.images.shape[1:]
        return network_spec(experiment, (height, width), len(data.class_names))

    def varied(self, rule: Rule | None = None, **keys: Any) -> "Recipe":
        """Return the recipe with other keys, or another optimizer."""
        return replace(self, keys={**self.keys, **keys}, rule=rule or self.rule)

    @property
    def rate(self) -> float:
        """The learning rate: that of the rule, for plain descent on a sum divided by the rows in it."""
        summed = self.keys["gradient"] == "sum" and isinstance(self.rule.optimizer, SGD)
        return self.rule.rate / BATCH if summed else self.rule.rate


_CHOICES: dict[str, list[Any]] = {
    "hidden_layers": [[12, 8], [12], []],
    "activation": list(ACTIVATIONS),
    "gradient": ["mean", "sum"],
    "batch_norm": [False, True],
    "optimizer": [rule for name, rule in RULES.items() if name != "third-party"],
}


def plainest(backend: Backend, data: LabelledImages) -> Recipe | list[str]:
    """Return the first recipe that a backend honours, as it declines others' keys; or the keys that it always names."""
    left = {key: iter(values) for key, values in _CHOICES.items()}
    chosen = {key: next(values) for key, values in left.items()}
    while True:
        rule = chosen["optimizer"]
        keys = {key: value for key, value in chosen.items() if key != "optimizer"}
        recipe = Recipe({**keys, "batch_size": BATCH}, rule)
        named = backend.unsupported(recipe.spec(data), rule.optimizer)
        if not named:
            return recipe
        others = {key: next(left[key], None) for key in named if key in left}
        others = {key: value for key, value in others.items() if value is not None}
        if not others:
            return list(named)
        chosen |= others


def sample(rows: int = 96, shape: tuple[int, int] = (6, 5), classes: int = 4) -> LabelledImages:
    """Return random images, not square, with random labels: every class occurs."""
    rng = np.random.default_rng(7)
    images = rng.integers(0, 256, (rows, *shape), dtype=np.uint8)
    labels = rng.permutation(np.arange(rows, dtype=np.int64) % classes)
    return LabelledImages(images, labels, tuple(f"class {index}" for index in range(classes)))
