"""What is certified, and what the test classes of every kind share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest

from harness.conformance.clauses import failed
from harness.errors import HarnessError
from harness.plugins.components import Component, Kind
from harness.plugins.loading import registry
from harness.plugins.options import build


@dataclass(frozen=True)
class Target:
    """A component by its name, bare or ``distribution:name``; options of its factory; the device of a backend."""

    kind: Kind
    name: str
    options: Mapping[str, Any]
    device: str
    models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Models that a backend is verified with, each with its options."""

    def component(self) -> Component:
        """Return what is registered under the name; a test fails with the registry's message where nothing is."""
        try:
            return registry().find(self.kind, self.name)
        except HarnessError as error:
            failed(str(error))

    def build(self) -> Any:
        """Return what the factory makes of the options; paths among them are resolved against the working folder."""
        try:
            return build(self.component(), self.options, Path())
        except HarnessError as error:
            failed(f"{self.kind} {self.name!r}: {error}")


class Conformance:
    """Tests of one component: a subclass names it."""

    kind: ClassVar[Kind]
    name: ClassVar[str]
    """The registered name, or ``"distribution:name"``."""
    options: ClassVar[Mapping[str, Any]] = {}
    """The factory's keywords, as a suite's TOML table gives them."""
    device: ClassVar[str] = "auto"
    """Where a backend is tested, as a suite names it."""

    @pytest.fixture
    def target(self) -> Target:
        """Return what is certified."""
        return Target(self.kind, self.name, self.options, self.device)
