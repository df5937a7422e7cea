"""Which pool a command's jobs run in."""

from collections.abc import Iterator
from contextlib import contextmanager

from harness.execution.pools.in_process import InProcess
from harness.execution.pools.pool import Pool
from harness.execution.pools.processes import Processes
from harness.machine.host import cores
from harness.plugins.loading import Registry


@contextmanager
def pool_of(jobs: int | None, threads: int, registry: Registry) -> Iterator[Pool]:
    """Yield a pool of ``jobs`` processes, by default as many as the cores have room for; it stops after the block.

    ``jobs`` 0: this process itself, whose jobs are given ``registry``.
    """
    slots = max(1, cores() // threads) if jobs is None else jobs
    pool: Pool = Processes(slots) if slots else InProcess(registry)
    try:
        yield pool
    finally:
        pool.stop()
