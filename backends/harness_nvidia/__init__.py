"""What NVIDIA's driver says of a GPU: its version, clocks, power limit and throttling. Needs neither CuPy nor torch."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from re import search
from typing import Any

LIMITS = {"sm_clock_limit": "clocks.max.sm", "power_limit": "power.limit"}
"""What stays as it is while trials run: of the environment."""
STATE = {"sm_clock": "clocks.sm", "power": "power.draw", "throttling": "clocks_throttle_reasons.active"}
"""What load changes: of a measurement."""
UNITS = {"sm_clock_limit": " MHz", "sm_clock": " MHz", "power_limit": " W", "power": " W"}
REASONS = {
    0x4: "power cap", 0x8: "hardware slowdown", 0x20: "thermal, by software", 0x40: "thermal, by hardware",
    0x80: "power brake",
}  # fmt: skip
"""Bits of NVML's clock event reasons that slow a busy GPU; an idle one, or clocks that someone set, are none."""
_SECONDS = 10.0  # for a driver that hangs


def driver_version() -> str | None:
    """Return the version of NVIDIA's kernel driver, ``"580.95.05"``, where Linux shows it."""
    try:
        shown = Path("/proc/driver/nvidia/version").read_text(encoding="utf-8")
    except OSError:
        return None
    version = search(r"\d+\.\d+(\.\d+)?", shown)
    return version[0] if version else None


def named(device: str) -> str:
    """Return how the driver names a device of this process, ``"cuda:1"``: its place, or what CUDA_VISIBLE_DEVICES says.

    >>> named("cuda"), named("cuda:1")
    ('0', '1')
    """
    index = int(device.partition(":")[2] or 0)
    visible = [entry.strip() for entry in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if entry.strip()]
    return visible[index] if index < len(visible) else str(index)


def limits(gpu: str) -> dict[str, str]:
    """Return the highest SM clock and the power limit of a GPU, by its PCI address, UUID or place; {} if unknown."""
    return _queried(gpu, LIMITS)


def state(gpu: str) -> dict[str, str]:
    """Return the SM clock, the power and what throttles a GPU at this moment; {} if unknown."""
    return _queried(gpu, STATE)


def _queried(gpu: str, fields: Mapping[str, str]) -> dict[str, str]:
    values = _by_nvml(gpu, fields)
    return _by_command(gpu, fields) if values is None else values


def _by_nvml(gpu: str, fields: Mapping[str, str]) -> dict[str, str] | None:
    """Return the fields by NVML's own binding, None where it is not installed or fails."""
    try:
        import pynvml as nvml
    except ImportError:
        return None
    try:
        nvml.nvmlInit()
        try:
            return _worded({key: str(value) for key, value in _read(nvml, gpu, fields).items()})
        finally:
            nvml.nvmlShutdown()  # of this call alone: it counts
    except Exception:  # noqa: BLE001 - a GPU that lacks a field, a driver that is too old: the command may know more
        return None


def _read(nvml: Any, gpu: str, fields: Mapping[str, str]) -> dict[str, int]:
    """Return the fields of a GPU by its UUID or PCI address: clocks in MHz, power in W, throttling as bits."""
    handle = nvml.nvmlDeviceGetHandleByUUID(gpu) if gpu.startswith("GPU-") else nvml.nvmlDeviceGetHandleByPciBusId(gpu)
    queries = {
        "clocks.max.sm": lambda: nvml.nvmlDeviceGetMaxClockInfo(handle, nvml.NVML_CLOCK_SM),
        "clocks.sm": lambda: nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM),
        "power.limit": lambda: nvml.nvmlDeviceGetPowerManagementLimit(handle) // 1000,
        "power.draw": lambda: nvml.nvmlDeviceGetPowerUsage(handle) // 1000,
        "clocks_throttle_reasons.active": lambda: nvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle),
    }
    return {key: queries[field]() for key, field in fields.items()}


def _by_command(gpu: str, fields: Mapping[str, str]) -> dict[str, str]:
    """Return the fields by ``nvidia-smi``."""
    query = ",".join(fields.values())
    command = ["nvidia-smi", f"--id={gpu}", f"--query-gpu={query}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_SECONDS)  # noqa: S603 - fixed
    except (OSError, subprocess.SubprocessError):
        return {}
    values = [value.strip() for value in done.stdout.strip().split(",")]
    return _worded(dict(zip(fields, values, strict=False)))


def _worded(values: Mapping[str, str]) -> dict[str, str]:
    """Return values with their units, without those that the GPU does not report (``[N/A]``)."""
    worded = {}
    for key, value in values.items():
        if key == "throttling":
            try:
                bits = int(value, 0)
            except ValueError:
                continue
            worded[key] = ", ".join(name for bit, name in REASONS.items() if bits & bit) or "none"
        elif value[:1].isdigit():
            worded[key] = f"{float(value):.0f}{UNITS[key]}"
    return worded
