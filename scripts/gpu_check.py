"""The steps of gpu-check.sh, one after the other, and what they leave; nothing but the standard library.

Every step is a process with a time limit. After each, OUT_DIR/gpu-check.json and OUT_DIR/summary.md are written anew,
and its output is in OUT_DIR/<step>.log while it runs: a check that is cut off leaves all that it has done.
"""

import argparse
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter as now

import gpu_report
from gpu_report import Record, Sampler

ROOT = Path(__file__).resolve().parent.parent
PYTEST = [sys.executable, "-m", "pytest", "-v", "-rs", "--color=no"]
SIDE_BY_SIDE = ["-n", str(min(8, os.cpu_count() or 1))] if find_spec("xdist") else []
"""Tests share the device, where pytest-xdist is installed; nothing that is timed does."""
HARNESS = [sys.executable, "-m", "harness"]
SANITIZERS: dict[str, list[str]] = {
    "memcheck": ["--report-api-errors", "no"], "racecheck": [], "synccheck": [], "initcheck": [],
}  # fmt: skip
"""Tools of NVIDIA's compute-sanitizer, which short trainings run under. What calls return, CuPy checks by itself."""
SANITIZER_ERROR = 3
"""Its exit code where it finds an error."""
TAIL = 4_000
"""Characters of a step's output that the JSON keeps; the whole is in a file beside it."""
QUESTION = """
import json, sys
from harness.trial.jobs import load_backend
from harness.plugins.loading import registry
found = {}
for name, component in sorted(registry().named("backend").items()):
    try:
        backend = load_backend(component)
        why = backend.unavailable(sys.argv[1])
        found[name] = {"unavailable": why} if why else dict(backend.environment(backend.devices(sys.argv[1])[0]))
    except Exception as error:
        found[name] = {"unavailable": f"{type(error).__name__}: {error}"}
print(json.dumps(found))
"""


def cuda_devices() -> tuple[int, str]:
    """Return how many CUDA devices the driver counts, and why there is none."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        return 0, f"no CUDA device is here: no driver: {error}"
    code = driver.cuInit(0)
    if code:
        return 0, f"no CUDA device is here: the driver says error {code}"
    count = ctypes.c_int(0)
    code = driver.cuDeviceGetCount(ctypes.byref(count))
    return count.value, "" if count.value else f"no CUDA device is here: the driver counts none (code {code})"


def backends(device: str) -> dict[str, Record]:
    """Return, of every backend installed, its environment on ``device`` or why it cannot run there."""
    command = [sys.executable, "-c", QUESTION, device]
    why = "they were asked for longer than 300 s"
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, timeout=300)
        why = done.stderr.strip()[-500:]
        record: dict[str, Record] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError, subprocess.TimeoutExpired):
        return {"": {"unavailable": f"the backends cannot be asked: {why}"}}
    return record


def sanitizer() -> str | None:
    """Return NVIDIA's compute-sanitizer: on the path, in CUDA's own folder, or in the wheel of that name."""
    homes = [os.environ.get("CUDA_HOME"), os.environ.get("CUDA_PATH"), "/usr/local/cuda"]
    folders = [Path(home, "bin") for home in homes if home]
    folders += [folder for place in sys.path for folder in Path(place or ".").glob("nvidia/cu*/bin")]
    return shutil.which("compute-sanitizer", path=os.pathsep.join([os.environ.get("PATH", ""), *map(str, folders)]))


def steps(out: Path, *, cpu: bool, rounds: int) -> dict[str, tuple[int, list[str]]]:
    """Return the time limit in seconds and the command of each step; the rehearsal on a CPU runs the same, smaller."""

    def junit(name: str) -> str:
        return f"--junitxml={out / name}.xml"

    device = "cpu" if cpu else "cuda"
    few = ["--rows", "2048", "--network", "M0"] if cpu else []
    fewer = ["--bench-rows", "2048"] if cpu else ["--bench-device", device]
    fewer += ["--bench-rounds", str(rounds)]
    first = "numpy" if cpu else '["cupy", "torch"]'
    parity = ["tests/test_gpu_parity.py", "tests/test_parity.py"]
    of_images = [f"tests/test_gpu_{name}.py" for name in ("images", "suite_images", "sizes")]
    ignored = [f"--ignore={path}" for path in (*parity, *of_images)]
    tests = [*PYTEST, *SIDE_BY_SIDE, "-m", "gpu"]
    figures = str(out / "benchmarks.json")
    peaks = [sys.executable, "scripts/gpu_peaks.py", device]
    return {
        "what is here": (180, [*HARNESS, "doctor"]),
        "parity with numpy": (900, [*tests, junit("parity"), *parity]),
        "networks of images": (900, [*tests, junit("images"), *of_images]),
        "tests marked gpu": (1200, [*tests, junit("gpu"), *ignored]),
        "quick suite": (900, [
            *HARNESS, "run", "suites/quick.toml", "--device", device, "--set", f"defaults.backend={first}",
            "--jobs", "1", "--fresh", "--out", str(out / "quick"),
        ]),
        "benchmarks": (1200, [*PYTEST, "tests/benchmark", junit("benchmarks"), *fewer, f"--benchmark-json={figures}"]),
        "table of the benchmarks": (120, [*HARNESS, "bench", "--read", figures]),
        **({} if cpu else {"peak memory": (300, peaks)}),
        "noise floor": (900, [*HARNESS, "bench", "--calibrate", "--invocations", "5", "--device", device, *few]),
        **({} if cpu else sanitized(device)),
    }  # fmt: skip


def sanitized(device: str) -> dict[str, tuple[int, list[str]]]:
    """Return the steps of the sanitizer's tools, none where it is not here."""
    command, training = sanitizer(), [sys.executable, "scripts/gpu_training.py", device]
    options = "--error-exitcode", str(SANITIZER_ERROR)
    tools = SANITIZERS.items() if command else ()
    return {tool: (300, [str(command), "--tool", tool, *options, *own, *training]) for tool, own in tools}


def perform(name: str, command: list[str], limit: float, out: Path, environment: dict[str, str]) -> Record:
    """Run a step in a new session, and end it with all its processes when it takes longer than the limit."""
    print(f"== {name} (at most {limit:.0f} s)", flush=True)
    log, started = out / f"{name.replace(' ', '-')}.log", now()
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
        timed_out = False
        try:
            process.wait(limit)
        except subprocess.TimeoutExpired:
            timed_out = True
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    seconds = round(now() - started, 2)
    print(f"   {'took too long' if timed_out else f'exit code {process.returncode}'}, {seconds} s", flush=True)
    step: Record = {
        "command": command,
        "exit_code": process.returncode,
        "timed_out": timed_out,
        "limit_seconds": limit,
        "seconds": seconds,
        "output_tail": log.read_text(encoding="utf-8", errors="replace")[-TAIL:],
    }
    junit = next((Path(part.partition("=")[2]) for part in command if part.startswith("--junitxml=")), None)
    return step | (gpu_report.counts(junit) if junit else {})


def why_not(step: Record, *, cpu: bool) -> str:
    """Return why a step did not do what it is for, nothing where it did: tests that were all skipped show nothing."""
    if step["timed_out"]:
        return f"took longer than {step['limit_seconds']:.0f} s"
    if step["exit_code"] == SANITIZER_ERROR and "--error-exitcode" in step["command"]:
        return "the sanitizer found errors"
    if step["exit_code"]:
        return f"exit code {step['exit_code']}"
    counted = step.get("counts")
    return "every test was skipped" if counted and not counted["passed"] and not cpu else ""


def check(out: Path, record: Record, arguments: argparse.Namespace) -> str:
    """Run every step and note in ``record`` what came of it; return what is not well, nothing where all is."""
    cpu = arguments.cpu
    if not cpu and record["no_cuda_because"]:
        return f"{record['no_cuda_because']}. Run this where nvidia-smi shows a GPU, or rehearse with --cpu"
    record["backends"] = descriptions = backends("cpu" if cpu else "cuda")
    reasons = {name: about["unavailable"] for name, about in descriptions.items() if "unavailable" in about}
    lacking = [name for name in arguments.require if name not in descriptions or name in reasons]
    if lacking or len(reasons) == len(descriptions):
        why = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        return f"{', '.join(lacking) or 'no backend'} cannot use a device: {why}"
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    environment = dict(os.environ) | threads | {"HARNESS_CACHE_DIR": str(out / "cache")}
    if not cpu:
        record["sanitizer"] = sanitizer() or "not here; CUDA has it, and pip install nvidia-cuda-sanitizer-api"
    record["steps"] = performed = {}
    sampler, end = Sampler(out / "gpu.csv"), now() + arguments.seconds
    try:
        for name, (limit, command) in steps(out, cpu=cpu, rounds=arguments.rounds).items():
            if now() >= end:
                return f"no time left for {name!r} and what comes after it: --seconds {arguments.seconds:g}"
            record["running"] = name
            gpu_report.write(out, record)
            first = sampler.lines()
            step = perform(name, command, min(limit, end - now()), out, environment)
            problem = why_not(step, cpu=cpu)
            performed[name] = step | {"all_well": not problem, "why_not": problem, "gpu": sampler.since(first)}
            record["benchmarks"] = gpu_report.benchmarks(out / "benchmarks.json")
            gpu_report.write(out, record)
    finally:
        sampler.close()
        record.pop("running", None)
    bad = [
        f"{name} ({step['why_not']}; {name.replace(' ', '-')}.log)"
        for name, step in performed.items()
        if step["why_not"]
    ]
    return f"not well: {', '.join(bad)}" if bad else ""


def parsed(line: list[str]) -> argparse.Namespace:
    """Return the command line's arguments."""
    parser = argparse.ArgumentParser(description="Run what a machine with a GPU should, and record it.")
    parser.add_argument("out", metavar="OUT_DIR", nargs="?", type=Path, help="where the results go: results/gpu/NAME")
    parser.add_argument("--cpu", action="store_true", help="rehearse the steps on the CPU")
    parser.add_argument("--devices", action="store_true", help="only count CUDA devices; exit code 1: none")
    parser.add_argument("--require", metavar="BACKEND", action="append", default=[], help="fail where it cannot run")
    parser.add_argument("--seconds", metavar="N", type=float, default=7200.0, help="for all steps together (7200)")
    parser.add_argument("--rounds", metavar="N", type=int, default=7, help="runs of each benchmark (7)")
    arguments = parser.parse_args(line)
    if not arguments.devices and arguments.out is None:
        parser.error("name the folder for the results: gpu_check.py OUT_DIR")
    return arguments


def main() -> int:
    """Run every step, and return the exit code: 0 where all went well."""
    arguments = parsed(sys.argv[1:])
    count, why = cuda_devices()
    if arguments.devices:
        print(why or f"{count} CUDA devices")
        return int(not count)
    out = arguments.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    for earlier in ("benchmarks.json", "parity.xml", "images.xml", "gpu.xml", "benchmarks.xml"):
        (out / earlier).unlink(missing_ok=True)  # an earlier check's figures are not this one's
    git = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    record: Record = {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "rehearsal_on_cpu": arguments.cpu,
        "cuda_devices": count,
        "no_cuda_because": why,
        "python": sys.version,
        "commit": git.stdout.strip(),
    }
    problem = check(out, record, arguments)
    record |= {"all_well": not problem, "problem": problem}
    gpu_report.write(out, record)
    if problem:
        print(problem, file=sys.stderr)
    print(f"results: {out / 'summary.md'}, {out / 'gpu-check.json'}")
    return int(bool(problem))


if __name__ == "__main__":
    sys.exit(main())
