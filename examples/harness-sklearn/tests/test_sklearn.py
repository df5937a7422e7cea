"""scikit-learn against its contract; and that what it declines is named."""

import pytest

from harness.conformance import BackendConformance
from harness.interfaces import Activation, BatchNorm, Context, Dropout, Linear, NetworkSpec
from harness.optimizers import SGD, Adam, AdamW
from harness.plugins.layer_kinds import missing_layers
from harness.seeding import initial_state
from harness_sklearn.backend import SklearnBackend


class TestSklearn(BackendConformance):
    name = "sklearn"


@pytest.mark.parametrize(
    ("layers", "keys", "optimizer", "named"),
    [
        ((Linear(4, 3),), {"l2": 0.1}, Adam(eps=1e-3), []),
        ((Linear(4, 3), Activation("silu"), Linear(3, 3)), {}, SGD(), ["activation"]),
        ((Linear(4, 3), Linear(3, 3)), {}, SGD(), ["hidden_layers"]),
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


def test_refuses_layers_that_it_does_not_have():
    """By name, when planning; and its `build`, if it is called all the same."""
    spec = NetworkSpec((2, 2), 3, (Linear(4, 3), BatchNorm(3), Dropout(0.5), Linear(3, 3)), batch_size=4)
    reason = "layers 'BatchNorm' and 'Dropout' are not supported by backend sklearn: it has Linear, Activation"
    assert missing_layers(SklearnBackend(), "backend sklearn", spec) == reason
    with pytest.raises(ValueError, match="layers 'BatchNorm' and 'Dropout' are not supported by backend SklearnBack"):
        SklearnBackend().build(spec, initial_state(spec, 0), SGD(), Context(0))
