"""Tables of what was measured: text in cells, ready for a terminal or Markdown."""

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
    """Return what a reader must know of all tables: machine, libraries, how it was measured, what disturbed it."""
    machines = dict.fromkeys(f"{one.machine.processor}, {one.machine.cores} cores" for one in measurements)
    users: dict[str, dict[str, None]] = {}
    for one in measurements:
        if one.kind in {"backend", "peer"} and not one.variant:
            place = "" if one.machine.device == "cpu" else f" on {one.machine.device}"
            users.setdefault(f"{one.machine.blas}{place}", {})[one.backend] = None
    libraries = [f"{library} ({', '.join(names)})" for library, names in users.items()]
    images = max(one.rows for one in measurements)
    batches = " or ".join(f"{size:,}" for size in sorted({one.batch_size for one in measurements}))
    counts = sorted({len(one.seconds) for one in measurements})
    fewest = f"{counts[0]} to " if len(counts) > 1 else ""
    rounds = f"{fewest}{counted(counts[-1], 'round')}"
    fresh = ", the cases in turns, each in fresh processes" if any(one.startup_seconds for one in measurements) else ""
    found = [
        f"Machine: {'; '.join(machines)}. Matrix libraries: {'; '.join(libraries) or 'none named'}.",
        f"{images:,} images a run and process in batches of {batches}; {rounds}{fresh}; compilation excluded.",
    ]
    disturbed = [one for one in measurements if one.disturbed]
    if disturbed:
        worst = max(disturbed, key=lambda one: one.others or 0.0)
        most = f" ({worst.title}: {worst.others:.0%})" if worst.others is not None else ""
        found.append(
            f"! disturbed, {len(disturbed)} of {counted(len(measurements), 'case')}: others had more than 5 % of their "
            f"cores{most}, and their threads waited. Measure again when the machine is quiet."
        )
    elif any(one.waited is not None or one.others is not None for one in measurements):
        found.append("Not disturbed: in no case did others have more than 5 % of its cores while its threads waited.")
    return found


def network_titles(measurements: Sequence[Measurement]) -> dict[str, str]:
    """Return how tables name each network, with the other experiments that have it: ``{"M1g": "M1g / M2"}``."""
    return {one.network: " / ".join(one.network_names) for one in measurements}


def place(one: Measurement) -> str:
    """Return processes × threads."""
    return f"{one.processes} × {one.threads}"


def _trainings(measurements: Sequence[Measurement]) -> list[Table]:
    found = standings(measurements)
    tables = []
    for network, name in network_titles([one.one for one in found]).items():
        lines = sorted(
            (one for one in found if one.one.network == network),
            key=lambda one: (cores_of(one.one), -one.one.samples_per_second),
        )
        limits = {place(one.one): limit_of(one.one, measurements) for one in lines}
        reference = next((one.one.label for one in lines if one.one.reference), "reference")
        headings = ["", "processes × threads", "samples/s", "±", f"× {reference}", "of the limit", "of its library"]
        told = [
            f"{where}: {rate(limit) / 1e9:,.0f} GFLOP/s, {_library(limit)}"
            for where, limit in limits.items()
            if limit is not None
        ]
        note = f"Limit, the fastest float32 products by processes × threads: {'; '.join(told)}." if told else ""
        title = f"Training {name}: samples/s, median ± half the interquartile range"
        table = made(f"training-{network}", title, headings, [_line(one) for one in lines], note)
        telling = [column for column in table.columns if set(table.values(column.key)) != {_NOTHING}]
        tables.append(replace(table, columns=telling))
    return tables


def made(key: str, title: str, headings: Sequence[str], lines: Sequence[Sequence[str]], note: str = "") -> Table:
    """Return a table of figures, with the units in its title."""
    return Table.of_text(key, title, headings, lines, note=note, kind=Kind.figure)


def _line(one: Standing) -> list[str]:
    return [
        who(one.one),
        place(one.one),
        _samples_alone(one.one),
        _spread(one.one),
        f"{one.times_reference:.2f}" if one.times_reference is not None else _NOTHING,
        f"{one.of_limit:.0%}" if one.of_limit is not None else _NOTHING,
        f"{one.of_own:.0%}" if one.of_own is not None else _NOTHING,
    ]


def who(one: Measurement) -> str:
    """Return what tables call whoever did it: a backend's name, a peer's title, with a precision or kernel."""
    if one.label:
        return one.label
    precision = f" {one.precision}" if one.precision != "float32" else ""
    return one.backend + precision + (f" ({one.variant})" if one.variant else "")


def _library(one: Measurement) -> str:
    return f"{one.backend}'s {one.machine.blas}" if one.machine.blas != "unknown" else who(one)


def _by_network(
    measurements: Sequence[Measurement], work: str, title: str, cell: Callable[[Measurement], str]
) -> Table | None:
    """Return a table with a line for each backend and place, and a column for each network."""
    found = [one for one in measurements if one.work == work]
    networks = network_titles(found)
    cells = {(who(one), place(one), one.network): cell(one) for one in found}
    lines = [
        [name, where, *(cells.get((name, where, network), _NOTHING) for network in networks)]
        for name, where in dict.fromkeys((who(one), place(one)) for one in found)
    ]
    return made(work, title, ["", "processes × threads", *networks.values()], lines)


def _noise(measurements: Sequence[Measurement]) -> Table | None:
    found = [one for one in measurements if one.work == "perturb"]
    lines = [[one.backend, _condition(one)] for one in found]
    return made("perturb", "Perturbations: ms for 1,000 images at one severity", ["", "ms"], lines)


def _loading(measurements: Sequence[Measurement], caching: float | None) -> Table | None:
    lines = [
        [f"{one.rows:,} images", f"{mark(one)}{one.median_seconds * 1e3:,.1f}", _or_dash(caching)]
        for one in measurements
        if one.work == "load"
    ]
    headings = ["", "from the cache, mapped and touched, ms", "put there the first time, ms"]
    return made("load", "Loading a data set", headings, lines)


def _around(measurements: Sequence[Measurement]) -> Table | None:
    """Return start-up and memory: the median and the most over all networks."""
    found = [one for one in measurements if one.work in {"train", "predict"} and one.startup_seconds]
    lines = []
    for name in dict.fromkeys(who(one) for one in found):
        mine = [one for one in found if who(one) == name]
        starts = sorted(second for one in mine for second in one.startup_seconds)
        peaks = [one.peak_anonymous_bytes for one in mine if one.peak_anonymous_bytes is not None]
        peak = f"{max(peaks) / 1e6:,.0f}" if peaks else _NOTHING
        lines.append([name, f"{starts[len(starts) // 2]:.2f}", str(len(starts)), peak])
    headings = ["", "start to a standing network, s", "processes", "peak anonymous memory, MB"]
    note = "Start: the median process. Memory: the largest process, mapped images not counted."
    return made("around", "Around the work", headings, lines, note)


def overhead_table(one: Overhead) -> Table:
    """Return what a suite took, and on what."""
    headings = ["trials", "all, s", "training, s", "evaluation, s", "outside, s", "outside"]
    figures = [f"{value:,.1f}" for value in (one.seconds, one.training, one.evaluation, one.outside)]
    title = f"A whole suite, one trial at a time: {one.suite}"
    return made("suite", title, headings, [[str(one.trials), *figures, f"{one.share:.1%}"]])


def _samples(one: Measurement) -> str:
    return f"{_samples_alone(one)} ±{_spread(one)}"


def _samples_alone(one: Measurement) -> str:
    return f"{mark(one)}{one.samples_per_second:,.0f}"


def _condition(one: Measurement) -> str:
    milliseconds = one.median_seconds / one.conditions / one.rows * 1e6
    return f"{mark(one)}{milliseconds:,.1f} ±{_spread(one)}"


def _gigaflops(one: Measurement) -> str:
    return f"{mark(one)}{rate(one) / 1e9:,.0f} ±{_spread(one)}"


def _spread(one: Measurement) -> str:
    return _NOTHING if one.spread is None else f"{one.spread:.1%}"


def mark(one: Measurement | Comparison) -> str:
    """Return what stands before a figure: whether it was disturbed."""
    return MARK if one.disturbed else ""


def _or_dash(seconds: float | None) -> str:
    return f"{seconds * 1e3:,.1f}" if seconds is not None else _NOTHING
