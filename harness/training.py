"""The one training loop, for every backend."""

from collections.abc import Callable
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from harness import metrics
from harness.interfaces import EpochStats, Network, State
from harness.rows import EpochRecord, TrialMetrics
from harness.seeding import epoch_order
from harness.specs import Trained, TrialSpec
from harness.splits import Split

Report = Callable[[EpochRecord], None]


class TrialError(Exception):
    """A trial that cannot go on; the message is its row's reason."""


class Patience:
    """Counts the epochs since the monitored value last improved by more than ``min_delta``."""

    def __init__(self, patience: int, min_delta: float) -> None:
        self._patience = patience
        self._min_delta = min_delta
        self._best = np.inf
        self._waited = 0

    def exhausted(self, value: float) -> bool:
        """Take the epoch's value, lower being better, and say whether training should stop."""
        if value < self._best - self._min_delta:
            self._best = value
            self._waited = 0
        else:
            self._waited += 1
        return self._waited >= self._patience


def fit(network: Network, trial: TrialSpec, split: Split, labels: NDArray[np.int64], report: Report) -> Trained:
    """Train a network that has its images attached; ``labels`` (rows,) are those of the whole set.

    Raises:
        TrialError: the loss became NaN or infinite, or the backend returned what its contract does not allow.
    """
    stopping = trial.early_stopping
    by_accuracy = stopping is not None and stopping.monitor == "val_accuracy"
    patience = Patience(stopping.patience, stopping.min_delta) if stopping else None
    history: list[EpochRecord] = []
    best, best_epoch, best_state = np.inf, 0, None
    stopped = False
    peak: int | None = None
    for epoch in range(trial.epochs):
        record, stats, log_probabilities = _run_epoch(network, trial, epoch, split, labels)
        peak = stats.peak_device_bytes if stats.peak_device_bytes is not None else peak
        history.append(record)
        report(record)
        monitored = -record.val_accuracy if by_accuracy else record.val_loss
        if monitored < best:
            best, best_epoch = monitored, epoch
            if stopping and stopping.restore_best:
                best_state = network.state()
        if patience and patience.exhausted(monitored):
            stopped = epoch + 1 < trial.epochs
            break
    kept = history[-1]
    if best_state is not None:
        kept = history[best_epoch]
        network.load(best_state)
        log_probabilities = checked_predictions(network.predict(split.val), len(split.val), trial.network.classes)
    confusion, ece = _validation(log_probabilities, labels[split.val])
    summary = TrialMetrics(
        train_loss=kept.train_loss,
        train_accuracy=kept.train_accuracy,
        val_loss=kept.val_loss,
        val_accuracy=kept.val_accuracy,
        val_macro_f1=metrics.macro_f1(confusion),
        val_ece=ece,
        best_epoch=best_epoch + 1,
        epochs=len(history),
        stopped_early=stopped,
        seconds=sum(record.seconds + record.validation_seconds for record in history),
        samples_per_second=float(np.median([record.samples_per_second for record in history])),
        peak_device_bytes=peak,
    )
    state: State = network.state()
    return Trained(history=history, metrics=summary, confusion=confusion, state=state)


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


def _check(stats: EpochStats, rows: int, batch_size: int, epoch: int) -> None:
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
