"""What NVIDIA's driver says of a GPU, by its command or its binding, and what is done without either."""

import subprocess
import sys
import types

import pytest

import harness_nvidia

GPU = "0000:01:00.0"


@pytest.fixture
def without_binding(monkeypatch):
    """Make pynvml impossible to import."""
    monkeypatch.setitem(sys.modules, "pynvml", None)


def answering(monkeypatch, answer):
    commands = []

    def run(command, **_keys):
        commands.append(command)
        if isinstance(answer, Exception):
            raise answer
        return subprocess.CompletedProcess(command, 0, stdout=answer)

    monkeypatch.setattr(subprocess, "run", run)
    return commands


@pytest.mark.usefixtures("without_binding")
def test_the_command_is_asked_for_one_gpu(monkeypatch):
    """Values get their units, throttling its names."""
    commands = answering(monkeypatch, "1755, 412.51, 0x0000000000000024\n")
    state = harness_nvidia.state(GPU)
    assert state == {"sm_clock": "1755 MHz", "power": "413 W", "throttling": "power cap, thermal, by software"}
    assert commands[0][:2] == ["nvidia-smi", f"--id={GPU}"]
    answering(monkeypatch, "1980, 700.00\n")
    assert harness_nvidia.limits(GPU) == {"sm_clock_limit": "1980 MHz", "power_limit": "700 W"}


@pytest.mark.usefixtures("without_binding")
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("1755, [N/A], 0x1\n", {"sm_clock": "1755 MHz", "throttling": "none"}),
        ("[N/A], [Not Supported], [N/A]\n", {}),
        (FileNotFoundError("nvidia-smi"), {}),
        (subprocess.TimeoutExpired("nvidia-smi", 10), {}),
        (subprocess.CalledProcessError(6, "nvidia-smi"), {}),
    ],
)
def test_what_is_not_known_is_left_out(monkeypatch, answer, expected):
    """An idle GPU is not throttled; without the command there is nothing to record."""
    answering(monkeypatch, answer)
    assert harness_nvidia.state(GPU) == expected


def test_the_binding_is_preferred(monkeypatch):
    """pynvml, where it is installed; where it fails, the command is asked. Each use of it ends."""
    ended = []
    binding = types.SimpleNamespace(
        NVML_CLOCK_SM=1,
        nvmlInit=lambda: None,
        nvmlShutdown=lambda: ended.append(True),
        nvmlDeviceGetHandleByPciBusId=lambda gpu: gpu,
        nvmlDeviceGetMaxClockInfo=lambda _gpu, kind: 1979 + kind,
        nvmlDeviceGetPowerManagementLimit=lambda _gpu: 700_000,
    )
    monkeypatch.setitem(sys.modules, "pynvml", binding)
    commands = answering(monkeypatch, "1500, 300\n")
    assert harness_nvidia.limits(GPU) == {"sm_clock_limit": "1980 MHz", "power_limit": "700 W"}
    assert not commands
    del binding.nvmlDeviceGetPowerManagementLimit
    assert harness_nvidia.limits(GPU) == {"sm_clock_limit": "1500 MHz", "power_limit": "300 W"}
    assert len(ended) == 2


def test_a_device_is_named_as_the_process_sees_it(monkeypatch):
    """CUDA_VISIBLE_DEVICES renumbers, by place or by UUID."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, GPU-1a2b")
    assert [harness_nvidia.named(device) for device in ("cuda", "cuda:1", "cuda:2")] == ["3", "GPU-1a2b", "2"]
