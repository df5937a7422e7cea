"""Early stopping: which epoch is best, and when a trial ends before its last one."""

from math import inf
from typing import Literal

from harness.rows import EpochRecord
from harness.settings import Count, NotNegative, Table


class EarlyStopping(Table):
    """``early_stopping``: stop when ``monitor`` has not improved for ``patience`` epochs.

    A loss has improved when it is below the best by more than ``min_delta``; an accuracy, when above it by more.
    ``restore_best`` ends with the weights of the best epoch instead of the last one's.
    """

    patience: Count
    min_delta: NotNegative = 0.0
    monitor: Literal["val_loss", "val_accuracy"] = "val_loss"
    restore_best: bool = False


class Course:
    """How a trial goes: which epoch is best, and whether it is time to stop."""

    def __init__(self, stopping: EarlyStopping | None) -> None:
        self._stopping = stopping
        self._best = self._reference = inf
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
