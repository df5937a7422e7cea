"""Waiting for what Dask does, which never ends once the scheduler has gone."""

import os
import threading
from asyncio import CancelledError
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any

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


class GoneError(Exception):
    """A node does not answer any more."""


def await_future(
    client: "Client", future: "Future[Any]", gone: Sequence[threading.Event] = (), seconds: float = float("inf")
) -> None:
    """Wait until a future has ended, however that is.

    Raises:
        GoneError: one of ``gone`` is set, the scheduler has gone, or it takes longer than ``seconds``.
    """
    ended = threading.Event()
    future.add_done_callback(lambda _future: ended.set())
    deadline = monotonic() + seconds
    while not ended.wait(_LOOK_SECONDS):
        connected = client.status == CONNECTED
        if connected and not any(event.is_set() for event in gone) and monotonic() < deadline:
            continue
        if connected:
            with suppress(*DASK_ERRORS):
                future.cancel()
        raise GoneError("the scheduler has gone" if not connected else "")


def patience() -> float:
    """Return the seconds that are waited for a node."""
    with suppress(ValueError):
        return max(float(os.environ.get(PATIENCE, "")), 0.0)
    return SECONDS
