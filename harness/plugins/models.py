"""A model's layers: what its factory returns, verified."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, one_line, printable, shown
from harness.interfaces import Layer, NetworkSpec, Shape
from harness.plugins.components import Component
from harness.plugins.foreign import foreign
from harness.plugins.options import OptionError, build, checked

GIVEN = ("input_shape", "classes")
"""The keywords of a model's factory that are no options."""


def check_options(component: Component, options: Mapping[str, Any], directory: Path) -> None:
    """Check a model's options by their types, before there is a dataset.

    Raises:
        HarnessError: as `harness.plugins.options.checked`.
    """
    checked(component, options, directory, ("name",), GIVEN)


def build_layers(
    component: Component, options: Mapping[str, Any], directory: Path, input_shape: Shape, classes: int
) -> tuple[Layer, ...]:
    """Return a model's layers for rows of a shape and a number of classes.

    Raises:
        OptionError: an option is wrong, or its layers do not take rows of this shape, or each other's.
        HarnessError: the factory raises, or returns anything but layers from rows to classes.
    """
    arguments = {"input_shape": input_shape, "classes": classes}
    layers = build(component, options, directory, ("name",), arguments)
    try:
        with foreign():
            shape = _last_shape(layers, input_shape, classes)
    except ValueError as error:
        what = f"model {component.name!r} does not fit rows of shape {input_shape}: {printable(str(error))}"
        raise OptionError("name", what) from None
    except Exception as error:
        msg = f"{component.spoken}: {one_line(error)}"
        raise HarnessError(msg) from error
    if shape != (classes,):
        ends = f"its layers end in the shape {shape}" if shape else f"it returns {shown(layers)}"
        msg = f"{component.spoken}: {ends}; the contract says a tuple of layers, from rows to the classes, ({classes},)"
        raise HarnessError(msg)
    return layers  # type: ignore[no-any-return] # as was verified


def _last_shape(layers: Any, input_shape: Shape, classes: int) -> Shape | None:
    """Return the shape that layers end in, None where they are no layers."""
    if not isinstance(layers, tuple) or not layers or not all(isinstance(layer, Layer) for layer in layers):
        return None
    hash(layers)
    return NetworkSpec(input_shape, classes, layers, batch_size=1).shapes()[-1]
