"""The inside of a worker process."""

import os
import pickle
import threading
from multiprocessing import parent_process
from multiprocessing.connection import Client, Connection
from time import monotonic
from typing import Any

from harness.errors import one_line
from harness.plugins import DISABLE
from harness.pools.perform import perform
from harness.pools.tasks import Failure, Task

REPORT_SECONDS = 0.1
"""A job's reports are passed on at most this often."""

_driver: Connection | None = None


def start(address: str, key: bytes, slot: int, third_party: bool) -> None:
    """Prepare a new worker: end with the driver, however that ends, and tell it what goes on.

    ``third_party``: whether it may load third-party plugins.
    """
    if not third_party:
        os.environ[DISABLE] = f"{os.environ.get(DISABLE, '')},*"
    threading.Thread(target=_end_with_parent, daemon=True).start()
    global _driver  # noqa: PLW0603 - a process has one driver
    _driver = Client(address, authkey=key)
    _driver.send((slot, os.getpid()))


def run(task: Task, number: int) -> bytes:
    """Perform a task and return its pickled result: here it can still be said that it has none."""
    last = 0.0

    def report(said: Any) -> None:
        nonlocal last
        if monotonic() - last >= REPORT_SECONDS and _driver is not None:
            last = monotonic()
            _driver.send((number, said))

    result = perform(task, report, own_process=True)
    try:
        return pickle.dumps(result, protocol=5)
    except Exception as error:  # noqa: BLE001 - pickling a foreign object may raise anything
        return pickle.dumps(Failure("failed", f"its result cannot be passed on: {one_line(error)}"))


def _end_with_parent() -> None:
    parent = parent_process()
    if parent:
        parent.join()
    os._exit(1)
