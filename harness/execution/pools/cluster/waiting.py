"""Waiting for what Dask does, which never ends once the scheduler has gone."""

import os
import threading
from asyncio import CancelledError
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any

from harness.errors import one_line

if TYPE_CHECKING:
    from distributed import Client, Future

CONNECTED = "running"
"""The status of a client whose scheduler answers. Without it no future ends, and none that is submitted begins."""
DASK_ERRORS = (Exception, CancelledError)
"""What a call of Dask may raise: where its loop ends meanwhile, what is no `Exception` either."""
PATIENCE = "HARNESS_CLUSTER_PATIENCE"
"""The variable with the seconds that are waited, while nothing runs, for a node that can run what waits."""
SECONDS = 60.0
"""The seconds without it."""
_LOOK_SECONDS = 0.25
_RESULT_SECONDS = (5.0, 20.0, 60.0, 215.0)
"""How long a result may take to come, try by try: it is small, and a link may be slow."""


class GoneError(Exception):
    """A node does not answer any more."""


def await_future(
    client: "Client",
    future: "Future[Any]",
    gone: Sequence[threading.Event] = (),
    seconds: float = float("inf"),
    further: Callable[[], bool] = lambda: False,
) -> None:
    """Wait until a future has ended, however that is.

    ``further``: asked when the seconds are over, whether to wait as long again.

    Raises:
        GoneError: one of ``gone`` is set, the scheduler has gone, or it takes longer than ``seconds``.
    """
    ended = threading.Event()
    future.add_done_callback(lambda _future: ended.set())
    deadline = monotonic() + seconds
    while not ended.wait(_LOOK_SECONDS):
        connected = client.status == CONNECTED
        if connected and not any(event.is_set() for event in gone):
            if monotonic() < deadline:
                continue
            if further():
                deadline = monotonic() + seconds
                continue
        if connected:
            with suppress(*DASK_ERRORS):
                future.cancel()
        raise GoneError("the scheduler has gone" if not connected else "")


def result_of(future: "Future[Any]", gone: Sequence[threading.Event]) -> Any:
    """Return the result of a future that has ended.

    Raises:
        GoneError: it does not come, as where the worker that has it leaves now: Dask would wait for another one.
    """
    for seconds in _RESULT_SECONDS:
        try:
            return future.result(timeout=seconds)
        except TimeoutError as error:
            if any(event.is_set() for event in gone) or seconds == _RESULT_SECONDS[-1]:
                raise GoneError(one_line(error)) from error
        except DASK_ERRORS as error:
            raise GoneError(one_line(error)) from error
    raise GoneError


def patience() -> float:
    """Return the seconds that are waited for a node."""
    with suppress(ValueError):
        return max(float(os.environ.get(PATIENCE, "")), 0.0)
    return SECONDS
