"""Ratios to plain use, to the limit, to one's own library; and the tables and the table of goals made of them."""

import json
import runpy
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness import bench
from harness.bench.arithmetic import operations
from harness.bench.overhead import Overhead
from harness.bench.tables import notes, overhead_table, shown
from harness.errors import HarnessError
from tests.measurements import bench_case
from tests.tiny import TINY

SCRIPT = Path(__file__).parent.parent / "scripts" / "bench_goals.py"
OPENBLAS = bench.Machine("a processor", "2", "cpu", "openblas 1 Haswell")
MKL = replace(OPENBLAS, blas="mkl 2")


def one(name, rate, work="train", *, network="M0", processes=1, threads=2, machine=OPENBLAS, **more):
    """Return a measurement of ``rate`` samples a second, an operation each."""
    rows = 1000
    seconds = (rows * processes / rate,) * 3
    known = {"operations": 1e9, "kind": "backend"}
    return bench.Measurement(
        name, network, work, "x 1", rows, threads, machine, {}, seconds, processes=processes, **known | more
    )


PEER = {"kind": "peer", "machine": MKL}
RUN = [
    one("numpy", 300),
    one("numpy", 400, processes=2, threads=1),
    one("torch", 240, machine=MKL),
    one("torch", 500, machine=MKL, precision="bfloat16"),
    one("torch-eager", 100, label="plain PyTorch", reference=True, **PEER),
    one("torch-dataloader", 80, label="PyTorch, DataLoader", **PEER),
    one("torch-bfloat16", 200, label="PyTorch, bfloat16", precision="bfloat16", **PEER),
    one("sklearn-mlp", 90, label="MLPClassifier", kind="peer"),
    one("numpy", 500, "products"),
    one("numpy", 600, "products", variant="SkylakeX"),
    one("torch", 480, "products", machine=MKL),
    one("torch", 2000, "products", machine=MKL, precision="bfloat16"),
    one("numpy", 800, "products", processes=2, threads=1),
    one("numpy", 300, "products", network="M1g", also=("M2",)),
]


def test_ratios_are_within_one_run_network_and_place():
    """The limit is the best of any library and kernel in float32; one's own is what one used."""
    found = {(s.measurement.title, s.measurement.processes): s for s in bench.standings(RUN)}
    told = {key: (s.times_reference, s.of_limit, s.of_own) for key, s in found.items()}
    assert told == {
        ("numpy M0 train", 1): pytest.approx((3.0, 0.5, 0.6)),
        ("numpy M0 train, 2 processes", 2): pytest.approx((4.0, 0.5, 0.5)),
        ("torch M0 train", 1): pytest.approx((2.4, 0.4, 0.5)),
        ("torch M0 train bfloat16", 1): (pytest.approx(5.0), None, pytest.approx(0.25)),
        ("torch-eager M0 train", 1): pytest.approx((1.0, 100 / 600, 100 / 480)),
        ("torch-dataloader M0 train", 1): pytest.approx((0.8, 80 / 600, 80 / 480)),
        ("torch-bfloat16 M0 train", 1): (pytest.approx(2.0), None, pytest.approx(0.1)),
        ("sklearn-mlp M0 train", 1): pytest.approx((0.9, 0.15, 0.18)),
    }
    alone = bench.standings([one("numpy", 300, network="M3b"), *RUN])[0]
    assert (alone.times_reference, alone.of_limit, alone.of_own) == (None, None, None)


def test_a_step_is_counted_as_its_matrix_products():
    """M1g has 444,040 weights, 313,600 of them in the first layer, which passes no gradient on."""
    assert operations(bench_case("numpy", "M1g", "train").spec) == 6 * 444_040 - 2 * 313_600


def headings(table):
    """Return the headings of a table."""
    return [column.heading for column in table.columns]


def texts(table):
    """Return the lines of a table, cell by cell."""
    return [[line[column.key] for column in table.columns] for line in table.lines]


def test_tables_say_what_a_reader_must_know():
    """Fastest first, units in the title, what limits, which library; what was disturbed is marked."""
    disturbed = [
        replace(RUN[0], waited=0.3, others=0.4),
        replace(RUN[1], waited=0.2, others=0.0),  # its threads make room for each other
        replace(RUN[2], waited=0.0, others=0.5),  # others have cores that it does not need
        *RUN[3:],
    ]
    tables = shown(disturbed)
    training = tables[0]
    assert training.title == "Training M0: samples/s, median ± half the interquartile range"
    assert headings(training)[4] == "× plain PyTorch"
    assert texts(training)[0][:2] == ["torch bfloat16", "1 × 2"]
    assert texts(training)[1] == ["numpy", "2 × 1", "400", "0.0%", "4.00", "50%", "50%"]
    assert texts(training)[2] == ["numpy", "1 × 2", "! 300", "0.0%", "3.00", "50%", "60%"]
    assert "1 × 2: 600 GFLOP/s, numpy's openblas 1 Haswell" in training.note
    products = tables[-1]
    assert headings(products) == ["", "processes × threads", "M0", "M1g / M2"]
    assert ["numpy (SkylakeX)", "1 × 2", "600 ±0.0%", "–"] in texts(products)
    said = notes(disturbed)
    assert "openblas 1 Haswell (numpy, sklearn-mlp)" in said[0]
    assert said[-1].startswith("! disturbed, 1 of 14 cases: other programs had more than 5 % of their cores")
    assert "numpy M0 train: 40%" in said[-1]
    assert notes([replace(RUN[0], waited=0.01)])[-1].startswith("Not disturbed")
    single = replace(RUN[0], seconds=(1.0,))
    assert "batches of 512; 1 round;" in notes([single])[1]
    assert "batches of 512; 1 to 3 rounds;" in notes([single, RUN[1]])[1]


@pytest.mark.slow
def test_what_a_suite_costs_beside_its_trials(tmp_path):
    """All seconds are training, evaluation or neither."""
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    found = bench.overhead(path, ["--set", "defaults.epochs=1"])
    assert found.trials == 3
    assert found.training > 0
    assert found.evaluation > 0
    assert found.outside > 0
    assert found.seconds == pytest.approx(found.training + found.evaluation + found.outside)
    table = overhead_table(Overhead("tiny", 3, 10.0, 6.0, 1.5))
    assert texts(table) == [["3", "10.0", "6.0", "1.5", "2.5", "25.0%"]]
    path.write_text(TINY.replace("epochs = 3", "epoch = 3"))
    with pytest.raises(HarnessError, match=r"ended with exit code 2: .*defaults\.epoch: unknown key"):
        bench.overhead(path)


@pytest.fixture
def goals(tmp_path, capsys):
    """Return a function that makes the table of goals from measurements: its lines by what they say, and its code."""

    def run(measurements):
        path = tmp_path / "run.json"
        bench.save(path, measurements)
        code = runpy.run_path(str(SCRIPT))["main"]([str(path)])
        lines = [line for line in capsys.readouterr().out.splitlines() if "   " in line]
        return {line.partition("  ")[0]: line.split("  ", 1)[1].split() for line in lines}, code

    return run


def test_goals_are_reported_met_missed_and_not_measured(goals):
    """A figure that is missing is not met."""
    peak = replace(RUN[0], peak_anonymous_bytes=97_000_000)
    found, code = goals([peak, *RUN[1:]])
    assert code == 1
    noisy, _ = goals([replace(peak, waited=0.2, others=0.2), *RUN[1:]])
    assert noisy["numpy M0, 1 × 2 ÷ plain PyTorch, 1 × 2"][-3:] == ["not", "judged:", "disturbed"]
    assert found["numpy M0, 1 × 2 ÷ plain PyTorch, 1 × 2"] == ["3.00", "≥", "2.2", "met"]
    assert found["numpy M0, 2 × 1 ÷ plain PyTorch, 1 × 2"] == ["4.00", "≥", "3", "met"]
    assert found["numpy M3b, 1 × 2 ÷ torch-eager, 1 × 2"] == ["–", "≥", "1.7", "not", "measured"]
    assert found["peak anonymous memory of a numpy worker, MB"] == ["97.00", "<", "250", "met"]


@pytest.mark.parametrize("cores", [2, 8])
def test_goals_are_measured_where_they_are_set(typed, monkeypatch, cores):
    """On two cores, however many the machine has."""
    planned = []
    monkeypatch.setattr("harness.machine.host.cores", lambda: cores)
    monkeypatch.setattr(
        "harness.cli.commands.bench._measure", lambda cases, *_: planned.extend(cases) or bench.Measured([])
    )
    script = runpy.run_path(str(SCRIPT))
    typed(*script["COMMAND"], code=1)
    cases = {(one.backend, one.network_name, one.precision, one.processes, one.threads) for one in planned}
    for goal in (*script["GOALS"], script["OF_THE_LIMIT"]):
        assert (goal.backend, goal.network, goal.precision, goal.processes, 3 - goal.processes) in cases
        assert (goal.peer, goal.network, "float32", 1, 2) in cases
    assert {one.processes * one.threads for one in planned} == {2}


def test_goals_need_two_cores(monkeypatch, capsys):
    """Told before anything is measured."""
    monkeypatch.setattr("harness.machine.host.cores", lambda: 1)
    assert runpy.run_path(str(SCRIPT))["main"]([]) == 2
    assert capsys.readouterr().err == "error: the goals are of 2 cores, and this machine has 1\n"


def test_goals_are_all_met_where_they_are(goals):
    """Exit code 0; a torch that is slower than its goal is missed, whoever else is fast."""
    good = [
        replace(measured, network=network, peak_anonymous_bytes=9 * 10**7)
        for measured in RUN
        for network in ("M0", "M1g", "M3b", "M4a")
        if measured.network == "M0"
    ]
    fast = [
        replace(m, seconds=(1000 * m.processes / 700,)) if m.processes == 2 and m.work == "train" else m for m in good
    ]
    assert goals(fast)[1] == 0
    slow = [replace(m, seconds=(10.0,)) if m.title == "torch M3b train" else m for m in fast]
    found, code = goals(slow)
    assert code == 1
    assert found["torch M3b, 1 × 2 ÷ PyTorch, DataLoader, 1 × 2"][-1] == "missed"
    assert json.dumps(found).count("missed") == 1


@pytest.mark.slow
def test_goals_explain_themselves():
    """Nothing is measured; the options that are passed on are named."""
    done = subprocess.run([sys.executable, SCRIPT, "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("The speed that the backends must show")
    assert "python scripts/bench_goals.py [FILE | OPTIONS]" in done.stdout
    assert "--cores 2 --work train" in done.stdout
