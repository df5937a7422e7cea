"""The catalogue: one record a metric, from which relations, comparisons, tables, JSON and pages follow.

To add a metric, add its record here and, where it is computed from predictions, its function in
`harness.metrics.classification`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from harness.metrics import sampling
from harness.metrics.reading import Read, computed, of_row, of_test, of_training
from harness.metrics.sampling import Variance
from harness.metrics.statistic import Kind
from harness.metrics.units import COUNT, DEGRADATION, FRACTION, LOSS, Unit
from harness.rows import CLEAN, Condition

if TYPE_CHECKING:
    from harness.rows import TrialRow

Rows = Literal["train", "val", "test", "trial", "machine"]
Shown = Literal["validation", "leaderboards", "pairs", "comparison"]


@dataclass(frozen=True)
class Metric:
    """What is known of a metric.

    ``heading`` is what columns call it, before the unit's sign. ``rows`` says of which images it is, of the ``trial``
    as such, or of the ``machine``: values of two machines are not comparable. ``higher_is_better`` is None where
    neither way is better. Without a ``variance`` no sampling error is known. ``validation`` names the metric of
    validation rows that answers the same question. ``kind`` is how a column shows it, by default as its unit says.
    ``shown`` names the tables of a few chosen metrics that it has a column in; the others have every metric.
    ``minor``: on a narrow terminal such a column is left out first, the highest number before others; 0: it is not.
    ``timed``: other trials beside it change it. ``certain``: no seed changes it.
    """

    name: str
    heading: str
    unit: Unit
    rows: Rows
    higher_is_better: bool | None
    read: Read
    variance: Variance | None = None
    validation: str = ""
    kind: Kind = Kind.text
    shown: frozenset[Shown] = frozenset()
    minor: int = 0
    timed: bool = False
    certain: bool = False

    def __post_init__(self) -> None:
        """Take the unit's kind where no other is given."""
        if self.kind is Kind.text:
            object.__setattr__(self, "kind", self.unit.value)

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


_VAL_ACCURACY, _TEST_ACCURACY = of_training("val_accuracy"), of_test("accuracy")

_RECORDS = (
    Metric(
        "train_accuracy", "Train", FRACTION, "train", True, of_training("train_accuracy"),
        shown=_shown("validation", "pairs"),
    ),
    Metric(
        "val_accuracy", "Val", FRACTION, "val", True, _VAL_ACCURACY, sampling.of_share(_VAL_ACCURACY),
        shown=_shown("validation", "pairs", "comparison"),
    ),
    Metric(
        "val_macro_f1", "Val macro-F1", FRACTION, "val", True, of_training("val_macro_f1"), sampling.of_val_macro_f1
    ),
    Metric("train_loss", "Train loss", LOSS, "train", False, of_training("train_loss")),
    Metric(
        "val_loss", "Val loss", LOSS, "val", False, of_training("val_loss"),
        shown=_shown("validation", "pairs", "comparison"),
    ),
    Metric("val_ece", "Val ECE", LOSS, "val", False, of_training("val_ece")),
    Metric(
        "gap", "Gap", FRACTION, "trial", None, computed(lambda found: found.train_accuracy - found.val_accuracy),
        kind=Kind.points, shown=_shown("validation"),
    ),
    Metric("best_epoch", "Best", COUNT, "trial", None, of_training("best_epoch"), shown=_shown("validation"), minor=3),
    Metric("epochs", "Epochs", COUNT, "trial", None, of_training("epochs"), shown=_shown("validation")),
    Metric(
        "parameters", "Parameters", COUNT, "trial", None, of_row("parameters"), shown=_shown("validation"), minor=2,
        certain=True,
    ),
    Metric(
        "test_accuracy", "Test", FRACTION, "test", True, _TEST_ACCURACY, sampling.of_share(_TEST_ACCURACY),
        validation="val_accuracy", shown=_shown("leaderboards", "pairs", "comparison"),
    ),
    Metric(
        "test_macro_f1", "Macro-F1", FRACTION, "test", True, of_test("macro_f1"), sampling.of_test_macro_f1,
        validation="val_macro_f1", shown=_shown("leaderboards", "comparison"),
    ),
    Metric(
        "test_cross_entropy", "CE", LOSS, "test", False, of_test("cross_entropy"),
        validation="val_loss", shown=_shown("leaderboards", "comparison"),
    ),
    Metric("test_ece", "ECE", LOSS, "test", False, of_test("ece")),
    Metric("degradation", "Degr.", DEGRADATION, "test", False, of_test("degradation"), sampling.of_degradation),
    Metric(
        "seconds", "Seconds", COUNT, "machine", False, of_training("seconds"),
        kind=Kind.seconds, shown=_shown("validation"), timed=True,
    ),
    Metric(
        "samples_per_second", "Samples/s", COUNT, "machine", True, of_training("samples_per_second"),
        kind=Kind.rate, shown=_shown("validation", "comparison"), timed=True,
    ),
    Metric("peak_device_bytes", "Peak device bytes", COUNT, "machine", False, of_training("peak_device_bytes")),
    Metric("anonymous_bytes", "Memory, bytes", COUNT, "machine", False, of_row("anonymous_bytes")),
)  # fmt: skip
CATALOGUE = {metric.name: metric for metric in _RECORDS}
"""Every metric by its name, in the order in which tables and comparisons have them.

Losses are in nats, accuracies and macro-F1 fractions, degradations in percent, ``seconds`` of training and validation.
``gap`` is the training accuracy less the validation accuracy.
"""


def value_of(row: TrialRow, metric: str, condition: Condition = CLEAN) -> float | None:
    """Return a done trial's metric, None where it has none; the condition is of test rows."""
    return CATALOGUE[metric].read(row, condition)
