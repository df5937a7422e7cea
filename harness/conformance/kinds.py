"""Networks with the layer kinds that a backend has and the reference has not: models of its plugin."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from harness.conformance.bench import REFERENCE, Bench
from harness.conformance.recipes import PLAIN_SGD, RULES, Recipe
from harness.errors import HarnessError
from harness.interfaces import Labelled, Layer, Linear, Shape, chain_parameters, chain_shapes, kinds_of
from harness.plugins.layer_kinds import layer_kinds
from harness.plugins.loading import registry
from harness.plugins.models import build_layers
from harness.trial.attacks import gives_gradients
from harness.trial.jobs import load_backend

_SHAPES: tuple[Shape, ...] = ((8, 8), (9, 12), (30,), (28, 28), (32, 32, 3))
_CLASSES = (4, 10)
KNOWN_STEPS = (PLAIN_SGD, RULES["sgd-momentum"], RULES["adam"])
"""Rules whose first step shows the gradient."""
UNVERIFIED = "not verified: "
"""The first words of the reason why a test of the kit is skipped that a plugin's author should know of."""
Kind = type[Layer]


@dataclass(frozen=True)
class ModelCase:
    """A model's network and rows for a batch; ``put`` is the position of a `Linear` that the kit has put into it."""

    model: str
    recipe: Recipe
    data: Labelled
    put: int | None

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The network's layers."""
        return self.recipe.layers or ()


@dataclass
class Verifiable:
    """Networks that verify layer kinds, and what cannot be verified, by name, with the reason."""

    cases: list[ModelCase] = field(default_factory=list)
    unverified: dict[str, str] = field(default_factory=dict)


def own_kinds(bench: Bench) -> list[Kind]:
    """Return the layer kinds of the backend that the reference lacks."""
    return beyond_reference(layer_kinds(bench.backend))


def beyond_reference(kinds: Iterable[Kind]) -> list[Kind]:
    """Return those of some layer kinds that the reference lacks."""
    reference = layer_kinds(load_backend(registry().find("backend", REFERENCE)))
    return [kind for kind in kinds if kind not in reference]


def verifiable(bench: Bench) -> Verifiable:
    """Return the models to verify: those that are named, and the plugin's with kinds that the reference lacks."""
    own, networks = own_kinds(bench), Verifiable()
    for name, options in _models(bench, own).items():
        try:
            case = _case(bench, name, options, own)
        except HarnessError as error:
            networks.unverified[f"model {name!r}"] = str(error)
            continue
        if name not in bench.target.models and not set(own) & set(kinds_of(case.layers)):
            continue
        networks.cases.append(case)
        if case.put is None and not gives_gradients(bench.backend):
            networks.unverified |= {
                f"the input gradient of layer kind {kind.__name__}": f"in model {name!r} nothing before it learns, "
                "and the backend has no input_gradients"
                for kind in _unseen(case, own)
            }
    covered = {kind for case in networks.cases for kind in kinds_of(case.layers)}
    for kind in own:
        if kind not in covered:
            why = "it is in no model that the kit could build; --harness-model names one"
            networks.unverified[f"layer kind {kind.__name__}"] = why
    return networks


def _models(bench: Bench, own: Sequence[Kind]) -> Mapping[str, Mapping[str, Any]]:
    """Return the options of each model by its name."""
    models = dict(bench.target.models)
    if own:
        distribution = bench.target.component().distribution
        offered = (c for c in registry().components if (c.kind, c.distribution) == ("model", distribution))
        for component in offered:
            if not {component.name, component.reference} & set(models):
                models[component.reference] = {}
    return models


def _case(bench: Bench, name: str, options: Mapping[str, Any], own: Sequence[Kind]) -> ModelCase:
    """Return a model's network for rows of the first shape that it and the backend take.

    Raises:
        HarnessError: there is none, or the backend declines every optimizer whose step shows the gradient.
    """
    component = registry().find("model", name)
    reasons: dict[str, None] = {}
    for shape in (bench.data.features.shape[1:], *_SHAPES):
        for classes in dict.fromkeys((len(bench.data.class_names), *_CLASSES)):
            try:
                layers = build_layers(component, options, Path(), shape, classes)
            except HarnessError as error:
                reasons[str(error)] = None
                continue
            data = _rows(bench, shape, classes)
            recipe = replace(bench.plain, layers=layers)
            put = _put(bench, recipe, data, own)
            for rule in KNOWN_STEPS:
                for where, network in (*([put] if put else []), (None, recipe)):
                    varied = network.varied(rule)
                    if not (keys := bench.declined(varied, data)):
                        return ModelCase(name, varied, data, where)
                    reasons[f"the backend declines {', '.join(keys)}"] = None
    raise HarnessError("; ".join(list(reasons)[:3]))


def _put(bench: Bench, recipe: Recipe, data: Labelled, own: Sequence[Kind]) -> tuple[int, Recipe] | None:
    """Return the network with a `Linear` before its first kind of the plugin's, whose gradient shows the kind's.

    None where something learns before it anyway, or where a row is not a vector there.
    """
    layers, shape = recipe.layers or (), data.features.shape[1:]
    first = next((index for index, layer in enumerate(layers) if set(own) & set(kinds_of([layer]))), None)
    if first is None or Linear not in layer_kinds(bench.backend) or chain_parameters(layers[:first], shape):
        return None
    before = chain_shapes(layers, shape)[first]
    if len(before) != 1:
        return None
    return first, replace(recipe, layers=(*layers[:first], Linear(before[0], before[0]), *layers[first:]))


def _unseen(case: ModelCase, own: Sequence[Kind]) -> Iterator[Kind]:
    """Yield the plugin's kinds before which nothing learns."""
    shape = case.data.features.shape[1:]
    for index, layer in enumerate(case.layers):
        if chain_parameters(case.layers[:index], shape):
            return
        yield from set(own) & set(kinds_of([layer]))


def _rows(bench: Bench, shape: Shape, classes: int) -> Labelled:
    """Return a batch of random rows, a vector's standard normal."""
    rng, rows = np.random.default_rng(13), bench.plain.batch
    labels = np.arange(rows, dtype=np.int64) % classes
    names = tuple(f"class {index}" for index in range(classes))
    if len(shape) == 1:
        return Labelled(rng.standard_normal((rows, *shape), dtype=np.float32), labels, names, "vector")
    return Labelled(rng.integers(0, 256, (rows, *shape), dtype=np.uint8), labels, names, "image")
