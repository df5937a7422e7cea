"""Where jobs run: in this process, or in local processes."""

from harness.pools.in_process import InProcess
from harness.pools.processes import Processes
from harness.pools.tasks import Failure, Job, Pool, Task

__all__ = ["Failure", "InProcess", "Job", "Pool", "Processes", "Task"]
