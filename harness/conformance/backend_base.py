"""What every part of a backend's tests shares."""

from collections.abc import Iterator
from typing import ClassVar

import pytest

from harness.conformance.bench import Bench
from harness.conformance.target import Conformance, Target
from harness.machine.threads import limited
from harness.plugins.loading import Kind


class BackendTests(Conformance):
    """Tests that are given a bench."""

    kind: ClassVar[Kind] = "backend"

    @pytest.fixture
    def bench(self, target: Target) -> Iterator[Bench]:
        """Return the backend beside the reference, on one thread as in a worker; skip where it is unavailable."""
        with limited(1):
            yield Bench(target)
