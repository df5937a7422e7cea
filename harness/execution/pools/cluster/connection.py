"""The connection to a cluster: an address, a scheduler file, or processes of this machine."""

import asyncio
import logging
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError, as_typed, one_line
from harness.machine.files import read_json
from harness.machine.host import MOST

if TYPE_CHECKING:
    from distributed import Client

ANSWER_SECONDS = 5.0
"""How long a scheduler may take to answer."""
LOCAL = "local:"
_SCHEDULER = "python -m distributed.cli.dask_scheduler"
_INSTALL = "pip install 'nn-harness[dask]'"


@contextmanager
def connected(address: str, say: Callable[[str], None]) -> "Iterator[Client]":
    """Yield a client of a cluster, and let go of it; local processes end with the block.

    Raises:
        HarnessError: there is no cluster of that address that can be used.
    """
    if find_spec("distributed") is None:
        msg = f"--cluster needs the extra dask: {_INSTALL} installs it"
        raise HarnessError(msg)
    with ExitStack() as stack:
        if address.startswith(LOCAL):
            from harness.execution.pools.cluster.local import local_cluster

            scheduler = stack.enter_context(local_cluster(_count(address), say))
        else:
            scheduler = address if "://" in address else _of_file(address)
        client = _client(scheduler, as_typed(address, 200))
        try:
            yield client
        finally:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                client.close(timeout=2)


def _count(address: str) -> int:
    text = address.removeprefix(LOCAL)
    if text.isdecimal() and 1 <= int(text) <= MOST:
        return int(text)
    msg = f"--cluster {as_typed(address, 80)}: not a number of processes from 1 to {MOST}. Write local:4"
    raise HarnessError(msg)


def _of_file(address: str) -> str:
    """Return the address in a scheduler file.

    Raises:
        HarnessError: it is not one.
    """
    shown = as_typed(address, 200)
    forms = "Give tcp://HOST:PORT, a scheduler file, or local:4"
    if not address.strip():
        msg = f"--cluster '{shown}': an address is missing. {forms}"
        raise HarnessError(msg)
    try:
        content: Any = read_json(Path(address))
    except OSError as error:
        msg = f"--cluster {shown}: {error.strerror}. {forms}"
        raise HarnessError(msg) from None
    except ValueError:
        content = None
    scheduler = content.get("address") if isinstance(content, dict) else None
    if not isinstance(scheduler, str) or "://" not in scheduler:
        writes = f"'{_SCHEDULER} --scheduler-file FILE' writes"
        msg = f"--cluster {shown}: not a scheduler file, which {writes}. {forms}"
        raise HarnessError(msg)
    return scheduler


async def _shake_hands(scheduler: str) -> None:
    """Connect once, within `ANSWER_SECONDS`: Dask's client waits for ever where a port is open and nothing answers."""
    from distributed import Security
    from distributed.comm.core import connect

    comm: Any = await asyncio.wait_for(
        connect(scheduler, timeout=ANSWER_SECONDS, **Security().get_connection_args("client")), ANSWER_SECONDS
    )
    comm.abort()


def _client(scheduler: str, shown: str) -> "Client":
    from distributed import Client

    # What Dask logs of lost connections, harness says in one line.
    for name in ("distributed", "distributed.client", "distributed.gc", "tornado.application"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Dask's, of versions: compared below
        try:
            with ThreadPoolExecutor(1) as thread:  # in a notebook this one has a loop that runs
                thread.submit(asyncio.run, _shake_hands(scheduler)).result()
            client = Client(scheduler, timeout=ANSWER_SECONDS, set_as_default=False, name="harness")
        except ImportError as error:
            msg = f"--cluster {shown}: {one_line(error)}"
            raise HarnessError(msg) from None
        except Exception as error:  # whatever Dask raises for an address that is none, or no scheduler's
            # MemoryError: Dask takes what another protocol says for a length.
            if not isinstance(error, OSError | TimeoutError | MemoryError):
                msg = f"--cluster {shown}: no Dask scheduler can be reached there: {one_line(error)}"
                raise HarnessError(msg) from error
            msg = (
                f"--cluster {shown}: no Dask scheduler answered within {ANSWER_SECONDS:g} s. "
                f"'{_SCHEDULER}' starts one and prints its address"
            )
            raise HarnessError(msg) from error
    try:
        theirs = client.run_on_scheduler(version, "distributed")
    except Exception as error:
        client.close(timeout=2)
        msg = f"--cluster {shown}: its scheduler does not say which version it is: {one_line(error)}"
        raise HarnessError(msg) from error
    ours = version("distributed")
    if theirs != ours:
        client.close(timeout=2)
        msg = (
            f"--cluster {shown}: its scheduler has distributed {theirs}, and this environment {ours}. "
            "Install the same version in both"
        )
        raise HarnessError(msg)
    return client
