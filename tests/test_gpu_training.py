"""The trainings that NVIDIA's compute-sanitizer watches on a GPU: on the double, they train each way that they say."""

import sys
from pathlib import Path

import pytest

from tests.doubles import needs_compiler, strict_cupy

__all__ = ["strict_cupy"]


@pytest.fixture
def script(monkeypatch):
    """Return the script as a module."""
    monkeypatch.syspath_prepend(Path(__file__).parent.parent / "scripts")
    monkeypatch.delitem(sys.modules, "gpu_training", raising=False)
    monkeypatch.setenv("HARNESS_NO_GRAPH", "0")
    import gpu_training

    return gpu_training


def test_without_a_device_it_says_why(script, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["gpu_training.py", "cpu"])
    assert script.main() == 2
    assert capsys.readouterr().err.startswith("gpu_training.py: cupy runs on CUDA devices alone")


@pytest.mark.slow
@needs_compiler
@pytest.mark.usefixtures("strict_cupy")
def test_networks_train_each_way(script, monkeypatch, capsys):
    """Three networks, in a graph and without, images streamed and on the device."""
    monkeypatch.setattr(sys, "argv", ["gpu_training.py"])
    assert script.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 12
    assert sum(line.endswith("launch graph") for line in lines) == 6
    assert all(line.split(", ")[2].split(":")[0] == line.rsplit(" ", 1)[1] for line in lines)
