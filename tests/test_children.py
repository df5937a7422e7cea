"""Processes that harness starts: whose modules they find, and that they end with the one that started them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.machine import children
from harness.machine.children import leave_current_folder, module_path, python
from tests.plugins_on_disk import distribution

SUITE = """
[suite]
name = "one"
[defaults]
hidden_layers = [8]
optimizer = { name = "adam", learning_rate = 0.01 }
epochs = 1
[experiments.A]
backend = "BACKEND"
"""
STRANGERS = ("socket", "types", "enum", "queue", "pickle", "signal", "struct", "threading", "numpy", "threadpoolctl")
PLUGIN = """
import harness
from harness_array.backends import NumpyBackend
@harness.hookimpl
def register_backends(register):
    register("local", NumpyBackend)
"""
SPINS = """
import os, re
import harness
from harness_array.backends import NumpyBackend
@harness.hookimpl
def register_backends(register):
    register("spins", Backend)
class Backend(NumpyBackend):
    def build(self, *arguments):
        with open("pid.part", "w") as file:
            file.write(str(os.getpid()))
        os.rename("pid.part", "pid")
        re.match("(a+)+$", "a" * 64 + "b")  # for ever, and no other thread of Python's runs meanwhile
"""


@pytest.fixture
def script(tmp_path):
    """Return a file that does what the installed command does: Python puts its folder in front, not the current one."""
    path = tmp_path / "bin" / "harness"
    path.parent.mkdir()
    path.write_text("if __name__ == '__main__':\n    from harness.cli import main\n    main()\n")
    return path


def strangers(folder, names):
    """Lay modules into a folder that leave a mark when they are executed; return the function that reads the marks."""
    folder.mkdir()
    marks = folder / "executed.txt"
    for name in names:
        (folder / f"{name}.py").write_text(f"open({str(marks)!r}, 'a').write({name!r} + ' ')\nraise SystemExit(9)\n")
    return lambda: marks.read_text() if marks.exists() else ""


def rows(folder):
    """Return the status of every row below a folder."""
    return [json.loads(path.read_text())["row"]["status"] for path in folder.glob("runs/*/trials/*/*/row.json")]


@pytest.mark.slow
@pytest.mark.parametrize("tune", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_no_process_executes_what_lies_in_the_current_folder(tmp_path, script, tune):
    """Not a worker, not one that measures a kernel."""
    executed = strangers(tmp_path / "here", STRANGERS)
    (tmp_path / "here" / "one.toml").write_text(SUITE.replace("BACKEND", "numpy"))
    environment = os.environ | {"HARNESS_CACHE_DIR": str(tmp_path / "cache")}
    if tune:
        environment.pop("HARNESS_NO_TUNE", None)
    done = subprocess.run(
        [sys.executable, str(script), "run", "one.toml", "--jobs", "1"],
        cwd=tmp_path / "here", env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, executed()) == (0, ""), done.stderr
    assert rows(tmp_path / "here") == ["done"]


@pytest.mark.slow
def test_no_process_of_the_bench_does(tmp_path, script):
    """Nor one that measures a case."""
    executed = strangers(tmp_path / "here", STRANGERS)
    done = subprocess.run(
        [sys.executable, str(script), "bench", "--backend=numpy", "--peer=none", "--network=M0", "--work=train",
         "--rounds=1", "--rows=512", "--cores=1"],
        cwd=tmp_path / "here", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, executed()) == (0, ""), done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("jobs", ["0", "1"])
def test_python_m_leaves_the_current_folder_too(tmp_path, jobs):
    """Once the command line is being loaded; what Python and its first import find is Python's own affair."""
    executed = strangers(tmp_path / "here", ["tabulate", "pydantic", "numpy", "cProfile"])
    (tmp_path / "here" / "one.toml").write_text(SUITE.replace("BACKEND", "numpy"))
    done = subprocess.run(
        [sys.executable, "-m", "harness", "run", "one.toml", "--jobs", jobs],
        cwd=tmp_path / "here", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, executed()) == (0, ""), done.stderr


@pytest.mark.slow
def test_a_plugin_in_the_current_folder_is_found(tmp_path):
    """By the driver and by its workers; what else lies there is not, even so."""
    executed = strangers(tmp_path / "here", ["tabulate", "numpy"])
    distribution(tmp_path / "here", "harness-local", "0.1", {"local_plugin": PLUGIN}, {"local": "local_plugin"})
    (tmp_path / "here" / "one.toml").write_text(SUITE.replace("BACKEND", "local"))
    done = subprocess.run(
        [sys.executable, "-m", "harness", "run", "one.toml", "--jobs", "1"],
        cwd=tmp_path / "here", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, executed()) == (0, ""), done.stderr
    assert rows(tmp_path / "here") == ["done"]


def test_the_path_is_absolute_and_the_current_folder_last(tmp_path, monkeypatch):
    """Where Python itself put it; where it is named, it stays."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", "lib", "/named"])
    assert module_path() == [str(tmp_path / "lib"), "/named", str(tmp_path)]
    monkeypatch.setattr(sys, "path", [str(tmp_path), "/named"])
    assert module_path() == [str(tmp_path), "/named"]


def test_a_path_that_is_not_utf_8_is_passed_on(monkeypatch):
    """As the bytes that it is."""
    monkeypatch.setattr(sys, "path", [*sys.path, "/caf\udce9"])
    printed = subprocess.check_output(python("import sys; print(ascii(sys.path[-1]), sys.argv[1:])", "x"), text=True)
    assert printed == "'/caf\\udce9' ['x']\n"


def test_the_own_source_is_not_left(monkeypatch):
    """``python -m harness`` in a checkout that is not installed."""
    root = str(Path(children.__file__).parents[1])
    monkeypatch.chdir(root)
    monkeypatch.setattr(sys, "path", [root, *sys.path])
    before = list(sys.path)
    leave_current_folder("harness")
    assert sys.path == before


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process notices by a thread of Python's")
def test_a_worker_that_lets_no_thread_run_ends_with_its_driver(tmp_path):
    """The kernel ends it when the driver is killed."""
    distribution(tmp_path / "site", "harness-spins", "0.1", {"spins": SPINS}, {"spins": "spins"})
    (tmp_path / "one.toml").write_text(SUITE.replace("BACKEND", "spins"))
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "site")}
    command = [sys.executable, "-m", "harness", "run", "one.toml", "--jobs", "1", "--quiet"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL) as driver:
        try:
            worker = int(awaited(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text()))
        finally:
            driver.send_signal(signal.SIGKILL)
    try:
        awaited(lambda: not running(worker))
    finally:
        if running(worker):
            os.kill(worker, signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process notices by a thread of Python's")
def test_a_worker_whose_driver_has_gone_before_it_asks_ends():
    """The kernel tells of no death that has happened already."""
    program = "from harness.machine.children import end_with_parent; end_with_parent(1 << 30); print('goes on')"
    done = subprocess.run(python(program), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")


def running(pid):
    """Return whether a process runs: it is there, and has not merely been left uncollected by its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def awaited(find):
    """Return what a function finds within a minute."""
    deadline = time.monotonic() + 60
    while not (result := find()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return result
