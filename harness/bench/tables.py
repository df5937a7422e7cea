"""Tables of measurements: text in cells, for a terminal or Markdown."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from harness.bench.comparison import Comparison
from harness.bench.measurements import Measurement
from harness.bench.overhead import Overhead
from harness.bench.standings import Standing, cores_of, limit_of, rate, standings
from harness.metrics.statistic import Kind
from harness.results.tables import Table
from harness.text import counted

_NOTHING = "–"
MARK = "! "
"""Before a figure that was disturbed."""


def shown(measurements: Sequence[Measurement], *, caching: float | None = None) -> list[Table]:
    """Return the tables that some measurements fill."""
    tables = [
        *_trainings(measurements),
        _by_network(measurements, "predict", "Prediction: images/s, median ± half the interquartile range", _samples),
        _by_network(
            measurements,
            "evaluate",
            "Evaluation: ms for 1,000 images under one condition (clean, or one severity), metrics included",
            _condition,
        ),
        _by_network(
            measurements, "products", "The matrix products of a training step, nothing else: GFLOP/s", _gigaflops
        ),
        _noise(measurements),
        _loading(measurements, caching),
        _around(measurements),
    ]
    return [table for table in tables if table and table.lines]


def notes(measurements: Sequence[Measurement]) -> list[str]:
    """Return what applies to all tables: machine, libraries, method, disturbances."""
    machines = dict.fromkeys(
        f"{measurement.machine.processor}, {measurement.machine.cores} cores" for measurement in measurements
    )
    users: dict[str, dict[str, None]] = {}
    for measurement in measurements:
        if measurement.kind in {"backend", "peer"} and not measurement.variant:
            place = "" if measurement.machine.device == "cpu" else f" on {measurement.machine.device}"
            users.setdefault(f"{measurement.machine.blas}{place}", {})[measurement.backend] = None
    libraries = [f"{library} ({', '.join(names)})" for library, names in users.items()]
    images = max(measurement.rows for measurement in measurements)
    batches = " or ".join(f"{size:,}" for size in sorted({measurement.batch_size for measurement in measurements}))
    counts = sorted({len(measurement.seconds) for measurement in measurements})
    fewest = f"{counts[0]} to " if len(counts) > 1 else ""
    rounds = f"{fewest}{counted(counts[-1], 'round')}"
    fresh = (
        ", the cases in turns, each in fresh processes"
        if any(measurement.startup_seconds for measurement in measurements)
        else ""
    )
    lines = [
        f"Machine: {'; '.join(machines)}. Matrix libraries: {'; '.join(libraries) or 'none named'}.",
        f"{images:,} images a run and process in batches of {batches}; {rounds}{fresh}; compilation excluded.",
    ]
    disturbed = [measurement for measurement in measurements if measurement.disturbed]
    if disturbed:
        worst = max(disturbed, key=lambda measurement: measurement.others or 0.0)
        most = f" ({worst.title}: {worst.others:.0%})" if worst.others is not None else ""
        lines.append(
            f"! disturbed, {len(disturbed)} of {counted(len(measurements), 'case')}: other programs had more than 5 % "
            f"of their cores{most}, and their threads waited. Measure again when no other program runs."
        )
    elif any(measurement.waited is not None or measurement.others is not None for measurement in measurements):
        lines.append("Not disturbed: no other program had more than 5 % of a case's cores while its threads waited.")
    return lines


def network_titles(measurements: Sequence[Measurement]) -> dict[str, str]:
    """Return how tables name each network, with the other experiments that have it: ``{"M1g": "M1g / M2"}``."""
    return {measurement.network: " / ".join(measurement.network_names) for measurement in measurements}


def place(measurement: Measurement) -> str:
    """Return processes × threads."""
    return f"{measurement.processes} × {measurement.threads}"


def _trainings(measurements: Sequence[Measurement]) -> list[Table]:
    every = standings(measurements)
    tables = []
    for network, name in network_titles([standing.measurement for standing in every]).items():
        lines = sorted(
            (standing for standing in every if standing.measurement.network == network),
            key=lambda standing: (cores_of(standing.measurement), -standing.measurement.samples_per_second),
        )
        trained = [standing.measurement for standing in lines]
        limits = {place(measurement): limit_of(measurement, measurements) for measurement in trained}
        reference = next((measurement.label for measurement in trained if measurement.reference), "reference")
        headings = ["", "processes × threads", "samples/s", "±", f"× {reference}", "of the limit", "of its library"]
        rates = [
            f"{where}: {rate(limit) / 1e9:,.0f} GFLOP/s, {_library(limit)}"
            for where, limit in limits.items()
            if limit is not None
        ]
        note = f"Limit, the fastest float32 products by processes × threads: {'; '.join(rates)}." if rates else ""
        title = f"Training {name}: samples/s, median ± half the interquartile range"
        table = made(f"training-{network}", title, headings, [_line(standing) for standing in lines], note)
        filled = [column for column in table.columns if set(table.values(column.key)) != {_NOTHING}]
        tables.append(replace(table, columns=filled))
    return tables


def made(key: str, title: str, headings: Sequence[str], lines: Sequence[Sequence[str]], note: str = "") -> Table:
    """Return a table of figures, with the units in its title."""
    return Table.of_text(key, title, headings, lines, note=note, kind=Kind.figure)


def _line(standing: Standing) -> list[str]:
    return [
        _contestant(standing.measurement),
        place(standing.measurement),
        _samples_alone(standing.measurement),
        _spread(standing.measurement),
        f"{standing.times_reference:.2f}" if standing.times_reference is not None else _NOTHING,
        f"{standing.of_limit:.0%}" if standing.of_limit is not None else _NOTHING,
        f"{standing.of_own:.0%}" if standing.of_own is not None else _NOTHING,
    ]


def _contestant(measurement: Measurement) -> str:
    """Return the name in tables: a backend's name, a peer's title, with a precision or kernel."""
    if measurement.label:
        return measurement.label
    precision = f" {measurement.precision}" if measurement.precision != "float32" else ""
    return measurement.backend + precision + (f" ({measurement.variant})" if measurement.variant else "")


def _library(measurement: Measurement) -> str:
    return (
        f"{measurement.backend}'s {measurement.machine.blas}"
        if measurement.machine.blas != "unknown"
        else _contestant(measurement)
    )


def _by_network(
    measurements: Sequence[Measurement], work: str, title: str, cell: Callable[[Measurement], str]
) -> Table | None:
    """Return a table with a line for each backend and place, and a column for each network."""
    rows = [measurement for measurement in measurements if measurement.work == work]
    networks = network_titles(rows)
    cells = {
        (_contestant(measurement), place(measurement), measurement.network): cell(measurement) for measurement in rows
    }
    lines = [
        [name, where, *(cells.get((name, where, network), _NOTHING) for network in networks)]
        for name, where in dict.fromkeys((_contestant(measurement), place(measurement)) for measurement in rows)
    ]
    return made(work, title, ["", "processes × threads", *networks.values()], lines)


def _noise(measurements: Sequence[Measurement]) -> Table | None:
    lines = [
        [measurement.backend, _condition(measurement)] for measurement in measurements if measurement.work == "perturb"
    ]
    return made("perturb", "Perturbations: ms for 1,000 images at one severity", ["", "ms"], lines)


def _loading(measurements: Sequence[Measurement], caching: float | None) -> Table | None:
    lines = [
        [
            f"{measurement.rows:,} images",
            f"{mark(measurement)}{measurement.median_seconds * 1e3:,.1f}",
            _or_dash(caching),
        ]
        for measurement in measurements
        if measurement.work == "load"
    ]
    headings = ["", "from the cache, every page read, ms", "first time, into the cache, ms"]
    return made("load", "Loading a data set", headings, lines)


def _around(measurements: Sequence[Measurement]) -> Table | None:
    """Return start-up and memory: the median and the most over all networks."""
    started = [
        measurement
        for measurement in measurements
        if measurement.work in {"train", "predict"} and measurement.startup_seconds
    ]
    lines = []
    for name in dict.fromkeys(_contestant(measurement) for measurement in started):
        mine = [measurement for measurement in started if _contestant(measurement) == name]
        starts = sorted(second for measurement in mine for second in measurement.startup_seconds)
        peaks = [
            measurement.peak_anonymous_bytes for measurement in mine if measurement.peak_anonymous_bytes is not None
        ]
        peak = f"{max(peaks) / 1e6:,.0f}" if peaks else _NOTHING
        lines.append([name, f"{starts[len(starts) // 2]:.2f}", str(len(starts)), peak])
    headings = ["", "start to a built network, s", "processes", "peak anonymous memory, MB"]
    note = "Start: the median process. Memory: the largest process, mapped images not counted."
    return made("around", "Start and memory", headings, lines, note)


def overhead_table(overhead: Overhead) -> Table:
    """Return what a suite took, and on what."""
    headings = ["trials", "all, s", "training, s", "evaluation, s", "outside, s", "outside"]
    figures = [
        f"{value:,.1f}" for value in (overhead.seconds, overhead.training, overhead.evaluation, overhead.outside)
    ]
    title = f"A whole suite, one trial at a time: {overhead.suite}"
    return made("suite", title, headings, [[str(overhead.trials), *figures, f"{overhead.share:.1%}"]])


def _samples(measurement: Measurement) -> str:
    return f"{_samples_alone(measurement)} ±{_spread(measurement)}"


def _samples_alone(measurement: Measurement) -> str:
    return f"{mark(measurement)}{measurement.samples_per_second:,.0f}"


def _condition(measurement: Measurement) -> str:
    milliseconds = measurement.median_seconds / measurement.conditions / measurement.rows * 1e6
    return f"{mark(measurement)}{milliseconds:,.1f} ±{_spread(measurement)}"


def _gigaflops(measurement: Measurement) -> str:
    return f"{mark(measurement)}{rate(measurement) / 1e9:,.0f} ±{_spread(measurement)}"


def _spread(measurement: Measurement) -> str:
    return _NOTHING if measurement.spread is None else f"{measurement.spread:.1%}"


def mark(measurement: Measurement | Comparison) -> str:
    """Return what is put before a figure: a mark where it was disturbed."""
    return MARK if measurement.disturbed else ""


def _or_dash(seconds: float | None) -> str:
    return f"{seconds * 1e3:,.1f}" if seconds is not None else _NOTHING
