"""Benchmarks: cases of one network on one backend, measured in turns, compared above the machine's noise alone."""

from harness.bench.cases import ALSO, NETWORKS, PRECISIONS, ROWS, WORKS, Case, Work, cases_for, known_networks
from harness.bench.comparison import Comparison, compare
from harness.bench.measurements import Machine, Measurement, check_place, read, save
from harness.bench.noise import NoiseFloor, calibrate, floors, keep
from harness.bench.prepared import Prepared, UnavailableError, prepare
from harness.bench.rounds import Measured, interleaved, measure

__all__ = [
    "NETWORKS",
    "ROWS",
    "WORKS",
    "Case",
    "Comparison",
    "Machine",
    "Measured",
    "Measurement",
    "NoiseFloor",
    "Prepared",
    "Work",
    "calibrate",
    "cases_for",
    "compare",
    "floors",
    "interleaved",
    "keep",
    "measure",
    "prepare",
    "read",
    "save",
]
