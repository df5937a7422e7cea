"""Evaluation: every network sees the same perturbed bits, and no image is perturbed in place."""

import itertools
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import TrialError
from harness.seeding import generator
from harness.trial import measuring
from harness.trial.blocks import BLOCK
from harness.trial.evaluation import evaluate, measures
from harness.trial.perturbed import NamedPerturb
from harness.trial.robustness import Robustness, conditions
from harness_noise.gaussian import gaussian_noise

SEVERITIES = (0.0, 0.1, 0.5)
NOISE = Robustness(perturbation="gaussian_noise", severities=list(SEVERITIES), seed=42)
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


class Sweep:
    """A perturbation whose sweep is a function of images and severities."""

    def __init__(self, sweep):
        self._sweep = sweep

    def sweep(self, images, severities, _rng):
        """Return what the function does."""
        return self._sweep(images, severities)


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
    """Class, log-probability of the truth and confidence, a row for each condition; nothing that follows from them."""
    network = Recorder()
    predictions = run([network])[0].predictions
    assert conditions([NOISE]) == [(None, 0.0), *(("gaussian_noise", s) for s in SEVERITIES)]
    truth = LABELS[TEST_ROWS]
    assert np.array_equal(predictions["rows"], TEST_ROWS)
    assert np.array_equal(predictions["labels"], truth)
    assert "confusion" not in predictions
    log_probabilities = np.concatenate(
        [Recorder().predict_images(network.seen[3]), Recorder().predict_images(network.seen[7])]
    )
    assert np.array_equal(predictions["predicted"][3], log_probabilities.argmax(axis=1))
    assert np.array_equal(predictions["log_probability"][3], log_probabilities[np.arange(ROWS), truth])
    assert np.array_equal(predictions["confidence"][3], np.exp(log_probabilities.max(axis=1)))
    measured = measures(predictions, [NOISE], 4)
    assert [measure.severity for measure in measured] == [0.0, *SEVERITIES]
    assert measured[3].values["test_accuracy"] == (predictions["predicted"][3] == truth).mean()
    assert measured[1].values == measured[0].values


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda images: images.astype(np.float64), "float64 (4096, 3, 2); the contract says float32 (4096, 3, 2)"),
        (lambda images: images[:5], "float32 (5, 3, 2); the contract says float32 (4096, 3, 2)"),
        (lambda images: images.tolist(), "list; the contract says float32 (4096, 3, 2)"),
        (lambda images: images + np.float32(0.5), "the value 1.5; the contract says values in [0, 1]"),
        (lambda images: images - np.float32(2), "the value -2.0; the contract says values in [0, 1]"),
        (lambda images: images * np.float32(np.nan), "the value nan; the contract says values in [0, 1]"),
    ],
)
def test_a_perturbation_that_breaks_its_contract_is_named(change, why):
    """With the severity, what came, and what the contract says; in a single call as in a sweep. It costs its cells."""

    def called(images, severity, _rng):
        return change(images) if severity == 0.5 else images

    for perturb in (
        called,
        Sweep(lambda images, severities: [called(images, severity, None) for severity in severities]),
    ):
        (outcome,) = run([Recorder()], perturb)
        assert outcome.lost == {"gaussian_noise": f"perturbation 'gaussian_noise' at severity 0.5 returned {why}"}
        assert outcome.predictions["predicted"].shape == (1, ROWS)
        with pytest.raises(TrialError, match=r"^perturbation 'gaussian_noise' at severity 0\.5 returned"):
            outcome.whole()


@pytest.mark.parametrize(
    ("sweep", "why"),
    [
        (lambda images, severities: [images for _ in severities[1:]], "yielded 2"),
        (lambda _images, _severities: [], "yielded 0"),
        (lambda images, severities: [images for _ in [*severities, 1]], "yielded more than 3"),
        (lambda images, _severities: itertools.repeat(images), "yielded more than 3"),
    ],
)
def test_a_sweep_that_does_not_yield_one_result_for_each_severity_is_named(sweep, why):
    """Otherwise a measure would be of no severity's images, or of another's."""
    (outcome,) = run([Recorder()], Sweep(sweep))
    assert outcome.lost["gaussian_noise"] == (
        f"perturbation 'gaussian_noise': its sweep over the severities [0.0, 0.1, 0.5] {why}; the contract says one "
        "for each"
    )
    assert outcome.predictions["predicted"].shape == (1, ROWS)


def test_a_sweep_that_changes_its_input_harms_no_other_perturbation():
    """It gets a copy."""

    def blackens(images, severities):
        images[:] = 0
        return (images for _ in severities)

    network = Recorder()
    second = Robustness(perturbation="second", severities=[0.0], seed=1)
    perturbations = [NamedPerturb(NOISE, Sweep(blackens)), NamedPerturb(second, gaussian_noise)]
    evaluate([network], IMAGES, LABELS, TEST_ROWS, 4, perturbations)
    assert not network.seen[3].any()
    assert np.array_equal(network.seen[4], network.seen[0])


def test_a_perturbation_that_changes_its_input_harms_no_other():
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

    why = r"diverged under no perturbation at severity 0\.0: NaN among the log-probabilities of row 0 of 4,096"
    with pytest.raises(TrialError, match=why):
        run([Recorder(spoil)])


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


def test_a_network_is_closed_where_the_next_one_cannot_be_built(monkeypatch):
    """Its memory on a device is free again for what the worker does next."""
    for name in ("open_inputs", "split_of", "named_perturbs", "refuse_edited", "trained_state"):
        monkeypatch.setattr(measuring, name, Mock())
    built = Mock()
    monkeypatch.setattr(measuring, "build_network", Mock(side_effect=[built, TrialError("out of memory")]))
    trial = Mock()
    trial.context.threads = 1
    spec = Mock(trials=((trial, Path("first"), ""), (trial, Path("second"), "")))
    with pytest.raises(TrialError, match="out of memory"):
        measuring.evaluate_trials(spec, Mock(), Mock())
    built.close.assert_called_once_with()
