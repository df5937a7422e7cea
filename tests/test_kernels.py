"""The kernel of NumPy's matrix products: measured once, applied before NumPy loads, recorded, or left alone."""

import json
import os
import subprocess
import sys

import pytest

from harness.machine.kernels import TUNING_OFF, VARIABLE, Kernel, candidates, choice, chosen, settle_kernel
from harness.machine.kernels.rate import multiply_rate
from harness.machine.measured import machine_with
from harness.machine.threads import numpy_library
from tests.tiny import TINY

SHOW = "from harness.machine.kernels import settle_kernel; settle_kernel(); import numpy; from harness.machine.threads import numpy_library as b; import json; print(json.dumps(b()))"  # noqa: E501 - one program


@pytest.fixture
def tuning(tmp_path, monkeypatch):
    """Allow tuning, with a new cache."""
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv(TUNING_OFF)
    monkeypatch.delenv(VARIABLE, raising=False)
    yield tmp_path / "cache" / "kernels.json"
    os.environ.pop(VARIABLE, None)


def keep(path, fastest):
    """Write what a measurement would have found here."""
    path.parent.mkdir(exist_ok=True)
    entry = {"fastest": fastest, "own": "Other", "rates": {"Other": 1e9, fastest: 2e9}}
    path.write_text(json.dumps({machine_with("numpy"): entry}))


def kernels_here():
    """Return two kernels that this processor runs, its own choice first."""
    own = numpy_library()
    others = [one for one in candidates() if one != own.get("kernel")]
    others = [one for one in others if (choice._rate(one) or {}).get("kernel") == one]
    if own.get("name") != "openblas" or not others:
        pytest.skip("NumPy's BLAS here has no second kernel to choose")
    return own["kernel"], others[0]


def test_the_rate_is_that_of_a_matrix_product():
    """Within what a core can do, and what it says of the library is what NumPy loaded."""
    assert 1e8 < multiply_rate(0.05) < 1e13
    assert numpy_library()["name"] in {"openblas", "mkl", "blis"}


@pytest.mark.slow
def test_it_is_measured_once_and_then_applied(tuning):
    """The first call says that it measures; a process that settles before NumPy loads has the fastest kernel."""
    said = []
    found = settle_kernel(said.append)
    assert len(said) == 1
    assert found.own in found.rates
    best = max(found.rates, key=found.rates.get)
    assert found.fastest in {None, best}
    assert os.environ.get(VARIABLE) == found.fastest
    os.environ.pop(VARIABLE, None)
    assert settle_kernel(said.append) == found == chosen()
    assert len(said) == 1
    os.environ.pop(VARIABLE, None)
    shown = json.loads(subprocess.check_output([sys.executable, "-c", SHOW], text=True))
    assert shown["kernel"] == (found.fastest or found.own)
    assert tuning.exists()


@pytest.mark.slow
@pytest.mark.usefixtures("tuning")
def test_a_kernel_that_is_not_there_does_not_count(monkeypatch):
    """Neither one that OpenBLAS replaces by its own choice, nor one that ends its process."""
    real = choice._rate

    def rate(kernel):
        return None if kernel == "Crashes" else real(kernel)

    monkeypatch.setattr(choice, "_rate", rate)
    monkeypatch.setattr(choice, "candidates", lambda: ["NoSuchKernel", "Crashes"])
    found = settle_kernel()
    assert set(found.rates) == {found.own}
    assert found.fastest is None
    assert VARIABLE not in os.environ


def test_a_small_advantage_is_left_alone(monkeypatch):
    """Noise does not choose a kernel; a clear advantage does."""
    rates = {None: ("Own", 100.0), "Haswell": ("Haswell", 101.0), "SkylakeX": ("SkylakeX", 90.0)}
    monkeypatch.setattr(choice, "_rate", lambda kernel: _said(*rates.get(kernel, ("Own", 99.0))))
    monkeypatch.setattr(choice, "candidates", lambda: ["Haswell", "SkylakeX", "Cooperlake"])
    assert choice._measure() == Kernel(None, "Own", {"Own": 100.0, "Haswell": 101.0, "SkylakeX": 90.0})
    rates["Haswell"] = ("Haswell", 110.0)
    assert choice._measure().fastest == "Haswell"


def _said(kernel, rate):
    return {"name": "openblas", "version": "0", "kernel": kernel, "rate": rate}


def test_the_users_choice_stays(tuning, monkeypatch):
    """The variable of OpenBLAS, or --no-tune: nothing is measured, nothing is set."""
    keep(tuning, "Haswell")
    monkeypatch.setenv(VARIABLE, "Zen")
    assert settle_kernel(pytest.fail) is None
    assert os.environ[VARIABLE] == "Zen"
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv(TUNING_OFF, "1")
    assert settle_kernel(pytest.fail) is None
    assert VARIABLE not in os.environ


DEEP = "[" * 100_000


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{nonsense",
        DEEP,
        {"speed": 1},
        "Haswell",
        {"fastest": 5, "own": "Other", "rates": {"Other": 1e9}},
        {"fastest": "Haswell", "own": None, "rates": {"Other": 1e9}},
        {"fastest": "Haswell", "own": "Other", "rates": {"Other": "quick"}},
        {"fastest": "a\0b", "own": "Other", "rates": {"Other": 1e9}},
        {"fastest": "Invented", "own": "Other", "rates": {"Other": 1e9}},
    ],
)
def test_a_file_that_makes_no_sense_is_measured_anew(tuning, monkeypatch, content):
    """And written anew: a file that does not read, an entry of other keys or of values of another type."""
    tuning.parent.mkdir()
    no_json = content in ("", "[]", "{nonsense", DEEP)
    tuning.write_text(content if no_json else json.dumps({machine_with("numpy"): content}))
    monkeypatch.setattr(choice, "_measure", lambda: Kernel(None, "Own", {"Own": 1.0}))
    assert settle_kernel().own == "Own"
    assert json.loads(tuning.read_text())[machine_with("numpy")]["own"] == "Own"


@pytest.mark.slow
def test_workers_use_it_and_rows_and_the_doctor_say_so(tuning, tmp_path):
    """The kernel of the cache, not OpenBLAS's own; with --no-tune the other way round."""
    own, other = kernels_here()
    keep(tuning, other)
    (tmp_path / "tiny.toml").write_text(TINY)

    def harness(*arguments):
        command = [sys.executable, "-m", "harness", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    for switch, expected in ((), other), (("--no-tune",), own):
        harness("run", "tiny.toml", "--only", "A", "--jobs", "1", "--fresh", *switch)
        (row,) = (tmp_path / "runs" / "tiny").glob("trials/A/*/row.json")
        assert json.loads(row.read_text())["row"]["environment"]["blas"].endswith(f" {expected}")
    assert f"products: {other}, measured fastest ({other} 2, Other 1 GFLOP/s a thread)" in harness("doctor")
    assert "products: chosen by OpenBLAS (--no-tune or HARNESS_NO_TUNE)" in harness("doctor", "--no-tune")
