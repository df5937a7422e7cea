"""The networks that are measured: those of a suite's experiments, all trained alike."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from harness.errors import HarnessError, nearest, shown
from harness.interfaces import NetworkSpec
from harness.plugins.loading import Registry
from harness.plugins.options import ComponentSpec
from harness.suite import LoadedSuite, load_suite
from harness.suite.finalists import matching
from harness.suite.models import BestOf
from harness.suite.network import planned_network
from harness.suite.shipped import shipped

SHAPE = (28, 28)
CLASSES = 47
LEARNING_RATE = 0.001
OPTIMIZER = ComponentSpec("adam", {}, Path())
"""Trains every network here and in every peer: networks differ in their layers, batch size and weight decay alone."""


@dataclass(frozen=True)
class BenchedNetwork:
    """A network by the name of an experiment; ``also`` are the other experiments that have the same."""

    name: str
    spec: NetworkSpec
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Networks:
    """The networks of a suite by its experiments' names, and those that are measured where none is named."""

    known: Mapping[str, BenchedNetwork]
    usual: tuple[BenchedNetwork, ...]

    def named(self, names: Iterable[str]) -> list[BenchedNetwork]:
        """Return the networks that some experiments have, each once; the usual ones without a name.

        Raises:
            HarnessError: there is no such experiment.
        """
        names = list(names)
        for name in names:
            if name not in self.known:
                msg = f"unknown network {shown(name)}. {nearest(name, self.known)}"
                raise HarnessError(msg)
        return list(dict.fromkeys(self.known[name] for name in names)) or list(self.usual)


def networks_of(loaded: LoadedSuite, plugins: Registry) -> Networks:
    """Return the networks of a suite: layers, batch size and weight decay of each experiment, of 28 x 28 images.

    The usual ones are those that its ``[finalists]`` name, or all where it has none.
    """
    suite = loaded.suite
    patterns = [finalist.best_of if isinstance(finalist, BestOf) else finalist for finalist in suite.finalists.values()]
    first = [name for pattern in patterns for name in matching(pattern, suite.experiments)] or list(suite.experiments)
    specs: dict[NetworkSpec, list[str]] = {}
    for name in dict.fromkeys([*first, *suite.experiments]):
        spec = planned_network(loaded, plugins, name, SHAPE, CLASSES)
        specs.setdefault(replace(spec, gradient="mean", l2=0.0), []).append(name)
    networks = {
        names[0]: BenchedNetwork(names[0], spec, tuple(name for name in names[1:] if name in first))
        for spec, names in specs.items()
    }
    known = {name: networks[names[0]] for names in specs.values() for name in names}
    return Networks(
        {name: known[name] for name in suite.experiments},
        tuple(network for network in networks.values() if network.name in first),
    )


def load_networks(plugins: Registry, path: Path | None = None) -> Networks:
    """Return the networks of a suite file; by default of `default_suite`.

    Raises:
        HarnessError: the suite has a mistake.
    """
    # Of no experiment are the components needed: its layers are measured, on every backend that is here.
    return networks_of(load_suite(path or default_suite(), plugins, only=[""]), plugins)


def default_suite() -> Path:
    """Return the suite that is measured where none is given: the shipped one of the paper's matrix."""
    return shipped()["full"]
