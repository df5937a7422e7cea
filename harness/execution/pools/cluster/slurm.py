"""A SLURM job script that runs a suite on all nodes of one allocation: scheduler, a worker a node, and the driver."""

from collections.abc import Sequence
from dataclasses import dataclass
from shlex import quote

from harness.execution.pools.cluster.local import QUIET
from harness.suite.shipped import shipped

_SCRIPT = r"""
# Submit this job from the folder where it was printed. SLURM starts it in the folder of submission
# (SLURM_SUBMIT_DIR), and the suite and other relative paths are looked up there.
set -eo pipefail
{setup}
set -u
{present}export {quiet} DASK_LOGGING__DISTRIBUTED=critical
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# SLURM sends SIGTERM before the time limit and at preemption: the driver ends cleanly, and this script resumes.
stopped=""
trap 'stopped=yes' TERM INT

python -m distributed.cli.dask_scheduler --scheduler-file "$scratch/scheduler.json" --port 0 \
    --no-dashboard --dashboard-address :0 &
scheduler=$!
until [ -s "$scratch/scheduler.json" ]; do
    [ -z "$stopped" ] || exit 130
    kill -0 "$scheduler"
    sleep 0.2
done
address=$(python -c 'import json, sys; print(json.load(open(sys.argv[1]))["address"])' "$scratch/scheduler.json")

# Explicit, because the defaults of a site may differ: a worker has this script's variables and all cores of the job on
# its node, and the end of one does not end the others. A Dask worker that gets SIGTERM while the scheduler closes may
# hang: it is killed after 10 seconds.
# shellcheck disable=SC2016 # for the node's shell
srun --export=ALL --cpus-per-task="$SLURM_CPUS_PER_TASK" --kill-on-bad-exit=0 --wait=0 bash -c '
    python -m distributed.cli.dask_worker --name "$SLURMD_NODENAME" "$@" &
    ended() {{ ! kill -0 $! 2>/dev/null; }}
    trap "for _ in {{1..50}}; do ended && exit; sleep 0.2; done; kill -KILL $!" TERM
    wait $!
' worker "$address" --no-nanny --nthreads "$SLURM_CPUS_PER_TASK" --memory-limit 0 \
    --no-dashboard --local-directory "${{TMPDIR:-/tmp}}" &
workers=$!

{command} --cluster "$address" &
driver=$!
while [ -z "$stopped" ] && kill -0 "$driver" 2>/dev/null && kill -0 "$workers" 2>/dev/null; do
    sleep 1 &
    wait $! || true # a signal interrupts it
done
kill -TERM "$driver" 2>/dev/null || true # without workers it could do nothing
while
    wait "$driver" && code=0 || code=$?
    kill -0 "$driver" 2>/dev/null # a further signal interrupted the wait
do :; done
kill "$scheduler" 2>/dev/null || true # it closes the workers
for _ in {{1..50}}; do # what hangs, SLURM ends with this script
    kill -0 "$workers" 2>/dev/null || break
    sleep 0.2
done
exit "$code"
"""

_PRESENT = """[ -f {suite} ] || {{
    printf 'error: no file %s in %s: submit the job from the folder where it was printed\\n' {suite} "$PWD" >&2
    exit 2
}}
"""
"""Without it, the job would start a scheduler and workers first."""


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
    present = "" if suite in shipped() else _PRESENT.format(suite=quote(suite))
    quiet = " ".join(f"{name}={value}" for name, value in QUIET.items())
    command = " ".join(["harness", "run", quote(suite), *map(quote, options)])
    lines = ["#!/bin/bash", *(f"#SBATCH {directive}" for directive in directives)]
    return "\n".join([*lines, _SCRIPT.format(present=present, setup=setup, quiet=quiet, command=command)])
