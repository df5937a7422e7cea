"""The agent: the Dask task that has a job done on its node, by a local process."""

import pickle
from pathlib import Path
from typing import Any

from harness.errors import one_line, printable
from harness.execution.pools.cluster.blocks import SMALL_BYTES, inline, piece
from harness.execution.pools.cluster.lending import unpacked
from harness.execution.pools.cluster.orders import LOG, Order, Piece, Returned
from harness.execution.pools.cluster.session import PASS_ON_SECONDS, session_of
from harness.execution.pools.perform import full_disk
from harness.machine.files import write_bytes
from harness.trial.tasks import Failure, Task

RESULT = "result.pickle"


def perform_order(order: Order) -> Returned:
    """Have a job done and return what came of it; what is large stays here until the driver has fetched it."""
    session = session_of(order.topic)
    if session is None:
        return Returned(None)
    folder = Path(order.folder)
    log = folder / LOG
    task = Task(unpacked, order.content, order.title, log, order.timeout, order.isolated, PASS_ON_SECONDS)
    files: dict[str, Piece] = {}
    said: tuple[bytes, ...] = ()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with session.attending(order) as under:
            result = session.lender.run(order.key, task, under.say)
        said = under.rest()
        if result is None and session.over.is_set():
            return Returned(None)
        files = {name: piece(folder / name) for name in order.writes if (folder / name).is_file()}
        kept = _kept(result if type(result) is bytes else _pickled(result), folder / RESULT)
    except OSError as error:
        if session.over.is_set():  # its folder has gone with it
            return Returned(None)
        reason = printable(f"node {session.node}: {full_disk(error, log) or one_line(error)}")
        kept = inline(folder / RESULT, _pickled(Failure("failed", reason)))
    return Returned(kept, piece(log) if log.is_file() else None, files, said)


def _pickled(result: Any) -> bytes:
    return pickle.dumps(result, protocol=5)


def _kept(content: bytes, path: Path) -> Piece:
    if len(content) <= SMALL_BYTES:
        return inline(path, content)
    write_bytes(path, content, durable=False)
    return piece(path)
