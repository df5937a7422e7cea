"""Which layer kinds a backend or a peer has, as it says."""

from collections.abc import Collection
from typing import Any

from harness.errors import TrialError, shown
from harness.interfaces import LAYERS_OF_INTERFACE_1, DeclaredLayers, Layer, NetworkSpec, implements, unsupported_layers


def layer_kinds(plugin: object) -> tuple[type[Layer], ...]:
    """Return the layer kinds that a plugin says it has; one that does not say was written for those of interface 1.

    Raises:
        TrialError: ``layers`` is not a collection of layer classes.
    """
    if not implements(plugin, DeclaredLayers):
        return LAYERS_OF_INTERFACE_1
    kinds: Any = plugin.layers
    if not isinstance(kinds, Collection) or not all(map(_is_kind, kinds)):
        msg = f"layers is {shown(kinds)}; the contract says layer classes, such as (Linear, Activation)"
        raise TrialError(msg)
    return tuple(kinds)


def missing_layers(plugin: object, name: str, spec: NetworkSpec) -> str | None:
    """Return which of a network's layers a plugin does not have, in one line, or None; ``name``: ``"backend numpy"``.

    Raises:
        TrialError: as `layer_kinds`.
    """
    return unsupported_layers(spec.layers, layer_kinds(plugin), name)


def _is_kind(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Layer)
