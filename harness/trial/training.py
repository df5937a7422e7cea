"""The one training loop, for every backend."""

import logging
from collections.abc import Callable
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from harness import metrics
from harness.datasets.splits import Split
from harness.errors import TrialError
from harness.interfaces import BatchTraining, EpochStats, Network, State, implements
from harness.metrics.computed import computed_names, of_predictions
from harness.metrics.predictions import Predictions
from harness.rows import EpochRecord, TrialMetrics
from harness.seeding import epoch_order
from harness.trial.augmentation import Augmenter
from harness.trial.checkpoints import Checkpoint, Checkpoints
from harness.trial.inputs import lent, read_only
from harness.trial.outputs import read_predictions, read_state, read_stats
from harness.trial.specs import Trained, TrialSpec
from harness.trial.stopping import Course

_LOG = logging.getLogger(__name__)

Report = Callable[[EpochRecord], None]

_RESTORED = 1e-3
"""How far, relatively, a loss of the same weights may be from itself: kernels may add in another order."""


def fit(
    network: Network,
    trial: TrialSpec,
    split: Split,
    labels: NDArray[np.int64],
    report: Report,
    checkpoints: Checkpoints | None = None,
    remark: Callable[[str], None] = _LOG.info,
    augmenter: Augmenter | None = None,
) -> Trained:
    """Train a network that has its images attached; ``labels`` (rows,) are those of the whole set.

    It goes on from a checkpoint that is there and serves, and writes others now and then. ``remark`` is called with
    what there is to say of one that is there. ``augmenter`` makes the batches of a trial with augmentation.

    Raises:
        TrialError: the loss became NaN or infinite, or the backend returned what its contract does not allow.
    """
    restores = trial.early_stopping is not None and trial.early_stopping.restore_best
    spec = trial.network
    course = Course(trial.early_stopping)
    history: list[EpochRecord] = []
    best_state: State | None = None
    resumed = _resumed(network, checkpoints, remark) if checkpoints else None
    if resumed:
        history, best_state = list(resumed.history), resumed.best
        for record in history:
            course.take(record)
    predictions: Predictions | None = None
    peak = resumed.peak_device_bytes if resumed else None
    while len(history) < trial.epochs and not course.exhausted:
        record, stats, predictions = _run_epoch(network, trial, len(history), split, labels, augmenter)
        if stats.peak_device_bytes is not None:
            peak = max(peak or 0, stats.peak_device_bytes)
        history.append(record)
        report(record)
        if course.take(record) and restores:
            best_state = read_state(network.state(), spec)
        if checkpoints and checkpoints.due:
            try:
                checkpoints.write(Checkpoint(history, read_state(network.state(), spec), best_state, peak))
            except OSError as error:  # a convenience: the trial can end without it
                _LOG.warning("no checkpoint: %s", error)
    truth = labels[split.val]
    kept = history[-1] if best_state is None else history[course.best_epoch - 1]
    if best_state is not None:
        network.load(_copied(best_state))
    if predictions is None or best_state is not None:
        predictions = _predicted_again(network, split, truth, spec.classes, kept)
    values = of_predictions(computed_names("val"), predictions)
    summary = TrialMetrics(
        train_loss=kept.train_loss,
        train_accuracy=kept.train_accuracy,
        val_loss=kept.val_loss,
        val_accuracy=kept.val_accuracy,
        best_epoch=course.best_epoch,
        epochs=len(history),
        stopped_early=len(history) < trial.epochs,
        seconds=sum(record.seconds + record.validation_seconds for record in history),
        samples_per_second=float(np.median([record.samples_per_second for record in history])),
        peak_device_bytes=peak,
        augmentation_share=_share(history) if augmenter else None,
        values=values,
    )
    state = read_state(network.state(), spec)
    confusion = predictions.confusion
    return Trained(history=history, metrics=summary, confusion=confusion, state=state, resumed=resumed is not None)


def _share(history: list[EpochRecord]) -> float:
    return sum(record.augmentation_seconds for record in history) / sum(record.seconds for record in history)


def _resumed(network: Network, checkpoints: Checkpoints, remark: Callable[[str], None]) -> Checkpoint | None:
    """Return the checkpoint that serves, loaded into the network, or None."""
    checkpoint, text = checkpoints.find()
    if text:
        remark(text)
    if checkpoint:
        network.load(_copied(checkpoint.state))
    return checkpoint


def _run_epoch(
    network: Network,
    trial: TrialSpec,
    epoch: int,
    split: Split,
    labels: NDArray[np.int64],
    augmenter: Augmenter | None,
) -> tuple[EpochRecord, EpochStats, Predictions]:
    order = read_only(epoch_order(trial.seed, epoch, split.train))
    rate = trial.schedule.rate(trial.learning_rate, epoch, trial.epochs)
    network.synchronize()
    started = perf_counter()
    returned, waited = _trained(network, epoch, order, rate, augmenter)
    network.synchronize()
    trained = perf_counter()
    stats = read_stats(returned, len(split.train), trial.network.batch_size, epoch, signed=trial.loss is not None)
    truth = labels[split.val]
    predictions = read_predictions(
        network.predict(lent(split.val)), truth, trial.network.classes, f"at epoch {epoch + 1}"
    )
    record = EpochRecord(
        epoch=epoch + 1,
        learning_rate=rate,
        train_loss=float(np.average(stats.losses, weights=stats.sizes)),
        train_accuracy=stats.correct / len(split.train),
        val_loss=metrics.cross_entropy(predictions.log_probability),
        val_accuracy=float(np.mean(predictions.predicted == truth)),
        seconds=trained - started,
        samples_per_second=len(split.train) / (trained - started),
        validation_seconds=perf_counter() - trained,
        augmentation_seconds=waited,
    )
    return record, stats, predictions


def _trained(
    network: object, epoch: int, order: NDArray[np.int64], rate: float, augmenter: Augmenter | None
) -> tuple[EpochStats, float]:
    """Train an epoch; return its statistics, and the seconds for which it waited for augmented batches.

    Raises:
        TrialError: the network does not take batches, or left some.
    """
    if augmenter is None:
        plain: Network = network  # type: ignore[assignment] # what a backend builds
        return plain.train_epoch(epoch, order, rate), 0.0
    if not implements(network, BatchTraining):
        msg = "the backend says that it takes batches, and its network has no train_batches()"
        raise TrialError(msg)
    batches = augmenter.epoch(epoch, order)
    returned = network.train_batches(epoch, batches, rate)
    if batches.taken != len(batches):
        msg = f"the backend took {batches.taken} of {len(batches)} augmented batches at epoch {epoch + 1}"
        raise TrialError(msg)
    return returned, batches.waited


def _copied(state: State) -> State:
    """Return a state that a network may keep: what it does with it changes no other."""
    return {key: np.array(value) for key, value in state.items()}


def _predicted_again(
    network: Network, split: Split, truth: NDArray[np.int64], classes: int, kept: EpochRecord
) -> Predictions:
    """Return the predictions of the validation rows by weights that were loaded, those of the epoch ``kept``.

    Raises:
        TrialError: their loss differs from that epoch's by more than what the order of a sum may change: the metrics
            would be of other weights than are stored.
    """
    predictions = read_predictions(network.predict(lent(split.val)), truth, classes)
    loss = metrics.cross_entropy(predictions.log_probability)
    if abs(loss - kept.val_loss) > _RESTORED * max(1.0, kept.val_loss):
        msg = (
            f"with the weights of epoch {kept.epoch} loaded again, the validation loss is {loss:.6g}; at that epoch it "
            f"was {kept.val_loss:.6g}: the backend's state() or load() is at fault"
        )
        raise TrialError(msg)
    return predictions
