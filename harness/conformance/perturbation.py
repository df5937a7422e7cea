"""What a perturbation must do to be certified."""

import pickle
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from harness.conformance.attacked import callable_alone
from harness.conformance.clauses import require, require_close, require_equal, require_same
from harness.conformance.perturbation_base import RANDOM, Images, digits, draws
from harness.conformance.perturbation_data import PerturbationData
from harness.conformance.target import Target
from harness.execution.pools import Failure, Processes, Task
from harness.interfaces import Perturb, SweepingPerturb, implements
from harness.plugins.loading import Registry
from harness.seeding import generator
from harness.trial.tasks import Report

Randomness = Callable[[int | None], bytes]


class PerturbationConformance(PerturbationData):
    """Tests of a perturbation; a subclass may give the ``severities``, ascending from 0, that it is used with.

    Without, they are 0 and its levels, or 0, 0.1, 0.3 and 0.5 where it has none.
    """

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
            perturbed = perturb(clean.copy(), severity, draws())
            require(isinstance(perturbed, np.ndarray), clause, "a NumPy array", type(perturbed).__name__)
            require_equal(
                f"{perturbed.dtype} {perturbed.shape}", f"float32 {clean.shape}", clause, f"at severity {severity}"
            )
            inside = np.isfinite(perturbed).all() and perturbed.min() >= 0 and perturbed.max() <= 1
            span = f"values in [{perturbed.min():.4g}, {perturbed.max():.4g}]"
            require(inside, clause, f"values in [0, 1] at severity {severity}", span)

    def test_severity_0_is_the_identity(self, perturb: Any) -> None:
        """Perturb at severity 0 returns the images as they are."""
        clean = digits()
        perturbed = perturb(clean.copy(), 0.0, draws())
        require_same(perturbed, clean, "Perturb: severity 0 returns the images as they are", "the images as they are")

    def test_the_largest_severity_harms(self, perturb: Any) -> None:
        """Perturb changes images at the largest severity, and more than at the smallest above 0."""
        clean, clause = digits(), "Perturb: a severity ≥ 0, the larger the worse"
        levels = (self.severities[1], self.severities[-1])
        small, large = (float(np.abs(perturb(clean.copy(), level, draws()) - clean).mean()) for level in levels)
        expected = f"a mean change of a pixel above 0 at severity {levels[1]}, and not below that at {levels[0]}"
        require(large > 0 and large >= small, clause, expected, f"{large:.4g}, and {small:.4g} at {levels[0]}")

    def test_does_not_depend_on_the_images_behind(self, perturb: Any) -> None:
        """Perturb changes an image as it is drawn for its place, whichever images are behind it."""
        clean, severity = digits(20), self.severities[-1]
        others = 1 - clean
        others[0] = clean[0]
        clause = "Perturb: an image depends on what is drawn for it, not on the images behind it"
        whole, among = (perturb(images.copy(), severity, draws())[:1] for images in (clean, others))
        require_same(among, whole, clause, "the same first image among others")

    def test_does_not_modify_its_input(self, perturb: Any) -> None:
        """Perturb returns a new array; one block of images is perturbed many times."""
        clean = digits()
        for severity in self.severities:
            images = clean.copy()
            perturbed = perturb(images, severity, draws())
            clause = "Perturb returns a new array and does not modify its input"
            require_same(images, clean, clause, f"the input as it was at severity {severity}")
            if severity > 0:
                require(not np.shares_memory(perturbed, images), clause, "a new array", "a view of the input")

    def test_draws_from_its_generator_alone(self, perturb: Any, global_randomness: Randomness) -> None:
        """Perturb gives the same bits for the same generator, and leaves the global random state alone."""
        clean, severity = digits(), self.severities[-1]
        results = []
        for seed in (1, 2):
            before = global_randomness(seed)
            results.append(perturb(clean.copy(), severity, draws()))
            untouched = global_randomness(None) == before
            require(untouched, RANDOM, "the global random state as it was", "that it has drawn from it")
        require_same(results[1], results[0], RANDOM, "the same bits from the same generator")

    def test_does_not_depend_on_other_calls(self, perturb: Any) -> None:
        """Perturb keeps nothing from one call for another, in other threads either."""
        clean, severity = digits(50), self.severities[-1]
        wanted = perturb(clean.copy(), severity, draws())
        perturb(1 - clean[:20], self.severities[1], generator(43, "conformance"))
        with ThreadPoolExecutor(4) as pool:
            perturbed = list(pool.map(lambda _: perturb(clean.copy(), severity, draws()), range(8)))
        for images in perturbed:
            require_same(images, wanted, f"{RANDOM}: other calls and threads do not matter", "the same bits again")

    def test_sweep_agrees_with_single_calls(self, perturb: Any) -> None:
        """SweepingPerturb.sweep yields, for each severity, what a single call with a fresh generator returns."""
        call: Perturb = perturb
        if not implements(perturb, SweepingPerturb):
            pytest.skip("it has no sweep")
        clean = digits(50)
        clause = "SweepingPerturb.sweep yields what a single call with a fresh copy of the generator returns"
        source = clean.copy()
        swept = [images.copy() for images in perturb.sweep(source, self.severities, draws())]
        require_equal(len(swept), len(self.severities), clause, "a result for each severity:")
        for severity, images in zip(self.severities, swept, strict=True):
            require_same(images, call(clean.copy(), severity, draws()), clause, f"at severity {severity}")
        require_same(
            source, clean, clause.split(" yields", maxsplit=1)[0] + " does not modify its input", "the input as it was"
        )

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
            perturbed = future.result()
        finally:
            pool.stop()
        reason = perturbed.reason if isinstance(perturbed, Failure) else ""
        require(not reason, clause, "perturbed images", f"the failure {reason!r}")
        require_close(perturbed, wanted, 0.0, clause, "a pixel of")


def _perturbed(argument: tuple[str, Images, float], registry: Registry, _report: Report) -> Images:
    name, clean, severity = argument
    images: Images = callable_alone(registry.find("perturbation", name).load())(clean, severity, draws())
    return images
