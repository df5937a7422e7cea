"""The catalogue: one record a metric, from which relations, comparisons, tables, JSON and pages follow.

To add a metric, add its record here and, where it is computed from predictions, its function in
`harness.metrics.classification`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, isnan, nan
from typing import TYPE_CHECKING, Literal

from harness.metrics import classification, influence
from harness.metrics.corruption import Ratio
from harness.metrics.predictions import NotStoredError, Predictions
from harness.metrics.reading import Read, computed, fall, nothing, of_row, of_training, of_values
from harness.metrics.statistic import Kind
from harness.metrics.units import CORRUPTION, COUNT, DEGRADATION, FRACTION, LOSS, Unit
from harness.rows import CLEAN, Condition

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from harness.rows import TrialRow

Rows = Literal["train", "val", "test", "trial", "machine"]
Shown = Literal["validation", "leaderboards", "pairs", "comparison"]
Compute = Callable[[Predictions], float]
PerImage = Callable[[Predictions], "NDArray[np.floating | np.bool_]"]
PerImageOver = Callable[[Predictions, "Sequence[Predictions]"], "NDArray[np.floating | np.bool_]"]


@dataclass(frozen=True)
class Metric:
    """What is known of a metric.

    ``heading`` is what columns call it, before the unit's sign. ``rows`` says of which images it is, of the ``trial``
    as such, or of the ``machine``: values of two machines are not comparable. ``higher_is_better`` is None where
    neither way is better.

    A metric of validation or test rows is computed from predictions by ``compute`` and stored by its name; without, it
    is the mean of what ``per_image`` returns for each image, (rows,). Comparisons rest on these values, and on seeds
    alone where there are none. ``per_image_over`` returns them for a mean over conditions, from the predictions of the
    clean images and those under each. A metric with ``from_row`` is read from other fields of the row instead, and one
    with ``ratio`` from the rows of two trials: `harness.metrics.corruption`.

    ``validation`` names the metric of validation rows that answers the same question. ``kind`` is how a column shows
    it, by default as its unit says. ``shown`` names the tables of a few chosen metrics that it has a column in; the
    others have every metric. ``minor``: on a narrow terminal such a column is left out first, the highest number before
    others; 0: it is not. ``timed``: other trials beside it change it. ``certain``: no seed changes it.
    ``perturbed``: it is of perturbed images alone; ``attacked``: of images under attack alone. ``possible``: the least
    and the greatest value that there can be, by default its unit's; no confidence interval goes beyond.
    """

    name: str
    heading: str
    unit: Unit
    rows: Rows
    higher_is_better: bool | None
    compute: Compute | None = None
    per_image: PerImage | None = None
    per_image_over: PerImageOver | None = None
    from_row: Read | None = None
    ratio: Ratio | None = None
    validation: str = ""
    kind: Kind = Kind.text
    shown: frozenset[Shown] = frozenset()
    minor: int = 0
    timed: bool = False
    certain: bool = False
    perturbed: bool = False
    attacked: bool = False
    possible: tuple[float, float] = (nan, nan)

    def __post_init__(self) -> None:
        """Take the unit's kind and possible values where no others are given."""
        if self.kind is Kind.text:
            object.__setattr__(self, "kind", self.unit.value)
        if isnan(self.possible[0]):
            object.__setattr__(self, "possible", self.unit.possible)

    def read(self, row: TrialRow, condition: Condition = CLEAN) -> float | None:
        """Return a done trial's value, None where it has none; the condition is of test rows."""
        return (self.from_row or of_values(self.name, test=self.of_test))(row, condition)

    def of(self, predictions: Predictions, clean: Predictions | None = None) -> float | None:
        """Return its value for some predictions, None where they lack what it takes.

        ``clean``: the network's predictions of the clean images, where it takes them, too.
        """
        try:
            if self.compute:
                return self.compute(predictions)
            if self.per_image_over:
                return float(self.per_image_over(clean, [predictions]).mean()) if clean else None
            return float(self.per_image(predictions).mean()) if self.per_image else None
        except NotStoredError:
            return None

    @property
    def title(self) -> str:
        """The heading of a column of its values."""
        return self.heading + (self.unit.change_sign if self.kind is Kind.points else self.unit.sign)

    @property
    def of_test(self) -> bool:
        """Whether it is of test rows: a perturbation may apply to it."""
        return self.rows == "test"

    @property
    def of_machine(self) -> bool:
        """Whether another machine changes it: relations within a run may have it, figures may not."""
        return self.rows == "machine"


def _shown(*tables: Shown) -> frozenset[Shown]:
    return frozenset(tables)


_RECORDS = (  # in its functions, p is the `Predictions` of a trial's rows
    Metric(
        "train_accuracy", "Train", FRACTION, "train", True,
        from_row=of_training("train_accuracy"), shown=_shown("validation", "pairs"),
    ),
    Metric(
        "val_accuracy", "Val", FRACTION, "val", True,
        from_row=of_training("val_accuracy"),
        shown=_shown("validation", "pairs", "comparison"),
    ),
    Metric(
        "val_macro_f1", "Val macro-F1", FRACTION, "val", True,
        compute=lambda p: classification.macro_f1(p.confusion),
    ),
    Metric(
        "train_loss", "Train loss", LOSS, "train", False,
        from_row=of_training("train_loss"), possible=(-inf, inf),  # of a third party's loss
    ),
    Metric(
        "val_loss", "Val loss", LOSS, "val", False,
        from_row=of_training("val_loss"), shown=_shown("validation", "pairs", "comparison"),
    ),
    Metric(
        "val_ece", "Val ECE", LOSS, "val", False,
        compute=lambda p: classification.expected_calibration_error(p.confidence, p.correct),
        possible=(0.0, 1.0),
    ),
    Metric(
        "gap", "Gap", FRACTION, "trial", None,
        from_row=computed(lambda metrics: metrics.train_accuracy - metrics.val_accuracy),
        kind=Kind.points, shown=_shown("validation"), possible=(-1.0, 1.0),
    ),
    Metric(
        "best_epoch", "Best", COUNT, "trial", None,
        from_row=of_training("best_epoch"), shown=_shown("validation"), minor=3,
    ),
    Metric("epochs", "Epochs", COUNT, "trial", None, from_row=of_training("epochs"), shown=_shown("validation")),
    Metric(
        "parameters", "Parameters", COUNT, "trial", None,
        from_row=of_row("parameters"), shown=_shown("validation"), minor=2, certain=True,
    ),
    Metric(
        "test_accuracy", "Test", FRACTION, "test", True,
        per_image=lambda p: p.correct,
        validation="val_accuracy", shown=_shown("leaderboards", "pairs", "comparison"),
    ),
    Metric(
        "test_macro_f1", "Macro-F1", FRACTION, "test", True,
        compute=lambda p: classification.macro_f1(p.confusion),
        per_image=lambda p: influence.macro_f1_values(p.predicted, p.labels, p.classes),
        validation="val_macro_f1", shown=_shown("leaderboards", "pairs", "comparison"),
    ),
    Metric(
        "test_balanced_accuracy", "Balanced acc.", FRACTION, "test", True,
        compute=lambda p: classification.balanced_accuracy(p.confusion),
        per_image=lambda p: influence.balanced_accuracy_values(p.predicted, p.labels, p.classes),
        minor=3,
    ),
    Metric(
        "test_top5_accuracy", "Top-5 acc.", FRACTION, "test", True,
        per_image=lambda p: classification.among(p.labels, p.likeliest),
        minor=4,
    ),
    Metric(
        "test_cross_entropy", "CE", LOSS, "test", False,
        per_image=lambda p: classification.losses(p.log_probability),
        validation="val_loss", shown=_shown("leaderboards", "pairs", "comparison"),
    ),
    Metric(
        "test_ece", "ECE", LOSS, "test", False,
        compute=lambda p: classification.expected_calibration_error(p.confidence, p.correct),
        possible=(0.0, 1.0),
    ),
    Metric(
        "test_ece_expected", "ECE if calibrated", LOSS, "test", None,
        compute=lambda p: classification.error_if_calibrated(p.confidence),
        minor=5,
        possible=(0.0, 1.0),
    ),
    Metric(
        "degradation", "Degr.", DEGRADATION, "test", False,
        from_row=fall, perturbed=True,
        per_image_over=lambda clean, noisy: influence.degradation_values(clean.correct, [p.correct for p in noisy]),
    ),
    Metric(
        "robust_accuracy", "Robust", FRACTION, "test", True,
        per_image_over=lambda clean, attacked: classification.robust(clean.correct, [p.correct for p in attacked]),
        perturbed=True, attacked=True,
    ),
    Metric(
        "corruption_error", "Corr. err.", CORRUPTION, "test", False,
        from_row=nothing, ratio=Ratio(above_clean=False, of_all=False), perturbed=True,
    ),
    Metric(
        "relative_corruption_error", "Rel. corr. err.", CORRUPTION, "test", False,
        from_row=nothing, ratio=Ratio(above_clean=True, of_all=False), perturbed=True,
        possible=(-inf, inf),
    ),
    Metric(
        "mean_corruption_error", "mCE", CORRUPTION, "test", False,
        from_row=nothing, ratio=Ratio(above_clean=False, of_all=True), perturbed=True,
        shown=_shown("leaderboards"),
    ),
    Metric(
        "relative_mean_corruption_error", "Rel. mCE", CORRUPTION, "test", False,
        from_row=nothing, ratio=Ratio(above_clean=True, of_all=True), perturbed=True,
        shown=_shown("leaderboards"), possible=(-inf, inf),
    ),
    Metric(
        "seconds", "Seconds", COUNT, "machine", False,
        from_row=of_training("seconds"), kind=Kind.seconds, shown=_shown("validation"), timed=True,
    ),
    Metric(
        "samples_per_second", "Samples/s", COUNT, "machine", True,
        from_row=of_training("samples_per_second"), kind=Kind.rate, shown=_shown("validation", "comparison"),
        timed=True,
    ),
    Metric(
        "peak_device_bytes", "Peak device bytes", COUNT, "machine", False, from_row=of_training("peak_device_bytes")
    ),
    Metric("anonymous_bytes", "Memory, bytes", COUNT, "machine", False, from_row=of_row("anonymous_bytes")),
)  # fmt: skip
CATALOGUE = {metric.name: metric for metric in _RECORDS}
"""Every metric by its name, in the order in which tables and comparisons have them.

Losses are in nats, accuracies and macro-F1 fractions, degradations in percent, corruption errors in percent of the
baseline's, ``seconds`` of training and validation.
``gap`` is the training accuracy less the validation accuracy.
"""


def value_of(row: TrialRow, metric: str, condition: Condition = CLEAN) -> float | None:
    """Return a done trial's metric, None where it has none; the condition is of test rows."""
    return CATALOGUE[metric].read(row, condition)
