"""Where jobs run: in this process, or in local processes."""

from harness.execution.pools.in_process import InProcess
from harness.execution.pools.pool import Pool
from harness.execution.pools.processes import Processes
from harness.trial.tasks import Failure, Job, Task

__all__ = ["Failure", "InProcess", "Job", "Pool", "Processes", "Task"]
