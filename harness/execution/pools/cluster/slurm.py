"""A SLURM job script that runs a suite on all nodes of one allocation: scheduler, a worker a node, and the driver."""

from collections.abc import Sequence
from dataclasses import dataclass
from shlex import quote

from harness.execution.pools.cluster.local import QUIET

_SCRIPT = r"""
set -euo pipefail
{setup}
export {quiet}
scratch=$(mktemp -d)
stopped=""
# SLURM sends SIGTERM before the time limit and at preemption: the driver ends cleanly, and this script resumes.
trap 'stopped=yes; kill -TERM ${{driver:-}} 2>/dev/null || true' TERM INT

python -m distributed.cli.dask_scheduler --scheduler-file "$scratch/scheduler.json" --port 0 --no-dashboard &
scheduler=$!
until [ -s "$scratch/scheduler.json" ]; do
    kill -0 "$scheduler"
    sleep 0.2
done
address=$(python -c 'import json, sys; print(json.load(open(sys.argv[1]))["address"])' "$scratch/scheduler.json")

srun --kill-on-bad-exit=0 python -m distributed.cli.dask_worker "$address" --no-nanny \
    --nthreads "$SLURM_CPUS_PER_TASK" --memory-limit 0 --no-dashboard --local-directory "${{TMPDIR:-/tmp}}" &
workers=$!

{command} --cluster "$address" &
driver=$!
[ -z "$stopped" ] || kill -TERM "$driver"
wait "$driver" && code=0 || code=$?
if [ -n "$stopped" ]; then # the signal interrupted the wait
    wait "$driver" && code=0 || code=$?
fi
kill "$scheduler" 2>/dev/null || true # it closes the workers; one that is ended beside it may hang
wait "$scheduler" "$workers" 2>/dev/null || true
rm -rf "$scratch"
exit "$code"
"""


@dataclass(frozen=True)
class Allocation:
    """What is asked of SLURM; ``cpus`` and ``gpus`` of each node, ``time`` as SLURM has it: ``12:00:00``."""

    nodes: int
    cpus: int
    gpus: int = 0
    time: str = "24:00:00"
    partition: str | None = None
    account: str | None = None
    directives: Sequence[str] = ()
    """More options of ``sbatch``, each with its dashes: ``--mem=64G``."""
    setup: Sequence[str] = ()
    """Lines of shell that come first: ``module load python``."""


def job_script(name: str, suite: str, options: Sequence[str], allocation: Allocation) -> str:
    """Return a script for ``sbatch``; ``options``: those of ``harness run`` beside the cluster's."""
    directives = [
        f"--job-name={name}",
        f"--nodes={allocation.nodes}",
        "--ntasks-per-node=1",
        f"--cpus-per-task={allocation.cpus}",
        *([f"--gpus-per-node={allocation.gpus}"] if allocation.gpus else []),
        f"--time={allocation.time}",
        *([f"--partition={allocation.partition}"] if allocation.partition else []),
        *([f"--account={allocation.account}"] if allocation.account else []),
        "--signal=B:TERM@120",
        "--requeue",
        "--open-mode=append",
        *allocation.directives,
    ]
    setup = "".join(f"{line}\n" for line in allocation.setup)
    quiet = " ".join(f"{name}={value}" for name, value in QUIET.items())
    command = " ".join(["harness", "run", quote(suite), *map(quote, options)])
    lines = ["#!/bin/bash", *(f"#SBATCH {directive}" for directive in directives)]
    return "\n".join([*lines, _SCRIPT.format(setup=setup, quiet=quiet, command=command)])
