"""Every call into a plugin has a time limit, and nothing that a plugin left behind keeps a command alive."""

import re
import subprocess
import sys
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from harness import cli
from harness.datasets.cache import CachedDataset
from harness.datasets.info import DatasetInfo
from harness.errors import HarnessError
from harness.execution import apart, probe
from harness.execution.apart import read
from harness.execution.pools import Failure
from harness.plugins.foreign import LIMIT, LateError, foreign
from harness.plugins.loading import registry
from harness.plugins.options import ComponentSpec
from harness.trial.jobs import load_backend
from tests.plugins_on_disk import distribution
from tests.tiny import TINY

SOURCE = """
import harness
import time
import numpy as np
from harness.interfaces import LabelledStream
from harness.stepwise import StepwiseBackend

@harness.hookimpl
def register_backends(register):
    register("late", Late)

@harness.hookimpl
def register_datasets(register):
    register("late", Data)

def hang(where):
    if where == WHERE:
        HANG

class Late(StepwiseBackend):
    interface = 2
    network = None
    def unavailable(self, device):
        hang("unavailable")
    def unsupported(self, spec, optimizer):
        hang("unsupported")
        return []
    def devices(self, device):
        hang("devices")
        return ["cpu"]

class Data:
    def unavailable(self):
        hang("unavailable")
    def source(self):
        return "1"
    def load(self):
        hang("load")
    def stream(self):
        def blocks():
            while True:
                yield np.zeros((100, 2, 2), dtype=np.uint8)
        return LabelledStream((2, 2), np.arange(1000) % 2, ("even", "odd"), blocks, "image")
"""
SLEEP = "time.sleep(600)"
LOCKED = """
        import ctypes
        mutex = ctypes.create_string_buffer(64)  # glibc's initial mutex is zeros
        library = ctypes.PyDLL(None)  # which keeps the interpreter's lock
        library.pthread_mutex_lock(mutex)
        library.pthread_mutex_lock(mutex)
"""
HOLD = LOCKED.strip() if sys.platform == "linux" else "sum(range(10**13))"
"""C code that no signal ends, and that holds the interpreter: a computation does too, and takes the processor."""


@pytest.fixture
def late(tmp_path, monkeypatch):
    """Return a function that installs a plugin which hangs somewhere, and says how long a call may take."""
    site = tmp_path / "site"
    monkeypatch.syspath_prepend(site)

    def install(where, hang=SLEEP, seconds=2, drop=()):
        source = SOURCE.replace("WHERE", repr(where)).replace("HANG", hang)
        for name in drop:
            source = source.replace(f"def {name}", f"def no_{name}")
        distribution(site, "harness-late", "0.1", {"harness_late": source}, {"late": "harness_late"})
        sys.modules.pop("harness_late", None)  # other tests have a plugin of that name
        registry.cache_clear()
        load_backend(registry().find("backend", "numpy"))  # before the limit is short; the plugin has been tried too
        monkeypatch.setenv(LIMIT, str(seconds))
        (tmp_path / "tiny.toml").write_text(TINY)

    yield install
    registry.cache_clear()
    sys.modules.pop("harness_late", None)


def trials_of_numpy(planned):
    """Return how many of a plan's trials numpy trains."""
    return len(re.findall(r" numpy +[\d,]+ +\d+ +run", planned))


@pytest.mark.slow
@pytest.mark.parametrize("where", ["unavailable", "unsupported", "devices"])
def test_a_backend_that_never_answers_leaves_its_experiments_to_the_next(late, typed, where):
    """Asked once: what else names it has the same reason at once."""
    late(where)
    output = typed("plan", "tiny.toml", "--jobs", "0", "--set", 'defaults.backend=["late", "numpy"]').out
    assert trials_of_numpy(output) == 3
    output = typed("plan", "tiny.toml", "--jobs", "0", "--set", 'defaults.backend="late"').out
    assert output.count("late: took longer than 2 s") == 3


@pytest.mark.slow
def test_a_backend_that_never_answers_ends_in_a_worker_too(late, typed):
    """There it may be alone, whatever it does to its process."""
    late("unavailable", seconds=8)
    output = typed("plan", "tiny.toml", "--jobs", "1", "--only", "A", "--set", 'defaults.backend=["late", "numpy"]').out
    assert trials_of_numpy(output) == 1


@pytest.mark.slow
def test_a_backend_that_holds_the_interpreter_is_killed(late, typed, monkeypatch):
    """In C code that no signal ends; the next backend takes over, and the sound ones are shown."""
    monkeypatch.setattr(probe, "GRACE", 8.0)
    monkeypatch.setattr(apart, "GRACE", 8.0)
    late("unavailable", hang=HOLD, seconds=6)
    output = typed("plan", "tiny.toml", "--jobs", "1", "--set", 'defaults.backend=["late", "numpy"]').out
    assert trials_of_numpy(output) == 3
    output = typed("doctor").out
    assert "backend late: no: took longer than 14 s" in output
    assert "backend numpy: yes" in output


@pytest.mark.slow
def test_doctor_names_a_backend_that_never_answers(late, typed):
    """And shows the others."""
    late("unavailable", seconds=8)
    output = typed("doctor").out
    assert "backend late: no: took longer than 8 s" in output
    assert "backend numpy: yes" in output


@pytest.mark.slow
@pytest.mark.parametrize("where", ["unavailable", "load"])
def test_a_dataset_that_never_loads_is_ended(late, typed, monkeypatch, where):
    """In a worker, within the time of a dataset."""
    late(where, seconds=100, drop=["stream"])
    monkeypatch.setattr(apart, "DATASET_SECONDS", 3.0)
    output = typed("run", "tiny.toml", "--jobs", "1", "--dataset", "late", code=2).err
    why = "reading it took longer than 3 s; a longer suite.timeout is its limit too"
    assert output == f"error: --dataset late: dataset 'late': {why}\n"


def test_a_stream_without_end_is_refused(late, typed):
    """As soon as it has more images than labels: it fills no disk."""
    late("")
    output = typed("run", "tiny.toml", "--jobs", "0", "--dataset", "late", code=2).err
    assert output == "error: --dataset late: dataset 'late': its blocks hold at least 1,100 images for 1,000 labels\n"


@dataclass
class Refusing:
    """A pool that takes note of its tasks, and gives one result for all: a failure."""

    slots: int = 1
    tasks: list = field(default_factory=list)
    result: object = Failure("failed", "no")

    def submit(self, task, report=None):
        """End it at once."""
        assert report is None
        self.tasks.append(task)
        future = Future()
        future.set_result(self.result)
        return future

    def wait(self):
        """Return nothing: all have ended."""
        return []

    def stop(self):
        """Do nothing."""


@pytest.mark.slow
@pytest.mark.parametrize(("longest", "limit"), [(None, 3600.0), (60.0, 3600.0), (7200.0, 7200.0)])
def test_a_suite_may_give_a_dataset_more_time(late, tmp_path, longest, limit):
    """By the time that its trials may take."""
    late("")
    pool = Refusing()
    component = registry().find("dataset", "late")
    with pytest.raises(HarnessError, match=r"^no$"):
        read(ComponentSpec("late", {}, tmp_path), tmp_path, component.load()(), component, pool, longest)
    assert [task.timeout for task in pool.tasks] == [limit]
    assert pool.tasks[0].isolated


def test_a_worker_that_returns_no_dataset_of_the_cache_has_failed(late):
    """It ran third-party code, which may have changed whatever is there."""
    late("")
    component = registry().find("dataset", "late")
    arguments = (ComponentSpec("late", {}, Path()), Path(), component.load()(), component)
    info = DatasetInfo("late", "0" * 64, 20, ("a", "b"), shape=(2, 2))
    place = Path("datasets") / info.digest
    sound = CachedDataset(info, place)
    assert read(*arguments, Refusing(result=sound)) == sound
    texts, elsewhere = CachedDataset(replace(info, rows="20"), place), CachedDataset(info, Path("elsewhere"))
    for returned in (None, {"info": info}, elsewhere, texts, CachedDataset(None, place), object.__new__(CachedDataset)):
        with pytest.raises(HarnessError, match=r"^its process returned what a job does not: "):
            read(*arguments, Refusing(result=returned))


@pytest.mark.slow
def test_a_call_that_swallows_the_end_of_its_time_is_reminded():
    """Whatever it catches."""

    def stubborn():
        for _ in range(2):
            try:
                while True:
                    pass
            except BaseException:  # noqa: BLE001, S112 - as it is
                continue
        while True:
            pass

    with pytest.raises(LateError, match=r"^took longer than 0\.1 s$"), foreign(0.1):
        stubborn()


LEFT = {
    "a thread": "import threading, time\nthreading.Thread(target=time.sleep, args=(600,), name='uploader').start()",
    "a hook": "import atexit, time\natexit.register(time.sleep, 600)",
    "nothing": "",
    "output": "import atexit\natexit.register(print, 'bye')",
}


@pytest.mark.slow
@pytest.mark.parametrize("left", LEFT)
def test_what_a_plugin_left_does_not_keep_the_command_alive(left):
    """It has a while; then the process ends with its exit code. What is printed then is no result."""
    program = (
        f"{LEFT[left]}\nimport sys\nfrom harness.cli.ending import leave\nprint('result')\nleave(3, 1.0)\nsys.exit(3)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 3
    assert done.stdout == "result\n"
    output = {
        "a thread": "stopped waiting after 1 s for the thread 'uploader'\n",
        "a hook": "stopped waiting after 1 s for a function that a plugin registered with atexit\n",
        "nothing": "",
        "output": "bye\n",
    }
    assert done.stderr == output[left]


def test_a_command_ends_where_no_thread_can_begin():
    """`threading.Thread.start` would wait for it for ever, as in an address space that is full."""
    program = (
        "import threading, time\nfrom harness.cli.ending import leave\n"
        "threading.Thread.start = lambda _thread: time.sleep(600)\nleave(3, 600.0)\nraise SystemExit(3)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (3, "")


@pytest.mark.parametrize(("arguments", "code"), [(["schema"], 0), (["plan", "no.toml"], 2)])
def test_every_command_ends_so(typed, monkeypatch, arguments, code):
    """With its own exit code."""
    codes = []
    monkeypatch.setattr(cli, "leave", codes.append)
    typed(*arguments, code=code)
    assert codes == [code]
