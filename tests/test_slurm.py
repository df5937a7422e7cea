"""The job script that ``harness cluster slurm`` prints: sound, whatever the suite is called, and it runs."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.clusters import environment, harness
from tests.tiny import TINY

OPTIONS = ("--nodes", "2", "--cpus", "1")


def test_the_script_says_what_was_asked_and_is_sound(typed, tmp_path):
    """By bash's own reading and, where it is installed, shellcheck's; names and options are quoted."""
    more = ("--gpus", "4", "--partition", "gpu", "--directive", "--mem=64G", "--setup", "module load python")
    (tmp_path / "a tiny suite.toml").write_text(TINY)
    after = ("--", "--seeds", "1,2", "--out", "my runs/it's")
    text = typed("cluster", "slurm", "a tiny suite.toml", *OPTIONS, *more, *after).out
    for line in (
        "#SBATCH --job-name=harness-a-tiny-suite", "#SBATCH --nodes=2", "#SBATCH --cpus-per-task=1",
        "#SBATCH --gpus-per-node=4", "#SBATCH --partition=gpu", "#SBATCH --mem=64G", "module load python",
    ):  # fmt: skip
        assert line in text.splitlines()
    assert "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED=False DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL=500ms" in text
    assert """harness run 'a tiny suite.toml' --seeds 1,2 --out 'my runs/it'"'"'s' --cluster "$address" &""" in text
    subprocess.run(["bash", "-n"], input=text, text=True, check=True)
    if shutil.which("shellcheck"):
        subprocess.run(["shellcheck", "-"], input=text, text=True, check=True)


def test_options_that_the_script_decides_are_refused(typed):
    """In one line each."""
    answer = typed("cluster", "slurm", "quick", *OPTIONS, "--", "--jobs", "2", code=2).err
    assert answer == "error: --jobs: the script says where trials run. Leave it out\n"
    answer = typed("cluster", "slurm", "quick", *OPTIONS, "--partition", "gpu\nrm -rf x", code=2).err
    assert answer.startswith("error: --partition gpu rm -rf x: not one word of letters, digits and ")
    answer = typed("cluster", "slurm", "missing.toml", *OPTIONS, code=2).err
    assert answer == "error: missing.toml: no such suite file\n"


@pytest.fixture
def job(tmp_path):
    """Return a function that starts the script, with a stand-in for ``srun`` that starts two workers here."""
    pytest.importorskip("distributed")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, body in {
        "srun": 'shift\ntrap \'kill $(jobs -p)\' TERM\n"$@" --name one &\n"$@" --name two &\nwait\n',
        "python": f'exec {sys.executable} "$@"\n',
        "harness": f'exec {sys.executable} -m harness "$@"\n',
    }.items():
        (programs / name).write_text(f"#!/bin/bash\n{body}")
        (programs / name).chmod(0o755)
    path = os.pathsep.join([str(programs), os.environ["PATH"]])
    (tmp_path / "tiny.toml").write_text(TINY)
    text = harness("cluster", "slurm", "tiny.toml", *OPTIONS, "--", "--out", "run", cwd=tmp_path)
    (tmp_path / "job.sh").write_text(text)

    def started(**variables):
        return subprocess.Popen(
            ["bash", "job.sh"], cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=environment(PATH=path, SLURM_CPUS_PER_TASK="1", **variables),
        )  # fmt: skip

    return started


@pytest.mark.slow
def test_the_script_runs_the_suite_is_ended_by_sigterm_and_resumes(job, tmp_path):
    """Exit code 130 and nothing left running; the same script does the rest."""
    first = job()
    deadline = time.monotonic() + 300
    while not list((tmp_path / "run").glob("trials/*/*/row.json")) and first.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    first.send_signal(signal.SIGTERM)
    said, _ = first.communicate(timeout=300)
    assert first.returncode in {0, 130}, said  # it may have been done
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").glob("trials/*/*/state.npz")}
    again = job()
    said, _ = again.communicate(timeout=600)
    assert again.returncode == 0, said
    assert len(list((tmp_path / "run").glob("trials/*/*/state.npz"))) == 3
    assert {path: path.stat().st_mtime_ns for path in kept} == kept  # what was done is not trained again
    here = str(tmp_path).encode()
    left = [path for path in Path("/proc").glob("[0-9]*/cmdline") if here in path.read_bytes()]
    assert not left
