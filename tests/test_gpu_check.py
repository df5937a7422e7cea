"""The check of a GPU machine: what it explains, what it leaves when it is cut off, and what counts as well."""

import json
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "scripts" / "gpu-check.sh"


@pytest.fixture
def gpu_check(monkeypatch):
    """Return the script as a module."""
    monkeypatch.syspath_prepend(ROOT / "scripts")
    for name in ("gpu_check", "gpu_report"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import gpu_check

    return gpu_check


def script(*arguments):
    return subprocess.run(["bash", SCRIPT, *arguments], capture_output=True, text=True, check=False)


def test_the_script_explains_itself():
    """--help says what it does, what it leaves and how it ends; a wrong command says what is wrong, and the same."""
    printed = script("--help")
    assert printed.returncode == 0
    assert printed.stdout.startswith("Everything that a machine with a GPU should run")
    for text in (
        "scripts/gpu-check.sh [--cpu] [WHEELS_DIR] OUT_DIR",
        "results/gpu/NAME",
        "Exit code 0",
        "PYTHON names",
    ):
        assert text in printed.stdout
    assert "set -euo" not in printed.stdout
    for arguments, why in {
        (): "name the folder for the results",
        ("--gpu", "x"): "there is no option --gpu",
        ("/nowhere", "x"): "/nowhere: there is no such folder of wheels",
        ("a", "b", "c"): "two folders at most, not 3",
    }.items():
        wrong = script(*arguments)
        assert wrong.returncode == 2
        assert wrong.stderr.startswith(f"gpu-check.sh: {why}\n")
        assert printed.stdout in wrong.stderr


def test_without_a_device_nothing_runs(gpu_check, tmp_path):
    """Exit code 1, a JSON and a page that say why, and what would do."""
    if gpu_check.cuda_devices()[0]:
        pytest.skip("there is a CUDA device here")
    done = script(tmp_path)
    assert done.returncode == 1
    assert "no CUDA device is here: " in done.stderr
    assert "Run this where nvidia-smi shows a GPU, or rehearse with --cpu" in done.stderr
    document = json.loads((tmp_path / "gpu-check.json").read_text())
    assert not document["all_well"]
    assert "steps" not in document
    assert "no CUDA device is here" in (tmp_path / "summary.md").read_text()
    devices = subprocess.run(
        [sys.executable, ROOT / "scripts" / "gpu_check.py", "--devices"], capture_output=True, text=True, check=False
    )
    assert devices.returncode == 1
    assert devices.stdout.startswith("no CUDA device is here")


def checked(gpu_check, monkeypatch, out, steps, *, seconds=60.0, require=(), cpu=True):
    monkeypatch.setattr(gpu_check, "steps", lambda _out, *, cpu, rounds: steps)  # noqa: ARG005 - its signature
    monkeypatch.setattr(
        gpu_check, "backends", lambda _device: {"numpy": {"device": "cpu"}, "cupy": {"unavailable": "no"}}
    )
    record = {"started": "now", "commit": "", "cuda_devices": 1, "no_cuda_because": "", "rehearsal_on_cpu": cpu}
    return gpu_check.check(out, record, Namespace(cpu=cpu, require=require, rounds=3, seconds=seconds)), record


def test_every_step_is_recorded_before_the_next_begins(gpu_check, monkeypatch, tmp_path):
    """A check that is cut off in its second step has left the first, and the name of the second."""
    copy = f"import shutil; shutil.copy({str(tmp_path / 'gpu-check.json')!r}, {str(tmp_path / 'then.json')!r})"
    steps = {"one": (60, [sys.executable, "-c", "print(1)"]), "two": (60, [sys.executable, "-c", copy])}
    problem, record = checked(gpu_check, monkeypatch, tmp_path, steps)
    assert not problem
    then = json.loads((tmp_path / "then.json").read_text())
    assert list(then["steps"]) == ["one"]
    assert then["steps"]["one"]["all_well"]
    assert then["running"] == "two"
    assert list(record["steps"]) == ["one", "two"]
    assert "running" not in record
    assert (tmp_path / "one.log").read_text() == "1\n"


@pytest.mark.slow
def test_a_step_that_hangs_is_ended_with_its_children(gpu_check, monkeypatch, tmp_path):
    """What it said is kept, and the next one runs."""
    grandchild = "import time; time.sleep(600)"
    child = f"import subprocess, sys; print(1, flush=True); subprocess.run([sys.executable, '-c', {grandchild!r}])"
    steps = {"hangs": (5, [sys.executable, "-c", child]), "next": (60, [sys.executable, "-c", ""])}
    problem, record = checked(gpu_check, monkeypatch, tmp_path, steps)
    assert problem == "not well: hangs (took longer than 5 s; hangs.log)"
    assert record["steps"]["hangs"]["timed_out"]
    assert record["steps"]["hangs"]["output_tail"] == "1\n"
    assert record["steps"]["next"]["all_well"]
    assert "| hangs | took longer than 5 s |" in gpu_check.gpu_report.summary(record)


def test_a_check_ends_when_its_time_is_over(gpu_check, monkeypatch, tmp_path):
    """It names the first step that it left out."""
    steps = {"one": (60, [sys.executable, "-c", ""])}
    problem, _ = checked(gpu_check, monkeypatch, tmp_path, steps, seconds=0.0)
    assert problem == "no time left for 'one' and what comes after it: --seconds 0"


def test_a_required_backend_must_be_available(gpu_check, monkeypatch, tmp_path):
    """Tests that are skipped for want of it would show nothing."""
    problem, record = checked(gpu_check, monkeypatch, tmp_path, {}, require=["numpy", "cupy"])
    assert problem == "cupy cannot use a device: cupy: no"
    assert "steps" not in record


@pytest.mark.parametrize(
    ("step", "cpu", "expected"),
    [
        ({"counts": {"passed": 0, "skipped": 9}}, False, "every test was skipped"),
        ({"counts": {"passed": 0, "skipped": 9}}, True, ""),
        ({"counts": {"passed": 1, "skipped": 9}}, False, ""),
        ({"exit_code": 1}, False, "exit code 1"),
        ({"exit_code": -9, "timed_out": True, "limit_seconds": 5}, False, "took longer than 5 s"),
    ],
)
def test_a_step_whose_tests_were_all_skipped_is_not_well(gpu_check, step, cpu, expected):
    """On a GPU; a rehearsal has none to show."""
    assert gpu_check.why_not({"exit_code": 0, "timed_out": False} | step, cpu=cpu) == expected


def test_samples_say_how_the_gpu_ran(gpu_check, tmp_path):
    """Clocks, power and what throttled it, of the samples of one step; a line that was cut off is left out."""
    line = "2026/11/25 23:00:00.000, 0, {}, {}, 700.00, 1024, 0x{:016x}\n"
    (tmp_path / "gpu.csv").write_text(
        line.format(345, 70.5, 1) + line.format(1980, 500.5, 0) + line.format(1755, 699.0, 4) + "2026/11/25, 0, 17"
    )
    sampler = gpu_check.Sampler(tmp_path / "absent" / "gpu.csv")
    sampler.path = tmp_path / "gpu.csv"
    assert sampler.since(1) == {
        "samples": 2,
        "sm_clock_mhz": {"lowest": 1755.0, "median": 1867.5, "highest": 1980.0},
        "power_w": {"median": 599.75, "highest": 699.0},
        "power_limit_w": 700.0,
        "memory_used_mib": 1024.0,
        "throttled_by": ["0x4"],
    }
    sampler.close()


def test_the_workflow_asks_for_a_device_before_anything_else():
    """A runner without one, or without CuPy or torch, is not green."""
    text = (ROOT / ".github" / "workflows" / "gpu.yml").read_text()
    device, install, check = (text.index(part) for part in ("gpu_check.py --devices", 'pip" install', "--require cupy"))
    assert device < install < check
    assert "--require torch" in text


def test_the_benchmarks_run_as_often_as_asked(gpu_check, tmp_path):
    """--rounds reaches the benchmarks of a device and those of a rehearsal."""
    arguments = gpu_check.parsed([str(tmp_path), "--rounds", "4"])
    for cpu in (True, False):
        _, command = gpu_check.steps(tmp_path, cpu=cpu, rounds=arguments.rounds)["benchmarks"]
        assert command[command.index("--bench-rounds") + 1] == "4"


def test_short_trainings_run_under_the_sanitizer_where_it_is(gpu_check, monkeypatch, tmp_path):
    """On the path, or in CUDA's folder; an error that it finds is not well, whatever the training's own exit code."""
    for name in ("CUDA_HOME", "CUDA_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(gpu_check.sys, "path", [])
    folder = tmp_path / "cuda" / "bin"
    folder.mkdir(parents=True)
    tool = folder / "compute-sanitizer"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    if gpu_check.sanitizer() is None:  # nor is it in /usr/local/cuda
        assert "memcheck" not in gpu_check.steps(tmp_path, cpu=False, rounds=3)
    monkeypatch.setenv("CUDA_HOME", str(tmp_path / "cuda"))
    steps = gpu_check.steps(tmp_path, cpu=False, rounds=3)
    for name in gpu_check.SANITIZERS:
        assert steps[name][1][:5] == [str(tool), "--tool", name, "--error-exitcode", "3"]
    assert not set(gpu_check.SANITIZERS) & set(gpu_check.steps(tmp_path, cpu=True, rounds=3))
    step = {"exit_code": 3, "timed_out": False, "command": steps["memcheck"][1]}
    assert gpu_check.why_not(step, cpu=False) == "the sanitizer found errors"
    record = {"started": "now", "commit": "", "cuda_devices": 1, "rehearsal_on_cpu": False, "sanitizer": "not here"}
    assert "- compute-sanitizer: not here\n" in gpu_check.gpu_report.summary(record)


def test_every_file_of_a_step_is_there(gpu_check, tmp_path):
    """Tests marked gpu belong to one step: what another has is left out of the last."""
    steps = gpu_check.steps(tmp_path, cpu=False, rounds=3)
    named = [part for name in ("parity with numpy", "networks of images") for part in steps[name][1] if ".py" in part]
    assert len(named) == 5
    for path in named:
        assert (ROOT / path).exists()
        assert f"--ignore={path}" in steps["tests marked gpu"][1]


@pytest.mark.slow
def test_what_an_environment_around_it_has_serves_the_check(tmp_path):
    """PYTHON in a virtual environment whose packages come from a .pth file: the check's environment has them."""
    around = tmp_path / "around"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", around], check=True)
    purelib = "import sysconfig; print(sysconfig.get_path('purelib'))"
    python = around / "bin" / "python"
    site_packages = Path(
        subprocess.run([python, "-c", purelib], capture_output=True, text=True, check=True).stdout.strip()
    )
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "torch_of_the_machine.py").write_text("here = True\n")
    (site_packages / "more.pth").write_text(f"{elsewhere}\n")
    lines = SCRIPT.read_text(encoding="utf-8").splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith('"$python" -m venv'))
    stop = next(index for index, line in enumerate(lines) if "inherited.pth" in line) + 1
    prepared = "\n".join(["set -eu", *lines[start:stop], 'python -c "import torch_of_the_machine"'])
    environment = {"PATH": "/usr/bin:/bin", "python": str(python), "work": str(tmp_path)}
    done = subprocess.run(["bash", "-c", prepared], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
