"""A plugin's component: a name, what it makes, and the identity that results are stored with."""

from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from importlib.metadata import Distribution
from typing import Any, Literal

from harness.errors import HarnessError, one_line
from harness.plugins.foreign import foreign
from harness.plugins.sources import changed_source, module_of

OWN = "nn-harness"
"""The distribution of the first-party plugins."""
Kind = Literal["backend", "optimizer", "loss", "model", "perturbation", "dataset", "peer", "observer"]
KINDS: tuple[Kind, ...] = ("backend", "optimizer", "loss", "model", "perturbation", "dataset")
"""The kinds that suites name and the conformance kit certifies."""
PEER: Kind = "peer"
"""The kind that only `harness bench` uses."""
OBSERVER: Kind = "observer"
"""The kind that no plugin registers: a plugin with a hook that observes a run is one, under the plugin's name."""


def plural(kind: str) -> str:
    """Return the plural of a kind: ``"losses"``, ``"backends"``; ``register_`` and it is the name of the hook."""
    return f"{kind}es" if kind.endswith("s") else f"{kind}s"


@dataclass(frozen=True)
class Component:
    """A backend, optimizer, loss, model, perturbation, dataset or peer that a distribution offers, or an observer."""

    kind: Kind
    name: str
    distribution: str
    version: str
    target: Any = field(repr=False)
    """The factory (for a perturbation: the callable; for an observer: the plugin), or ``"module:attribute"``."""
    module: str = field(default="", repr=False)
    """The module of the entry point that offers it."""
    installed: Distribution | None = field(default=None, repr=False, compare=False)

    @property
    def provenance(self) -> str:
        """The distribution and its version, ``"nn-harness 0.1.0"``."""
        return f"{self.distribution} {self.version}"

    @property
    def reference(self) -> str:
        """The unique name: ``"harness-lion:lion"``."""
        return f"{self.distribution}:{self.name}"

    @property
    def own(self) -> bool:
        """Whether it comes with harness."""
        return self.distribution == OWN

    @cached_property
    def identity(self) -> str:
        """The identity that results are stored with: the provenance, and a digest of source that has no version.

        ``"harness-lion 0.1 (source 1a2b3c4d5e6f)"`` is an editable install, or one with changed files.
        """
        source = changed_source(self._offering, module_of(self.target), self.installed)
        return f"{self.provenance} (source {source})" if source else self.provenance

    @property
    def spoken(self) -> str:
        """What errors call it: ``"optimizer 'lion' (harness-lion 0.1)"``."""
        return f"{self.kind} {self.name!r} ({self.provenance})"

    @property
    def _offering(self) -> str:
        """The module of the entry point; none for harness's own, which offers the content of other modules."""
        return "" if self.module.partition(".")[0] == "harness" and self.distribution == OWN else self.module

    def load(self) -> Any:
        """Return the factory, imported now if it was registered as ``"module:attribute"``.

        Raises:
            HarnessError: the import fails, for any reason.
        """
        return self._loaded if isinstance(self.target, str) else self.target

    @cached_property
    def _loaded(self) -> Any:
        module, _, attribute = self.target.partition(":")
        try:
            with foreign():
                return getattr(import_module(module), attribute)
        except Exception as error:
            msg = f"{self.spoken}: {self.target}: {one_line(error)}"
            raise HarnessError(msg) from error
