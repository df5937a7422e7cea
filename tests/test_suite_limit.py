"""A stored run beside the time of its products, and what its last trial costs the others."""

import json
import runpy
from pathlib import Path

import pytest

SCRIPT = runpy.run_path(str(Path(__file__).parent.parent / "scripts" / "suite_limit.py"))


@pytest.mark.parametrize(
    ("seconds", "slots", "tail"),
    [([3, 2, 2], 2, 1), ([2, 2], 2, 0), ([5], 2, 5), ([4, 1, 1, 1], 3, 2), ([4, 3], 1, 7), ([], 2, 0)],
)
def test_the_idle_tail_is_what_the_last_trial_runs_alone(seconds, slots, tail):
    """Each begins, longest first, where one has ended."""
    assert SCRIPT["idle_tail"](seconds, slots) == tail


def test_a_run_is_shown_by_seed(tmp_path, capsys):
    """M1g's steps take 2,037,040 operations an image: 6 a weight of 444,040, less 2 a weight of the first layer.

    A prediction takes 2 a weight: 10 epochs of 100 validation images and two of three conditions of 100 test images.
    """
    header = {
        "suite_file": "suites/full.toml",
        "dataset": {"sizes": {"train": 1000, "val": 100, "test": 100}},
        "last_started": "2026-11-26T06:00:00+00:00",
        "last_ended": "2026-11-26T06:01:30+00:00",
    }
    (tmp_path / "run.json").write_text(json.dumps(header))
    for seed, seconds in ((1, 30.0), (2, 20.0), (3, None)):
        folder = tmp_path / "trials" / "M1g" / f"seed-{seed}"
        folder.mkdir(parents=True)
        metrics = seconds and {"epochs": 10, "seconds": seconds}
        measures = [{"perturbation": "noise", "severity": severity} for severity in (0.0, 0.1)]
        evaluation = {"measures": [{"perturbation": None, "severity": 0.0}, *measures]} if seed == 1 else None
        row = {"experiment": "M1g", "seed": seed, "metrics": metrics, "evaluation": evaluation}
        (folder / "row.json").write_text(json.dumps({"row": row}))
    SCRIPT["main"](str(tmp_path), "0.203704", "2")  # 10,000 images: 100 s of one core
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "2 trials, wall time of the last command 90 s"
    assert lines[1:3] == [
        "products of training: 100 s at the limit, 0.90 times in all",  # 90 s of wall time
        "products of training, validation and tests: 105 s at the limit, 0.86 times in all",
    ]
    assert [line.split() for line in lines[5:]][-2:] == [
        ["all", "100", "recorded", "30", "30", "10", "30", "0%"],
        ["all", "100", "at", "0.85", "of", "the", "limit", "118", "118", "0", "118", "0%"],
    ]
