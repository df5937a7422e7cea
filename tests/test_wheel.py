"""What is installed from the wheel alone, in an empty folder, without a checkout and without PyTorch."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from venv import EnvBuilder

import pytest

from harness.suite.shipped import shipped
from harness_array.kernels.module import SOURCES

ROOT = Path(__file__).parent.parent
PINS = ("-c", str(ROOT / "constraints.txt"))
SCRIPTS = "Scripts" if os.name == "nt" else "bin"
pytestmark = pytest.mark.slow


def run(*command, cwd, code=0):
    """Run a command without this checkout on its path, and return what it printed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Build the wheel and the sdist as a release would; return their paths."""
    folder = tmp_path_factory.mktemp("built")
    EnvBuilder(with_pip=True).create(folder / "venv")
    python = folder / "venv" / SCRIPTS / "python"
    run(python, "-m", "pip", "install", "-q", "hatchling", cwd=folder)
    run(python, "-m", "hatchling", "build", "-d", folder / "dist", cwd=ROOT)
    (wheel,), (sdist,) = (folder / "dist").glob("*.whl"), (folder / "dist").glob("*.tar.gz")
    return python, wheel, sdist


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """Return the scripts of an environment that has the wheel, and an empty folder."""
    folder = tmp_path_factory.mktemp("installed")
    EnvBuilder(with_pip=True).create(folder / "venv")
    scripts = folder / "venv" / SCRIPTS
    wheel = f"{built[1]}[report]"
    run(scripts / "python", "-m", "pip", "install", "-q", *PINS, wheel, "pytest", "pytest-benchmark", cwd=folder)
    (folder / "empty").mkdir()
    return scripts, folder / "empty"


def content(wheel):
    """Return the files of a wheel with their content, but for its record."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/RECORD")}


def test_the_wheel_has_suites_kit_and_benchmarks(built):
    """And no test of ours."""
    names = content(built[1])
    assert {f"harness/suites/{name}.toml" for name in shipped()} <= names.keys()
    assert {"harness/conformance/plugin.py", "harness/benchmarks/speed.py", "harness/py.typed"} <= names.keys()
    assert {f"harness_array/kernels/{name}" for name in SOURCES} <= names.keys()
    assert not [name for name in names if name.startswith(("tests/", "runs/"))]


def test_the_sdist_builds_the_same_wheel(built, tmp_path):
    """Byte for byte."""
    python, wheel, sdist = built
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    run(python, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "dist", cwd=source)
    assert content(next((tmp_path / "dist").glob("*.whl"))) == content(wheel)


def test_a_shipped_suite_runs_and_is_reported(installed):
    """By its name; without PyTorch."""
    scripts, empty = installed
    assert "quick" in run(scripts / "harness", "suites", cwd=empty)
    done = run(scripts / "harness", "run", "quick", "-j", "1", "--set", "defaults.epochs=2", cwd=empty)
    assert "5 of 5 trials done, 4 tested" in done
    run(scripts / "harness", "report", "runs/quick", cwd=empty)
    assert (empty / "runs" / "quick" / "report.html").stat().st_size > 100_000
    assert "mine.toml" in run(scripts / "harness", "new", "suite", "mine", "--from", "full", cwd=empty)
    assert "12 trials, 0 done" in run(scripts / "harness", "plan", "mine.toml", "--dataset", "digits", cwd=empty)


def test_a_new_plugin_passes_the_kit_and_is_benchmarked(installed):
    """A backend as ``harness new`` writes it, in the stranger's own folder."""
    scripts, empty = installed
    run(scripts / "harness", "new", "backend", "mine", cwd=empty)
    plugin = empty / "harness-mine"
    run(scripts / "python", "-m", "pip", "install", "-q", *PINS, "--no-deps", ".", cwd=plugin)
    run(scripts / "pytest", "-q", cwd=plugin)
    kit = run(scripts / "pytest", "-q", "--pyargs", "harness.conformance", "--harness-backend", "mine", cwd=plugin)
    assert "passed" in kit
    options = ("--bench-backend", "mine", "--bench-network", "M0", "--bench-rows", "1024", "--bench-rounds", "2")
    done = run(
        scripts / "pytest", "-q", "--pyargs", "harness.benchmarks", *options, "--benchmark-json", "out.json", cwd=plugin
    )
    assert "2 passed" in done
    assert "mine" in run(scripts / "harness", "bench", "--read", "out.json", cwd=plugin)
    assert "unknown backend 'none'" in run(
        scripts / "pytest", "--pyargs", "harness.benchmarks", "--bench-backend", "none", cwd=plugin, code=4
    )


def test_a_consumers_script_type_checks(tmp_path):
    """``mypy --strict``: every attribute is typed, and one that is not offered is an error."""
    script = """
import harness

suite = harness.load_suite("quick", seeds=[1], overrides={"defaults.epochs": 2})
run: harness.Run = harness.run(suite, only=["M0"], jobs=0, out="run", observers=())
if harness.plan(suite, cluster="local:2").counts["run"]:
    run = harness.run(suite, cluster="local:2", timeout=60.0, progress=False)
columns = list(run.trials().columns) + list(run.leaderboard("val_loss").columns)
network: harness.TrainedNetwork = run.network("M0", 1)
names: tuple[str, ...] = network.class_names
print(harness.compare(run, "other").violations("test_accuracy:-0.5"), harness.verify(run).met, harness.__version__)
try:
    harness.open_run("none")
except harness.HarnessError as error:
    print(error)


@harness.hookimpl
def run_finished(run: object) -> None:
    print(run)
"""
    (tmp_path / "fine.py").write_text(script)
    (tmp_path / "wrong.py").write_text("import harness\nharness.nosuch\nharness.run(3.5)\n")
    command = (sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache")
    assert "Success" in run(*command, "fine.py", cwd=tmp_path)
    wrong = run(*command, "wrong.py", cwd=tmp_path, code=1)
    assert 'Module has no attribute "nosuch"' in wrong
    assert 'Argument 1 to "run" has incompatible type "float"' in wrong
