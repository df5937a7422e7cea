"""Finds, loads, quarantines and names plugins."""

import inspect
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import import_module
from importlib.metadata import Distribution, EntryPoint
from typing import Any, Literal

import pluggy

from harness import hookspecs
from harness.errors import HarnessError, nearest, one_line
from harness.installed import survey
from harness.sources import changed_source, module_of

GROUP = "harness"
OWN = "nn-harness"
"""The distribution of the first-party plugins."""
DISABLE = "HARNESS_DISABLE_PLUGINS"
"""The environment variable that names plugins not to load; workers inherit it."""
Kind = Literal["backend", "optimizer", "perturbation", "dataset", "peer"]
KINDS: tuple[Kind, ...] = ("backend", "optimizer", "perturbation", "dataset")
"""What suites name and the conformance kit certifies."""
PEER: Kind = "peer"
"""What `harness bench` alone knows."""


@dataclass(frozen=True)
class Component:
    """A backend, optimizer, perturbation, dataset or peer that a distribution offers under a name."""

    kind: Kind
    name: str
    distribution: str
    version: str
    target: Any = field(repr=False)
    """The factory (for a perturbation: the callable), or ``"module:attribute"``."""
    module: str = field(default="", repr=False)
    """The module of the entry point that offers it."""
    installed: Distribution | None = field(default=None, repr=False, compare=False)

    @property
    def provenance(self) -> str:
        """The distribution and its version, ``"nn-harness 0.1.0"``."""
        return f"{self.distribution} {self.version}"

    @cached_property
    def identity(self) -> str:
        """What results are identified by: the provenance, and the source where the version does not say what it is.

        ``"harness-lion 0.1 (source 1a2b3c4d5e6f)"`` is an editable install, or one whose files have been altered.
        """
        source = changed_source(self._offering, module_of(self.target), self.installed)
        return f"{self.provenance} (source {source})" if source else self.provenance

    @property
    def _offering(self) -> str:
        """The module of the entry point, but for harness's own: that one offers what other modules hold."""
        return "" if self.module.partition(".")[0] == "harness" and self.distribution == OWN else self.module

    def load(self) -> Any:
        """Return the factory, imported now if it was registered by its place.

        Raises:
            HarnessError: the import fails, for whatever reason.
        """
        if not isinstance(self.target, str):
            return self.target
        module, _, attribute = self.target.partition(":")
        try:
            return getattr(import_module(module), attribute)
        except Exception as error:
            msg = f"{self.kind} {self.name!r} ({self.provenance}): {self.target}: {type(error).__name__}: {error}"
            raise HarnessError(msg) from error


@dataclass(frozen=True)
class Quarantined:
    """A plugin that was set aside, and why."""

    plugin: str
    distribution: str
    version: str
    error: str


@dataclass(frozen=True)
class Registry:
    """Everything that the installed plugins offer."""

    manager: pluggy.PluginManager = field(repr=False)
    components: tuple[Component, ...]
    quarantined: tuple[Quarantined, ...]
    disabled: tuple[str, ...] = ()
    """Plugins that are installed and were not loaded, each as ``"name (distribution version)"``."""

    def named(self, kind: Kind) -> dict[str, Component]:
        """Return the components of a kind by the name that a suite uses.

        That is the bare name, but for one that two distributions offer: those are ``distribution:name`` alone.
        """
        offered = [component for component in self.components if component.kind == kind]
        bare = [component.name for component in offered]
        full = {f"{component.distribution}:{component.name}": component for component in offered}
        unique = {component.name: component for component in offered if bare.count(component.name) == 1}
        clashing = {name: component for name, component in full.items() if component.name not in unique}
        return unique | clashing

    def find(self, kind: Kind, name: str) -> Component:
        """Return the component that a suite means by ``name``, bare or ``distribution:name``.

        Raises:
            HarnessError: no plugin offers it, or more than one; the message names the nearest, and any that is
                quarantined.
        """
        known = self.named(kind)
        if name in known:
            return known[name]
        for component in self.components:
            if component.kind == kind and f"{component.distribution}:{component.name}" == name:
                return component
        owners = [c.distribution for c in self.components if c.kind == kind and c.name == name]
        if owners:
            choices = " or ".join(f"{owner}:{name}" for owner in owners)
            msg = f"{kind} {name!r} is offered by {' and '.join(owners)}: write {choices}"
            raise HarnessError(msg)
        msg = f"unknown {kind} {name!r}. {nearest(name, known)}{self._absent()}"
        raise HarnessError(msg)

    def third_party(self, kind: Kind, name: str) -> bool:
        """Return whether a component's code is not harness's own; True also where no plugin offers it."""
        try:
            return self.find(kind, name).distribution != OWN
        except HarnessError:
            return True

    def _absent(self) -> str:
        """Name the plugins that might have offered it, and why they do not."""
        faulty = ", ".join(f"{q.plugin} ({q.distribution} {q.version}): {q.error}" for q in self.quarantined)
        off = ", ".join(self.disabled)
        return (f" Quarantined: {faulty}." if faulty else "") + (f" Disabled: {off}." if off else "")


@cache
def registry() -> Registry:
    """Return what is installed and not disabled; scanned and checked once in a process."""
    return load_installed(os.environ.get(DISABLE, ""))


def load_installed(disable: str = "") -> Registry:
    """Load the plugins of what is installed; ``disable`` as in `load`."""
    found = survey(GROUP)
    return load(found.points, disable, [Quarantined("?", place, "?", why) for place, why in found.unreadable])


def load(found: Iterable[EntryPoint], disable: str = "", unreadable: Iterable[Quarantined] = ()) -> Registry:
    """Load each entry point on its own, so that a faulty one is set aside and the others serve.

    ``disable`` names those that are not to be loaded, between commas; ``"*"`` stands for all but harness's own.
    ``unreadable``: what has no entry points that can be read.
    """
    found = list(found)
    names = {name.strip() for name in disable.split(",")}
    off = [point for point in found if point.name in names or ("*" in names and _place(point)[1] != OWN)]
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    components: list[Component] = []
    quarantined: list[Quarantined] = list(unreadable)
    for point in sorted((point for point in found if point not in off), key=_place):
        try:
            components += _load_one(manager, point, components)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a foreign plugin raises, it costs itself alone
            quarantined.append(Quarantined(*_place(point), error=one_line(error)))
    told = ("{} ({} {})".format(*_place(point)) for point in sorted(off, key=_place))
    return Registry(manager, tuple(components), tuple(quarantined), tuple(told))


def _place(point: EntryPoint) -> tuple[str, str, str]:
    """Return the plugin's name, its distribution and that one's version."""
    distribution = point.dist
    if distribution is None:
        return point.name, "unknown", "0"
    return point.name, distribution.name, distribution.version


def _load_one(manager: pluggy.PluginManager, point: EntryPoint, earlier: Sequence[Component]) -> list[Component]:
    name, distribution, _ = _place(point)
    plugin = point.load()
    if manager.is_registered(plugin):
        msg = f"{point.value} is the plugin {manager.get_name(plugin)} already"
        raise HarnessError(msg)
    try:
        # Two distributions may have an entry point of the same name.
        manager.register(plugin, name=f"{distribution}:{name}")
        return _offered(manager, plugin, point, earlier)
    except BaseException:
        if manager.is_registered(plugin):
            manager.unregister(plugin)
        raise


def _offered(
    manager: pluggy.PluginManager, plugin: Any, point: EntryPoint, earlier: Sequence[Component]
) -> list[Component]:
    """Return what a plugin offers, once its hooks are known to be such."""
    for caller in manager.get_hookcallers(plugin) or ():
        if not caller.has_spec():
            known = [name for name, _ in inspect.getmembers(hookspecs, inspect.isfunction)]
            msg = f"unknown hook {caller.name!r}. {nearest(caller.name, known)}"
            raise HarnessError(msg)
    components: list[Component] = []
    others = [other for other in manager.get_plugins() if other is not plugin]
    for kind in (*KINDS, PEER):
        collect = _collector(kind, point, components, earlier)
        manager.subset_hook_caller(f"register_{kind}s", others)(register=collect)
    return components


def _collector(
    kind: Kind, point: EntryPoint, components: list[Component], earlier: Sequence[Component]
) -> Callable[[str, Any], None]:
    _, distribution, version = _place(point)

    def register(name: str, target: Any) -> None:
        if not name or not isinstance(name, str) or ":" in name:
            msg = f"register_{kind}s: {name!r} is not a name: a text without ':' is needed"
            raise HarnessError(msg)
        if not callable(target) and not (isinstance(target, str) and ":" in target):
            msg = f"register_{kind}s: {name!r}: {target!r} is neither callable nor 'module:attribute'"
            raise HarnessError(msg)
        if any((c.kind, c.distribution, c.name) == (kind, distribution, name) for c in [*earlier, *components]):
            msg = f"register_{kind}s: {distribution} registers {name!r} twice"
            raise HarnessError(msg)
        components.append(Component(kind, name, distribution, version, target, point.module, point.dist))

    return register
