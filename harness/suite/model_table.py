"""The key ``model`` of an experiment, beside the keys that are the multilayer perceptron's shorthand."""

from collections.abc import Callable, Mapping
from inspect import signature
from pathlib import Path
from typing import Any

from harness.builtin.models import cnn, resnet
from harness.errors import nearest, shown
from harness.plugins.components import OWN
from harness.suite.problems import Place, problem

SHORTHAND = ("hidden_layers", "activation", "batch_norm", "dropout")
"""The options of ``mlp``: keys of an experiment that names no model."""
MLP = {"mlp", f"{OWN}:mlp"}
_WITH_ACTIVATION: Mapping[str, Callable[..., Any]] = {"cnn": cnn, "resnet": resnet}


def resolved(path: Path, merged: dict[str, Any], own: Mapping[str, Any], place: Place) -> dict[str, Any]:
    """Return an experiment's table, merged with the defaults, in which ``model`` or the shorthand is left.

    ``own``: the table without the defaults, whose place is ``place``. ``model = { name = "mlp", … }`` becomes the
    shorthand, so that both are one experiment. Another model's experiment does not inherit the shorthand.

    Raises:
        HarnessError: the experiment has the shorthand beside another model; or ``mlp`` does not have an option.
    """
    model = merged.get("model")
    name = model.get("name") if isinstance(model, dict) else model
    if not isinstance(name, str):
        return merged
    rest = {key: value for key, value in merged.items() if key not in SHORTHAND}
    shorthand = [key for key in SHORTHAND if key in own]
    if name not in MLP:
        if shorthand:
            what = f"is an option of the model 'mlp', and the model here is {shown(name)}. Remove one of them"
            raise problem(path, (*place, shorthand[0]), what)
        return rest
    options = {key: value for key, value in model.items() if key != "name"} if isinstance(model, dict) else {}
    for key in options:
        if key not in SHORTHAND:
            what = f"model 'mlp' has no such option. {nearest(key, ['name', *SHORTHAND])}"
            raise problem(path, (*place, "model", key), what)
    if "model" in own and shorthand:
        raise problem(
            path, (*place, shorthand[0]), "is beside model = { name = 'mlp', … }. Give the option in one of them"
        )
    if "model" not in own:  # of the defaults: the experiment's shorthand changes its options
        options |= {key: own[key] for key in shorthand}
    return {key: value for key, value in rest.items() if key != "model"} | options


def taken(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return an experiment's settings without those that its model does not take.

    They hold the defaults of the shorthand beside any model.

    >>> taken({"model": {"name": "rbf", "gamma": 2.0}, "hidden_layers": [], "activation": "relu", "epochs": 3})
    {'model': {'name': 'rbf', 'gamma': 2.0}, 'epochs': 3}
    """
    return {key: value for key, value in settings.items() if not settings.get("model") or key not in SHORTHAND}


def activation_of(settings: Mapping[str, Any]) -> str | None:
    """Return the activation of an experiment's network, None where its model has no such option, or does not name it.

    >>> activation_of({"activation": "tanh"}), activation_of({"model": {"name": "cnn"}, "activation": "tanh"})
    ('tanh', 'relu')
    """
    model = settings.get("model")
    if not model:
        value = settings.get("activation")
    else:
        factory = _WITH_ACTIVATION.get(str(model["name"]).removeprefix(f"{OWN}:"))
        value = model.get("activation", factory and signature(factory).parameters["activation"].default)
    return None if value is None else str(value)
