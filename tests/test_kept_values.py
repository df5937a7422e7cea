"""What the paper's suite gives on digits, seed 42, does not change: to the last bit, where that is possible."""

import json
from copy import deepcopy

import pytest

from tests.kept_values import KEPT, differences, measured

KEPT_VALUES = json.loads(KEPT.read_text())
OTHER = {"OPENBLAS_CORETYPE": "Sandybridge", "ATEN_CPU_CAPABILITY": "avx2"}


@pytest.mark.slow
def test_the_values_are_those_before(tmp_path):
    """Twelve experiments: losses of the first epochs and the last, metrics of validation and test rows."""
    pytest.importorskip("torch")
    values = measured(tmp_path)
    assert list(values) == list(KEPT_VALUES)
    assert [line for name, kept in KEPT_VALUES.items() for line in differences(kept, values[name])] == []


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ["Sandybridge", "Prescott"])  # wider sums in another order; no fused multiply-add
def test_another_kernel_is_within_the_limits(tmp_path, kernel):
    """So a processor that lacks Haswell's does not fail the test above."""
    pytest.importorskip("torch")
    values = measured(tmp_path, OPENBLAS_CORETYPE=kernel, ATEN_CPU_CAPABILITY="avx2")
    if values["M0"]["arithmetic"] == KEPT_VALUES["M0"]["arithmetic"]:
        pytest.skip("NumPy's BLAS has no other kernel here")
    assert [line for name, kept in KEPT_VALUES.items() for line in differences(kept, values[name])] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("experiment", "change"),
    [
        ("M0", "batch_size=511"),
        ("M0", "class_weights='balanced'"),
        ("M1a", "optimizer.momentum=0.89"),
        ("M1b", "gradient='mean'"),
        ("M1c", "l2=0"),
        ("M1h", "activation='leaky_relu'"),
    ],
)
def test_another_meaning_is_beyond_the_limits(tmp_path, experiment, change):
    """Also with another kernel than that of the kept values, where bits prove nothing."""
    options = ("--only", experiment, "--set", f"experiments.{experiment}.{change}")
    values = measured(tmp_path, *options, **OTHER)
    assert differences(KEPT_VALUES[experiment], values[experiment])


def test_every_bit_counts_where_the_arithmetic_is_the_same():
    """One of a metric's, and one of a loss's."""
    kept = KEPT_VALUES["M1g"]
    assert differences(kept, deepcopy(kept)) == []
    changed = deepcopy(kept)
    changed["first"][0][1] *= 1 + 2**-50
    changed["tests"][2][2]["test_ece"] *= 1 + 2**-50
    assert [line.split(":")[0] for line in differences(kept, changed)] == [
        "first 1",
        "tests gaussian_noise 0.1 test_ece",
    ]


def test_a_little_counts_where_the_arithmetic_is_another():
    """The limits are those of rounding; an experiment that does not settle has those of its first epochs."""
    for name, places in (("M1g", {"first 2", "last val_loss"}), ("M1d", {"first 2"})):
        changed = deepcopy(KEPT_VALUES[name])
        changed["arithmetic"] = {"blas": "another"}
        changed["first"][0][0] *= 1.0001
        changed["last"]["train_loss"] *= 1.001
        assert differences(KEPT_VALUES[name], changed) == []
        changed["first"][1][0] *= 1.001
        changed["last"]["val_loss"] *= 1.05
        assert {line.split(":")[0] for line in differences(KEPT_VALUES[name], changed)} == places
