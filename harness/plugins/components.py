"""What a plugin offers under a name, and by what it is identified."""

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

    @property
    def reference(self) -> str:
        """The name that is no other's: ``"harness-lion:lion"``."""
        return f"{self.distribution}:{self.name}"

    @property
    def own(self) -> bool:
        """Whether it comes with harness."""
        return self.distribution == OWN

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
            with foreign():
                return getattr(import_module(module), attribute)
        except Exception as error:
            msg = f"{self.kind} {self.name!r} ({self.provenance}): {self.target}: {one_line(error)}"
            raise HarnessError(msg) from error
