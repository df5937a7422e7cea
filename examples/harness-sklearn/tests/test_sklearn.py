"""scikit-learn against its contract; and that what it declines is named."""

import pytest

from harness.conformance import BackendConformance
from harness.interfaces import Activation, BatchNorm, Dropout, Linear, NetworkSpec
from harness.optimizers import SGD, Adam, AdamW
from harness_sklearn.backend import SklearnBackend


class TestSklearn(BackendConformance):
    name = "sklearn"


@pytest.mark.parametrize(
    ("layers", "keys", "optimizer", "named"),
    [
        ((Linear(4, 3),), {"l2": 0.1}, Adam(eps=1e-3), []),
        ((Linear(4, 3), BatchNorm(3), Activation("silu"), Dropout(0.5), Linear(3, 3)), {}, SGD(),
         ["activation", "batch_norm", "dropout"]),
        ((Linear(4, 3),), {"gradient": "sum", "weight_decay": 0.1}, SGD(), ["gradient", "weight_decay"]),
        ((Linear(4, 3),), {}, SGD(momentum=0.9), ["optimizer"]),
        ((Linear(4, 3),), {}, AdamW(), ["optimizer"]),
        ((Linear(4, 2),), {"classes": 2}, SGD(), ["classes"]),
    ],
)  # fmt: skip
def test_declines_by_name(layers, keys, optimizer, named):
    """Everything that `partial_fit` would do otherwise, or not at all."""
    spec = NetworkSpec(**{"input_shape": (2, 2), "classes": 3, "layers": layers, "batch_size": 4} | keys)
    assert SklearnBackend().unsupported(spec, optimizer) == named
