"""Finds, loads, quarantines and names plugins."""

import inspect
import logging
import os
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.metadata import EntryPoint
from typing import Any

import pluggy

from harness import hookspecs
from harness.errors import HarnessError, nearest, one_line
from harness.machine.installed import survey
from harness.plugins.absent import reasons, unknown_names
from harness.plugins.components import KINDS, OBSERVER, OWN, PEER, Component, Kind, plural
from harness.plugins.foreign import foreign
from harness.plugins.observers import OBSERVED
from harness.plugins.vetting import LAST, VETTED, refused

_LOG = logging.getLogger(__name__)
GROUP = "harness"
DISABLE = "HARNESS_DISABLE_PLUGINS"
"""The environment variable that names plugins not to load; workers inherit it."""


@dataclass(frozen=True)
class Quarantined:
    """A plugin that was not loaded because of an error."""

    plugin: str
    distribution: str
    version: str
    error: str
    traceback: str = field(default="", repr=False)
    """Where it was raised; empty of a plugin that was not tried."""

    def __str__(self) -> str:
        """Return it in words, as commands and warnings name it."""
        return f"plugin {self.plugin} ({self.distribution} {self.version}) is quarantined: {self.error}"


@dataclass(frozen=True)
class Registry:
    """Everything that the installed plugins offer."""

    manager: pluggy.PluginManager = field(repr=False)
    components: tuple[Component, ...]
    quarantined: tuple[Quarantined, ...]
    disabled: tuple[str, ...] = ()
    """Installed plugins that are disabled, each as ``"name (distribution version)"``."""

    def named(self, kind: Kind) -> dict[str, Component]:
        """Return the components of a kind by the name that a suite uses.

        That is the bare name, or ``distribution:name`` if two distributions offer the same bare name.
        """
        if kind not in self._named:
            self._named[kind] = self._names(kind)
        return self._named[kind]

    @cached_property
    def _named(self) -> dict[Kind, dict[str, Component]]:
        """What `named` has returned: a suite of thousands of experiments asks for the same again."""
        return {}

    def _names(self, kind: Kind) -> dict[str, Component]:
        offered = [component for component in self.components if component.kind == kind]
        bare = [component.name for component in offered]
        full = {f"{component.distribution}:{component.name}": component for component in offered}
        unique = {component.name: component for component in offered if bare.count(component.name) == 1}
        clashing = {name: component for name, component in full.items() if component.name not in unique}
        return unique | clashing

    def find(self, kind: Kind, name: str) -> Component:
        """Return the component that a suite means by ``name``, bare or ``distribution:name``.

        Raises:
            HarnessError: no plugin offers it, or more than one does; the message names the nearest component, and the
                quarantined plugins.
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
            msg = f"{kind} {name!r} is offered by {' and '.join(owners)}. Write {choices}"
            raise HarnessError(msg)
        msg = f"unknown {kind} {name!r}. {nearest(name, known)}{self._absent()}"
        raise HarnessError(msg)

    def third_party(self, kind: Kind, name: str) -> bool:
        """Return whether a component's code is third-party; True also if no plugin offers it."""
        try:
            return not self.find(kind, name).own
        except HarnessError:
            return True

    def _absent(self) -> str:
        """Return the sentences about plugins that might have offered a missing component."""
        faulty = [f"{q.plugin} ({q.distribution} {q.version}): {q.error}" for q in self.quarantined]
        return reasons(faulty, self.disabled, GROUP, OWN)


@cache
def registry() -> Registry:
    """Return the installed plugins that are not disabled; they are loaded and checked once a process."""
    disable = os.environ.get(DISABLE, "")
    if disable and VETTED not in os.environ:  # a worker's driver has said it
        for line in unknown_names(map(str.strip, disable.split(",")), {p.name for p in survey(GROUP).points}, DISABLE):
            _LOG.warning(line)
    return load_installed(disable, refused)


Vet = Callable[[Iterable[EntryPoint]], Mapping[EntryPoint, str]]
"""Returns the third-party entry points that this process must not load, and why."""


def load_installed(disable: str = "", vet: Vet | None = None) -> Registry:
    """Load the installed plugins; ``disable`` and ``vet`` as in `load`."""
    installed = survey(GROUP)
    unreadable = [Quarantined("?", place, "?", why) for place, why in installed.unreadable]
    return load(installed.points, disable, unreadable, vet)


def load(
    points: Iterable[EntryPoint], disable: str = "", unreadable: Iterable[Quarantined] = (), vet: Vet | None = None
) -> Registry:
    """Load each entry point separately: a faulty one is quarantined and does not stop the others.

    ``disable`` names the plugins not to load, between commas; ``"*"`` means all except harness's own. ``unreadable``:
    distributions whose entry points cannot be read. ``vet``: None trusts all.
    """
    points = list(points)
    names = {name.strip() for name in disable.split(",")}
    off = [point for point in points if point.name in names or ("*" in names and _place(point)[1] != OWN)]
    unsafe = vet(point for point in points if point not in off and _place(point)[1] != OWN) if vet else {}
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    components: list[Component] = []
    quarantined: list[Quarantined] = list(unreadable)
    for point in sorted((point for point in points if point not in off), key=_place):
        if point in unsafe:
            quarantined.append(Quarantined(*_place(point), error=unsafe[point]))
            continue
        try:
            with foreign():
                components += _load_one(manager, point, components)
        except Exception as error:  # noqa: BLE001 - a foreign plugin may raise anything, and must not stop the others
            trace = "".join(traceback.format_exception(error))
            quarantined.append(Quarantined(*_place(point), error=one_line(error), traceback=trace))
    disabled = ("{} ({} {})".format(*_place(point)) for point in sorted(off, key=_place))
    return Registry(manager, tuple(components), tuple(quarantined), tuple(disabled))


def _place(point: EntryPoint) -> tuple[str, str, str]:
    """Return the plugin's name, and its distribution's name and version."""
    distribution = point.dist
    if distribution is None:
        return point.name, "unknown", "0"
    return point.name, distribution.name, distribution.version


def _load_one(manager: pluggy.PluginManager, point: EntryPoint, earlier: Sequence[Component]) -> list[Component]:
    name, distribution, _ = _place(point)
    plugin = point.load()
    if manager.is_registered(plugin):
        msg = f"{point.value} is already loaded as the plugin {manager.get_name(plugin)}"
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
    """Return the components of a plugin, after a check of its hooks' names."""
    _, distribution, version = _place(point)
    for caller in manager.get_hookcallers(plugin) or ():
        if not caller.has_spec():
            known = [name for name, _ in inspect.getmembers(hookspecs, inspect.isfunction)]
            msg = f"unknown hook {caller.name!r}. {nearest(caller.name, known)}"
            raise HarnessError(msg)
    components: list[Component] = []
    if hooks_of(manager, plugin):
        components.append(Component(OBSERVER, point.name, distribution, version, plugin, point.module, point.dist))
    others = [other for other in manager.get_plugins() if other is not plugin]
    for kind in (*KINDS, PEER):
        collect = _collector(kind, point, components, earlier)
        manager.subset_hook_caller(f"register_{plural(kind)}", others)(register=collect)
    return components


def hooks_of(manager: pluggy.PluginManager, plugin: Any) -> list[str]:
    """Return the names of a plugin's hooks that observe a run."""
    calls = {caller.name for caller in manager.get_hookcallers(plugin) or ()}
    return [name for name in OBSERVED if name in calls]


def _collector(
    kind: Kind, point: EntryPoint, components: list[Component], earlier: Sequence[Component]
) -> Callable[[str, Any], None]:
    _, distribution, version = _place(point)
    hook = f"register_{plural(kind)}"

    def register(name: str, target: Any) -> None:
        if not name or not isinstance(name, str) or ":" in name:
            msg = f"{hook}: {name!r} is not a name. Use a text without ':'"
            raise HarnessError(msg)
        if not callable(target) and not (isinstance(target, str) and ":" in target):
            msg = f"{hook}: {name!r}: {target!r} is neither a callable nor 'module:attribute'"
            raise HarnessError(msg)
        if any((c.kind, c.distribution, c.name) == (kind, distribution, name) for c in [*earlier, *components]):
            msg = f"{hook}: {distribution} registers {name!r} twice"
            raise HarnessError(msg)
        components.append(Component(kind, name, distribution, version, target, point.module, point.dist))

    return register


def rehearse(name: str, value: str, progress: str) -> None:
    """Load a plugin and the modules that the driver would import from it, then end this process: vetting's inner half.

    Each step is written to the file ``progress`` before it begins. Exceptions are ignored: the driver, which loads the
    plugin again, reports them.
    """

    def say(step: str) -> None:
        with open(progress, "a", encoding="utf-8") as file:  # noqa: PTH123 - plain, whatever a plugin has patched
            file.write(f"{step}\n")

    say(f"importing {value}")
    offered = load([EntryPoint(name, value, GROUP)]).components
    for component in offered:
        if component.kind not in {"backend", PEER} and isinstance(component.target, str):
            say(f"importing {component.kind} {component.name!r}, {component.target},")
            with suppress(HarnessError):
                component.load()
    say(LAST)
    os._exit(0)
