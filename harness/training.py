"""The one training loop, for every backend."""

import logging
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness import metrics
from harness.checkpoints import Checkpoint, Checkpoints
from harness.errors import TrialError
from harness.interfaces import EpochStats, Network, State
from harness.rows import EpochRecord, TrialMetrics
from harness.seeding import epoch_order
from harness.specs import Trained, TrialSpec
from harness.splits import Split
from harness.suite.models import EarlyStopping

_LOG = logging.getLogger(__name__)

Report = Callable[[EpochRecord], None]


class Course:
    """How a trial goes: which epoch is best, and whether it is time to stop."""

    def __init__(self, stopping: EarlyStopping | None) -> None:
        self._stopping = stopping
        self._best = self._reference = np.inf
        self._waited = 0
        self.best_epoch = 0
        """The epoch, from 1, with the best monitored value."""
        self.exhausted = False
        """Whether the monitored value has not improved for as long as patience allows."""

    def take(self, record: EpochRecord) -> bool:
        """Take an epoch's record, and say whether it is the best so far."""
        by_accuracy = self._stopping is not None and self._stopping.monitor == "val_accuracy"
        value = -record.val_accuracy if by_accuracy else record.val_loss
        if self._stopping:
            improved = value < self._reference - self._stopping.min_delta
            self._reference = value if improved else self._reference
            self._waited = 0 if improved else self._waited + 1
            self.exhausted = self._waited >= self._stopping.patience
        is_best = value < self._best
        if is_best:
            self._best, self.best_epoch = value, record.epoch
        return is_best


def fit(
    network: Network,
    trial: TrialSpec,
    split: Split,
    labels: NDArray[np.int64],
    report: Report,
    checkpoints: Checkpoints | None = None,
) -> Trained:
    """Train a network that has its images attached; ``labels`` (rows,) are those of the whole set.

    It goes on from a checkpoint that is there, and writes others now and then.

    Raises:
        TrialError: the loss became NaN or infinite, or the backend returned what its contract does not allow.
    """
    restores = trial.early_stopping is not None and trial.early_stopping.restore_best
    course = Course(trial.early_stopping)
    history: list[EpochRecord] = []
    best_state: State | None = None
    found = checkpoints.read() if checkpoints else None
    if found:
        _LOG.info("goes on from its checkpoint after epoch %d", len(found.history))
        network.load(found.state)
        history, best_state = list(found.history), found.best
        for record in history:
            course.take(record)
    predictions: NDArray[np.float32] | None = None
    peak = found.peak_device_bytes if found else None
    while len(history) < trial.epochs and not course.exhausted:
        record, stats, predictions = _run_epoch(network, trial, len(history), split, labels)
        if stats.peak_device_bytes is not None:
            peak = max(peak or 0, stats.peak_device_bytes)
        history.append(record)
        report(record)
        if course.take(record) and restores:
            best_state = checked_state(network.state())
        if checkpoints and checkpoints.due:
            try:
                checkpoints.write(Checkpoint(history, checked_state(network.state()), best_state, peak))
            except OSError as error:  # a convenience: the trial can end without it
                _LOG.warning("no checkpoint: %s", error)
    kept = history[-1]
    if best_state is not None:
        kept = history[course.best_epoch - 1]
        network.load(best_state)
    if predictions is None or best_state is not None:
        predictions = checked_predictions(network.predict(split.val), len(split.val), trial.network.classes)
    confusion, ece = _validation(predictions, labels[split.val])
    summary = TrialMetrics(
        train_loss=kept.train_loss,
        train_accuracy=kept.train_accuracy,
        val_loss=kept.val_loss,
        val_accuracy=kept.val_accuracy,
        val_macro_f1=metrics.macro_f1(confusion),
        val_ece=ece,
        best_epoch=course.best_epoch,
        epochs=len(history),
        stopped_early=len(history) < trial.epochs,
        seconds=sum(record.seconds + record.validation_seconds for record in history),
        samples_per_second=float(np.median([record.samples_per_second for record in history])),
        peak_device_bytes=peak,
        val_macro_f1_variance=metrics.macro_f1_variance(confusion),
    )
    state = checked_state(network.state())
    return Trained(history=history, metrics=summary, confusion=confusion, state=state, resumed=found is not None)


def checked_state(state: Any) -> State:
    """Return a network's state as it is.

    Raises:
        TrialError: it is not a mapping of names to NumPy arrays of numbers.
    """
    if not isinstance(state, dict):
        msg = f"the backend's state is {type(state).__name__}; the contract says a dict of NumPy arrays"
        raise TrialError(msg)
    for key, value in state.items():
        if not isinstance(key, str) or not isinstance(value, np.ndarray) or value.dtype.kind not in "fiub":
            what = f"{value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__
            msg = f"the backend's state has {what} under {key!r}; the contract says NumPy arrays of numbers by name"
            raise TrialError(msg)
    checked: State = state
    return checked


def checked_predictions(values: NDArray[np.float32], rows: int, classes: int) -> NDArray[np.float32]:
    """Return predictions as they are.

    Raises:
        TrialError: they are not float32 log-probabilities (rows, classes).
    """
    if not isinstance(values, np.ndarray) or values.shape != (rows, classes) or values.dtype != np.float32:
        got = f"{values.dtype} {values.shape}" if isinstance(values, np.ndarray) else type(values).__name__
        msg = f"the backend's predictions are {got}; the contract says float32 {(rows, classes)}"
        raise TrialError(msg)
    return values


def _run_epoch(
    network: Network, trial: TrialSpec, epoch: int, split: Split, labels: NDArray[np.int64]
) -> tuple[EpochRecord, EpochStats, NDArray[np.float32]]:
    order = epoch_order(trial.seed, epoch, split.train)
    rate = trial.schedule.rate(trial.learning_rate, epoch, trial.epochs)
    network.synchronize()
    started = perf_counter()
    stats = network.train_epoch(epoch, order, rate)
    network.synchronize()
    trained = perf_counter()
    _check(stats, len(order), trial.network.batch_size, epoch)
    log_probabilities = checked_predictions(network.predict(split.val), len(split.val), trial.network.classes)
    truth = labels[split.val]
    val_loss = metrics.cross_entropy(_of_truth(log_probabilities, truth))
    if not np.isfinite(val_loss):
        msg = f"diverged at epoch {epoch + 1}: the validation loss is {val_loss}"
        raise TrialError(msg)
    record = EpochRecord(
        epoch=epoch + 1,
        learning_rate=rate,
        train_loss=float(np.average(stats.losses, weights=stats.sizes)),
        train_accuracy=stats.correct / len(order),
        val_loss=val_loss,
        val_accuracy=float(np.mean(log_probabilities.argmax(axis=1) == truth)),
        seconds=trained - started,
        samples_per_second=len(order) / (trained - started),
        validation_seconds=perf_counter() - trained,
    )
    return record, stats, log_probabilities


def _check(stats: Any, rows: int, batch_size: int, epoch: int) -> None:
    if not isinstance(stats, EpochStats):
        msg = f"the backend's epoch returned {type(stats).__name__}; the contract says EpochStats"
        raise TrialError(msg)
    steps = -(-rows // batch_size)
    if np.shape(stats.losses) != (steps,) or np.shape(stats.sizes) != (steps,) or int(np.sum(stats.sizes)) != rows:
        msg = (
            f"the backend's epoch has losses {np.shape(stats.losses)} and {int(np.sum(stats.sizes))} rows; the "
            f"contract says {steps} steps over {rows} rows"
        )
        raise TrialError(msg)
    bad = np.flatnonzero(~np.isfinite(stats.losses))
    if bad.size:
        msg = f"diverged at epoch {epoch + 1}, step {bad[0] + 1}: the loss is {stats.losses[bad[0]]}"
        raise TrialError(msg)


def _validation(log_probabilities: NDArray[np.float32], truth: NDArray[np.int64]) -> tuple[NDArray[np.int64], float]:
    predicted = log_probabilities.argmax(axis=1)
    confusion = metrics.confusion_matrix(truth, predicted, log_probabilities.shape[1])
    confidence = np.exp(log_probabilities.max(axis=1))
    return confusion, metrics.expected_calibration_error(confidence, predicted == truth)


def _of_truth(log_probabilities: NDArray[np.float32], truth: NDArray[np.int64]) -> NDArray[np.float32]:
    return log_probabilities[np.arange(len(truth)), truth]
