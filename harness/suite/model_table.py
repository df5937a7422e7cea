"""The key ``model`` of an experiment, beside the keys that are the multilayer perceptron's shorthand."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.errors import nearest, shown
from harness.plugins.loading import OWN
from harness.suite.grid import Place
from harness.suite.problems import problem

SHORTHAND = ("hidden_layers", "activation", "batch_norm", "dropout")
"""The options of ``mlp``: keys of an experiment that names no model."""
MLP = {"mlp", f"{OWN}:mlp"}


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
    both = [key for key in SHORTHAND if key in own]
    if name not in MLP:
        if both:
            what = f"is an option of the model 'mlp', and the model here is {shown(name)}. Remove one of them"
            raise problem(path, (*place, both[0]), what)
        return rest
    options = {key: value for key, value in model.items() if key != "name"} if isinstance(model, dict) else {}
    for key in options:
        if key not in SHORTHAND:
            what = f"model 'mlp' has no such option. {nearest(key, ['name', *SHORTHAND])}"
            raise problem(path, (*place, "model", key), what)
    if "model" in own and both:
        raise problem(path, (*place, both[0]), "is beside model = { name = 'mlp', … }. Give the option in one of them")
    if "model" not in own:  # of the defaults: the experiment's shorthand changes its options
        options |= {key: own[key] for key in both}
    return {key: value for key, value in rest.items() if key != "model"} | options
