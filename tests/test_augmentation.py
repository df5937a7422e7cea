"""Augmentation: keyed draws, the same bits on every backend, a thread that prepares the next batch, its share."""

import threading

import numpy as np
import pytest

from harness.errors import HarnessError, TrialError
from harness.execution.pools import Processes
from harness.execution.training import Conditions
from harness.interfaces import Labelled
from harness.results.leaderboard import tables
from harness.results.results import Results
from harness.trial.augmentation import Augmentation, Augmenter, NamedAugmentation
from harness.trial.inputs import Inputs
from harness.trial.scaling import Scaling
from harness.trial.stopping import Course
from harness_noise.gaussian import gaussian_noise
from tests.plugins_on_disk import distribution
from tests.tiny import run_suite

RNG = np.random.default_rng(0)
IMAGES = Labelled(RNG.integers(0, 256, (50, 4, 3), dtype=np.uint8), RNG.integers(0, 2, 50), ("a", "b"), "image")
ORDER = RNG.permutation(50)[:40].astype(np.int64)
SUITE = """
[suite]
name = "augmented"
seeds = [1]

[defaults]
hidden_layers = [8]
batch_size = 256
optimizer = { name = "adam", learning_rate = 0.01 }
epochs = 2
augment = [{ perturbation = "gaussian_noise", severity = 0.2, probability = 0.5 }]

[experiments.A]

[experiments.B]
backend = "torch"
"""


def augmenter(perturb=gaussian_noise, *, probability=0.5, inputs=None, seed=1, name="gaussian_noise"):
    """Return the augmenter of one perturbation, in batches of 16."""
    table = Augmentation(perturbation=name, severity=0.2, probability=probability)
    return Augmenter(inputs or Inputs(IMAGES), [NamedAugmentation(table, perturb)], 16, seed)


def test_batches_follow_the_order_and_some_rows_are_perturbed():
    """Rows, labels and sizes are those of the order; a row that is not drawn keeps its bits."""
    batches = list(augmenter().epoch(0, ORDER))
    assert [len(labels) for _, labels in batches] == [16, 16, 8]
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in batches]), IMAGES.labels[ORDER])
    features = np.concatenate([features for features, _ in batches])
    clean = IMAGES.features[ORDER].astype(np.float32) / np.float32(255)
    assert features.dtype == np.float32
    kept = (features == clean).all(axis=(1, 2))
    assert 8 < kept.sum() < 32
    assert not any(array.flags.writeable for batch in batches for array in batch)


def test_what_is_drawn_depends_on_seed_epoch_and_step_alone():
    """The same again, another of another seed, epoch or step; batches that came before do not matter."""
    first_augmenter, rows = augmenter(), ORDER[:16]
    drawn = first_augmenter.batch(2, 3, rows)[0]
    list(first_augmenter.epoch(0, ORDER))
    np.testing.assert_array_equal(augmenter().batch(2, 3, rows)[0], drawn)
    for other in (
        first_augmenter.batch(2, 4, rows),
        first_augmenter.batch(1, 3, rows),
        augmenter(seed=2).batch(2, 3, rows),
    ):
        assert not np.array_equal(other[0], drawn)


def test_the_next_batch_is_prepared_while_a_step_runs():
    """It is ready before the caller asks, made by another thread."""
    made, threads = threading.Event(), set()

    def noted(images, severity, rng):
        threads.add(threading.current_thread().name.partition("_")[0])
        if len(calls) == 1:
            made.set()
        calls.append(None)
        return gaussian_noise(images, severity, rng)

    calls = []
    batches = augmenter(noted, probability=1.0).epoch(0, ORDER)
    coming = iter(batches)
    next(coming)
    assert made.wait(60)
    assert (batches.taken, threads) == (1, {"augment"})
    assert len(list(coming)) == len(batches) - 1
    assert batches.taken == 3


def test_vectors_that_are_not_standardised_are_perturbed_as_if_they_were():
    """A feature of a large deviation gets as much more noise; what is not drawn keeps its bits."""
    values = (RNG.standard_normal((50, 2)) * [1, 1000]).astype(np.float32)
    rows = Labelled(values, IMAGES.labels, ("a", "b"), "vector")
    inputs = Inputs(rows, Scaling.of(values, ORDER))
    features, _ = augmenter(inputs=inputs, probability=1.0).batch(0, 0, ORDER)
    moved = (features - values[ORDER]).std(axis=0) / values[ORDER].std(axis=0)
    np.testing.assert_allclose(moved, 0.2, rtol=0.4)


def test_a_perturbation_that_breaks_its_contract_is_named():
    """Where the batch is asked for, which is where the trial fails."""
    batches = augmenter(lambda images, *_: images + 2, probability=1.0).epoch(0, ORDER)
    with pytest.raises(
        TrialError, match=r"augmentation: perturbation 'gaussian_noise' at severity 0.2 returned the va"
    ):
        list(batches)


def given_to(backend, folder, monkeypatch):
    """Return the bytes of all batches that a backend's network is given in a run."""
    collected = []
    make = Augmenter.batch

    def kept(self, epoch, step, rows):
        batch = make(self, epoch, step, rows)
        collected.append((epoch, step, batch[0].tobytes(), batch[1].tobytes()))
        return batch

    with monkeypatch.context() as patch:
        patch.setattr(Augmenter, "batch", kept)
        outcome, _ = run_suite(folder, SUITE, only=[backend])
    assert outcome.all_well
    return collected, outcome.rows[0]


def test_backends_train_on_the_same_bits_and_agree(tmp_path, monkeypatch):
    """What numpy is given is what torch is given; so both end alike."""
    for name in "ab":
        (tmp_path / name).mkdir()
    first, row = given_to("A", tmp_path / "a", monkeypatch)
    second, other = given_to("B", tmp_path / "b", monkeypatch)
    assert len(first) == 2 * 5
    assert first == second
    for record, other_record in zip(row.history, other.history, strict=True):
        assert record.train_loss == pytest.approx(other_record.train_loss, rel=1e-4)
    assert 0 <= row.metrics.augmentation_share <= 1
    assert 0 <= row.history[0].augmentation_seconds <= row.history[0].seconds
    assert row.components["perturbation gaussian_noise"].startswith("nn-harness")


def test_a_trial_that_goes_on_from_its_checkpoint_ends_with_the_same_bits(tmp_path):
    """What an epoch draws depends on no epoch before it."""
    states = []
    for name, interrupts in (("whole", False), ("resumed", True)):
        (tmp_path / name).mkdir()
        every = Conditions(checkpoint_seconds=0.0)
        if interrupts:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("harness.trial.training.Course.take", interrupting())
                with pytest.raises(KeyboardInterrupt):
                    run_suite(tmp_path / name, SUITE, only=["A"], conditions=every)
        outcome, run = run_suite(tmp_path / name, SUITE, only=["A"], conditions=every)
        assert ("checkpoint" in outcome.rows[0].contended) == interrupts
        states.append(run.arrays("A", 1, "state.npz"))
    for key, value in states[0].items():
        np.testing.assert_array_equal(states[1][key], value)


def interrupting():
    """Return `Course.take` for a user who presses Ctrl-C after the second epoch."""
    take = Course.take

    def taken(self, record):
        if record.epoch == 2:
            raise KeyboardInterrupt
        return take(self, record)

    return taken


@pytest.mark.slow
def test_results_do_not_depend_on_where_trials_run(tmp_path):
    """In this process one after the other, or in two processes at a time."""
    states = []
    for name, jobs in (("one", None), ("two", 2)):
        (tmp_path / name).mkdir()
        pool = Processes(jobs, 1) if jobs else None
        outcome, run = run_suite(tmp_path / name, SUITE, pool=pool)
        assert outcome.all_well
        states.append([run.arrays(row.experiment, row.seed, "state.npz") for row in outcome.rows])
        if pool:
            pool.stop()
    for state, pooled in zip(*states, strict=True):
        for key, value in state.items():
            np.testing.assert_array_equal(pooled[key], value)


def test_the_share_of_time_is_in_the_table_of_speed(tmp_path):
    """Where something is augmented."""
    _, run = run_suite(tmp_path, SUITE, only=["A"])
    speed = next(table for table in tables(Results.of(run)) if table.key == "speed")
    assert 0 <= speed.values("augmentation_share")[0].mean <= 1
    _, run = run_suite(tmp_path, SUITE.replace("augment =", "augment = [] #"), only=["A"])
    speed = next(table for table in tables(Results.of(run)) if table.key == "speed")
    assert "augmentation_share" not in [column.key for column in speed.columns]


def test_a_changed_augmentation_trains_again(tmp_path):
    """Its severity is part of what a trial means."""
    run_suite(tmp_path, SUITE, only=["A"])
    outcome, _ = run_suite(tmp_path, SUITE.replace("0.2", "0.3"), only=["A"])
    assert "severity" in outcome.stale[0] or "augment" in outcome.stale[0]


SOURCE = """
import harness
from harness_array.backends import NumpyBackend

@harness.hookimpl
def register_backends(register):
    for name in ("without", "careless", "false"):
        register(name, lambda name=name: Backend(name))

@harness.hookimpl
def register_perturbations(register):
    register("raising", raising)
    register("of_vectors", Vectors())

class Backend(NumpyBackend):
    def __init__(self, name):
        self.name = name
        self.takes_batches = name != "without"

    def build(self, *arguments):
        network = super().build(*arguments)
        if self.name == "careless":  # trains on what is attached
            network.train_batches = lambda epoch, batches, rate: network.train_epoch(epoch, order(network), rate)
        return Without(network) if self.name == "false" else network

def order(network):
    import numpy as np
    return np.flatnonzero(np.asarray(network._images.labels) >= 0)

class Without:
    def __init__(self, network):
        self.attach, self.placement, self.synchronize = network.attach, "stream", network.synchronize
        self.close = network.close

def raising(images, severity, rng):
    raise RuntimeError("no more")

class Vectors:
    takes = frozenset({"vector"})

    def __call__(self, features, severity, rng, *, kind):
        return features
"""


@pytest.fixture
def _plugins(site):
    """Install backends and perturbations with mistakes."""
    distribution(site, "mistaken", "0.1", {"mistaken": SOURCE}, {"mistaken": "mistaken"})


@pytest.mark.slow
@pytest.mark.usefixtures("_plugins")
@pytest.mark.parametrize(
    ("backend", "perturbation", "status", "reason"),
    [
        ("without", "gaussian_noise", "unavailable", "without cannot honour augment"),
        ("careless", "gaussian_noise", "failed", "the backend took 0 of 5 augmented batches at epoch 1"),
        ("false", "gaussian_noise", "failed", "the backend says that it takes batches, and its network has no train_b"),
        ("numpy", "raising", "failed", "RuntimeError: no more"),
    ],
)
def test_a_mistake_of_a_plugin_costs_its_trial(tmp_path, backend, perturbation, status, reason):
    """A backend that does not augment says so when planning; what a thread raises is the trial's failure."""
    text = SUITE.replace('"torch"', f'"{backend}"').replace('"gaussian_noise"', f'"{perturbation}"')
    outcome, _ = run_suite(tmp_path, text, only=["B"])
    assert (outcome.rows[0].status, outcome.rows[0].reason[: len(reason)]) == (status, reason)


@pytest.mark.usefixtures("_plugins")
def test_a_perturbation_of_other_data_is_refused_when_planning(tmp_path):
    """In one line that names the experiment's setting."""
    with pytest.raises(HarnessError) as raised:
        run_suite(tmp_path, SUITE.replace('"gaussian_noise"', '"of_vectors"'))
    text = "defaults.augment: 'of_vectors' takes vectors, and dataset 'digits' has images of 8 × 8 pixels. Remove"
    assert text in str(raised.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            '"gaussian_noise"',
            '"gausian_noise"',
            "defaults.augment[0].perturbation: unknown perturbation 'gausian_noise'",
        ),
        ("probability = 0.5", "probability = 1.5", "augment[0].probability: 1.5 is out of range. It must be at most 1"),
        ("severity = 0.2", "severity = -1.0", "augment[0].severity: -1.0 is out of range"),
    ],
)
def test_a_mistake_is_named_in_one_line(tmp_path, old, new, message):
    """Where, what, and what would do."""
    with pytest.raises(HarnessError) as raised:
        run_suite(tmp_path, SUITE.replace(old, new))
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)
