"""Where jobs run: in this process, in local processes, or on the nodes of a cluster."""

from harness.execution.pools.in_process import InProcess
from harness.execution.pools.pool import Pool
from harness.execution.pools.processes import Processes
from harness.trial.tasks import Failure, Job, Task

__all__ = ["Failure", "InProcess", "Job", "Pool", "Processes", "Task"]
