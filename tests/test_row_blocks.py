"""Blocks of test rows: as ever where rows are small, and bounded by memory where they are large."""

import tracemalloc

import numpy as np
import pytest

from harness.interfaces import INTERFACE_VERSION, Context
from harness.optimizers import SGD
from harness.seeding import generator, initial_state
from harness.stepwise import StepwiseBackend, StepwiseNetwork
from harness.trial import blocks
from harness.trial.blocks import BLOCK_BYTES, block_rows
from harness.trial.evaluation import evaluate
from harness.trial.fingerprints import evaluation_fingerprint
from harness.trial.perturbed import NamedPerturb
from harness.trial.robustness import Robustness
from harness_noise.gaussian import gaussian_noise
from tests.networks import mlp
from tests.test_attacked_runs import SUITE
from tests.test_evaluation import IMAGES, LABELS, Recorder
from tests.tiny import run_suite

NOISE = Robustness(perturbation="gaussian_noise", severities=[0.5], seed=42)
DIGITS_ROW = 4 * 8 * 8


def test_large_rows_are_perturbed_fewer_at_a_time():
    """Up to 64 x 64 in colour 4,096, as ever; larger ones within the limit, and one at least."""
    for shape in ((8, 8), (28, 28), (32, 32, 3), (64, 64, 3), (784,), (0, 0), ()):
        assert block_rows(shape) == 4096
    assert 445 * 4 * 224 * 224 * 3 <= BLOCK_BYTES < 446 * 4 * 224 * 224 * 3
    assert [block_rows(shape) for shape in ((224, 224, 3), (10_000, 10_000, 3), (1 << 20,))] == [445, 1, 64]


def test_a_fingerprint_says_of_large_rows_how_many_are_perturbed_together():
    """Their draws are others than an earlier version's; those of small rows and clean images alone stay."""
    before = evaluation_fingerprint("x", [NOISE], {})
    assert evaluation_fingerprint("x", [NOISE], {}, (64, 64, 3)) == before
    assert evaluation_fingerprint("x", [NOISE], {}, (224, 224, 3)) != before
    assert evaluation_fingerprint("x", [], {}, (224, 224, 3)) == evaluation_fingerprint("x", [], {})


def test_blocks_are_drawn_and_put_together_one_by_one(monkeypatch):
    """Each has its generator, whatever its size; predictions are of all rows, in their order."""
    rows = np.arange(100)
    whole, network = Recorder(), Recorder()
    every = evaluate([whole], IMAGES, LABELS, rows, 4, [NamedPerturb(NOISE, gaussian_noise)])[0].predictions
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 40 * 4 * 6)
    predictions = evaluate([network], IMAGES, LABELS, rows, 4, [NamedPerturb(NOISE, gaussian_noise)])[0].predictions
    assert [len(images) for images in network.seen] == [40, 40, 40, 40, 20, 20]
    clean = IMAGES[80:100].astype(np.float32) / np.float32(255)
    assert np.array_equal(network.seen[4], clean)
    assert np.array_equal(network.seen[5], gaussian_noise(clean, 0.5, generator(42, "gaussian_noise", 2)))
    assert np.array_equal(predictions["predicted"][0], every["predicted"][0])
    assert np.array_equal(predictions["rows"], rows)


def test_memory_of_perturbed_rows_is_that_of_some_blocks(monkeypatch):
    """Not of the whole set."""
    images = np.zeros((200, 64, 64), dtype=np.uint8)
    block = 10 * 4 * 64 * 64
    monkeypatch.setattr(blocks, "BLOCK_BYTES", block)

    class Blind:
        def predict_images(self, images):
            return np.full((len(images), 4), -np.log(4), dtype=np.float32)

    tracemalloc.start()
    try:
        named = [NamedPerturb(NOISE, gaussian_noise)]
        evaluate([Blind()], images, np.zeros(200, dtype=np.int64), np.arange(200), 4, named)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert block < peak < 8 * block


def test_ensembles_follow_the_blocks_of_their_members(monkeypatch, tmp_path):
    """Under noise and attacks, in blocks of 100 of 368 rows: its clean answers are those of whole blocks."""
    text = SUITE.replace("epochs = 2", "epochs = 1").replace("steps = 3\nrestarts = 2", "steps = 1")
    answers = []
    for rows in (4096, 100):
        folder = tmp_path / str(rows)
        folder.mkdir()
        monkeypatch.setattr(blocks, "BLOCK_BYTES", rows * DIGITS_ROW)
        outcome, run = run_suite(folder, text)
        assert [row.status for row in outcome.rows] == ["done"] * 3
        with np.load(run.directory / "ensembles/both/seed-1/evaluation.npz") as arrays:
            answers.append({name: arrays[name] for name in arrays})
    whole, parts = answers
    assert np.array_equal(whole["rows"], parts["rows"])
    np.testing.assert_allclose(parts["log_probability"][0], whole["log_probability"][0], rtol=1e-5, atol=1e-6)
    noisy = 3  # after the clean images and two severities of fgsm
    assert not np.array_equal(parts["log_probability"][noisy], whole["log_probability"][noisy])


class Linear(StepwiseNetwork):
    """A network that notes how many rows it is asked for, and says nothing of them."""

    def step(self, *_given):
        """Learn nothing."""
        return 0.0, 0

    def forward(self, x):
        """Return logits of 0."""
        self.asked = [*getattr(self, "asked", []), len(x)]
        return np.zeros((len(x), self.spec.classes))


class Backend(StepwiseBackend):
    interface = INTERFACE_VERSION
    network = Linear


@pytest.mark.parametrize(("size", "rows"), [(1 << 30, [50]), (4 * 20 * (6 + 5 + 5 + 3), [20, 20, 10])])
def test_a_stepwise_network_is_asked_for_what_fits(monkeypatch, size, rows):
    """Of attached rows, of given ones, and of none."""
    monkeypatch.setattr("harness.stepwise.PREDICT_BYTES", size)
    spec = mlp([6, 5, 3])
    made = Backend().build(spec, initial_state(spec, 0), SGD(), Context(0))
    made.attach(np.zeros((50, 1, 6), dtype=np.uint8), np.zeros(50, dtype=np.int64))
    assert made.predict(np.arange(50)).shape == (50, 3)
    assert made.predict_images(np.zeros((50, 1, 6), dtype=np.float32)).shape == (50, 3)
    assert made.asked == 2 * rows
    assert made.predict(np.arange(0)).shape == made.predict_images(np.zeros((0, 1, 6), np.float32)).shape == (0, 3)
    assert made.asked == 2 * rows
