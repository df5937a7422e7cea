"""Evaluation: every network sees the same perturbed bits, and no image is perturbed in place."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import TrialError
from harness.evaluation import BLOCK, NamedPerturb, conditions, evaluate, measures
from harness.seeding import generator
from harness.specs import PerturbationSpec
from harness_noise.gaussian import gaussian_noise

SEVERITIES = (0.0, 0.1, 0.5)
NOISE = PerturbationSpec("gaussian_noise", SEVERITIES, seed=42)
RNG = np.random.default_rng(0)
ROWS = BLOCK + 70
IMAGES = RNG.integers(0, 256, (ROWS + 30, 3, 2), dtype=np.uint8)
LABELS = RNG.integers(0, 4, ROWS + 30)
TEST_ROWS = np.sort(RNG.permutation(ROWS + 30)[:ROWS])


class Recorder:
    """A network that keeps what it is shown and predicts from the pixels."""

    def __init__(self, spoil=None):
        self.seen, self._spoil = [], spoil

    def predict_images(self, images):
        """Return log-probabilities of four classes."""
        self.seen.append(images.copy())
        logits = images.reshape(len(images), -1)[:, :4].astype(np.float64)
        if self._spoil:
            self._spoil(images, logits)
        return (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32)


def run(networks, perturb=gaussian_noise, rows=TEST_ROWS):
    """Evaluate networks under one perturbation."""
    return evaluate(networks, IMAGES, LABELS, rows, 4, [NamedPerturb(NOISE, perturb)])


def test_networks_evaluated_together_or_alone_see_the_same_bits():
    """Block by block, condition by condition."""
    together, alone = [Recorder(), Recorder()], Recorder()
    run(together)
    run([alone])
    assert len(alone.seen) == 2 * (1 + len(SEVERITIES))
    for network in together:
        assert all(np.array_equal(a, b) for a, b in zip(network.seen, alone.seen, strict=True))


def test_a_sweep_gives_what_single_calls_give():
    """A perturbation without a sweep is called once a severity, each time from the block's generator."""
    swept, single = Recorder(), Recorder()
    run([swept])
    run([single], perturb=gaussian_noise.__call__)
    assert all(np.array_equal(a, b) for a, b in zip(swept.seen, single.seen, strict=True))


def test_a_blocks_noise_is_keyed_by_seed_name_and_block_alone():
    """The second block's images do not depend on how many rows the first had before them."""
    network = Recorder()
    run([network])
    second = IMAGES[TEST_ROWS[BLOCK:]].astype(np.float32) / np.float32(255)
    expected = gaussian_noise(second, 0.5, generator(42, "gaussian_noise", 1))
    assert np.array_equal(network.seen[-1], expected)


def test_clean_images_are_the_sets_and_so_are_those_of_severity_0():
    """Scaled to [0, 1], in the order of the test rows."""
    clean = IMAGES[TEST_ROWS[:BLOCK]].astype(np.float32) / np.float32(255)
    network = Recorder()
    run([network])
    assert np.array_equal(network.seen[0], clean)
    assert np.array_equal(network.seen[1], clean)


def test_predictions_follow_from_what_the_network_said():
    """Class, log-probability of the truth and confidence, a row for each condition."""
    network = Recorder()
    (found,) = run([network])
    assert conditions([NOISE]) == [(None, 0.0), *(("gaussian_noise", s) for s in SEVERITIES)]
    truth = LABELS[TEST_ROWS]
    assert np.array_equal(found["rows"], TEST_ROWS)
    assert np.array_equal(found["labels"], truth)
    said = np.concatenate([Recorder().predict_images(network.seen[3]), Recorder().predict_images(network.seen[7])])
    assert np.array_equal(found["predicted"][3], said.argmax(axis=1))
    assert np.array_equal(found["log_probability"][3], said[np.arange(ROWS), truth])
    assert np.array_equal(found["confidence"][3], np.exp(said.max(axis=1)))
    told = measures(found, [NOISE])
    assert [one.severity for one in told] == [0.0, *SEVERITIES]
    assert told[3].accuracy == (found["predicted"][3] == truth).mean()
    assert told[1].degradation == 0.0


@pytest.mark.parametrize(
    ("perturb", "told"),
    [
        (lambda images, _s, _r: images.astype(np.float64), "returned float64 (4096, 3, 2); the contract says float32"),
        (lambda images, _s, _r: images[:5], "returned float32 (5, 3, 2); the contract says float32 (4096, 3, 2)"),
    ],
)
def test_a_perturbation_that_breaks_its_contract_is_named(perturb, told):
    """With what came and what the contract says."""
    with pytest.raises(TrialError) as caught:
        run([Recorder()], perturb)
    assert f"perturbation 'gaussian_noise' {told}" in str(caught.value)


def test_a_perturbation_that_changes_its_input_harms_nobody():
    """It gets a copy."""

    def changes(images, severity, _rng):
        images[:] = severity
        return images

    network = Recorder()
    run([network], changes)
    assert np.all(network.seen[3] == np.float32(0.5))
    assert np.array_equal(network.seen[4], IMAGES[TEST_ROWS[BLOCK:]].astype(np.float32) / np.float32(255))


def test_a_prediction_that_is_no_number_fails_with_its_condition():
    """The message names perturbation and severity."""

    def spoil(_images, logits):
        logits[0] = np.nan

    (found,) = run([Recorder(spoil)])
    with pytest.raises(TrialError, match=r"the test loss under no perturbation at severity 0\.0 is nan"):
        measures(found, [NOISE])


@given(st.integers(0, 2**31), st.integers(1, 40), st.floats(0.0, 2.0))
def test_gaussian_noise_is_clipped_noise_of_its_severity(seed, rows, severity):
    """Shape, dtype, range; the input stays; the definition, written out."""
    images = np.random.default_rng(1).random((rows, 4, 5), dtype=np.float32)
    before = images.copy()
    noisy = gaussian_noise(images, severity, np.random.default_rng(seed))
    assert noisy.shape == images.shape
    assert noisy.dtype == np.float32
    assert np.array_equal(images, before)
    draws = np.random.default_rng(seed).standard_normal(images.shape, dtype=np.float32)
    assert np.array_equal(noisy, np.clip(images + np.float32(severity) * draws, 0, 1))


def test_gaussian_noise_has_the_deviation_that_it_says():
    """On grey images, far from where it clips."""
    grey = np.full((200, 28, 28), 0.5, dtype=np.float32)
    noisy = gaussian_noise(grey, 0.1, np.random.default_rng(0))
    assert noisy.std() == pytest.approx(0.1, rel=0.01)
    assert noisy.mean() == pytest.approx(0.5, abs=0.001)
