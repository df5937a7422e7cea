"""The job script of ``harness cluster slurm`` under a real SLURM: two nodes on this machine, and jobs that it ends."""

import os
import re
import shlex
import sys
from collections import Counter
from time import monotonic, sleep

import psutil
import pytest

pytest.importorskip("distributed")

from tests.chaos.contents import content, differences
from tests.clusters import harness
from tests.documents import block
from tests.slurm_nodes import WHY_NOT, slurm
from tests.test_cluster import nodes_of, plugins
from tests.test_cluster_losses import SUITE, WAITS, log_of
from tests.tiny import TINY

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)]
CORES = sorted(os.sched_getaffinity(0))[:2] if sys.platform == "linux" else []
"""What each node has: the same, as both are this machine."""
HERE = ("taskset", "-c", ",".join(map(str, CORES)))
"""The beginning of a command that has the cores of a node: rows say how many."""


@pytest.fixture(scope="module")
def nodes():
    """Yield a SLURM of two nodes."""
    with slurm("node-a", "node-b", cpus=len(CORES)) as daemons:
        yield daemons


@pytest.fixture
def programs(tmp_path):
    """Return the variable PATH with this environment's ``python`` and ``harness``, as a job's setup would find them."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, command in {"python": "", "harness": "-m harness "}.items():
        (folder / name).write_text(f'#!/bin/bash\nexec {shlex.quote(sys.executable)} {command}"$@"\n')
        (folder / name).chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def write_job(folder, suite, *options, **variables):
    """Write a suite and its job script; ``variables``: of the command that prints it."""
    (folder / "s.toml").write_text(suite)
    allocation = ("--nodes", "2", "--cpus", len(CORES), "--time", "1:00:00", "--partition", "normal", *options)
    (folder / "job.sh").write_text(harness("cluster", "slurm", "s.toml", *allocation, cwd=folder, **variables))


def test_a_suite_has_the_bytes_of_a_local_run(nodes, programs, tmp_path):
    """Rows name both nodes; the output has no word of Dask's; lines of ``--setup`` may use unset variables."""
    setup = ("--setup", 'echo "the setup has $UNSET"', "--", "--out", "spread", "--checkpoint", "1s")
    write_job(tmp_path, TINY.replace("seeds = [1]", "seeds = [1, 2, 3]"), *setup)
    harness("run", "s.toml", "--jobs", "2", "--out", "local", cwd=tmp_path, prefix=HERE)
    job = nodes.submit("job.sh", cwd=tmp_path, PATH=programs)
    ended, output = nodes.ended(job), (tmp_path / f"slurm-{job}.out").read_text()
    assert ended == ("COMPLETED", 0), output
    assert differences(content(tmp_path / "local"), content(tmp_path / "spread")) == []
    used, _ = nodes_of(tmp_path / "spread")
    assert set(used) == {"node-a", "node-b"}
    assert output.startswith("the setup has \n")
    assert f"node node-a: {len(CORES)} trial" in output
    assert "distributed" not in output
    assert nodes.left_of(job) == []


def cancelled(nodes, job):
    """Cancel a job, and submit its script again."""
    nodes.call("scancel", job)
    assert nodes.ended(job) == ("CANCELLED", 130)
    return True


def out_of_time(nodes, job):
    """Give a job about two minutes more, and submit its script again: SLURM's signal comes within half a minute.

    SLURM looks at time limits twice a minute, and signals two minutes before one: the job ends long before that.
    """
    hours, minutes, seconds = (int(part) for part in nodes.about(job)["RunTime"].split(":"))
    limit = hours * 60 + minutes + (seconds + 90 + 59) // 60  # in minutes; at least 90 s, less than 150
    nodes.call("scontrol", "update", f"JobId={job}", f"TimeLimit={limit}")
    assert nodes.ended(job) == ("FAILED", 130)
    return True


def preempted(nodes, job):
    """Take a job's nodes for a more urgent one: SLURM requeues it, for two minutes later, and ``scontrol`` for now."""
    urgent = nodes.call("sbatch", "--parsable", "--partition=urgent", "--nodes=2", "--wrap", "true").strip()
    assert nodes.ended(urgent) == ("COMPLETED", 0)
    assert nodes.state(job)[0] == "PENDING"
    return False


def without_a_node(nodes, job):
    """Kill a node of a job: SLURM requeues it once it notices, and ``scontrol`` for now, when the node is back."""
    nodes.lose_node("node-b")
    nodes.until(lambda: nodes.state(job)[0] == "PENDING" and not nodes.processes(SLURM_JOB_ID=job))
    nodes.start_node("node-b")
    nodes.until_idle()
    return False


ENDS = (cancelled, out_of_time, preempted, without_a_node)
INTERRUPTED = "interrupted: finished trials are in spread; the same command resumes\n"


def test_jobs_that_slurm_ends_leave_nothing_and_their_script_resumes(nodes, programs, tmp_path):
    """By one way after the other, in the middle of trials: at the end they have the bytes of an undisturbed run.

    Each start trains one epoch more, and waits in the next.
    """
    path = plugins(tmp_path / "plugins", "waiting-backend", "1.0", WAITS.replace("HERE", repr(str(tmp_path))))
    suite = SUITE.replace("epochs = 2", f"epochs = {len(ENDS) + 2}")
    write_job(tmp_path, suite, "--", "--checkpoint", "0.01s", "--out", "spread", PYTHONPATH=path)
    variables = {"PATH": programs, "PYTHONPATH": path}
    places = [tmp_path / "spread" / "trials" / "A" / f"seed-{seed}" / "checkpoint.npz" for seed in (1, 2)]
    job = nodes.submit("job.sh", cwd=tmp_path, **variables)
    interruptions = Counter()
    for start, ends in enumerate(ENDS, 1):
        output, deadline = tmp_path / f"slurm-{job}.out", monotonic() + 600
        while not all(place.exists() and log_of(place).count("it waits") >= start for place in places):
            assert nodes.state(job)[0] in {"PENDING", "RUNNING"}, output.read_text()
            assert monotonic() < deadline, ends
            sleep(0.3)
        again = ends(nodes, job)
        assert nodes.left_of(job) == [], ends
        interruptions[job] += 1
        assert output.read_text().count(INTERRUPTED) == interruptions[job], (ends, output.read_text())
        assert "Traceback" not in output.read_text()
        if again:
            job = nodes.submit("job.sh", cwd=tmp_path, **variables)
        else:
            nodes.call("scontrol", "update", f"JobId={job}", "StartTime=now")
    (tmp_path / "go").touch()
    ended = nodes.ended(job)
    assert ended == ("COMPLETED", 0), output.read_text()
    for place in places:
        for epoch in range(1, len(ENDS) + 1):
            assert re.search(rf"goes on from its checkpoint after epoch {epoch}\b", log_of(place))
    harness("run", "s.toml", "--jobs", "2", "--out", "local", cwd=tmp_path, prefix=HERE, PYTHONPATH=path)
    assert differences(content(tmp_path / "local"), content(tmp_path / "spread")) == []


def test_the_pages_program_for_dask_jobqueue_has_the_bytes_of_a_local_run(nodes, tmp_path):
    """Smaller, without GPUs, and with another suite: each worker is a job, and none is left."""
    pytest.importorskip("dask_jobqueue")
    program = block("docs/how-to/run-on-a-cluster.md", "python", "SLURM")
    smaller = {
        "cores=16": f"cores={len(CORES)}", '"64GB"': '"1GB"', '    job_extra_directives=["--gpus-per-node=4"],\n': "",
        "source ~/venv/bin/activate": "true", "jobs=8": "jobs=2", "suites/full.toml": "s.toml",
    }  # fmt: skip
    for text, other in smaller.items():
        assert text in program
        program = program.replace(text, other)
    (tmp_path / "program.py").write_text(program)
    (tmp_path / "s.toml").write_text(TINY)
    harness("run", "s.toml", "--jobs", "2", "--out", "local", cwd=tmp_path, prefix=HERE)
    done = nodes.call(*HERE, sys.executable, "-W", "ignore", "program.py", cwd=tmp_path, timeout=600)
    assert differences(content(tmp_path / "local"), content(tmp_path / "runs" / "s")) == [], done
    nodes.until(lambda: set(nodes.call("squeue", "-h", "-o", "%t").split()) <= {"CG"})  # the program cancelled them
    assert len(list(tmp_path.glob("slurm-*.out"))) == 2


def test_a_job_that_does_not_end_is_gone_when_its_slurm_is(tmp_path):
    """A worker may hang when it is cancelled: it must not outlive the fixture, whatever SLURM still waits for."""
    with slurm("node-a", kill_wait=3600) as daemons:
        (tmp_path / "job.sh").write_text("#!/bin/bash\ntrap '' TERM CONT\necho hangs\nwhile :; do sleep 1; done\n")
        job = daemons.submit("job.sh", "--output=job.txt", cwd=tmp_path)
        daemons.until(lambda: (tmp_path / "job.txt").exists() and (tmp_path / "job.txt").read_text())
        daemons.call("scancel", job)
        hanging = daemons.processes(SLURM_JOB_ID=job)
        assert hanging
    assert psutil.wait_procs(hanging, timeout=0)[1] == []
