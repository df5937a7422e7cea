"""`harness bench`, `pytest tests/benchmark` and the check of a GPU machine, each in its own process."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness import bench
from tests.measurements import calibration
from tests.plugins_on_disk import distribution

pytestmark = pytest.mark.slow  # each starts processes that measure

ROOT = Path(__file__).parent.parent


@pytest.fixture
def command(tmp_path):
    """Return a function that runs ``python -m``, with a cache of the test's own."""

    def run(*arguments, code=0, cwd=tmp_path, **environment):
        done = subprocess.run(
            [sys.executable, "-m", *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=cwd,
            env=os.environ | {"HARNESS_CACHE_DIR": str(tmp_path / "cache")} | environment,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    return run


WORKS = ("--work", "train", "--work", "predict")
QUICK = ("--backend", "numpy", "--peer", "none", "--network", "M0", *WORKS, "--rows", "1024", "--rounds", "2")


def test_the_command_measures_keeps_and_compares(command, typed, tmp_path, monkeypatch):
    """A table; no verdict without a calibration; with one, and a baseline that was faster, exit code 3."""
    done = command("harness", "bench", *QUICK, "--threads", "1", "--save", "base.json")
    assert "Training M0: samples/s, median ± half the interquartile range" in done.stdout
    assert "Prediction: images/s" in done.stdout
    assert "measuring 2 cases in 2 rounds" in done.stderr
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    again = ("bench", "--read", "base.json", "--compare", "base.json", "--fail-on-slower")
    printed = typed(*again, code=4)
    assert "--fail-on-slower: cannot tell: numpy M0 train, numpy M0 predict" in printed.err
    assert typed(*again[:-1]).out
    assert "no verdict with fewer than 3 calibrated invocations (there are 0)" in printed.err
    saved = [replace(measurement, waited=None, others=None) for measurement in bench.read(tmp_path / "base.json")]
    bench.save(tmp_path / "base.json", saved)  # whatever else this machine does now
    machine = saved[0].machine
    bench.keep(calibration(0.005, machine=machine))
    assert "within the noise (±" in typed(*again).out
    steady = [replace(measurement, seconds=(1.0, 1.0)) for measurement in saved]
    bench.save(tmp_path / "now.json", steady)
    bench.save(tmp_path / "fast.json", [replace(measurement, seconds=(0.9, 0.9)) for measurement in steady])
    slower = ("bench", "--read", "now.json", "--compare", "fast.json")
    assert "│ numpy M0 train   │ 0.900 │ slower (±1." in typed(*slower).out
    assert typed(*slower, "--fail-on-slower", code=3).out
    printed = json.loads(typed(*slower, "--format", "json").out)
    assert [comparison["verdict"] for comparison in printed["comparisons"]] == ["slower", "slower"]
    assert printed["measurements"][0]["samples_per_second"] == 1024
    bench.save(
        tmp_path / "else.json", [replace(measurement, machine=replace(machine, cores="999")) for measurement in steady]
    )
    refused = typed("bench", "--read", "now.json", "--compare", "else.json", code=2)
    assert refused.err.startswith("error: else.json: numpy M0 train: measured on another machine: cores '999', not ")


def test_a_chosen_backend_that_is_not_here_is_exit_code_1(typed):
    """Its reason is on stderr."""
    output = typed("bench", *QUICK, "--device", "cuda", code=1)
    assert "numpy (M0): numpy runs on the CPU alone, not on 'cuda'" in output.err


@pytest.mark.slow
def test_one_run_sets_backends_beside_peers_and_the_limit(command, typed):
    """The ratio to plain use of as many cores, the share of the limit; the file gives the same tables."""
    peers = ("--peer", "torch-eager", "--peer", "sklearn-mlp")
    chosen = ("--backend", "numpy", "--network", "M0", "--work", "train", "--work", "products", *peers)
    few = ("--rows", "1024", "--rounds", "1")
    done = command("harness", "bench", *chosen, *few, "--save", "all.json", "--format", "json", "--jobs", "2")
    document = json.loads(done.stdout)
    standing = {line["case"]: line for line in document["standings"]}
    assert standing.keys() == {"numpy M0 train, 2 processes", "torch-eager M0 train", "sklearn-mlp M0 train"}
    two = standing["numpy M0 train, 2 processes"]
    assert two["times_reference"] > 0
    assert two["of_limit"] > 0
    assert two["of_own_library"] > 0
    assert standing["torch-eager M0 train"]["times_reference"] == 1
    assert [line["threads"] for line in document["standings"]] == [1, 2, 2]
    again = typed("bench", "--read", "all.json", "--format", "markdown").out
    assert "**Training M0: samples/s, median ± half the interquartile range**" in again
    assert "× plain PyTorch" in again
    assert re.search(r"\| numpy +\| +2 × 1 \|", again)
    assert "Machine: " in again


@pytest.mark.slow
def test_a_convolutional_network_is_measured_as_any(command):
    """Of a suite's experiment: both backends, their own products, and plain PyTorch with its channels last."""
    pytest.importorskip("torch")
    backends = ("--backend", "numpy", "--backend", "torch", "--peer", "torch-eager", "--peer", "torch-dataloader")
    suite = ("--networks", ROOT / "suites" / "future-work.toml", "--network", "M4a")
    works = ("--work", "train", "--work", "products", "--work", "predict")
    few = ("--rows", "256", "--rounds", "1", "--threads", "1", "--format", "json")
    measured = json.loads(command("harness", "bench", *suite, *backends, *works, *few).stdout)
    standing = {line["case"]: line for line in measured["standings"]}
    assert standing.keys() == {f"{name} M4a train" for name in ("numpy", "torch", "torch-eager", "torch-dataloader")}
    assert all(line["times_reference"] > 0 for line in standing.values())
    assert standing["numpy M4a train"]["of_own_library"] > 0


@pytest.mark.slow
def test_benchmarks_measure_a_third_partys_backend(command, tmp_path):
    """``pytest tests/benchmark`` finds what is installed, marks its device, records where it ran, says why it skips."""
    distribution(
        tmp_path / "site",
        "their-backend",
        "3.1",
        {
            "theirs": """
            import harness
            from harness_array.backends import NumpyBackend

            class Theirs(NumpyBackend):
                def unavailable(self, device):
                    return None if device in {"auto", "x:0"} else "runs on an accelerator alone"

                def devices(self, device):
                    return ["x:0"]

                def unsupported(self, spec, optimizer):
                    return ["dropout"] if len(spec.layers) > 7 else []

            @harness.hookimpl
            def register_backends(register):
                register("theirs", Theirs)
            """
        },
        {"theirs": "theirs"},
    )
    path = tmp_path / "out.json"
    done = command(
        "pytest", "tests/benchmark", "-rs", "-m", "gpu", "-p", "no:cacheprovider",
        "--bench-backend", "theirs", "--bench-backend", "numpy", "--bench-network", "M0", "--bench-network", "M3b",
        "--bench-rows", "1024", "--bench-rounds", "2", "--benchmark-json", path,
        cwd=ROOT, PYTHONPATH=str(tmp_path / "site"),
    )  # fmt: skip
    assert "2 passed, 2 skipped, 4 deselected" in done.stdout
    assert "theirs cannot honour dropout" in done.stdout
    document = json.loads(path.read_text())["benchmarks"]
    assert [benchmark["name"] for benchmark in document] == [
        "test_speed[theirs-M0-train]",
        "test_speed[theirs-M0-predict]",
    ]
    for benchmark in document:
        information = benchmark["extra_info"]
        assert information.keys() >= {
            "device",
            "driver",
            "kernel",
            "threads",
            "samples_per_second",
            "provenance",
            "network",
        }
        assert information["provenance"] == "their-backend 3.1"
        assert information["samples_per_second"] == pytest.approx(1024 / benchmark["stats"]["median"])
    assert [measurement.title for measurement in bench.read(path)] == ["theirs M0 train", "theirs M0 predict"]


@pytest.mark.slow
def test_plain_pytest_collects_no_benchmark(command):
    """They have a configuration of their own."""
    # Of the others nothing is collected: importing them takes five seconds.
    others = ("--ignore-glob=tests/[!b]*", "--ignore-glob=tests/br*")
    done = command("pytest", "--collect-only", "-q", "tests", *others, cwd=ROOT, code=5)
    assert "benchmark/" not in done.stdout


def test_an_unknown_backend_ends_the_benchmarks_in_one_line(command):
    """As the command line would say it."""
    done = command("pytest", "tests/benchmark", "--bench-backend", "nunpy", cwd=ROOT, code=4)
    assert "unknown backend 'nunpy'. Did you mean 'numpy'" in done.stderr
