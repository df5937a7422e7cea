"""The run directory: one row for every planned trial, resumed by the same command."""

from harness.store.classes import read_classes, write_classes
from harness.store.crossing import Crossed
from harness.store.debris import clear, clear_checkpoint
from harness.store.listing import Listed, listed, state_of
from harness.store.opening import locked, set_aside, take_up
from harness.store.run import MEASURED, Run
from harness.store.several import (
    Member,
    Several,
    check_several,
    read_several,
    run_of,
    runs_of,
    some_runs_of,
    write_several,
)
from harness.store.shelf import bring_back, put_aside, shelved
from harness.store.stored import Damaged, Stored, damaged_files, plain
from harness.store.sums import lost_predictions, pair_sums, read_sums

__all__ = [
    "MEASURED",
    "Crossed",
    "Damaged",
    "Listed",
    "Member",
    "Run",
    "Several",
    "Stored",
    "bring_back",
    "check_several",
    "clear",
    "clear_checkpoint",
    "damaged_files",
    "listed",
    "locked",
    "lost_predictions",
    "pair_sums",
    "plain",
    "put_aside",
    "read_classes",
    "read_several",
    "read_sums",
    "run_of",
    "runs_of",
    "set_aside",
    "shelved",
    "some_runs_of",
    "state_of",
    "take_up",
    "write_classes",
    "write_several",
]
