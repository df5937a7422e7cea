"""A cluster of processes of this machine: ``--cluster local:4``."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import DEVNULL
from tempfile import TemporaryDirectory, gettempdir
from time import monotonic, sleep

from harness.errors import HarnessError
from harness.machine.claims import claimed, remove_unclaimed
from harness.machine.files import read_json
from harness.machine.supervised import Child

_START_SECONDS = 120.0
_FOLDER = "harness-cluster-"
QUIET = {
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "500ms",
    "DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__INTERVAL": "10s",
}
"""Variables without which Dask's processes look at themselves 50 to 100 times a second: four fifths of what they take
while they wait, with two workers 5 % of a core."""
_SCHEDULER = "import sys\nfrom distributed.cli.dask_scheduler import main\nmain(sys.argv[1:])"
_WORKER = "import sys\nfrom distributed.cli.dask_worker import main\nmain(sys.argv[1:])"


@contextmanager
def local_cluster(count: int, say: Callable[[str], None]) -> Iterator[str]:
    """Yield the address of a scheduler on this machine with ``count`` workers of one thread; they end with the block.

    The kernel ends them with this process, however that ends.

    Raises:
        HarnessError: the scheduler does not start.
    """
    remove_unclaimed(Path(gettempdir()).glob(f"{_FOLDER}*"))  # of drivers that were killed
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix=_FOLDER, ignore_cleanup_errors=True)))
        stack.enter_context(claimed(folder))
        about = folder / "scheduler.json"
        options = ["--scheduler-file", str(about), "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
        quiet = {**QUIET, **os.environ}
        scheduler = stack.enter_context(
            Child(_SCHEDULER, *options, "--no-show", environment=quiet, stderr=DEVNULL, deaf=True)
        )
        address = _address(about, scheduler)
        say(f"starting {count} workers on this machine, at {address}")
        for number in range(1, count + 1):
            options = ["--no-nanny", "--nthreads", "1", "--memory-limit", "0", "--no-dashboard"]
            place = ["--name", f"local-{number}", "--local-directory", str(folder)]
            stack.enter_context(Child(_WORKER, address, *options, *place, environment=quiet, stderr=DEVNULL, deaf=True))
        yield address


def _address(about: Path, scheduler: Child) -> str:
    deadline = monotonic() + _START_SECONDS
    while scheduler.exit_code() is None and monotonic() < deadline:
        try:
            return str(read_json(about)["address"])
        except (OSError, ValueError, KeyError):
            sleep(0.05)
    msg = f"--cluster local: its scheduler did not start: {scheduler.ending()}"
    raise HarnessError(msg)
