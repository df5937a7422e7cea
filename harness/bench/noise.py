"""The noise of a machine: how far measurements of the same case differ between runs, processes and invocations.

A measurement is the median of some runs in a fresh process. Two that are compared come from two invocations, so their
noise has three parts: of the runs, of the process (where its memory lies), and of the invocation (the machine's state
then). In logarithms of seconds, with I invocations of P processes each, whose medians are m_ip:

V = S² + (1 - 1/P) W, S² = var_i(mean_p m_ip), W = mean_i var_p(m_ip)

is the variance of one measurement, unbiased for balanced data (one-way random effects), with Satterthwaite's (1946,
Biometrics Bulletin 2, 110-114) degrees of freedom, rounded down: V² / [S⁴/(I - 1) + ((1 - 1/P) W)²/(I (P - 1))].
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import expm1, floor, inf, log, pi, sqrt
from statistics import fmean, median, quantiles, variance

from scipy.special import stdtrit

from harness.bench.measurements import Machine

FEWEST = 3
"""Invocations without which no verdict is given: two say next to nothing of what differs between them."""
LEVEL = 0.05
"""The chance that a comparison of equal cases calls any of them faster or slower."""
_NORMAL_IQR = 1.349
"""Distance of a normal distribution's quartiles, in standard deviations."""

Seconds = tuple[float, ...]
"""Of the runs of a process."""
Invocation = tuple[Seconds, ...]
"""The processes of an invocation."""


@dataclass(frozen=True)
class Noise:
    """The variance of the logarithm of a measurement's seconds, its degrees of freedom, and what runs have of it."""

    variance: float
    df: float
    run_variance: float
    """Of one run within its process."""
    median_variance: float
    """That runs alone give to a calibrated median; it is in ``variance``."""

    def of(self, seconds: Sequence[float]) -> float:
        """Return the variance of a measurement: larger than calibrated where its runs are fewer, or vary more."""
        own = spread_of(seconds) ** 2 if len(seconds) > 1 else self.run_variance
        return self.variance + max(0.0, median_variance(own, len(seconds)) - self.median_variance)

    def floor(self, level: float = LEVEL) -> float:
        """Return the fraction by which two measurements of a case differ by chance alone, rarer than ``level``."""
        return margin(sqrt(2.0 * self.variance), self.df, level)


@dataclass(frozen=True)
class Calibration:
    """A backend's equal measurements on a machine: ``rows`` images of the case, and the seconds of each run.

    ``disturbed``: in which of the invocations another program used the cores.
    """

    machine: Machine
    backend: str
    case: str
    rows: int
    invocations: tuple[Invocation, ...]
    disturbed: tuple[bool, ...]

    def __post_init__(self) -> None:
        whole = all(invocation and all(invocation) for invocation in self.invocations)
        seconds = [second for invocation in self.invocations for runs in invocation for second in runs]
        if not whole or len(self.disturbed) != len(self.invocations) or not all(0.0 < value < inf for value in seconds):
            msg = "an invocation has a process or more, a process a run or more, and a run takes more than 0 seconds"
            raise ValueError(msg)

    @property
    def key(self) -> str:
        """What it holds for: see `calibration_key`."""
        return calibration_key(self.machine, self.backend)

    @property
    def noise(self) -> Noise | None:
        """The noise of a measurement; None with fewer than `FEWEST` invocations.

        It is that of quiet invocations, as verdicts are on quiet measurements alone; of all where too few are quiet,
        which makes it too large.
        """
        quiet = [
            invocation for invocation, disturbed in zip(self.invocations, self.disturbed, strict=True) if not disturbed
        ]
        used = quiet if len(quiet) >= FEWEST else self.invocations
        return noise_of(used) if len(used) >= FEWEST else None

    def extends(self, other: "Calibration") -> bool:
        """Return whether the other's invocations are of the same case, so that both together are one calibration."""
        return (self.key, self.case, self.rows) == (other.key, other.case, other.rows)


def calibration_key(machine: Machine, backend: str) -> str:
    """Return what noise belongs to: two backends on one GPU, which name no BLAS, differ in theirs."""
    return f"{machine.key} {backend}"


def noise_of(invocations: Sequence[Invocation]) -> Noise:
    """Return the noise that some invocations show, at least two, of at least a run each.

    >>> noise_of([((1.0, 1.0), (1.0, 1.0)), ((1.0, 1.0), (1.0, 1.0))]).floor()
    0.0
    """
    medians = [[median(map(log, runs)) for runs in processes] for processes in invocations]
    between = variance([fmean(run) for run in medians])
    freedom = sum(len(run) - 1 for run in medians)
    within = sum(variance(run) * (len(run) - 1) for run in medians if len(run) > 1) / freedom if freedom else 0.0
    inner = (1.0 - fmean(1.0 / len(run) for run in medians)) * within
    doubt = between**2 / (len(medians) - 1) + (inner**2 / freedom if freedom else 0.0)
    runs = [runs for processes in invocations for runs in processes]
    spreads = [spread_of(run) ** 2 for run in runs if len(run) > 1]
    run_variance = fmean(spreads) if spreads else 0.0
    return Noise(
        between + inner,
        max(1.0, floor((between + inner) ** 2 / doubt)) if doubt else inf,
        run_variance,
        median_variance(run_variance, fmean(map(len, runs))),
    )


def spread_of(seconds: Sequence[float]) -> float:
    """Return the standard deviation of the logarithms of some runs' seconds, from their quartiles."""
    low, _, high = quantiles(map(log, seconds), method="inclusive")
    return (high - low) / _NORMAL_IQR


def median_variance(variance: float, runs: float) -> float:
    """Return the variance of the median of some runs, of a run's: π/2 of a mean's, but a single run is its own."""
    return variance / runs * (pi / 2.0 if runs > 1 else 1.0)


def margin(error: float, df: float, level: float) -> float:
    """Return the fraction beyond which a ratio is not chance at a two-sided ``level``; ``error``: of its logarithm."""
    return expm1(float(stdtrit(df, 1.0 - level / 2.0)) * error) if error else 0.0
