"""The kernel of NumPy's matrix products: measured once, applied before NumPy loads, recorded, or left alone."""

import json
import os
import subprocess
import sys
from contextlib import ExitStack

import pytest

from harness.cli.commands import doctor
from harness.machine.kernels import TUNING_OFF, VARIABLE, Kernel, candidates, choice, chosen, settle_kernel
from harness.machine.kernels.choice import decided
from harness.machine.kernels.rate import Products
from harness.machine.measured import machine_with
from harness.machine.threads import numpy_library
from tests.tiny import TINY

REAL_PROGRAM = choice._PROGRAM
SHOW = "from harness.machine.kernels import settle_kernel; settle_kernel(); import numpy; from harness.machine.threads import numpy_library as b; import json; print(json.dumps(b()))"  # noqa: E501 - one program


@pytest.fixture
def tuning(tmp_path, monkeypatch):
    """Allow tuning, with a new cache."""
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv(TUNING_OFF)
    monkeypatch.delenv(VARIABLE, raising=False)
    yield tmp_path / "cache" / "numpy-products.json"
    os.environ.pop(VARIABLE, None)


def keep(path, fastest):
    """Write what a measurement would have found here."""
    path.parent.mkdir(exist_ok=True)
    entry = {"fastest": fastest, "own": "Other", "rates": {"Other": 1e9, fastest: 2e9}}
    path.write_text(json.dumps({machine_with("numpy"): entry}))


def kernels_here():
    """Return two kernels that this processor runs, its own choice first."""
    own = numpy_library()
    others = [candidate for candidate in candidates() if candidate != own.get("kernel")]
    with ExitStack() as stack:
        others = [
            candidate for candidate in others if choice.Candidate(candidate, stack).library.get("kernel") == candidate
        ]
    if own.get("name") != "openblas" or not others:
        pytest.skip("NumPy's BLAS here has no second kernel to choose")
    return own["kernel"], others[0]


def test_the_rate_is_that_of_a_matrix_product():
    """Within what a core can do, and what it says of the library is what NumPy loaded."""
    assert 1e8 < Products().rate() < 1e13
    assert numpy_library()["name"] in {"openblas", "mkl", "blis"}


@pytest.mark.slow
def test_it_is_measured_once_and_then_applied(tuning):
    """The first call says that it measures; a process that settles before NumPy loads has the fastest kernel."""
    lines = []
    kernel = settle_kernel(lines.append)
    assert len(lines) == 1
    assert kernel.own in kernel.rates
    best = max(kernel.rates, key=kernel.rates.get)
    assert kernel.fastest in {None, best}
    assert os.environ.get(VARIABLE) == kernel.fastest
    os.environ.pop(VARIABLE, None)
    assert settle_kernel(lines.append) == kernel == chosen()
    assert len(lines) == 1
    os.environ.pop(VARIABLE, None)
    report = json.loads(subprocess.check_output([sys.executable, "-c", SHOW], text=True))
    assert report["kernel"] == (kernel.fastest or kernel.own)
    assert tuning.exists()


@pytest.mark.slow
@pytest.mark.usefixtures("tuning")
def test_a_kernel_that_is_not_there_does_not_count(monkeypatch):
    """Neither one that OpenBLAS replaces by its own choice, nor one that ends its process."""
    crash = f"import os; os.environ.get({VARIABLE!r}) == 'Crashes' and os.abort()\n"
    monkeypatch.setattr(choice, "_PROGRAM", crash + choice._PROGRAM)
    monkeypatch.setattr(choice, "candidates", lambda: ["NoSuchKernel", "Crashes"])
    kernel = settle_kernel()
    assert set(kernel.rates) == {kernel.own}
    assert kernel.fastest is None
    assert VARIABLE not in os.environ


@pytest.mark.slow
@pytest.mark.usefixtures("tuning")
def test_a_kernel_that_ends_its_process_while_it_is_measured_does_not_count(monkeypatch):
    """It ended, or did not answer in time. Without OpenBLAS's own nothing is known."""
    own, other = kernels_here()
    for kernel, ending, left in (
        (other, "os.abort()", {own}),
        (other, "time.sleep(60)", {own}),
        (None, "os.abort()", None),
    ):
        late = f"    import os, time; os.environ.get({VARIABLE!r}) == {kernel!r} and {ending}\n"
        monkeypatch.setattr(choice, "_PROGRAM", REAL_PROGRAM + late)
        monkeypatch.setattr(choice, "_LIMIT", 5.0)
        monkeypatch.setattr(choice, "candidates", lambda: [other])
        measured_kernel = choice._measure()
        assert (set(measured_kernel.rates) if measured_kernel else None) == left


def test_a_small_advantage_is_left_alone():
    """Noise does not choose a kernel; a clear advantage does."""
    rates = {"Own": [100.0] * 3, "Haswell": [101.0] * 3, "SkylakeX": [90.0] * 3}
    assert decided("Own", rates) == Kernel(None, "Own", {"Own": 100.0, "Haswell": 101.0, "SkylakeX": 90.0})
    assert decided("Own", rates | {"Haswell": [110.0] * 3}).fastest == "Haswell"


def test_a_slow_moment_of_the_machine_chooses_no_kernel():
    """Rounds in which all are slow, and one in which the machine was slow for one of them alone, change nothing."""
    slow = [1.0, 0.6, 0.6, 0.55, 1.0]
    rates = {"Own": [100 * part for part in slow], "Haswell": [105 * part for part in slow]}
    assert decided("Own", rates).fastest == "Haswell"
    rates["Haswell"][0] = 20.0
    kernel = decided("Own", rates)
    assert kernel.fastest == "Haswell"
    assert kernel.rates == pytest.approx({"Own": 100.0, "Haswell": 105.0})


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


def test_the_doctor_says_why_the_first_of_alike_kernels_is_not_used(monkeypatch):
    """Between two that are as fast, OpenBLAS's choice stays."""
    monkeypatch.delenv(VARIABLE, raising=False)
    alike = Kernel(None, "SkylakeX", {"SkylakeX": 93e9, "Haswell": 94e9})
    monkeypatch.setattr(doctor, "settle", lambda _threads: alike)
    assert doctor._kernel() == (
        "SkylakeX, chosen by OpenBLAS; the others are as fast, within the noise, or slower "
        "(Haswell 94, SkylakeX 93 GFLOP/s a thread)"
    )


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
