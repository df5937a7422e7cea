"""The agent: the Dask task that has a job done on its node, by a local process."""

import pickle
from pathlib import Path

from harness.execution.pools.cluster.blocks import SMALL_BYTES, piece
from harness.execution.pools.cluster.lending import unpacked
from harness.execution.pools.cluster.orders import LOG, Order, Piece, Returned
from harness.execution.pools.cluster.session import session_of
from harness.trial.tasks import Failure, Task

RESULT = "result.pickle"


def perform_order(order: Order) -> Returned:
    """Have a job done and return what came of it; what is large stays here until the driver has fetched it."""
    session = session_of(order.topic)
    if session is None:
        return Returned(None)
    folder = Path(order.folder)
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / LOG
    task = Task(unpacked, order.content, order.title, log, order.timeout, order.isolated)
    with session.attending(order) as under:
        result = session.lender.run(order.key, task, under.say)
    if result is None and session.over.is_set():
        return Returned(None)
    well = not isinstance(result, Failure)
    files = {name: piece(folder / name) for name in order.writes if well and (folder / name).is_file()}
    return Returned(_kept(result, folder), piece(log) if log.is_file() else None, files)


def _kept(result: object, folder: Path) -> Piece:
    content = pickle.dumps(result, protocol=5)
    path = folder / RESULT
    path.write_bytes(content)
    found = piece(path)
    if len(content) <= SMALL_BYTES:
        path.unlink()
    return found
