"""Ratios to plain use, to the limit, to one's own library; and the tables made of them."""

from dataclasses import replace

import pytest

from harness import bench
from harness.bench.arithmetic import operations
from harness.bench.overhead import Overhead
from harness.bench.tables import notes, overhead_table, shown
from harness.errors import HarnessError
from tests.measurements import MKL, bench_case, rated
from tests.tiny import TINY

PEER = {"kind": "peer", "machine": MKL}
RUN = [
    rated("numpy", 300),
    rated("numpy", 400, processes=2, threads=1),
    rated("torch", 240, machine=MKL),
    rated("torch", 500, machine=MKL, precision="bfloat16"),
    rated("torch-eager", 100, label="plain PyTorch", reference=True, **PEER),
    rated("torch-dataloader", 80, label="PyTorch, DataLoader", **PEER),
    rated("torch-bfloat16", 200, label="PyTorch, bfloat16", precision="bfloat16", **PEER),
    rated("sklearn-mlp", 90, label="MLPClassifier", kind="peer"),
    rated("numpy", 500, "products"),
    rated("numpy", 600, "products", variant="SkylakeX"),
    rated("torch", 480, "products", machine=MKL),
    rated("torch", 2000, "products", machine=MKL, precision="bfloat16"),
    rated("numpy", 800, "products", processes=2, threads=1),
    rated("numpy", 300, "products", network="M1g", also=("M2",)),
]


def test_ratios_are_within_one_run_network_and_place():
    """The limit is the best of any library and kernel in float32; one's own is what one used."""
    by_case = {(s.measurement.title, s.measurement.processes): s for s in bench.standings(RUN)}
    ratios = {key: (s.times_reference, s.of_limit, s.of_own) for key, s in by_case.items()}
    assert ratios == {
        ("numpy M0 train", 1): pytest.approx((3.0, 0.5, 0.6)),
        ("numpy M0 train, 2 processes", 2): pytest.approx((4.0, 0.5, 0.5)),
        ("torch M0 train", 1): pytest.approx((2.4, 0.4, 0.5)),
        ("torch M0 train bfloat16", 1): (pytest.approx(5.0), None, pytest.approx(0.25)),
        ("torch-eager M0 train", 1): pytest.approx((1.0, 100 / 600, 100 / 480)),
        ("torch-dataloader M0 train", 1): pytest.approx((0.8, 80 / 600, 80 / 480)),
        ("torch-bfloat16 M0 train", 1): (pytest.approx(2.0), None, pytest.approx(0.1)),
        ("sklearn-mlp M0 train", 1): pytest.approx((0.9, 0.15, 0.18)),
    }
    alone = bench.standings([rated("numpy", 300, network="M3b"), *RUN])[0]
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
    lines = notes(disturbed)
    assert "openblas 1 Haswell (numpy, sklearn-mlp)" in lines[0]
    assert lines[-1].startswith("! disturbed, 1 of 14 cases: other programs had more than 5 % of their cores")
    assert "numpy M0 train: 40%" in lines[-1]
    assert notes([replace(RUN[0], waited=0.01)])[-1].startswith("Not disturbed")
    single = replace(RUN[0], seconds=(1.0,))
    assert "batches of 512; 1 round;" in notes([single])[1]
    assert "batches of 512; 1 to 3 rounds;" in notes([single, RUN[1]])[1]


@pytest.mark.slow
def test_what_a_suite_costs_beside_its_trials(tmp_path):
    """All seconds are training, evaluation or neither."""
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    lines = []
    overhead = bench.overhead(path, ["--set", "defaults.epochs=1"], say=lines.append)
    assert lines[0].startswith("3 trials")
    assert "results in" not in lines[0]
    assert lines[3].startswith("[3/3] ")
    assert overhead.trials == 3
    assert overhead.training > 0
    assert overhead.evaluation > 0
    assert overhead.outside > 0
    assert overhead.seconds == pytest.approx(overhead.training + overhead.evaluation + overhead.outside)
    table = overhead_table(Overhead("tiny", 3, 10.0, 6.0, 1.5))
    assert texts(table) == [["3", "10.0", "6.0", "1.5", "2.5", "25.0%"]]
    path.write_text(TINY.replace("epochs = 3", "epoch = 3"))
    with pytest.raises(HarnessError, match=r"ended with exit code 2: .*defaults\.epoch: unknown key"):
        bench.overhead(path)
