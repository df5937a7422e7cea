"""What every part of a backend's tests shares."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import pytest

from harness.conformance.bench import Bench
from harness.conformance.target import Conformance, Target
from harness.machine.threads import limited
from harness.plugins.components import Kind


class BackendTests(Conformance):
    """Tests that are given a bench."""

    kind: ClassVar[Kind] = "backend"
    models: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Models to verify it with, by name, each with its options: beside those of its plugin with their defaults."""

    @pytest.fixture
    def target(self) -> Target:
        """Return what is certified, with the models."""
        return Target(self.kind, self.name, self.options, self.device, self.models)

    @pytest.fixture
    def bench(self, target: Target) -> Iterator[Bench]:
        """Return the backend beside the reference, on one thread as in a worker; skip where it is unavailable."""
        with limited(1):
            yield Bench(target)
