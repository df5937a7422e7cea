"""A SLURM of this machine, for tests: munged, slurmctld, and a slurmd for each node, in a folder, on free ports."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests.clusters import START_SECONDS, environment

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
MISSING = [program for program in PROGRAMS if not shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")]
WHY_NOT = f"needs {', '.join(MISSING)}" if MISSING else "needs root" if os.geteuid() else ""
"""Why no SLURM can be started here; empty: one can."""
CONFIGURATION = """
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/affinity
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
SlurmdParameters=config_overrides
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
KillWait={kill_wait}
SlurmdTimeout=10
ReturnToService=2
MpiDefault=none
{nodes}
PartitionName=normal Nodes=ALL Default=YES PriorityTier=1 MaxTime=INFINITE
PartitionName=urgent Nodes=ALL PriorityTier=2 MaxTime=INFINITE
"""


class Slurm:
    """The daemons, and the commands that speak to them. ``folder`` has a short path: sockets need one."""

    def __init__(self, folder, nodes, cpus, kill_wait):
        self.folder = folder
        self.nodes = nodes
        self.daemons = []
        self._slurmds = {}
        self.variables = {
            "SLURM_CONF": str(folder / "slurm.conf"), "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin",
        }  # fmt: skip
        host = socket.gethostname().partition(".")[0]
        controller_port, *ports = free_ports(1 + len(nodes))
        about = f"NodeHostname={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=64000 State=UNKNOWN"
        lines = [f"NodeName={name} Port={port} {about}" for name, port in zip(nodes, ports, strict=True)]
        text = CONFIGURATION.format(
            host=host, controller_port=controller_port, folder=folder, kill_wait=kill_wait, nodes="\n".join(lines)
        )
        (folder / "slurm.conf").write_text(text)
        (folder / "state").mkdir()

    def start(self):
        """Start the daemons, and wait until every node is idle."""
        key = self.folder / "munge.key"
        key.touch(0o400)
        key.write_bytes(os.urandom(128))
        files = [f"--{name}-file={self.folder}/munge.{name}" for name in ("key", "pid", "log", "seed")]
        # --force: the folder of a test is closed to others
        self._daemon("munged", "--foreground", "--force", f"--socket={self.folder}/munge.socket", *files)
        self.until((self.folder / "munge.socket").exists)
        self._daemon("slurmctld", "-D", "-i")
        for name in self.nodes:
            self.start_node(name)
        self.until_idle()

    def start_node(self, name):
        """Start the daemon of a node."""
        self._slurmds[name] = self._daemon("slurmd", "-D", "-N", name)

    def lose_node(self, name):
        """Kill the daemon of a node and all that runs there, as a loss of power does; return once SLURM knows."""
        slurmd = self._slurmds.pop(name)
        self.daemons.remove(slurmd)
        slurmd.kill()
        slurmd.wait()
        tasks = self.processes(SLURMD_NODENAME=name)
        parents = {psutil.Process(process.pid).parent() for process in tasks}
        self.kill([*(parent for parent in parents if parent and parent.name() == "slurmstepd"), *tasks])
        self.until(lambda: self.call("sinfo", "-h", "-N", "-n", name, "-p", "normal", "-o", "%T").strip() == "down*")

    def until_idle(self):
        """Wait until every node is idle."""
        idle = ["idle"] * len(self.nodes)
        self.until(lambda: self.call("sinfo", "-h", "-N", "-p", "normal", "-o", "%T", code=None).split() == idle)

    def processes(self, **variables):
        """Return the processes of this SLURM's jobs, those alone that have some variables."""
        needed = {"SLURM_CONF": self.variables["SLURM_CONF"], **variables}.items()
        processes = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                environ = process.environ()
                if "SLURM_JOB_ID" in environ and needed <= environ.items() and process.status() != psutil.STATUS_ZOMBIE:
                    processes.append(process)
        return processes

    def left_of(self, job):
        """Return what runs in a job after 30 seconds; sooner if nothing does: SLURM ends what its script left."""
        deadline = time.monotonic() + 30
        while (processes := self.processes(SLURM_JOB_ID=job)) and time.monotonic() < deadline:
            time.sleep(0.2)
        return processes

    def kill(self, processes):
        """Kill processes, and wait until they have gone."""
        for process in processes:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(processes, timeout=START_SECONDS)

    def stop(self):
        """End all jobs and whatever they have left, and then the daemons.

        A job that was cancelled and does not end has its processes killed here: SLURM waits for `KillWait`, and a
        process whose SLURM has gone would stay for ever.
        """
        with suppress(AssertionError, subprocess.TimeoutExpired):
            self.call("scancel", "--signal=KILL", "--full", "--user=root", code=None)
            self.call("scancel", "--user=root", code=None)
            self.kill(self.processes())
            self.until_empty()
        self.kill(self.processes())
        for daemon in reversed(self.daemons):
            daemon.send_signal(signal.SIGTERM)
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()

    def call(self, *command, code=0, cwd=None, timeout=60, **variables):
        """Run a command of SLURM's; return what it printed."""
        done = subprocess.run(
            command, cwd=cwd or self.folder, capture_output=True, text=True, check=False, timeout=timeout,
            env=environment(**(self.variables | variables)),
        )  # fmt: skip
        assert code is None or done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def submit(self, script, *options, cwd, **variables):
        """Submit a script; return the number of its job."""
        return self.call("sbatch", "--parsable", *options, script, cwd=cwd, **variables).strip()

    def about(self, job):
        """Return what SLURM says of a job."""
        return dict(part.partition("=")[::2] for part in self.call("scontrol", "show", "job", job).split())

    def state(self, job):
        """Return the state of a job, as ``RUNNING``, and the exit code of its script."""
        about = self.about(job)
        return about["JobState"], int(about["ExitCode"].partition(":")[0])

    def ended(self, job, seconds=600):
        """Wait until a job has ended; return its state and its exit code."""
        self.until(lambda: self.state(job)[0] not in {"PENDING", "RUNNING", "COMPLETING", "CONFIGURING"}, seconds)
        self.until(lambda: not self.call("squeue", "-h", "-j", job, code=None), seconds)  # its last process too
        return self.state(job)

    def until_empty(self):
        """Wait until no job is left."""
        self.until(lambda: not self.call("squeue", "-h"))

    def _daemon(self, *command):
        with (self.folder / f"{command[0]}.txt").open("ab") as log:
            variables = environment(**self.variables)
            daemon = subprocess.Popen(command, stdout=log, stderr=log, env=variables, cwd=self.folder)
        self.daemons.append(daemon)
        return daemon

    def until(self, reached, seconds=START_SECONDS):
        """Wait until something is so, while the daemons run."""
        deadline = time.monotonic() + seconds
        while not reached():
            ended = [daemon.args[0] for daemon in self.daemons if daemon.poll() is not None]
            assert not ended, f"{ended} ended: {self.logs()}"
            assert time.monotonic() < deadline, self.logs()
            time.sleep(0.25)  # most of these questions are a process of SLURM's

    def logs(self):
        """Return the ends of the daemons' logs."""
        return "\n".join(f"{path.name}:\n{path.read_text()[-2000:]}" for path in self.folder.glob("*.txt"))


def free_ports(count):
    """Return ports that nothing listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for listening in sockets:
        listening.bind(("", 0))
    ports = [listening.getsockname()[1] for listening in sockets]
    for listening in sockets:
        listening.close()
    return ports


@contextmanager
def slurm(*nodes, cpus=1, kill_wait=120):
    """Yield a SLURM with nodes of these names; ``kill_wait``: seconds from its first signal to a job to its last."""
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    daemons = Slurm(folder, nodes, cpus, kill_wait)
    try:
        daemons.start()
        yield daemons
    finally:
        daemons.stop()
        shutil.rmtree(folder, ignore_errors=True)
