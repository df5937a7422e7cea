"""What a backend returns is verified, and copied, before it counts."""

import numpy as np
import pytest

from harness.errors import TrialError
from harness.interfaces import EpochStats, Linear, NetworkSpec
from harness.metrics import cross_entropy
from harness.trial.declared import read_facts
from harness.trial.outputs import NORMALISATION, read_predictions, read_state, read_stats

SPEC = NetworkSpec((2, 2), 3, (Linear(4, 3),), batch_size=4)
TRUTH = np.array([0, 2, 1])


def log_softmax(logits, dtype=np.float32):
    """Return log-probabilities, every operation rounded to ``dtype``."""
    values = np.asarray(logits, dtype)
    values = values - values.max(axis=1, keepdims=True)
    return (values - np.log(np.exp(values).sum(axis=1, keepdims=True, dtype=dtype), dtype=dtype)).astype(np.float32)


LOGITS = [[2.0, 1.0, -1.0], [0.0, 0.5, 3.0], [-1.0, -2.0, 0.0]]


def test_sound_predictions_are_read_as_they_are():
    """Class, log-probability of the truth, probability of the class; the same bits as the backend's."""
    values = log_softmax(LOGITS)
    predictions = read_predictions(values, TRUTH, 3)
    assert predictions.predicted.tolist() == [0, 2, 2]
    assert predictions.log_probability.tolist() == values[[0, 1, 2], TRUTH].tolist()
    assert predictions.confidence.tolist() == np.exp(values.max(axis=1)).tolist()
    values[:] = 0
    assert predictions.log_probability[0] != 0, "a copy"


@pytest.mark.parametrize("classes", [3, 5, 6])
def test_the_most_likely_classes_are_kept_where_there_are_more_than_five(classes):
    """And where they are asked for: validation does not need them."""
    values = log_softmax(np.random.default_rng(0).standard_normal((3, classes)))
    assert ("likeliest" in read_predictions(values, TRUTH, classes, likeliest=True).arrays) == (classes > 5)
    assert "likeliest" not in read_predictions(values, TRUTH, classes).arrays


@pytest.mark.parametrize("classes", [2, 47, 1000])
@pytest.mark.parametrize("spread", [0.01, 1.0, 30.0, 1000.0])
def test_no_rounding_of_float32_is_refused(classes, spread):
    """Nor that of logits which were bfloat16, whose log-softmax is float32."""
    logits = np.random.default_rng(0).standard_normal((200, classes)) * spread
    bfloat16 = (logits.astype(np.float32).view(np.uint32) & 0xFFFF0000).view(np.float32)
    for rounded in (logits, bfloat16):
        read_predictions(log_softmax(rounded), np.zeros(200, dtype=np.int64), classes)


def test_a_probability_of_0_is_allowed_and_clipped():
    """A log-softmax that underflows says -inf, of the truth too."""
    values = np.array([[0.0, -np.inf, -np.inf]] * 3, dtype=np.float32)
    predictions = read_predictions(values, TRUTH, 3)
    assert cross_entropy(predictions.log_probability) == pytest.approx(-2 / 3 * np.log(1e-8))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda v: v + np.float32(2 * NORMALISATION),
            r"the backend's probabilities of row 0 of 3 at epoch 2 sum to 1.002",
        ),
        (lambda v: v - np.float32(2 * NORMALISATION), r"row 0 of 3 at epoch 2 sum to 0\.998"),
        (np.exp, "sum to "),
        (lambda v: v * 0, "row 0 of 3 at epoch 2 sum to 3"),
        (lambda v: np.where(v == v.max(), np.float32(np.inf), v), "row 1 of 3 at epoch 2 sum to inf"),
        (
            lambda v: np.where(v == v.min(), np.float32(np.nan), v),
            "diverged at epoch 2: NaN among the log-probabilities of row 0 of 3",
        ),
        (lambda v: v.astype(np.float64), r"are float64 \(3, 3\); the contract says float32 \(3, 3\)"),
        (lambda v: v[:2], r"are float32 \(2, 3\); the contract says"),
        (lambda v: v.tolist(), "are list; the contract says"),
    ],
)
def test_impossible_predictions_are_refused(change, message):
    """With the row, what it sums to, and where."""
    with pytest.raises(TrialError, match=message):
        read_predictions(change(log_softmax(LOGITS)), TRUTH, 3, "at epoch 2")


def test_the_row_is_that_of_all_rows():
    """However many are verified at a time."""
    values = log_softmax(np.zeros((9000, 3)))
    values[8500] = 0
    with pytest.raises(TrialError, match="row 8500 of 9,000 sum to 3"):
        read_predictions(values, np.zeros(9000, dtype=np.int64), 3)


def stats(**changes):
    """Return the statistics of ten rows in batches of four."""
    sound = {"losses": np.array([1.0, 0.5, 0.25]), "sizes": np.array([4, 4, 2]), "correct": 7}
    return EpochStats(**(sound | changes))


def test_sound_statistics_are_read_as_they_are():
    """float32 losses and NumPy's integers too; a copy."""
    returned = stats(
        losses=np.array([1, 0.5, 0.25], dtype=np.float32), correct=np.int32(10), peak_device_bytes=np.int64(5)
    )
    ours_stats = read_stats(returned, 10, 4, 0)
    returned.losses[0] = 9
    assert (ours_stats.losses.tolist(), ours_stats.losses.dtype) == ([1.0, 0.5, 0.25], np.float64)
    assert (ours_stats.correct, ours_stats.peak_device_bytes) == (10, 5)
    assert type(ours_stats.correct) is int
    assert read_stats(stats(losses=np.array([-1e-7, 0, 0])), 10, 4, 0).losses[0] < 0, "rounding"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"losses": np.array([1.0, 2.0, 3.0]) * 1j}, r"losses are complex128; the contract says float64 \(steps,\)"),
        ({"losses": np.array([1.0, 2.0, None])}, "losses are object"),
        ({"losses": np.array([1, 2, 3])}, "losses are int64"),
        ({"losses": "many"}, "losses are str"),
        ({"losses": [[1.0], [2.0, 3.0]]}, "losses are list"),
        ({"losses": np.array([1.0, -0.5, 1.0])}, "loss at epoch 3, step 2 is -0.5; a cross-entropy is not negative"),
        ({"losses": np.array([1.0, np.nan, 1.0])}, "diverged at epoch 3, step 2: the loss is nan"),
        ({"losses": np.array([1.0, np.inf, 1.0])}, "diverged at epoch 3, step 2: the loss is inf"),
        ({"losses": np.ones(2), "sizes": np.array([4, 6])}, r"losses \(2,\) and 10 rows; the contract says 3 steps"),
        ({"sizes": np.array([4, 4, 3])}, "and 11 rows; the contract says 3 steps over 10 rows"),
        ({"sizes": np.array([4, 2, 4])}, "step 2 of 3 has 2 rows; the contract says 4"),
        ({"sizes": np.array([4.0, 4.0, 2.0])}, r"sizes are float64; the contract says int64 \(steps,\)"),
        ({"correct": 11}, "number of rows right is 11; the contract says a whole number in 0 … 10"),
        ({"correct": -1}, "is -1; the contract"),
        ({"correct": 2.0}, r"is 2\.0; the contract"),
        ({"correct": float("nan")}, "is nan; the contract"),
        ({"correct": "all"}, "is 'all'; the contract"),
        ({"peak_device_bytes": -1}, "peak_device_bytes is -1"),
        ({"peak_device_bytes": 2**70}, "peak_device_bytes is 1180591620717411303424"),
    ],
)
def test_impossible_statistics_are_refused(changes, message):
    """With what came, and what the contract says."""
    with pytest.raises(TrialError, match=message):
        read_stats(stats(**changes), 10, 4, 2)


def test_a_state_is_copied():
    """What a backend does to its weights afterwards changes nothing."""
    weights = np.ones((4, 3), dtype=np.float32)
    state = read_state({"0.weight": weights, "file": np.zeros(2), "optimizer.step": np.array(3)}, SPEC)
    weights[:] = 0
    assert state["0.weight"].min() == 1
    assert list(state) == ["0.weight", "file", "optimizer.step"]


class _Own(np.ndarray):
    pass


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ([], "state is list; the contract says a dict of NumPy arrays"),
        ({"a": "heavy"}, "has str under 'a'; the contract says NumPy arrays of numbers by name"),
        ({"a": np.array(["x"])}, "has <U1 under 'a'"),
        ({"a": np.zeros(2).view(_Own)}, "has _Own under 'a'"),
        ({3: np.zeros(2)}, "has float64 under 3"),
        (
            {"a/b": np.zeros(2)},
            "the key 'a/b'; a key is printable, has no slash, does not end in .npy and",
        ),
        ({"": np.zeros(2)}, "the key ''"),
        ({"a.npy": np.zeros(2)}, "the key 'a.npy'"),
        ({"a\x00": np.zeros(2)}, "the key "),
        ({"\udc80": np.zeros(2)}, "the key "),
        ({"a" * 201: np.zeros(2)}, "the key 'aaa"),
        ({"a": np.zeros(1_100_000)}, "has 1,100,000 numbers; a network of this size may have 1,000,960 at most"),
    ],
)
def test_a_state_that_cannot_be_stored_is_refused(state, message):
    """With the key, and what is wrong with it."""
    with pytest.raises(TrialError, match=message):
        read_state(state, SPEC)


def test_facts_are_texts_of_one_line():
    """Escape sequences, lone surrogates and megabytes go into no row and on no terminal."""
    facts = read_facts({"driver": "\x1b[31m1\udc80\n2", "n": 7, "long": "x" * 10**6, "\udcff": ""})
    assert facts == {"driver": r"\x1b[31m1\udc80 2", "n": "7", "long": "x" * 299 + "…", r"\udcff": ""}
    for wrong, message in (
        ([], "environment is list"),
        ({str(i): "" for i in range(101)}, "environment is 101 entries"),
    ):
        with pytest.raises(TrialError, match=message):
            read_facts(wrong)
