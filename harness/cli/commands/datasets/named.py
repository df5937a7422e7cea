"""A dataset that a command line names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from harness.plugins.components import Component

DatasetArgument = Annotated[str, typer.Argument(metavar="NAME", help="A dataset, as 'harness datasets' lists it.")]


def build_named(component: Component, options: dict[str, Any]) -> Any:
    """Return the dataset that a component builds with these options; errors name it."""
    from harness.errors import HarnessError
    from harness.plugins.options import build

    try:
        return build(component, options, Path.cwd())
    except HarnessError as error:
        msg = f"dataset {component.name!r}: {error}"
        raise HarnessError(msg) from None
