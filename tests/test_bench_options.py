"""Options of `harness bench`: what is refused before anything is measured, and what a file is read for."""

import json
from dataclasses import replace

import pytest

from harness import bench
from tests.measurements import MACHINE, calibration, measurement

IGNORED = "does not go with"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--fail-on-slower", "--fail-on-slower: needs a baseline. Name it with --compare FILE"),
        ("--compare none.json", "none.json: cannot be read: No such file or directory"),
        ("--save nope/x.json", "nope/x.json: there is no folder nope. Make it first (mkdir -p nope)"),
        ("--suite nosuch.toml --save a.json", "nosuch.toml: "),
        ("--compare base.json --backend numpy --work train", "base.json: no case in common: it has x M0 train"),
        ("--timeout soon", "--timeout: 'soon' is not a duration. Write 90s, 30m or 2h"),
        ("--rows 30", "--rows: 30 rows are too few: at least 47 are needed, an image of each class"),
        ("--calibrate --save x", f"--calibrate: {IGNORED} --save: it measures one training of each"),
        ("--calibrate --jobs 2 --work products", f"--calibrate: {IGNORED} --work and --jobs: it measures one training"),
        ("--calibrate --suite s.toml --peer none -f json", f"--calibrate: {IGNORED} --suite and --peer and --format"),
        ("--calibrate --network M0 --network M1g", f"--calibrate: {IGNORED} more than one --network: it measures one"),
        ("--invocations 3", "--invocations: has no effect without --calibrate"),
        ("--require-verdict --compare base.json", "--require-verdict: has no effect without --fail-on-slower"),
        ("--calibrate --rounds 1", "--rounds 1: --calibrate needs at least 2 runs a process"),
        ("--read base.json --device cuda", f"--read: {IGNORED} --device: the file has the measurements"),
        ("--read base.json --rounds 7 --rows 51200", f"--read: {IGNORED} --rows and --rounds: the file has the"),
        ("--read base.json --timeout 1m --threads 1", f"--read: {IGNORED} --threads and --timeout: the file has the"),
        ("--read base.json --networks s.toml", f"--read: {IGNORED} --networks: the file has the measurements"),
        ("--read base.json --network M2", "base.json: --network: unknown network 'M2'. Known: M0."),
        ("--networks nosuch.toml", "nosuch.toml: "),
        ("--network M9", "--network: unknown network 'M9'. Known: M0, M1a, "),
        ("--work nosuch", "--work: unknown work 'nosuch'. Known: evaluate, load, "),
        ("--peer sklearn", "--peer: unknown peer 'sklearn'. Did you mean 'sklearn-mlp'?"),
        ("--backend nunpy", "--backend: unknown backend 'nunpy'. Did you mean 'numpy'?"),
        ("--precision float16", "--precision: unknown precision 'float16'. Did you mean 'bfloat16'?"),
        ("--read base.json --work training", "base.json: --work: unknown work 'training'. Did you mean 'train'"),
        ("--read base.json --work predict", "base.json: nothing in it matches the options; it has x M0 train"),
        ("--read base.json --backend numpy", "base.json: nothing in it matches the options; it has x M0 train"),
        ("--cores 2 --threads 2", f"--cores: {IGNORED} --threads: it sets both the threads of one process"),
    ],
)  # fmt: skip
def test_a_bad_command_is_one_line(typed, tmp_path, line, message):
    """Refused before anything is measured, and nothing is written."""
    bench.save(tmp_path / "base.json", [measurement([1.0], backend="x")])
    output = typed("bench", *line.split(), code=2)
    assert output.err.startswith(f"error: {message}")
    assert output.err.count("\n") == 1
    assert not output.out
    assert [path.name for path in tmp_path.glob("*.json")] == ["base.json"]


def test_what_was_measured_is_shown_and_kept_before_it_is_compared(typed, tmp_path):
    """A baseline that cannot be compared costs no measurement; the error comes last."""
    here = measurement([1.0, 1.0])
    bench.save(tmp_path / "now.json", [here])
    bench.save(tmp_path / "base.json", [replace(here, machine=replace(MACHINE, cores="2"))])
    output = typed("bench", "--read", "now.json", "--compare", "base.json", "--save", "kept.json", code=2)
    assert output.err == (
        "error: base.json: numpy M0 train: measured on another machine: cores '2', not '8' as here: not comparable\n"
    )
    assert "Training M0: samples/s" in output.out
    assert bench.read(tmp_path / "kept.json") == [here]


HELD = [
    measurement([1.0]),
    replace(measurement([1.0]), precision="bfloat16"),
    measurement([1.0], backend="x"),
    replace(measurement([1.0]), network="M1g", also=("M2",)),
    replace(measurement([1.0]), work="predict"),
    replace(measurement([1.0], backend="plain"), kind="peer", label="plain"),
    replace(measurement([1.0], backend="cache"), kind="dataset", network="", work="load"),
]


@pytest.mark.parametrize(
    ("options", "indices"),
    [
        ({}, [0, 1, 2, 3, 4, 5, 6]),
        ({"works": ["load"]}, [6]),
        ({"works": ["train", "load"], "precisions": ["float32"]}, [0, 2, 3, 5, 6]),
        ({"backends": ["x"]}, [2, 5, 6]),
        ({"peers": ["none"]}, [0, 1, 2, 3, 4, 6]),
        ({"peers": ["plain"], "networks": ["M2"]}, [3]),
        ({"precisions": ["bfloat16"], "works": ["train"]}, [1, 5]),
    ],
)
def test_a_file_is_read_for_what_is_asked(options, indices):
    """By name, as measuring would choose; a peer is what backends are set beside."""
    assert bench.picked(HELD, **options) == [HELD[index] for index in indices]


def test_a_file_of_loading_alone_is_read(typed, tmp_path):
    """It is a measurement like any other, though of no backend."""
    bench.save(tmp_path / "load.json", HELD[-1:])
    assert "Loading a data set" in typed("bench", "--read", "load.json").out


def test_a_disturbed_comparison_cannot_tell(typed, tmp_path, monkeypatch):
    """Twice as slow while others had the cores: marked, no verdict, exit code 4; 3 where a verdict is required."""
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    bench.keep(calibration(0.01))
    bench.save(tmp_path / "base.json", [measurement([1.0, 1.0])])
    bench.save(tmp_path / "now.json", [replace(measurement([2.0, 2.0]), waited=0.4, others=0.4)])
    arguments = ("bench", "--read", "now.json", "--compare", "base.json", "--fail-on-slower")
    output = typed(*arguments, code=4)
    assert "--fail-on-slower: cannot tell: numpy M0 train" in output.err
    typed(*arguments, "--require-verdict", code=3)
    typed(*arguments[:-1])
    assert "│ numpy M0 train │ ! 0.500 │ no verdict (disturbed) │" in output.out
    assert "no verdict where another program used a case's cores, now or in base.json: measure again" in output.err
    assert "--jobs" not in output.err
    (comparison,) = json.loads(typed(*arguments, "--format", "json", code=4).out)["comparisons"]
    assert comparison["disturbed"] is True
    assert comparison["verdict"] == "no verdict (disturbed)"
    bench.save(tmp_path / "now.json", [measurement([2.0, 2.0])])
    typed(*arguments, code=3)


def test_one_slower_case_is_more_than_an_undecided_one(typed, tmp_path, monkeypatch):
    """3; and what is only within the noise passes."""
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    bench.keep(calibration(0.01))
    other = replace(measurement([1.0, 1.0]), backend="x")
    bench.save(tmp_path / "base.json", [measurement([1.0, 1.0]), other])
    bench.save(tmp_path / "now.json", [measurement([2.0, 2.0]), other])
    arguments = ("bench", "--read", "now.json", "--compare", "base.json", "--fail-on-slower")
    output = typed(*arguments, code=3)
    assert "--fail-on-slower: slower: numpy M0 train\n--fail-on-slower: cannot tell: x M0 train\n" in output.err
    assert (
        "no verdict with fewer than 3 calibrated invocations (there are 0): 'harness bench --calibrate'" in output.err
    )
    typed(*arguments[:-1], "--fail-on-slower", "--backend", "x", code=4)
    typed("bench", "--read", "base.json", "--compare", "base.json", "--fail-on-slower", "--backend", "numpy")
