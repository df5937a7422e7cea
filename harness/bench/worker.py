"""The inside of a process that measures one case: it makes it ready, then runs it on request."""

import os
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import perf_counter, process_time

from harness.bench.cases import Case
from harness.bench.measurements import Measurement
from harness.bench.memory import PeakMemory
from harness.bench.pace import spin_up
from harness.bench.prepared import UnavailableError, prepare
from harness.datasets.cache import CachedDataset
from harness.errors import one_line
from harness.machine.channel import Channel, taken_from_standard_streams
from harness.machine.contention import Waiting
from harness.plugins.loading import Registry, registry

PROGRAM = "from harness.bench.worker import main; main()"
"""What the process executes."""


@dataclass(frozen=True)
class Built:
    """The network is built: the process has started."""


@dataclass(frozen=True)
class Ready:
    """The case is warm."""

    measurement: Measurement
    """With the seconds of the warm-up, which are no result."""
    peak_anonymous_bytes: int | None
    kernels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Ran:
    """A run: when it began and ended by a clock that all processes share, and how it went with the cores."""

    started: float
    ended: float
    cpu: float
    """Seconds that its threads worked."""
    waited: float | None
    """The share of their time for which they were ready and had none."""
    repeats: int = 1
    """How often it did the case's work."""


@dataclass(frozen=True)
class Refused:
    """The case cannot run here: what `UnavailableError` says."""

    reason: str
    everywhere: bool


@dataclass(frozen=True)
class Failed:
    """What it raised, in one line."""

    reason: str


Message = Built | Ready | Ran | Refused | Failed


def main() -> None:
    """Make the case ready that the driver sends, and run it at every time that it sends then, until it ends."""
    channel = taken_from_standard_streams()
    os.dup2(2, 1)  # what a library prints goes to the terminal
    channel.greet()
    case, dataset = pickle.loads(channel.receive())  # noqa: S301 - our own driver wrote it
    try:
        _serve(channel, registry(), case, dataset)
    except UnavailableError as error:
        _say(channel, Refused(error.reason, error.everywhere))
    except (EOFError, BrokenPipeError):
        pass  # the driver has all that it wants, or has ended
    except BaseException as error:  # noqa: BLE001 - whatever a backend raises is its own case's result
        _say(channel, Failed(one_line(error)))


def _say(channel: Channel, message: Message) -> None:
    channel.send(pickle.dumps(message, protocol=5))


def _serve(channel: Channel, plugins: Registry, case: Case, dataset: CachedDataset) -> None:
    with PeakMemory() as memory:
        prepared = prepare(case, plugins, dataset=dataset, built=lambda: _say(channel, Built()))
    with prepared:
        _say(channel, Ready(prepared.measured([1.0]), memory.bytes, prepared.kernels))
        while True:
            start: float = pickle.loads(channel.receive())  # noqa: S301 - our own driver wrote it
            waiting, worked = Waiting(), process_time()
            while perf_counter() < start:
                pass  # awake when its time comes, as another process of the same case is
            if prepared.accelerated:
                spin_up(prepared.run)
            started = perf_counter()
            for _ in range(prepared.repeats):
                prepared.run()
            ended = perf_counter()
            _say(channel, Ran(started, ended, process_time() - worked, waiting.share(), prepared.repeats))
