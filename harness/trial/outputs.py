"""What a network returns, verified and copied before it counts: for training, evaluation, rehearsal, bench and kit.

A backend may reuse its buffers, or still write to them from a thread: nothing that it returned is kept.
"""

from operator import index
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import TrialError, shown
from harness.interfaces import EpochStats, NetworkSpec, State
from harness.metrics.predictions import TOP, Predictions, has_likeliest, most_likely

NORMALISATION = 1e-3
"""How far the probabilities of a row may be from a sum of 1.

A float32 log-softmax over a thousand classes, summed naively, is within 1e-4, so no rounding of float32 is refused;
``bfloat16`` is the precision of matrix products alone, and a log-softmax of rounded logits sums to 1 all the same. At
the limit a cross-entropy is off by a thousandth of a nat.
"""
_LEAST_LOSS = -1e-3
"""A mean cross-entropy is not negative but for rounding."""
_CHUNK = 4096
"""Rows that are verified at a time: a validation set is never copied whole."""
_KEY_LENGTH = 200
_STATE_VECTORS = 64
"""The most vectors of the network's length in a state, a dozen times what known optimizers keep."""
_STATE_SPARE = 1_000_000
"""Elements that a state may hold beside them."""


def array_type(returned: object) -> str:
    """Return an array's type and shape, of anything else its class: for errors.

    >>> array_type(np.zeros((2, 3), dtype=np.float32)), array_type([0.5])
    ('float32 (2, 3)', 'list')
    """
    kind = type(returned).__name__
    if not isinstance(returned, np.ndarray):
        return kind
    subclass = "" if type(returned) is np.ndarray else f"{kind} "
    return f"{subclass}{returned.dtype} {returned.shape}"


def read_predictions(
    values: NDArray[np.float32],
    truth: NDArray[np.int64],
    classes: int,
    when: str = "",
    *,
    likeliest: bool = False,
) -> Predictions:
    """Return what is kept of a backend's predictions of rows whose classes are ``truth`` (rows,).

    A log-probability of -inf, which is a probability of 0, is allowed: a cross-entropy clips it. ``when`` is part of
    the error's text, as in ``"at epoch 3"``. ``likeliest``: the most likely classes are kept too, if there are enough.

    Raises:
        TrialError: they are not float32 (rows, classes), or a row's probabilities do not sum to 1 within
            `NORMALISATION`: one of them is NaN or above 1, or they are logits or no logarithms.
    """
    rows, place = len(truth), f" {when}" if when else ""
    if not isinstance(values, np.ndarray) or values.shape != (rows, classes) or values.dtype != np.float32:
        msg = f"the backend's predictions are {array_type(values)}; the contract says float32 {(rows, classes)}"
        raise TrialError(msg)
    predicted, of_truth, confidence = np.empty(rows, np.int64), np.empty(rows, np.float32), np.empty(rows, np.float32)
    top = np.empty((rows, TOP), np.uint16) if likeliest and has_likeliest(classes) else None
    for start in range(0, rows, _CHUNK):
        part = slice(start, start + _CHUNK)
        chunk = np.array(values[part], subok=False)
        with np.errstate(over="ignore", invalid="ignore"):
            sums = np.exp(chunk).sum(axis=1, dtype=np.float64)
        wrong = np.flatnonzero(~(np.abs(sums - 1.0) <= NORMALISATION))  # a NaN is wrong too
        if wrong.size:
            row = start + int(wrong[0])
            if np.isnan(sums[wrong[0]]):
                msg = f"diverged{place}: NaN among the log-probabilities of row {row} of {rows:,}"
            else:
                msg = (
                    f"the backend's probabilities of row {row} of {rows:,}{place} sum to {sums[wrong[0]]:.6g}; the "
                    "contract says log-probabilities, the log-softmax of the logits, whose exponentials sum to 1"
                )
            raise TrialError(msg)
        at = np.arange(len(chunk))
        predicted[part] = chunk.argmax(axis=1)
        of_truth[part] = chunk[at, truth[part]]
        confidence[part] = np.exp(chunk[at, predicted[part]])
        if top is not None:
            top[part] = most_likely(chunk)
    arrays: dict[str, NDArray[Any]] = {
        "labels": truth,
        "predicted": predicted,
        "log_probability": of_truth,
        "confidence": confidence,
    }
    return Predictions(arrays if top is None else arrays | {"likeliest": top}, classes)


def read_stats(stats: Any, rows: int, batch_size: int, epoch: int, *, signed: bool = False) -> EpochStats:
    """Return an epoch's statistics in float64 and whole numbers; ``epoch`` counts from 0.

    ``signed``: of a loss that may be negative, which a cross-entropy is not.

    Raises:
        TrialError: they are not those of steps over ``rows`` rows in full batches but the last, with real losses that
            are finite and not negative, and as many rows right as there are at most.
    """
    if not isinstance(stats, EpochStats):
        msg = f"the backend's epoch returned {type(stats).__name__}; the contract says EpochStats"
        raise TrialError(msg)
    losses, sizes = _vector(stats.losses, "losses", "f"), _vector(stats.sizes, "sizes", "iu")
    steps = -(-rows // batch_size)
    if losses.shape != (steps,) or sizes.shape != (steps,) or int(sizes.sum()) != rows:
        msg = (
            f"the backend's epoch has losses {losses.shape} and {int(sizes.sum())} rows; the "
            f"contract says {steps} steps over {rows} rows"
        )
        raise TrialError(msg)
    wanted = np.full(steps, batch_size)
    wanted[-1] = rows - (steps - 1) * batch_size
    odd = np.flatnonzero(sizes != wanted)
    if odd.size:
        step = int(odd[0])
        msg = f"the backend's step {step + 1} of {steps} has {sizes[step]} rows; the contract says {wanted[step]}"
        raise TrialError(msg)
    bad = np.flatnonzero(~np.isfinite(losses))
    if bad.size:
        msg = f"diverged at epoch {epoch + 1}, step {bad[0] + 1}: the loss is {losses[bad[0]]}"
        raise TrialError(msg)
    least = int(losses.argmin())
    if losses[least] < _LEAST_LOSS and not signed:
        place = f"epoch {epoch + 1}, step {least + 1}"
        msg = f"the backend's loss at {place} is {losses[least]:.6g}; a cross-entropy is not negative"
        raise TrialError(msg)
    correct = _whole(stats.correct, "the number of rows right", rows)
    peak = stats.peak_device_bytes
    return EpochStats(losses, sizes, correct, None if peak is None else _whole(peak, "peak_device_bytes", 2**63 - 1))


def read_state(state: Any, spec: NetworkSpec) -> State:
    """Return a copy of a network's state.

    Raises:
        TrialError: it is not a dict of NumPy arrays of numbers by names that can be stored, or far larger than the
            network.
    """
    if not isinstance(state, dict):
        msg = f"the backend's state is {type(state).__name__}; the contract says a dict of NumPy arrays"
        raise TrialError(msg)
    for key, value in state.items():
        if not isinstance(key, str) or type(value) is not np.ndarray or value.dtype.kind not in "fiub":
            what = str(value.dtype) if type(value) is np.ndarray else type(value).__name__
            place = f"{what} under {shown(key)}"
            msg = f"the backend's state has {place}; the contract says NumPy arrays of numbers by name"
            raise TrialError(msg)
        if not _storable(key):
            msg = (
                f"the backend's state has the key {shown(key)}; a key is printable, has no slash, does not end in "
                f".npy and has at most {_KEY_LENGTH} characters"
            )
            raise TrialError(msg)
    elements, most = sum(value.size for value in state.values()), _STATE_VECTORS * spec.parameter_count() + _STATE_SPARE
    if elements > most or len(state) > most:
        msg = f"the backend's state has {elements:,} numbers; a network of this size may have {most:,} at most"
        raise TrialError(msg)
    return {str(key): np.array(value) for key, value in state.items()}


def _vector(values: Any, name: str, kinds: str) -> NDArray[Any]:
    """Return a copy of a vector: float64 of real numbers, int64 of whole ones."""
    try:
        array = np.array(values, subok=False)
    except Exception:  # noqa: BLE001 - a foreign array may raise anything when it is converted
        array = np.empty(0, dtype=object)
    if array.dtype.kind not in kinds:
        got = str(array.dtype) if isinstance(values, np.ndarray) else type(values).__name__
        wanted = "float64" if kinds == "f" else "int64"
        msg = f"the backend's {name} are {got}; the contract says {wanted} (steps,)"
        raise TrialError(msg)
    return array.astype(np.float64 if kinds == "f" else np.int64)


def _whole(value: Any, name: str, most: int) -> int:
    try:
        number = index(value)
    except Exception:  # noqa: BLE001 - as above
        number = -1
    if not 0 <= number <= most:
        msg = f"the backend's {name} is {shown(value)}; the contract says a whole number in 0 … {most}"
        raise TrialError(msg)
    return number


def _storable(key: str) -> bool:
    """Return whether a key can name an array in an ``.npz``, and is read back as it was."""
    plain = key.isprintable() and not {"/", "\\"} & set(key) and not key.endswith(".npy")
    return bool(key) and len(key) <= _KEY_LENGTH and plain
