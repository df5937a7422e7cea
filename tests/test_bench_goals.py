"""The table of goals: shares of the limit and ratios, judged as the machine is, each within one run."""

import runpy
from dataclasses import replace
from pathlib import Path

import pytest

from harness import bench
from tests.measurements import MKL, rated

SCRIPT = Path(__file__).parent.parent / "scripts" / "bench_goals.py"
TWO = {"processes": 2, "threads": 1}
ONE = {"processes": 1, "threads": 1}
EAGER = {"kind": "peer", "label": "plain PyTorch", "reference": True, "machine": MKL}
LOADER = {"kind": "peer", "label": "PyTorch, DataLoader", "machine": MKL}
SHARE = "{} {}, 2 × 1 ÷ the float32 limit, 2 × 1: 1,000 GFLOP/s"


def two_cores(blas):
    """Return a run of two cores, with torch's BLAS at ``blas`` of a limit of 1,000."""
    return [
        measurement
        for name in ("M0", "M1g", "M3b", "M4a")
        for measurement in (
            rated("numpy", 900, network=name, peak_anonymous_bytes=97_000_000, **TWO),
            rated("torch", 760, network=name, machine=MKL, **TWO),
            rated("torch-eager", 500, network=name, **EAGER),
            rated("torch-dataloader", 400, network=name, **LOADER),
            rated("numpy", 950, "products", network=name, **TWO),
            rated("numpy", 1000, "products", network=name, variant="SkylakeX", **TWO),
            rated("torch", 1000 * blas, "products", network=name, machine=MKL, **TWO),
        )
    ]


def one_core(blas, m1g, m3b, peer=100):
    """Return a run of one core: torch at some multiples of its peer."""
    return [
        measurement
        for name, times in (("M1g", m1g), ("M3b", m3b))
        for measurement in (
            rated("torch", times * peer, network=name, machine=MKL, **ONE),
            rated("torch-eager", peer, network=name, **EAGER, **ONE),
            rated("numpy", 500, "products", network=name, **ONE),
            rated("torch", 500 * blas, "products", network=name, machine=MKL, **ONE),
        )
    ]


@pytest.fixture
def goals(tmp_path, capsys):
    """Return a function that makes the table of goals from runs: its lines by what they say, and its code."""

    def judge(*runs):
        paths = [str(tmp_path / f"{number}.json") for number in range(len(runs))]
        for path, measurements in zip(paths, runs, strict=True):
            bench.save(Path(path), measurements)
        code = runpy.run_path(str(SCRIPT))["main"](paths)
        lines = [line for line in capsys.readouterr().out.splitlines() if "   " in line]
        return {line.partition("  ")[0]: line.split("  ", 1)[1].split() for line in lines}, code

    return judge


def test_shares_of_the_limit_come_first_and_depend_on_the_machine(goals):
    """The limit is the fastest product of any library and kernel; torch's own BLAS says which aim numpy has."""
    behind, code = goals(two_cores(0.5), one_core(0.5, 1.7, 1.9))
    assert code == 0
    assert next(iter(behind)).startswith("processes × threads")
    assert list(behind)[1] == SHARE.format("numpy", "M1g")
    assert behind[SHARE.format("numpy", "M1g")] == ["0.90", "≥", "0.88", "met"]
    assert behind[SHARE.format("torch", "M1g")] == ["0.76", "≥", "0.75", "met"]
    alike, code = goals(two_cores(0.98), one_core(0.98, 1.7, 1.9))
    assert code == 1
    assert alike[SHARE.format("numpy", "M1g")] == ["0.90", "≥", "0.93", "missed"]
    assert alike[SHARE.format("numpy", "M0")] == ["0.90", "–"]


@pytest.mark.parametrize(
    ("blas", "ratios", "verdicts"),
    [
        (0.5, (1.61, 1.81), ["1.61 ≥ 1.6 met", "1.81 ≥ 1.8 met"]),
        (0.5, (1.3, 1.5), ["1.30 ≥ 1.6 missed", "1.50 ≥ 1.8 missed"]),
        (1.0, (1.3, 1.5), ["1.30 ≥ 1.05 met", "1.50 ≥ 1.3 met"]),
        (0.7, (1.0, 1.2), ["1.00 ≥ 1.05 missed", "1.20 ≥ 1.3 missed"]),
    ],
)
def test_torch_beside_plain_pytorch_is_judged_by_what_torchs_blas_reaches(goals, blas, ratios, verdicts):
    """One thread each. Where torch's own BLAS is slow, more is required."""
    judged, _ = goals(one_core(blas, *ratios))
    assert [" ".join(judged[f"torch {name}, 1 × 1 ÷ plain PyTorch, 1 × 1"]) for name in ("M1g", "M3b")] == verdicts


def test_products_by_onednn_raise_the_limit_and_are_not_torchs_blas(goals):
    """The backend's products are then oneDNN's, those of its BLAS a variant."""
    onednn = replace(MKL, blas="onednn 3")
    run = [
        replace(measurement, variant="mkl") if measurement.title.startswith("torch M1g products") else measurement
        for measurement in one_core(0.5, 1.7, 1.9)
    ]
    run.append(rated("torch", 1000, "products", network="M1g", machine=onednn, **ONE))
    verdicts, _ = goals(run)
    assert verdicts["torch M1g, 1 × 1 ÷ plain PyTorch, 1 × 1"] == ["1.70", "≥", "1.6", "met"]
    share = runpy.run_path(str(SCRIPT))["share_of_torchs_blas"]
    assert share(run[0], run) == 0.25


def test_a_convolution_is_compared_with_the_peers_best_use_of_two_cores(goals):
    """Whether that is two threads or two processes."""
    run = two_cores(1.0)
    verdicts, _ = goals(run)
    assert verdicts["numpy M4a, 2 × 1 ÷ plain PyTorch, 1 × 2"] == ["1.80", "≥", "0.8", "met"]
    assert verdicts["torch M4a, 2 × 1 ÷ PyTorch, DataLoader, 1 × 2"] == ["1.90", "≥", "1.2", "met"]
    verdicts, code = goals([*run, rated("torch-eager", 1200, network="M4a", **EAGER, **TWO)])
    assert code == 1
    assert verdicts["numpy M4a, 2 × 1 ÷ plain PyTorch, 2 × 1"] == ["0.75", "≥", "0.8", "missed"]


def test_what_is_missing_or_disturbed_is_not_met(goals):
    """Nor is a figure from two runs: each is within one."""
    noisy = [replace(m, waited=0.2, others=0.2) if m.backend == "torch" else m for m in two_cores(0.5)]
    verdicts, code = goals(noisy)
    assert code == 1
    assert verdicts[SHARE.format("torch", "M1g")][-3:] == ["not", "judged:", "disturbed"]
    assert verdicts["torch M3b, 1 × 1 ÷ torch-eager"] == ["–", "≥", "1.3", "not", "measured"]
    assert verdicts["peak anonymous memory of a numpy worker, MB"] == ["97.00", "<", "250", "met"]
    run = one_core(0.5, 1.7, 1.9)
    verdicts, _ = goals([m for m in run if m.kind == "backend"], [m for m in run if m.kind == "peer"])
    assert verdicts["torch M3b, 1 × 1 ÷ torch-eager"][0] == "–"


def test_goals_are_measured_where_they_are_set(typed, monkeypatch):
    """On two cores, then on one, however many the machine has."""
    planned = []
    monkeypatch.setattr("harness.machine.host.cores", lambda: 8)
    monkeypatch.setattr(
        "harness.cli.commands.bench.measured_aloud", lambda cases, *_: planned.extend(cases) or bench.Measured([])
    )
    script = runpy.run_path(str(SCRIPT))
    for command in script["COMMANDS"].values():
        typed(*command, code=1)
    cases = {(case.backend, case.network_name, case.processes, case.threads, case.work) for case in planned}
    for goal in (*script["SHARES"], *script["RATIOS"]):
        assert (goal.backend, goal.network, goal.processes, 1, "train") in cases
        assert ("numpy", goal.network, goal.processes, 1, "products") in cases
        if goal.peer:
            assert (goal.peer, goal.network, 1, goal.processes, "train") in cases


def test_goals_need_two_cores(monkeypatch, capsys):
    """Said before anything is measured."""
    monkeypatch.setattr("harness.machine.host.cores", lambda: 1)
    assert runpy.run_path(str(SCRIPT))["main"]([]) == 2
    assert capsys.readouterr().err == "error: the goals are of 2 cores, and this machine has 1\n"


def test_goals_explain_themselves(capsys):
    """Nothing is measured."""
    assert runpy.run_path(str(SCRIPT))["main"](["--help"]) == 0
    assert "python scripts/bench_goals.py [FILE… | OPTIONS]" in capsys.readouterr().out
