"""The steps of gpu-check.sh, one after the other, and the JSON that they leave: nothing but the standard library.

gpu_check.py [--cpu] OUT_DIR
"""

import ctypes
import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).resolve().parent.parent
PYTEST = [sys.executable, "-m", "pytest", "-q"]
HARNESS = [sys.executable, "-m", "harness"]
TAIL = 4_000
"""Characters of a step's output that the JSON keeps; the whole stands in a file beside it."""


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


def backends(device: str) -> dict[str, dict[str, object]]:
    """Return, of every backend installed, its environment on ``device`` or why it cannot run there."""
    script = (
        "import json, sys\n"
        "from harness.jobs import load_backend\n"
        "from harness.plugins import registry\n"
        "found = {}\n"
        "for name, component in sorted(registry().named('backend').items()):\n"
        "    try:\n"
        "        one = load_backend(component)\n"
        "        why = one.unavailable(sys.argv[1])\n"
        "        found[name] = {'unavailable': why} if why else dict(one.environment(sys.argv[1]))\n"
        "    except Exception as error:\n"
        "        found[name] = {'unavailable': f'{type(error).__name__}: {error}'}\n"
        "print(json.dumps(found))\n"
    )
    done = subprocess.run([sys.executable, "-c", script, device], capture_output=True, text=True, cwd=ROOT, check=False)
    try:
        found: dict[str, dict[str, object]] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        return {"": {"unavailable": f"the backends cannot be asked: {done.stderr.strip()[-500:]}"}}
    return found


def steps(out: Path, *, cpu: bool) -> dict[str, list[str]]:
    """Return the command of each step; the rehearsal on a CPU runs the same, smaller."""

    def junit(name: str) -> str:
        return f"--junitxml={out / name}.xml"

    device = "cpu" if cpu else "cuda"
    few = ["--rows", "2048", "--network", "M0"] if cpu else []
    fewer = ["--bench-rows", "2048", "--bench-rounds", "3"] if cpu else ["--bench-device", device]
    first = "numpy" if cpu else '["cupy", "torch"]'
    parity = ["tests/test_gpu_parity.py", "tests/test_parity.py"]
    figures = str(out / "benchmarks.json")
    return {
        "parity with numpy": [*PYTEST, "-m", "gpu", "-rs", junit("parity"), *parity],
        "tests marked gpu": [*PYTEST, "-m", "gpu", "-rs", junit("gpu"), *(f"--ignore={path}" for path in parity)],
        "noise floor": [*HARNESS, "bench", "--calibrate", "--device", device, *few],
        "benchmarks": [
            *PYTEST, "tests/benchmark", "-rs", junit("benchmarks"), *fewer, f"--benchmark-json={figures}"
        ],
        "table of the benchmarks": [*HARNESS, "bench", "--read", figures],
        "quick suite": [
            *HARNESS, "run", "suites/quick.toml", "--device", device, "--set", f"defaults.backend={first}",
            "--jobs", "1", "--fresh", "--out", str(out / "quick"),
        ],
    }  # fmt: skip


def perform(name: str, command: list[str], out: Path, environment: dict[str, str]) -> dict[str, object]:
    """Run a step; return its command, exit code, seconds and, of tests, the counts and why some were skipped."""
    print(f"== {name}", flush=True)
    started = time.perf_counter()
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    seconds = time.perf_counter() - started
    (out / f"{name.replace(' ', '-')}.log").write_text(done.stdout, encoding="utf-8")
    print(f"   exit code {done.returncode}, {seconds:.1f} s", flush=True)
    told: dict[str, object] = {
        "command": command,
        "exit_code": done.returncode,
        "seconds": round(seconds, 2),
        "output_tail": done.stdout[-TAIL:],
    }
    junit = next((Path(part.partition("=")[2]) for part in command if part.startswith("--junitxml=")), None)
    return told | (counts(junit) if junit and junit.exists() else {})


def counts(path: Path) -> dict[str, object]:
    """Return a JUnit file's counts, and the reasons of what was skipped."""
    found = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    tree = ET.parse(path)  # noqa: S314 - our own file
    for suite in tree.iter("testsuite"):
        for key in found:
            found[key] += int(suite.get(key, 0))
    skips = sorted({skip.get("message", "") for skip in tree.iter("skipped")})
    passed = found["tests"] - found["failures"] - found["errors"] - found["skipped"]
    return {"counts": found | {"passed": passed}, "skip_reasons": skips}


def good(step: dict[str, object], *, cpu: bool) -> bool:
    """Say whether a step did what it is for: on a GPU, tests that were all skipped have shown nothing."""
    counted = step.get("counts")
    shown = cpu or not isinstance(counted, dict) or counted["passed"] > 0
    return step["exit_code"] == 0 and shown


def benchmarks(path: Path) -> list[dict[str, object]]:
    """Return the figures of the benchmarks."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return []
    return [
        one["extra_info"] | {"name": one["name"], "median_seconds": one["stats"]["median"]}
        for one in content["benchmarks"]
    ]


def check(out: Path, record: dict[str, object], *, cpu: bool) -> str:
    """Run every step and note in ``record`` what came of it; return what is not well, nothing where all is."""
    if not cpu and record["no_cuda_because"]:
        return str(record["no_cuda_because"])
    found = backends("cpu" if cpu else "cuda")
    record["backends"] = found
    if all("unavailable" in one for one in found.values()):
        reasons = "; ".join(f"{name}: {one['unavailable']}" for name, one in found.items())
        return f"no backend can use a device: {reasons}"
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    environment = os.environ | threads | {"HARNESS_CACHE_DIR": str(out / "cache")}
    performed: dict[str, dict[str, object]] = {}
    record["steps"] = performed
    for name, command in steps(out, cpu=cpu).items():
        performed[name] = perform(name, command, out, environment)
        performed[name]["all_well"] = good(performed[name], cpu=cpu)
    record["benchmarks"] = benchmarks(out / "benchmarks.json")
    bad = [name for name, step in performed.items() if not step["all_well"]]
    return f"not well: {', '.join(bad)}" if bad else ""


def main() -> int:
    """Run every step, leave the JSON, and return the exit code: 0 where all went well."""
    cpu = "--cpu" in sys.argv[1:]
    places = [argument for argument in sys.argv[1:] if argument != "--cpu"]
    if len(places) != 1:
        print("usage: gpu_check.py [--cpu] OUT_DIR", file=sys.stderr)
        return 2
    out = Path(places[0]).resolve()
    out.mkdir(parents=True, exist_ok=True)
    (out / "benchmarks.json").unlink(missing_ok=True)  # an earlier check's figures are not this one's
    count, why = cuda_devices()
    git = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    record: dict[str, object] = {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "rehearsal_on_cpu": cpu,
        "cuda_devices": count,
        "no_cuda_because": why,
        "python": sys.version,
        "commit": git.stdout.strip(),
    }
    problem = check(out, record, cpu=cpu)
    record |= {"all_well": not problem, "problem": problem}
    (out / "gpu-check.json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if problem:
        print(problem, file=sys.stderr)
    print(f"results: {out / 'gpu-check.json'}")
    return int(bool(problem))


if __name__ == "__main__":
    sys.exit(main())
