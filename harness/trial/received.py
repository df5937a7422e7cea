"""What comes back from a process that ran third-party code: its types, sizes and ranges, before the driver uses it.

The jobs verify what a plugin returns; a plugin has the run of their process all the same, and may have changed them.
"""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from math import isfinite
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from harness.datasets.info import DatasetInfo
from harness.errors import REASON_LIMIT, TrialError, printable, shown
from harness.metrics.catalogue import Rows
from harness.metrics.computed import computed_names
from harness.metrics.predictions import TOP, has_likeliest
from harness.rows import EpochRecord, EvaluationRow, Measure, TrialMetrics
from harness.trial.declared import FACT_LENGTH, FACTS
from harness.trial.ensemble import EnsembleSpec
from harness.trial.gallery import ALBUM, ATTACKED, EXAMPLES, PAIRS
from harness.trial.outputs import NORMALISATION, array_type, read_state
from harness.trial.robustness import conditions
from harness.trial.specs import Evaluated, EvaluationSpec, Remark, Trained, TrialSpec
from harness.trial.tasks import Failure

T = TypeVar("T")
Shape = tuple[int, ...]


def trained(returned: Any, spec: TrialSpec) -> Trained | Failure:
    """Return what training a trial returned, or the failure that it or something else is."""
    return returned if type(returned) is Failure else _checked(lambda: _trained(returned, spec))


def evaluated(returned: Any, spec: EvaluationSpec, test_rows: int) -> list[Evaluated] | Failure:
    """Return what an evaluation returned, one for each trial, or the failure that it or something else is."""
    return returned if type(returned) is Failure else _checked(lambda: _evaluated(returned, spec, test_rows))


def answered(returned: Any, spec: EnsembleSpec, test_rows: int) -> Evaluated | Failure:
    """Return what an ensemble's evaluation returned, or the failure that it or something else is."""
    return returned if type(returned) is Failure else _checked(lambda: _answered(returned, spec, test_rows))


def epoch(reported: Any) -> EpochRecord | None:
    """Return what a trial reported if it is the record of an epoch."""
    try:
        _fields(reported, EpochRecord)
    except TrialError:
        return None
    return reported  # type: ignore[no-any-return] # as was verified


def remark(reported: Any) -> str:
    """Return what a trial remarked, in one line; empty if it reported something else."""
    return printable(reported.text) if type(reported) is Remark and type(reported.text) is str else ""


def text(returned: Any) -> str:
    """Return a job's text in one line; empty if it returned something else."""
    return printable(returned) if type(returned) is str else ""


def _checked(read: Callable[[], T]) -> T | Failure:
    try:
        return read()
    except (TrialError, AttributeError, LookupError, TypeError, ValueError) as error:  # a field may not even be there
        return Failure("failed", f"its process returned what a job does not: {error}")


def _trained(returned: Any, spec: TrialSpec) -> Trained:
    _require(type(returned) is Trained, "a result", returned)
    trained: Trained = returned
    _require(type(trained.history) is list and 0 < len(trained.history) <= spec.epochs, "a history", trained.history)
    for record in trained.history:
        _fields(record, EpochRecord)
    _fields(trained.metrics, TrialMetrics)
    _computed(trained.metrics, "val")
    classes = spec.network.classes
    _array(trained.confusion, "confusion", np.int64, (classes, classes), 0, np.inf)
    read_state(trained.state, spec.network)
    _facts(trained.environment)
    for value, kinds in ((trained.anonymous_bytes, (int,)), (trained.waited, (int, float))):
        _require(value is None or type(value) in kinds, "a number", value)
    _require(type(trained.resumed) is bool, "a bool", trained.resumed)
    return trained


def _evaluated(returned: Any, spec: EvaluationSpec, test_rows: int) -> list[Evaluated]:
    _require(type(returned) is list and len(returned) == len(spec.trials), "a result for each trial", returned)
    for measured, (trial, *_) in zip(returned, spec.trials, strict=True):
        _measured(measured, trial.data.info, spec, trial.unavailable, test_rows)
    return returned  # type: ignore[no-any-return] # as was verified


def _answered(returned: Any, spec: EnsembleSpec, test_rows: int) -> Evaluated:
    return _measured(returned, spec.data.info, spec, spec.unavailable, test_rows)


def _measured(
    measured: Any,
    info: DatasetInfo,
    spec: EvaluationSpec | EnsembleSpec,
    unavailable: Mapping[str, str],
    test_rows: int,
) -> Evaluated:
    """Require what one network or ensemble was measured to.

    ``unavailable``: the perturbations that it was not to be measured under; others may have failed.
    """
    row: Any = measured.evaluation if type(measured) is Evaluated else None
    _require(type(row) is EvaluationRow, "a result", measured)
    _lost(row.unavailable, unavailable, {each.perturbation for each in spec.perturbations})
    expected = conditions(spec.perturbations, row.unavailable)
    attacked = [condition.perturbation in spec.attacks for condition in expected]
    count, classes = len(expected), len(info.class_names)
    _require(type(row.measures) is list and len(row.measures) == count, "measures", row.measures)
    for measure, condition, under in zip(row.measures, expected, attacked, strict=True):
        _fields(measure, Measure)
        _require(measure.condition == condition, "the condition that was asked for", measure.condition)
        _computed(measure, "test", attacked=under)
    table = (count, test_rows)
    arrays: dict[str, tuple[Any, Shape, float, float]] = {
        "rows": (np.int64, (test_rows,), 0, info.rows - 1),
        "labels": (np.int64, (test_rows,), 0, classes - 1),
        "predicted": (np.int64, table, 0, classes - 1),
        "log_probability": (np.float32, table, -np.inf, NORMALISATION),
        "confidence": (np.float32, table, 0, 1 + 2 * NORMALISATION),
    }
    if has_likeliest(classes):
        arrays["likeliest"] = (np.uint16, (*table, TOP), 0, classes - 1)
    predictions = measured.predictions
    _require(type(predictions) is dict and predictions.keys() == arrays.keys(), "predictions", predictions)
    for name, bounds in arrays.items():
        _array(predictions[name], name, *bounds)
    _examples(measured.examples, info, attacked)
    _require(_real(row.seconds), "seconds", row.seconds)
    _facts(row.environment)
    return measured  # type: ignore[no-any-return] # as was verified


def _lost(lost: Any, unavailable: Mapping[str, str], perturbations: AbstractSet[str]) -> None:
    """Require the reasons for which some of the perturbations have no measures, those that were known among them."""
    known = type(lost) is dict and unavailable.items() <= lost.items() and lost.keys() <= perturbations
    _require(known, "reasons", lost)
    for reason in lost.values():
        _require(type(reason) is str and 0 < len(reason) <= REASON_LIMIT and reason.isprintable(), "a reason", reason)


def _examples(examples: Any, info: DatasetInfo, attacked: list[bool]) -> None:
    names = {"pairs", "rows"} | ({"images"} if info.kind == "image" else set())
    names |= {f"attacked_{name}" for name in ALBUM} if any(attacked) else set()
    _require(type(examples) is dict and examples.keys() == names, "examples", examples)
    pairs, classes = _length(examples["pairs"]), len(info.class_names)
    _require(pairs <= PAIRS, "examples", examples["pairs"])
    _array(examples["pairs"], "pairs", np.int64, (pairs, 2), 0, classes - 1)
    _array(examples["rows"], "rows", np.int64, (pairs, EXAMPLES), -1, info.rows - 1)
    if "images" in names:
        _array(examples["images"], "images", np.uint8, (pairs, EXAMPLES, *info.shape), 0, 255)
    if any(attacked):
        _album(examples, info, attacked)


def _album(examples: Any, info: DatasetInfo, attacked: list[bool]) -> None:
    """Require what is seen of attacks."""
    count, classes = _length(examples["attacked_rows"]), len(info.class_names)
    _require(count <= ATTACKED, "examples", examples["attacked_rows"])
    table = (1 + sum(attacked), count)
    expected: dict[str, tuple[Any, Shape, float, float]] = {
        "rows": (np.int64, (count,), 0, info.rows - 1),
        "conditions": (np.int64, table[:1], 0, len(attacked) - 1),
        "images": (np.uint8, (*table, *info.shape), 0, 255),
        "predicted": (np.int64, table, 0, classes - 1),
        "confidence": (np.float32, table, 0, 1 + 2 * NORMALISATION),
    }
    for name in ALBUM:
        _array(examples[f"attacked_{name}"], f"attacked_{name}", *expected[name])


def _length(values: Any) -> int:
    return len(values) if type(values) is np.ndarray and values.ndim else 0


def _require(holds: bool, what: str, value: object) -> None:
    if not holds:
        msg = f"not {what}: {shown(value)}"
        raise TrialError(msg)


def _real(value: object) -> bool:
    return type(value) in {int, float} and isfinite(value)  # type: ignore[arg-type] # a number, by its type


def _computed(record: TrialMetrics | Measure, rows: Rows, *, attacked: bool = False) -> None:
    """Require the values of the catalogue's metrics of some rows, finite or None."""
    names = computed_names(rows, attacked=attacked)
    _require(type(record.values) is dict and list(record.values) == names, f"the metrics {names}", record.values)
    for name, value in record.values.items():
        _require(value is None or _real(value), name, value)


def _fields(record: Any, kind: type) -> None:
    """Require a record of numbers, texts and nothing: each field of its declared type, each number finite.

    Its dicts are the caller's to verify.
    """
    _require(type(record) is kind, kind.__name__, record)
    for name, hint in get_type_hints(kind).items():
        if get_origin(hint) is dict:
            continue
        value = getattr(record, name, None)
        allowed = set(get_args(hint) or (hint,))
        holds = type(value) in allowed or (type(value) is int and float in allowed)
        _require(holds and (not isinstance(value, float) or isfinite(value)), f"{kind.__name__}.{name}", value)


def _array(values: Any, name: str, dtype: Any, shape: Shape, low: float, high: float) -> None:
    """Require a plain array of a dtype and shape, every value in [low, high]."""
    if type(values) is not np.ndarray or values.dtype != dtype or values.shape != shape:
        msg = f"{name} is {array_type(values)}, not {np.dtype(dtype)} {shape}"
        raise TrialError(msg)
    plain: NDArray[Any] = values
    if plain.size and not (plain.min() >= low and plain.max() <= high):  # a NaN fails this too
        msg = f"{name} has the value {plain.min() if plain.max() <= high else plain.max()}, not in [{low}, {high}]"
        raise TrialError(msg)


def _facts(facts: Any) -> None:
    """Require texts by name that any terminal and file can take."""
    _require(type(facts) is dict and len(facts) <= 2 * FACTS, "an environment", facts)
    for text in (text for fact in facts.items() for text in fact):
        _require(type(text) is str and text.isprintable() and len(text) <= FACT_LENGTH, "an environment's text", text)
