"""What a perturbation must do to be certified."""

import pickle
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.conformance.attacked import callable_alone
from harness.conformance.clauses import require, require_close, require_equal, require_same
from harness.conformance.target import Conformance, Target
from harness.datasets.digits import Digits
from harness.errors import HarnessError
from harness.execution.pools import Failure, Processes, Task
from harness.interfaces import DataKind, Perturb, SelectivePerturb, SweepingPerturb
from harness.plugins.loading import Kind, Registry
from harness.seeding import generator
from harness.trial.tasks import Report

Images = NDArray[np.float32]
Vectors = NDArray[np.float32]
Randomness = Callable[[int | None], bytes]
_RANDOM = "Perturb: all randomness comes from the generator that it is given"


def digits(rows: int = 200) -> Images:
    """Return real images, float32 (rows, 8, 8) in [0, 1]."""
    return Digits().load().features[:rows].astype(np.float32) / np.float32(255)


def draws() -> np.random.Generator:
    """Return the same generator at each call."""
    return generator(42, "conformance")


class PerturbationConformance(Conformance):
    """Tests of a perturbation; a subclass may give the ``severities``, ascending from 0, that it is used with."""

    kind: ClassVar[Kind] = "perturbation"
    severities: ClassVar[tuple[float, ...]] = (0.0, 0.1, 0.3, 0.5)

    @pytest.fixture
    def loaded(self, target: Target) -> Any:
        """Return the perturbation, of whatever data."""
        try:
            return callable_alone(target.component().load())
        except HarnessError as error:
            pytest.fail(str(error), pytrace=False)

    @pytest.fixture
    def perturb(self, loaded: Any) -> Any:
        """Return the perturbation; skip where it does not take the grey images that it is tested on."""
        if isinstance(loaded, SelectivePerturb) and "image" not in loaded.takes:
            pytest.skip("it does not take images")
        if 1 not in getattr(loaded, "channels", {1}):
            pytest.skip("it does not take grey images")
        return loaded

    @pytest.fixture
    def vectors(self, loaded: Any) -> Vectors:
        """Return standardised vectors (200, 7); skip where it does not take them."""
        if not isinstance(loaded, SelectivePerturb) or "vector" not in loaded.takes:
            pytest.skip("it does not take vectors")
        return np.random.default_rng(0).standard_normal((200, 7), dtype=np.float32)

    def test_says_what_data_it_takes(self, loaded: Any) -> None:
        """SelectivePerturb.takes names kinds of data, and ``channels`` numbers of channels."""
        takes = loaded.takes if isinstance(loaded, SelectivePerturb) else {"image"}
        known = isinstance(takes, set | frozenset) and takes and takes <= set(get_args(DataKind))
        clause = "SelectivePerturb.takes is a set of kinds of data"
        require(known, clause, "a set of 'image', 'vector' or both", repr(takes))
        channels = getattr(loaded, "channels", {1})
        counts = bool(channels) and all(type(count) is int and count > 0 for count in channels)
        require(counts, "SelectivePerturb.channels is a set of numbers of channels", "numbers from 1", repr(channels))

    def test_takes_colour_images(self, loaded: Any) -> None:
        """Perturb takes (rows, height, width, channels), of 3 channels or those that it names."""
        takes = loaded.takes if isinstance(loaded, SelectivePerturb) else {"image"}
        several = [count for count in sorted(getattr(loaded, "channels", {3})) if count > 1]
        if "image" not in takes or not several:
            pytest.skip("it does not take colour images")
        clause = "Perturb: images (rows, height, width, channels) in [0, 1] to a new array of the same"
        for count in several:
            clean = np.random.default_rng(0).random((4, 5, 9, count), dtype=np.float32)
            given = clean.copy()
            for severity in self.severities:
                found = loaded(given, severity, draws())
                kind = f"{found.dtype} {found.shape}"
                require_equal(kind, f"float32 {clean.shape}", clause, f"at severity {severity}")
                inside = np.isfinite(found).all() and found.min() >= 0 and found.max() <= 1
                require(inside, clause, "values in [0, 1]", f"values in [{found.min():.4g}, {found.max():.4g}]")
                require_same(given, clean, "Perturb does not modify its input", "the input as it was")

    def test_takes_vectors(self, loaded: Any, vectors: Vectors) -> None:
        """Perturb of ``kind="vector"``: a new finite float32 array of the same shape, the identity at severity 0."""
        clause = 'Perturb of kind="vector": standardised float32 (rows, *shape) to a new finite array of the same'
        call: Any = loaded
        changes = []
        for severity in self.severities:
            given = vectors.copy()
            found = loaded(given, severity, draws(), kind="vector")
            kind = f"{found.dtype} {found.shape}"
            require_equal(kind, f"float32 {vectors.shape}", clause, f"at severity {severity}")
            require(np.isfinite(found).all(), clause, "finite values", f"others at severity {severity}")
            require_same(given, vectors, f"{clause}; its input is not modified", "the input as it was")
            again = loaded(vectors.copy(), severity, draws(), kind="vector")
            require_same(again, found, _RANDOM, "the same bits from the same generator")
            changes.append(float(np.abs(found - vectors).mean()))
        expected = "no change at severity 0, and the largest at the largest"
        require(changes[0] == 0 and max(changes) == changes[-1] > 0, clause, expected, f"mean changes {changes}")
        if isinstance(loaded, SweepingPerturb):
            swept = [each.copy() for each in loaded.sweep(vectors.copy(), self.severities, draws(), kind="vector")]
            clause = "SweepingPerturb.sweep yields what a single call with a fresh copy of the generator returns"
            for severity, found in zip(self.severities, swept, strict=True):
                single = call(vectors.copy(), severity, draws(), kind="vector")
                require_same(found, single, clause, f"vectors at severity {severity}")

    @pytest.fixture
    def global_randomness(self) -> Iterator[Randomness]:
        """Return a function that seeds NumPy's and Python's global generators and returns their state."""
        saved = np.random.get_state(), random.getstate()  # noqa: NPY002 - the global state that must not matter

        def state(seed: int | None) -> bytes:
            if seed is not None:
                np.random.seed(seed)  # noqa: NPY002
                random.seed(seed)
            return pickle.dumps((np.random.get_state(), random.getstate()))  # noqa: NPY002

        yield state
        np.random.set_state(saved[0])  # noqa: NPY002
        random.setstate(saved[1])

    def test_returns_images_of_the_same_kind(self, perturb: Any) -> None:
        """Perturb returns a new float32 array of the same shape, in [0, 1], at every severity."""
        clean, clause = digits(), "Perturb: float32 (rows, height, width) in [0, 1] to a new array of the same"
        for severity in self.severities:
            found = perturb(clean.copy(), severity, draws())
            require(isinstance(found, np.ndarray), clause, "a NumPy array", type(found).__name__)
            require_equal(f"{found.dtype} {found.shape}", f"float32 {clean.shape}", clause, f"at severity {severity}")
            inside = np.isfinite(found).all() and found.min() >= 0 and found.max() <= 1
            span = f"values in [{found.min():.4g}, {found.max():.4g}]"
            require(inside, clause, f"values in [0, 1] at severity {severity}", span)

    def test_severity_0_is_the_identity(self, perturb: Any) -> None:
        """Perturb at severity 0 returns the images as they are."""
        clean = digits()
        found = perturb(clean.copy(), 0.0, draws())
        require_same(found, clean, "Perturb: severity 0 returns the images as they are", "the images as they are")

    def test_the_largest_severity_harms(self, perturb: Any) -> None:
        """Perturb changes images at the largest severity, and more than at the smallest above 0."""
        clean, clause = digits(), "Perturb: a severity ≥ 0, the larger the worse"
        levels = (self.severities[1], self.severities[-1])
        small, large = (float(np.abs(perturb(clean.copy(), level, draws()) - clean).mean()) for level in levels)
        expected = f"a mean change of a pixel above 0 at severity {levels[1]}, and not below that at {levels[0]}"
        require(large > 0 and large >= small, clause, expected, f"{large:.4g}, and {small:.4g} at {levels[0]}")

    def test_does_not_modify_its_input(self, perturb: Any) -> None:
        """Perturb returns a new array; one block of images is perturbed many times."""
        clean = digits()
        for severity in self.severities:
            given = clean.copy()
            found = perturb(given, severity, draws())
            clause = "Perturb returns a new array and does not modify its input"
            require_same(given, clean, clause, f"the input as it was at severity {severity}")
            if severity > 0:
                require(not np.shares_memory(found, given), clause, "a new array", "a view of the input")

    def test_draws_from_its_generator_alone(self, perturb: Any, global_randomness: Randomness) -> None:
        """Perturb gives the same bits for the same generator, and leaves the global random state alone."""
        clean, severity = digits(), self.severities[-1]
        results = []
        for seed in (1, 2):
            before = global_randomness(seed)
            results.append(perturb(clean.copy(), severity, draws()))
            untouched = global_randomness(None) == before
            require(untouched, _RANDOM, "the global random state as it was", "that it has drawn from it")
        require_same(results[1], results[0], _RANDOM, "the same bits from the same generator")

    def test_does_not_depend_on_other_calls(self, perturb: Any) -> None:
        """Perturb keeps nothing from one call for another, in other threads either."""
        clean, severity = digits(50), self.severities[-1]
        wanted = perturb(clean.copy(), severity, draws())
        perturb(1 - clean[:20], self.severities[1], generator(43, "conformance"))
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda _: perturb(clean.copy(), severity, draws()), range(8)))
        for images in found:
            require_same(images, wanted, f"{_RANDOM}: other calls and threads do not matter", "the same bits again")

    def test_sweep_agrees_with_single_calls(self, perturb: Any) -> None:
        """SweepingPerturb.sweep yields, for each severity, what a single call with a fresh generator returns."""
        call: Perturb = perturb
        if not isinstance(perturb, SweepingPerturb):
            pytest.skip("it has no sweep")
        clean = digits(50)
        clause = "SweepingPerturb.sweep yields what a single call with a fresh copy of the generator returns"
        given = clean.copy()
        found = [images.copy() for images in perturb.sweep(given, self.severities, draws())]
        require_equal(len(found), len(self.severities), clause, "a result for each severity:")
        for severity, images in zip(self.severities, found, strict=True):
            require_same(images, call(clean.copy(), severity, draws()), clause, f"at severity {severity}")
        require_same(
            given, clean, clause.split(" yields", maxsplit=1)[0] + " does not modify its input", "the input as it was"
        )

    @pytest.mark.parametrize("shape", [(3, 5, 9), (2, 28, 20), (1, 8, 8)], ids=str)
    def test_takes_images_of_any_shape(self, perturb: Any, shape: tuple[int, int, int]) -> None:
        """Perturb takes (rows, height, width), not square, a single row too."""
        clean = np.random.default_rng(0).random(shape, dtype=np.float32)
        found = perturb(clean.copy(), self.severities[-1], draws())
        require_equal(found.shape, shape, "Perturb: images (rows, height, width) of any size", "images of shape")

    def test_works_in_a_fresh_process(self, target: Target, perturb: Any) -> None:
        """A pool evaluates in spawned processes, which find the perturbation by its name: the same bits there."""
        clause = "Perturb: the same bits for every process, which finds it by its name; results are pickled"
        clean, severity = digits(50), self.severities[-1]
        wanted = perturb(clean.copy(), severity, draws())
        pool = Processes(1)
        try:
            task = Task(_perturbed, (target.name, clean, severity), "conformance", timeout=300, isolated=True)
            future = pool.submit(task)
            while not future.done():
                pool.wait()
            found = future.result()
        finally:
            pool.stop()
        reason = found.reason if isinstance(found, Failure) else ""
        require(not reason, clause, "perturbed images", f"the failure {reason!r}")
        require_close(found, wanted, 0.0, clause, "a pixel of")


def _perturbed(argument: tuple[str, Images, float], registry: Registry, _report: Report) -> Images:
    name, clean, severity = argument
    images: Images = callable_alone(registry.find("perturbation", name).load())(clean, severity, draws())
    return images
