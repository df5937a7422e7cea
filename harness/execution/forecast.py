"""What trials will take: seconds and memory, from those that ran on this machine before.

Every trial that ends leaves a line in ``timings.jsonl`` in the cache, whatever run it belongs to.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from heapq import heapreplace
from pathlib import Path
from statistics import median
from typing import Annotated

from pydantic import Field, TypeAdapter

from harness.execution.pools import Pool
from harness.execution.pools.pool import Spread
from harness.interfaces import implements
from harness.machine.cache import cache_root
from harness.machine.contention import disturbed
from harness.machine.files import append_line, checksum, open_regular
from harness.machine.host import host
from harness.rows import TrialRow
from harness.trial.specs import TrialSpec

_RECENT = 5
"""Timings of one kind that a forecast rests on: the last ones."""
_MOST = 1 << 21
"""Bytes of the file that are read: the end of it."""
_DIVIDED = 0.6
"""The share of a trial's time that threads divide among them. With two threads a trial is then 1.43 times as fast as
with one, which is the least that was measured of M1g and M3b by numpy and torch; with sixteen 2.3 times."""


@dataclass(frozen=True)
class Timing:
    """What one trial took, and under which circumstances."""

    processor: str
    backend: str
    threads: Annotated[int, Field(ge=1)]
    network: str
    """A digest of the `NetworkSpec`."""
    parameters: Annotated[int, Field(ge=1)]
    recipe: str
    """A digest of everything that decides how many epochs a trial runs, but for its seed."""
    epochs: Annotated[int, Field(ge=0)]
    seconds_per_image: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    """Training and validation, by training image and epoch."""
    anonymous_bytes: Annotated[int, Field(ge=0)] | None


_TIMING = TypeAdapter(Timing)


@dataclass(frozen=True)
class Forecast:
    """What a trial is expected to take; ``at_most`` where it may stop early, at an unknown epoch."""

    seconds: float
    at_most: bool
    anonymous_bytes: int | None


def timings_path() -> Path:
    """Return where the timings are kept."""
    return cache_root() / "timings.jsonl"


class Timings:
    """The timings of some processors, this machine's by default, latest last.

    ``path`` is read now and appended to.
    """

    def __init__(self, path: Path, processors: Collection[str] = ()) -> None:
        self._path = path
        self._processors = processors or (host()["processor"],)
        self._networks: dict[tuple[str, str], dict[int, list[Timing]]] = defaultdict(lambda: defaultdict(list))
        """Of each backend and network, by number of threads."""
        self._by_size: dict[str, dict[int, dict[int, Timing]]] = defaultdict(lambda: defaultdict(dict))
        """Of each backend, by number of threads, the last timing of each number of parameters."""
        self._recipes: dict[tuple[str, str], list[int]] = defaultdict(list)
        for timing in _read(path):
            self._take(timing)

    def record(self, spec: TrialSpec, row: TrialRow, train_rows: int) -> None:
        """Note what a trial took, on disk if that is possible.

        Not where one of several threads waited for a core: then all of them do, and the time says nothing of others.
        """
        if row.metrics is None or (spec.context.threads > 1 and disturbed(row.contended)):
            return
        # A resumed trial's history has every epoch's seconds, wherever it ran.
        per_image = row.metrics.seconds / (row.metrics.epochs * train_rows)
        ran_on = row.environment.get("processor", "")
        self.add(_timing(spec, row, row.metrics.epochs, per_image, row.anonymous_bytes, ran_on))

    def add(self, timing: Timing) -> None:
        """Note a timing."""
        self._take(timing)
        with suppress(OSError):
            append_line(self._path, json.dumps(asdict(timing)))

    def has(self, spec: TrialSpec) -> bool:
        """Say whether the same network has run on the same backend, with as many threads."""
        return spec.context.threads in self._networks.get((spec.backend, _digest(spec)), {})

    def forecast(self, spec: TrialSpec, row: TrialRow, train_rows: int) -> Forecast | None:
        """Return what a trial is expected to take, None where nothing like it has run here.

        The same network on the same backend says best; others of that backend, nearest in size, are scaled by their
        parameters. What ran with another number of threads, the nearest, is scaled by `speed_up`.
        """
        wanted = spec.context.threads
        if by_threads := self._networks.get((spec.backend, _digest(spec))):
            threads = _nearest(by_threads, wanted)
            # Whole trials say more than a rehearsal's few batches.
            alike = [timing for timing in by_threads[threads] if timing.epochs] or by_threads[threads]
            alike, scale = alike[-_RECENT:], 1.0
        elif sizes := self._by_size.get(spec.backend):
            threads = _nearest(sizes, wanted)
            size = _nearest(sizes[threads], row.parameters)
            alike, scale = [sizes[threads][size]], row.parameters / size
        else:
            return None
        scale *= speed_up(threads) / speed_up(wanted)
        known = self._recipes.get((spec.backend, _recipe(row)))
        epochs = median(known[-_RECENT:]) if known else spec.epochs
        memory = [timing.anonymous_bytes for timing in alike if timing.anonymous_bytes]
        return Forecast(
            seconds=scale * median(timing.seconds_per_image for timing in alike) * train_rows * epochs,
            at_most=spec.early_stopping is not None and not known,
            anonymous_bytes=max(memory, default=None),
        )

    def _take(self, timing: Timing) -> None:
        if timing.processor in self._processors:
            self._networks[timing.backend, timing.network][timing.threads].append(timing)
            others = self._by_size[timing.backend][timing.threads]
            if timing.epochs or not others.get(timing.parameters, timing).epochs:
                others[timing.parameters] = timing
            if timing.epochs:
                self._recipes[timing.backend, timing.recipe].append(timing.epochs)


def timings_of(pool: Pool) -> Timings:
    """Return the timings of the machines that a pool runs on."""
    return Timings(timings_path(), pool.processors() if implements(pool, Spread) else ())


def rehearsed(
    spec: TrialSpec, row: TrialRow, seconds_per_image: float, anonymous_bytes: int | None, processor: str = ""
) -> Timing:
    """Return the timing of a trial of which only some batches ran, by default on this machine's processor."""
    return _timing(spec, row, 0, seconds_per_image, anonymous_bytes, processor)


def speed_up(threads: int) -> float:
    """Return how many times as fast a trial is with some threads as with one, by Amdahl's law; a cautious guess.

    >>> round(speed_up(2), 2)
    1.43
    """
    return 1.0 / (1.0 - _DIVIDED + _DIVIDED / threads)


def makespan(seconds: Sequence[float], slots: int, widths: Sequence[int] = ()) -> float:
    """Return how long tasks take together, each started, longest first, where others have ended.

    ``widths``: how many slots each takes at once; one each without. Those that take most start first, as soon as there
    are as many, and nothing overtakes them.

    >>> makespan([3.0, 2.0, 2.0, 1.0], 2), makespan([3.0, 2.0, 2.0, 1.0], 2, [2, 1, 1, 1])
    (4.0, 6.0)
    """
    ends = [0.0] * max(slots, 1)
    for width, duration in sorted(zip(widths or [1] * len(seconds), seconds, strict=True), reverse=True):
        if width == 1:
            heapreplace(ends, ends[0] + duration)
        else:  # those of one slot come later, so the ends are in order
            ends = sorted([*ends[width:], *[ends[width - 1] + duration] * width])
    return max(ends)


def estimates(known: Sequence[tuple[int, Forecast | None]]) -> list[float]:
    """Return an estimate of each trial's duration, from its cost in operations and its forecast.

    A cost without a forecast becomes seconds as the others' do; where none has one, the estimates are costs.
    """
    rates = [forecast.seconds / cost for cost, forecast in known if forecast and cost]
    rate = median(rates) if rates else 1.0
    return [forecast.seconds if forecast else rate * cost for cost, forecast in known]


def _timing(
    spec: TrialSpec, row: TrialRow, epochs: int, per_image: float, memory: int | None, processor: str
) -> Timing:
    return Timing(
        processor=processor or host()["processor"],
        backend=spec.backend,
        threads=spec.context.threads,
        network=_digest(spec),
        parameters=row.parameters,
        recipe=_recipe(row),
        epochs=epochs,
        seconds_per_image=per_image,
        anonymous_bytes=memory,
    )


def _nearest(known: Collection[int], wanted: int) -> int:
    """Return the number of some that is nearest, the first of two."""
    return min(known, key=lambda number: abs(number - wanted))


def _digest(spec: TrialSpec) -> str:
    """Return what the time of an image depends on, besides backend and threads."""
    precision = "" if spec.context.precision == "float32" else spec.context.precision
    return checksum(repr(spec.network) + precision)[:16]


def _recipe(row: TrialRow) -> str:
    return checksum([row.basis, row.settings])[:16]


def _read(path: Path) -> Iterable[Timing]:
    """Yield what the file holds; a line that another version wrote, or that was cut off, is passed over."""
    with suppress(OSError), open_regular(path) as file:
        file.seek(0, 2)
        start = max(0, file.tell() - _MOST)
        file.seek(start)
        for line in file.read().splitlines():
            with suppress(ValueError):
                yield _TIMING.validate_json(line, strict=True)
