"""What a backend does with data other than grey images: channels, and vectors of any shape."""

from dataclasses import replace

import numpy as np
import pytest

from harness.conformance.backend_base import BackendTests
from harness.conformance.bench import ROUNDING, SEED, Bench, check_stats
from harness.conformance.clauses import require_close
from harness.conformance.gradient_steps import gradient_steps
from harness.interfaces import Labelled
from harness.trial.inputs import as_given

_SHAPES = {"colour": (4, 3, 3), "two_channels": (3, 5, 2), "vectors": (7,), "sequences": (5, 2)}


class OtherData(BackendTests):
    """Images with channels and float32 vectors; skipped where `unsupported` names ``"input_shape"``."""

    @pytest.mark.parametrize("form", _SHAPES)
    def test_trains_on_channels_and_vectors(self, bench: Bench, form: str) -> None:
        """Network.attach takes uint8 images with channels, divided by 255, and float32 vectors as they are."""
        data, recipe = _sample(bench, form), bench.plain
        if keys := bench.declined(recipe, data):
            pytest.skip(f"it declines {', '.join(keys)}")
        clause = "Network.attach: uint8 (rows, height, width[, channels]) is divided by 255, float32 is used as it is"
        reference, tested = bench.reference(recipe, data), bench.build(recipe, data)
        order = np.random.default_rng(SEED).permutation(3 * recipe.batch).astype(np.int64)
        got, wanted = (network.train_epoch(0, order, recipe.rate) for network in (tested, reference))
        with gradient_steps(bench):
            check_stats(got, wanted, clause)
        rows = order[:20]
        predicted = tested.predict(rows)
        largest = float(np.abs(reference.predict(rows)).max())
        require_close(predicted, reference.predict(rows), 100 * ROUNDING * largest, clause, "a log-probability of")
        floats = as_given(data.features[rows])
        clause = "Network.predict_images takes images / 255, and vectors as they are attached"
        require_close(tested.predict_images(floats), predicted, 1e-5, clause, "predict's log-probability of")


def _sample(bench: Bench, form: str) -> Labelled:
    """Return rows of one form, with the labels of the grey images that the backend is tested with."""
    shape, rng = _SHAPES[form], np.random.default_rng(13)
    rows = len(bench.data.labels)
    if form in {"vectors", "sequences"}:
        features = rng.standard_normal((rows, *shape), dtype=np.float32)
        return replace(bench.data, features=features, kind="vector")
    return replace(bench.data, features=rng.integers(0, 256, (rows, *shape), dtype=np.uint8))
