"""Benchmarks: backends and peers at the same work in turns, compared with plain use, the machine, and a baseline."""

from harness.bench.calibration import INVOCATIONS, calibrate, calibrations, keep
from harness.bench.cases import PRECISIONS, ROWS, WORKS, Case, Work, cases_for
from harness.bench.choosing import EVERY, Placement, chosen, picked, placements
from harness.bench.comparison import Comparison, check_common, compare
from harness.bench.measurements import Machine, Measurement, check_place, read, save
from harness.bench.networks import BenchedNetwork, Networks, default_suite, load_networks, networks_of
from harness.bench.noise import FEWEST, Calibration, Noise
from harness.bench.overhead import Overhead, overhead
from harness.bench.prepared import Prepared, UnavailableError, prepare
from harness.bench.process import FailedError
from harness.bench.rounds import Measured, interleaved, measure
from harness.bench.standings import Standing, standings

__all__ = [
    "EVERY",
    "FEWEST",
    "INVOCATIONS",
    "PRECISIONS",
    "ROWS",
    "WORKS",
    "BenchedNetwork",
    "Calibration",
    "Case",
    "Comparison",
    "FailedError",
    "Machine",
    "Measured",
    "Measurement",
    "Networks",
    "Noise",
    "Overhead",
    "Placement",
    "Prepared",
    "Standing",
    "UnavailableError",
    "Work",
    "calibrate",
    "calibrations",
    "cases_for",
    "check_common",
    "check_place",
    "chosen",
    "compare",
    "default_suite",
    "interleaved",
    "keep",
    "load_networks",
    "measure",
    "networks_of",
    "overhead",
    "picked",
    "placements",
    "prepare",
    "read",
    "save",
    "standings",
]
