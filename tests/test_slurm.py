"""The job script that ``harness cluster slurm`` prints: sound, whatever the suite is called, and it runs without SLURM.

`tests.test_slurm_real` has it under a real one.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.execution.pools.cluster.local import QUIET
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
    assert all(f"{name}={value}" in text for name, value in QUIET.items())
    assert """harness run 'a tiny suite.toml' --seeds 1,2 --out 'my runs/it'"'"'s' --cluster "$address" &""" in text
    subprocess.run(["bash", "-n"], input=text, text=True, check=True)
    if shutil.which("shellcheck"):
        subprocess.run(["shellcheck", "-"], input=text, text=True, check=True)


def test_options_that_the_script_decides_are_refused(typed):
    """In one line each, as are options that ``harness run`` has not."""
    for argument, message in {
        "-j2": "--jobs: the script says where trials run. Leave it out",
        "--cluster=local:2": "--cluster: the script says where trials run. Leave it out",
        "--fresh": "--fresh: a job that SLURM requeues would begin anew. Leave it out",
        "--threads=x": "--threads x: not a whole number from 1 to 4096, nor auto",
    }.items():
        assert typed("cluster", "slurm", "quick", *OPTIONS, "--", argument, code=2).err == f"error: {message}\n"
    assert typed("cluster", "slurm", "quick", *OPTIONS, "--", "--sedes=1", code=2).err.count("\n") == 1
    message = typed("cluster", "slurm", "quick", *OPTIONS, "--partition", "gpu\nrm -rf x", code=2).err
    assert message.startswith("error: --partition gpu rm -rf x: not one word of letters, digits and ")


MISTAKES = {
    ("tiny.tml",): "tiny.tml: no such file. Did you mean 'tiny.toml'?",
    ("tinny",): "tinny: no such file, and no suite of that name. ",
    ("syntax.toml",): "syntax.toml: not TOML: ",
    ("key.toml",): "key.toml: experiments.A.epoch: unknown key 'epoch'. Did you mean 'epochs'?",
    ("tiny.toml", "--time", "abc"): "--time abc: not a time limit of SLURM. Write minutes, hours:minutes:seconds or ",
    ("tiny.toml", "--time", "1-"): "--time 1-: not a time limit of SLURM. ",
    ("tiny.toml", "--time", "1:2:3:4"): "--time 1:2:3:4: not a time limit of SLURM. ",
    ("tiny.toml", "--", "--set", "defaults.epoch=1"): "--set defaults.epoch=1: ",
    ("tiny.toml", "--", "--only", "M9"): "--only M9: matches no experiment. ",
    ("tiny.toml", "--", "--seeds", "one"): "--seeds one: not whole numbers. ",
    ("tiny.toml", "--", "--timeout", "soon"): "--timeout: 'soon' is not a duration. Write ",
    ("tiny.toml", "--", "--threads", "auto"): "--threads auto beside --cluster: ",
}


@pytest.mark.parametrize("words", MISTAKES)
def test_what_the_job_would_refuse_is_refused_when_it_is_printed(typed, tmp_path, words):
    """In one line, which says what to do; nothing is printed that could be submitted."""
    (tmp_path / "tiny.toml").write_text(TINY)
    (tmp_path / "syntax.toml").write_text(TINY + "[")
    (tmp_path / "key.toml").write_text(TINY.replace("[experiments.A]", "[experiments.A]\nepoch = 1"))
    at = words.index("--") if "--" in words else len(words)
    printed = typed("cluster", "slurm", *words[:at], *OPTIONS, *words[at:], code=2)
    assert printed.out == ""
    assert printed.err.startswith(f"error: {MISTAKES[words]}")
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize("limit", ["90", "90:30", "12:00:00", "2-12", "2-12:30", "2-12:30:15"])
def test_every_time_format_of_slurm_is_taken(typed, limit):
    """Those that ``man sbatch`` lists."""
    assert f"#SBATCH --time={limit}\n" in typed("cluster", "slurm", "quick", *OPTIONS, "--time", limit).out


def test_a_job_without_its_suite_says_so_before_it_starts_anything(typed, tmp_path):
    """Submitted from another folder; a shipped suite is found from everywhere."""
    (tmp_path / "it's tiny.toml").write_text(TINY)
    text = typed("cluster", "slurm", "it's tiny.toml", *OPTIONS).out
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    ended = subprocess.run(["bash"], input=text, text=True, cwd=elsewhere, capture_output=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"error: no file it's tiny.toml in {elsewhere}: submit the job from the folder ")
    assert "no file" not in typed("cluster", "slurm", "quick", *OPTIONS).out


@pytest.fixture
def job(tmp_path):
    """Return a function that starts the script, with a stand-in for ``srun`` that starts two workers here."""
    pytest.importorskip("distributed")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, body in {
        "srun": "while [[ $1 = --* ]]; do shift; done\ntrap 'kill $(jobs -p)' TERM\n"
        'SLURMD_NODENAME=one "$@" &\nSLURMD_NODENAME=two "$@" &\nwait\n',
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
    output, _ = first.communicate(timeout=300)
    assert first.returncode in {0, 130}, output  # it may have been done
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").glob("trials/*/*/state.npz")}
    again = job()
    output, _ = again.communicate(timeout=600)
    assert again.returncode == 0, output
    assert len(list((tmp_path / "run").glob("trials/*/*/state.npz"))) == 3
    assert {path: path.stat().st_mtime_ns for path in times} == times  # what was done is not trained again
    here = str(tmp_path).encode()
    left = [path for path in Path("/proc").glob("[0-9]*/cmdline") if here in path.read_bytes()]
    assert not left
