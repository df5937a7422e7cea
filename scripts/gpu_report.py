"""What `gpu_check.py` records: a JSON and a page of text, both written anew after every step."""

import json
import os
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any
from xml.etree import ElementTree as ET

SAMPLES = "timestamp,index,clocks.sm,power.draw,power.limit,memory.used,clocks_throttle_reasons.active"
"""What ``nvidia-smi`` is asked for, twice a second, while the steps run."""
IDLE = 0x1  # of the reasons: an idle GPU is not throttled

Record = dict[str, Any]


class Sampler:
    """``nvidia-smi`` in the background, writing to a file; nothing where there is no such command."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._process: subprocess.Popen[bytes] | None = None
        command = ["nvidia-smi", f"--query-gpu={SAMPLES}", "--format=csv,noheader,nounits", "--loop-ms=500"]
        with suppress(OSError), path.open("wb") as file:
            self._process = subprocess.Popen(command, stdout=file, stderr=subprocess.DEVNULL)

    def lines(self) -> int:
        """Return how many samples there are."""
        return len(self._read())

    def since(self, first: int) -> Record:
        """Return what the samples from one on say: clocks in MHz, power in W, memory in MiB, reasons as NVML's bits."""
        rows = [line.split(", ") for line in self._read()[first:]]
        rows = [row for row in rows if len(row) == len(SAMPLES.split(","))]
        if not rows:
            return {}
        clocks, power = _numbers(rows, 2), _numbers(rows, 3)
        reasons = {int(row[6], 16) & ~IDLE for row in rows if row[6].startswith("0x")}
        return {
            "samples": len(rows),
            "sm_clock_mhz": {"lowest": min(clocks), "median": median(clocks), "highest": max(clocks)} if clocks else {},
            "power_w": {"median": median(power), "highest": max(power)} if power else {},
            "power_limit_w": max(_numbers(rows, 4), default=None),
            "memory_used_mib": max(_numbers(rows, 5), default=None),
            "throttled_by": sorted(f"{reason:#x}" for reason in reasons if reason),
        }

    def close(self) -> None:
        """End it."""
        if self._process:
            self._process.terminate()
            self._process.wait()

    def _read(self) -> list[str]:
        try:
            return self.path.read_text(encoding="utf-8").splitlines()
        except OSError:
            return []


def _numbers(rows: list[list[str]], column: int) -> list[float]:
    return [float(row[column]) for row in rows if row[column][:1].isdigit()]


def counts(path: Path) -> Record:
    """Return a JUnit file's counts, and the reasons of what was skipped; {} where there is none."""
    try:
        tree = ET.parse(path)  # noqa: S314 - our own file
    except (OSError, ET.ParseError):
        return {}
    counts = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    for suite in tree.iter("testsuite"):
        for key in counts:
            counts[key] += int(suite.get(key, 0))
    passed = counts["tests"] - counts["failures"] - counts["errors"] - counts["skipped"]
    skips = sorted({skip.get("message", "") for skip in tree.iter("skipped")})
    return {"counts": counts | {"passed": passed}, "skip_reasons": skips}


def benchmarks(path: Path) -> list[Record]:
    """Return the figures of the benchmarks; none where there is no such file."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return []
    return [
        benchmark["extra_info"] | {"name": benchmark["name"], "median_seconds": benchmark["stats"]["median"]}
        for benchmark in content["benchmarks"]
    ]


def write(out: Path, record: Mapping[str, Any]) -> None:
    """Write the JSON and the page of text: what is there is whole, however the check ends."""
    for name, text in (
        ("gpu-check.json", json.dumps(record, indent=1, ensure_ascii=False) + "\n"),
        ("summary.md", summary(record)),
    ):
        aside = out / f"{name}.{os.getpid()}"
        aside.write_text(text, encoding="utf-8")
        aside.replace(out / name)


def summary(record: Mapping[str, Any]) -> str:
    """Return a page for people."""
    lines = [
        f"# GPU check, {record['started']}",
        "",
        f"Commit {record['commit'] or 'unknown'}, {record['cuda_devices']} CUDA devices"
        + (", rehearsed on the CPU: nothing here ran on a GPU." if record["rehearsal_on_cpu"] else "."),
        "",
    ]
    if record.get("running"):
        lines += [f"Running: {record['running']}. If that does not change, the check was cut off here.", ""]
    if record.get("problem"):
        lines += [f"Not well: {record['problem']}", ""]
    for name, about in record.get("backends", {}).items():
        lines.append(f"- {name}: " + ", ".join(f"{key} {value}" for key, value in about.items()))
    if record.get("sanitizer"):
        lines.append(f"- compute-sanitizer: {record['sanitizer']}")
    lines += ["", "| step | well | seconds | passed | failed | skipped | SM clock, MHz | throttled by |"]
    lines.append("|---|---|--:|--:|--:|--:|--:|---|")
    for name, step in record.get("steps", {}).items():
        counted, gpu = step.get("counts", {}), step.get("gpu", {})
        failed = counted["failures"] + counted["errors"] if counted else ""
        cells = [
            name, "yes" if step["all_well"] else step["why_not"], step["seconds"], counted.get("passed", ""), failed,
            counted.get("skipped", ""), gpu.get("sm_clock_mhz", {}).get("median", ""),
            ", ".join(gpu.get("throttled_by", [])),
        ]  # fmt: skip
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    if record.get("benchmarks"):
        lines += ["", "| benchmark | images a second | ± | repeats |", "|---|--:|--:|--:|"]
    for benchmark in record.get("benchmarks", []):
        spread = "" if benchmark.get("spread") is None else f"{benchmark['spread']:.1%}"
        rate, repeats = benchmark["samples_per_second"], benchmark.get("repeats", 1)
        lines.append(f"| {benchmark['name']} | {rate:,.0f} | {spread} | {repeats} |")
    return "\n".join(lines) + "\n"
