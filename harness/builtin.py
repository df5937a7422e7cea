"""The core's own plugin: optimizers and datasets, offered as a third party would offer them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.interfaces import Dataset, Optimizer


@hookimpl
def register_optimizers(register: Callable[[str, Callable[..., Optimizer] | str], None]) -> None:
    """Offer the update rules of `harness.optimizers`."""
    register("sgd", "harness.optimizers:SGD")
    register("adam", "harness.optimizers:Adam")
    register("adamw", "harness.optimizers:AdamW")


@hookimpl
def register_datasets(register: Callable[[str, Callable[..., Dataset] | str], None]) -> None:
    """Offer the datasets that need no download."""
    register("digits", "harness.datasets.digits:Digits")
    register("files", "harness.datasets.files:Files")
