"""What data a perturbation takes: colour, vectors, small images; and levels that grow on them."""

from typing import Any, get_args

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import zoom

from harness.conformance.clauses import failed, require, require_equal, require_same
from harness.conformance.perturbation_base import RANDOM, Images, PerturbationBase, digits, draws
from harness.conformance.target import Target
from harness.errors import HarnessError
from harness.interfaces import DataKind, SelectivePerturb, SweepingPerturb, implements
from harness.plugins.perturbations import levels_of, range_problem

Vectors = NDArray[np.float32]


class PerturbationData(PerturbationBase):
    """Tests of the kinds and shapes of data, and of the levels."""

    @pytest.fixture
    def vectors(self, loaded: Any) -> Vectors:
        """Return standardised vectors (200, 7); skip where it does not take them."""
        if not implements(loaded, SelectivePerturb) or "vector" not in loaded.takes:
            pytest.skip("it does not take vectors")
        return np.random.default_rng(0).standard_normal((200, 7), dtype=np.float32)

    def test_says_what_data_it_takes(self, loaded: Any) -> None:
        """SelectivePerturb.takes names kinds of data, and ``channels`` numbers of channels."""
        takes = loaded.takes if implements(loaded, SelectivePerturb) else {"image"}
        known = isinstance(takes, set | frozenset) and takes and takes <= set(get_args(DataKind))
        clause = "SelectivePerturb.takes is a set of kinds of data"
        require(known, clause, "a set of 'image', 'vector' or both", repr(takes))
        channels = getattr(loaded, "channels", {1})
        counts = bool(channels) and all(type(count) is int and count > 0 for count in channels)
        require(counts, "SelectivePerturb.channels is a set of numbers of channels", "numbers from 1", repr(channels))
        smallest = getattr(loaded, "smallest", 1)
        known = type(smallest) is int and smallest > 0
        require(known, "SelectivePerturb.smallest is a number of pixels", "a number from 1", repr(smallest))

    def test_takes_colour_images(self, loaded: Any) -> None:
        """Perturb takes (rows, height, width, channels), of 3 channels or those that it names."""
        takes = loaded.takes if implements(loaded, SelectivePerturb) else {"image"}
        several = [count for count in sorted(getattr(loaded, "channels", {3})) if count > 1]
        if "image" not in takes or not several:
            pytest.skip("it does not take colour images")
        clause = "Perturb: images (rows, height, width, channels) in [0, 1] to a new array of the same"
        side = getattr(loaded, "smallest", 5)
        for count in several:
            clean = np.random.default_rng(0).random((4, side, side + 4, count), dtype=np.float32)
            images = clean.copy()
            for severity in self.severities:
                perturbed = loaded(images, severity, draws())
                kind = f"{perturbed.dtype} {perturbed.shape}"
                require_equal(kind, f"float32 {clean.shape}", clause, f"at severity {severity}")
                inside = np.isfinite(perturbed).all() and perturbed.min() >= 0 and perturbed.max() <= 1
                require(inside, clause, "values in [0, 1]", f"values in [{perturbed.min():.4g}, {perturbed.max():.4g}]")
                require_same(images, clean, "Perturb does not modify its input", "the input as it was")

    def test_takes_vectors(self, loaded: Any, vectors: Vectors) -> None:
        """Perturb of ``kind="vector"``: a new finite float32 array of the same shape, the identity at severity 0."""
        clause = 'Perturb of kind="vector": standardised float32 (rows, *shape) to a new finite array of the same'
        call: Any = loaded
        changes = []
        for severity in self.severities:
            values = vectors.copy()
            perturbed = loaded(values, severity, draws(), kind="vector")
            kind = f"{perturbed.dtype} {perturbed.shape}"
            require_equal(kind, f"float32 {vectors.shape}", clause, f"at severity {severity}")
            require(np.isfinite(perturbed).all(), clause, "finite values", f"others at severity {severity}")
            require_same(values, vectors, f"{clause}; its input is not modified", "the input as it was")
            again = loaded(vectors.copy(), severity, draws(), kind="vector")
            require_same(again, perturbed, RANDOM, "the same bits from the same generator")
            changes.append(float(np.abs(perturbed - vectors).mean()))
        expected = "no change at severity 0, and the largest at the largest"
        require(changes[0] == 0 and max(changes) == changes[-1] > 0, clause, expected, f"mean changes {changes}")
        if implements(loaded, SweepingPerturb):
            swept = [each.copy() for each in loaded.sweep(vectors.copy(), self.severities, draws(), kind="vector")]
            clause = "SweepingPerturb.sweep yields what a single call with a fresh copy of the generator returns"
            for severity, perturbed in zip(self.severities, swept, strict=True):
                single = call(vectors.copy(), severity, draws(), kind="vector")
                require_same(perturbed, single, clause, f"vectors at severity {severity}")

    @pytest.mark.parametrize("shape", [(3, 5, 9), (2, 28, 20), (1, 8, 8)], ids=str)
    def test_takes_images_of_any_shape(self, perturb: Any, shape: tuple[int, int, int]) -> None:
        """Perturb takes (rows, height, width), not square, a single row too; none smaller than it says."""
        if min(shape[1:]) < getattr(perturb, "smallest", 1):
            pytest.skip("it takes larger images")
        clean = np.random.default_rng(0).random(shape, dtype=np.float32)
        perturbed = perturb(clean.copy(), self.severities[-1], draws())
        require_equal(perturbed.shape, shape, "Perturb: images (rows, height, width) of any size", "images of shape")

    def test_levels_go_from_mild_to_strong(self, target: Target, perturb: Any) -> None:
        """GradedPerturb.levels are five, which it has, and the mean distance from the clean images grows with each."""
        try:
            levels = levels_of(target.component())
        except HarnessError as error:
            failed(str(error))
        if not levels:
            pytest.skip("it has no levels")
        clause = "GradedPerturb.levels are five severities above 0, mild to strong"
        require_equal(len(levels), 5, clause, "as many levels:")
        refused = [why for level in levels if (why := range_problem(target.component(), level))]
        require(not refused, clause, "levels that its check accepts", "; ".join(refused))
        for shape, clean in {"8 × 8": digits(), "colour": _colours(perturb)}.items():
            if clean is None:
                continue
            results = (perturb(clean.copy(), level, draws()) for level in levels)
            distances = [float(np.abs(result - clean).mean()) for result in results]
            spoken = ", ".join(f"{distance:.4g}" for distance in distances)
            growing = all(np.diff([0.0, *distances]) > 0)
            require(growing, clause, f"mean distances from clean images ({shape}) that grow", spoken)


def _colours(perturb: Any) -> Images | None:
    """Return smooth random images in colour, (24, 16, 20, 3); None for a perturbation that does not take them."""
    if 3 not in getattr(perturb, "channels", {3}) or getattr(perturb, "smallest", 1) > 16:
        return None
    coarse = np.random.default_rng(0).random((24, 4, 5, 3), dtype=np.float32)
    return zoom(coarse, (1, 4, 4, 1), order=1)
