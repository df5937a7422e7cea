"""The run directory: one row for every planned trial, resumed by the same command."""

from harness.store.classes import read_classes, write_classes
from harness.store.listing import Listed, listed
from harness.store.opening import locked, set_aside, take_up
from harness.store.run import Dataset, Run, Stored, plain

__all__ = [
    "Dataset",
    "Listed",
    "Run",
    "Stored",
    "listed",
    "locked",
    "plain",
    "read_classes",
    "set_aside",
    "take_up",
    "write_classes",
]
