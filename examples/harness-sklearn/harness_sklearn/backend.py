"""MLPClassifier's `partial_fit`, a batch at a time."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import sklearn
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier

from harness.interfaces import Activation, Linear, NetworkSpec, Optimizer, State
from harness.optimizers import SGD, Adam
from harness.stepwise import StepwiseBackend, StepwiseNetwork


class SklearnNetwork(StepwiseNetwork):
    """An MLPClassifier whose ``coefs_`` and ``intercepts_`` are views into the base class's vector: it updates that."""

    def load(self, state: State) -> None:
        """Take over a state, with a new classifier."""
        super().load(state)
        blocks = self.spec.parameters()
        self._blocks = sorted(blocks, key=lambda block: not block.is_weight)  # its order: all weights, then all biases
        rule, widths = self.optimizer, [layer.outputs for layer in self.spec.layers if isinstance(layer, Linear)]
        options = {"solver": "sgd", "momentum": 0.0, "nesterovs_momentum": False}
        if isinstance(rule, Adam):
            options = {"solver": "adam", "beta_1": rule.betas[0], "beta_2": rule.betas[1]}
        self._model = MLPClassifier(widths[:-1], shuffle=False, batch_size=1, **options)
        # The first call makes its arrays, of which ours then take the place.
        blank = np.zeros((1, self.spec.features), self.context.precision)
        self._model.partial_fit(blank, [0], classes=np.arange(self.spec.classes))
        self._model.coefs_ = [self.values[block.key] for block in blocks if block.is_weight]
        self._model.intercepts_ = [self.values[block.key] for block in blocks if not block.is_weight]
        if isinstance(rule, Adam):
            kept, optimizer = super().state(), self._model._optimizer
            optimizer.ms, optimizer.vs = (
                [kept[key][block.start : block.stop].reshape(block.shape) for block in self._blocks]
                for key in ("optimizer.m", "optimizer.v")
            )
            optimizer.t = int(kept["optimizer.step"])

    def state(self) -> State:
        """Return a copy of parameters and optimizer state."""
        state, optimizer = super().state(), self._model._optimizer
        if isinstance(self.optimizer, Adam):
            for block, m, v in zip(self._blocks, optimizer.ms, optimizer.vs, strict=True):
                state["optimizer.m"][block.start : block.stop] = m.ravel()
                state["optimizer.v"][block.start : block.stop] = v.ravel()
            state["optimizer.step"][...] = optimizer.t
        return state

    def step(self, x: NDArray[Any], y: NDArray[np.int64], learning_rate: float) -> tuple[float, int]:
        """Train on one batch; return its mean loss and the number right, before the update."""
        log_p = self.forward(x)
        loss, right = -log_p[np.arange(len(y)), y].mean(), (log_p.argmax(axis=1) == y).sum()
        model, rule = self._model, self.optimizer
        optimizer = model._optimizer
        model.batch_size = len(y)
        model.alpha = self.spec.l2 * len(y)  # its penalty on the gradient is α W / rows
        optimizer.learning_rate = optimizer.learning_rate_init = learning_rate
        if isinstance(rule, Adam):  # it adds ε to √v, the harness to √v̂
            optimizer.epsilon = rule.eps * np.sqrt(1 - rule.betas[1] ** (optimizer.t + 1))
        model.partial_fit(x, y)
        model.loss_curve_.clear()  # it grows with every step
        return float(loss), int(right)

    def forward(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return log-probabilities (rows, classes) of x (rows, features)."""
        p = self._model.predict_proba(x)
        log_p: NDArray[Any] = np.log(np.maximum(p, np.finfo(p.dtype).tiny))
        return log_p


class SklearnBackend(StepwiseBackend):
    """Builds them, on the CPU."""

    interface = 2
    layers = (Linear, Activation)
    network = SklearnNetwork

    def unsupported(self, spec: NetworkSpec, optimizer: Optimizer) -> list[str]:
        """Return the keys of the experiment that it cannot honour."""
        kinds = [type(layer) for layer in spec.layers]
        declined = {
            "hidden_layers": kinds != [Linear, *[Activation, Linear] * (len(kinds) // 2)],
            "activation": any(isinstance(layer, Activation) and layer.name != "relu" for layer in spec.layers),
            "gradient": spec.gradient != "mean",
            "loss": spec.loss is not None,
            "class_weights": spec.class_weights is not None,
            "clip_norm": spec.clip_norm is not None,
            "weight_decay": spec.weight_decay != 0,  # on the biases too, that is; `l2` it has
            "optimizer": optimizer != SGD() and type(optimizer) is not Adam,
            "classes": spec.classes == 2,  # it would be one sigmoid
        }
        return [key for key, is_declined in declined.items() if is_declined]

    def environment(self, _device: str) -> Mapping[str, str]:
        """Return versions and the device's name."""
        return {"device": "cpu", "numpy": np.__version__, "sklearn": sklearn.__version__}
