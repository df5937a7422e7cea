"""The script that measures a training step on a GPU: what it refuses, and its table."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

SCRIPTS = Path(__file__).parent.parent / "scripts"


@pytest.fixture
def gpu_step(monkeypatch):
    """Return the script as a module."""
    monkeypatch.syspath_prepend(SCRIPTS)
    for name in ("gpu_step", "gpu_check", "gpu_report"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import gpu_step

    return gpu_step


def test_without_a_device_it_says_so(gpu_step, monkeypatch, capsys):
    """Exit code 2, before anything is built."""
    monkeypatch.setattr(gpu_step, "cuda_devices", lambda: (0, "no CUDA device is here: the driver counts none"))
    monkeypatch.setattr(sys, "argv", ["gpu_step.py"])
    assert gpu_step.main() == 2
    assert capsys.readouterr().err == (
        "gpu_step.py: no CUDA device is here: the driver counts none; it measures a GPU alone\n"
    )


def test_its_networks_are_those_of_the_suite(gpu_step):
    """The paper's, a convolutional and a residual one, each with the batch of its experiment."""
    networks = gpu_step.load_networks(gpu_step.registry(), gpu_step.SUITE).named(gpu_step.NETWORKS)
    assert {network.name: network.spec.batch_size for network in networks} == {
        "M0": 512, "M1g": 512, "M3b": 512, "M4a": 128, "M4f": 128,
    }  # fmt: skip


def test_the_table_has_medians_and_their_ratio_to_torch_compile(gpu_step):
    """What could not be measured has its reason."""

    def contender(title, *rates, **ready):
        return SimpleNamespace(title=title, ready=gpu_step.Ready(**ready), steps_a_second=list(rates))

    lines = gpu_step.table(
        "M1g",
        [
            contender("cupy", 9_000.0, 10_000.0, 12_000.0, launch="graph", prepared=1.25),
            contender("torch", reason="torch is not installed"),
            contender("torch.compile", 4_000.0, launch="compiled"),
        ],
    ).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    assert cells[0] == ["M1g", "cupy", "10,000", "100.0", "33.3%", "2.50", "1.2", "graph"]
    assert cells[1] == ["M1g", "torch", "", "", "", "", "0.0", "torch is not installed"]
    assert cells[2][5] == "1.00"
