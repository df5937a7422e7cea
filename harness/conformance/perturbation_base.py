"""What the tests of a perturbation share: images, generators, and the perturbation itself."""

from contextlib import suppress
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.conformance.attacked import callable_alone
from harness.conformance.clauses import failed
from harness.conformance.target import Conformance, Target
from harness.datasets.digits import Digits
from harness.errors import HarnessError
from harness.interfaces import SelectivePerturb, implements
from harness.plugins.components import Kind
from harness.plugins.perturbations import levels_of
from harness.seeding import generator
from harness.trial.inputs import as_given

Images = NDArray[np.float32]
SEVERITIES = (0.0, 0.1, 0.3, 0.5)
"""Those that a perturbation without levels is tested with."""
RANDOM = "Perturb: all randomness comes from the generator that it is given"


def digits(rows: int = 200) -> Images:
    """Return real images, float32 (rows, 8, 8) in [0, 1]."""
    return as_given(Digits().load().features[:rows])


def draws() -> np.random.Generator:
    """Return the same generator at each call."""
    return generator(42, "conformance")


class PerturbationBase(Conformance):
    """Tests of a perturbation; a subclass may give the ``severities``, ascending from 0, that it is used with.

    Without, they are 0 and its levels, or `SEVERITIES` where it has none.
    """

    kind: ClassVar[Kind] = "perturbation"
    severities: tuple[float, ...] = ()

    @pytest.fixture(autouse=True)
    def _graded(self, target: Target) -> None:
        """Take the perturbation's levels where a subclass gives no severities."""
        if not self.severities:
            with suppress(HarnessError):
                self.severities = (0.0, *(levels_of(target.component()) or SEVERITIES[1:]))
            self.severities = self.severities or SEVERITIES

    @pytest.fixture
    def loaded(self, target: Target) -> Any:
        """Return the perturbation, of whatever data."""
        try:
            return callable_alone(target.component().load())
        except HarnessError as error:
            failed(str(error))

    @pytest.fixture
    def perturb(self, loaded: Any) -> Any:
        """Return the perturbation; skip where it does not take the grey images that it is tested on."""
        if implements(loaded, SelectivePerturb) and "image" not in loaded.takes:
            pytest.skip("it does not take images")
        if 1 not in getattr(loaded, "channels", {1}):
            pytest.skip("it does not take grey images")
        return loaded
