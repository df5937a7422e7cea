"""The run directory: one row for every planned trial, resumed by the same command."""

from harness.store.listing import Listed, listed
from harness.store.opening import locked, set_aside, take_up
from harness.store.run import Dataset, Run, Stored, plain

__all__ = ["Dataset", "Listed", "Run", "Stored", "listed", "locked", "plain", "set_aside", "take_up"]
