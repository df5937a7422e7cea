"""The inside of a worker process."""

import os
import pickle
import threading
from contextlib import suppress
from queue import SimpleQueue
from time import monotonic
from typing import Any

from harness.errors import one_line
from harness.execution.pools.perform import perform
from harness.machine.channel import Channel, taken_from_standard_streams
from harness.plugins.loading import registry
from harness.trial.tasks import Failure, Task

PROGRAM = "from harness.execution.pools.worker import main; main()"
"""What a worker executes."""


def main() -> None:
    """Perform the tasks that the driver sends, one after the other, until it ends."""
    channel = taken_from_standard_streams()
    channel.greet()
    tasks: SimpleQueue[bytearray] = SimpleQueue()
    threading.Thread(target=_read, args=(channel, tasks), daemon=True).start()
    here = os.getpid()
    _say(channel, "ready", 0, here)
    while True:
        frame = tasks.get()
        number, content = pickle.loads(frame)  # noqa: S301 - our own driver wrote it
        _say(channel, "begun", number, None)
        result = _run(channel, number, content, here)
        if os.getpid() != here:
            os._exit(1)  # a copy of this process, which a plugin has forked and let go on: the original answers
        _say(channel, "done", number, result)


def _say(channel: Channel, kind: str, number: int, content: Any) -> None:
    channel.send(pickle.dumps((kind, number, content), protocol=5))


def _run(channel: Channel, number: int, content: bytes, here: int) -> bytes:
    """Perform a pickled task and return its pickled result: here it can still be said that it has none.

    ``here``: this process, which a plugin may fork: a copy reports nothing.
    """
    try:
        task: Task = pickle.loads(content)  # noqa: S301 - our own driver wrote it
    except BaseException as error:  # noqa: BLE001 - it imports what the task names, which may raise anything
        return pickle.dumps(Failure("failed", f"its task cannot be read: {one_line(error)}"))
    last = 0.0
    waiting: list[Any] = []

    def report(said: Any) -> None:
        nonlocal last
        waiting.append(said)
        if monotonic() - last >= task.report_seconds:
            last = monotonic()
            pass_on()

    def pass_on() -> None:
        together = pickle.dumps(waiting, protocol=5)
        waiting.clear()
        _say(channel, "said", number, together)

    result = perform(task, registry, report, own_process=True)
    if waiting and os.getpid() == here:
        with suppress(Exception):  # pickling a foreign object may raise anything, and a report is best effort
            pass_on()
    try:
        return pickle.dumps(result, protocol=5)
    except Exception as error:  # noqa: BLE001 - pickling a foreign object may raise anything
        return pickle.dumps(Failure("failed", f"its result cannot be passed on: {one_line(error)}"))


def _read(channel: Channel, tasks: "SimpleQueue[bytearray]") -> None:
    """Queue what the driver sends, and end this process when the driver has ended, whatever it is doing."""
    try:
        while True:
            tasks.put(channel.receive())
    except (EOFError, OSError):
        os._exit(1)
