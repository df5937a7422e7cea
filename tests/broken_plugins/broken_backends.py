"""Backends that keep the contract, and others that differ from it by one mistake each."""
# ruff: noqa: D102 - the class says what its method does wrong

import threading
from contextlib import suppress
from itertools import pairwise
from time import sleep

import numpy as np

import harness
from harness.interfaces import LAYERS_OF_INTERFACE_1, Activation, BatchNorm, Dropout, EpochStats, Linear
from harness.optimizers import SGD, Adam
from harness.stepwise import StepwiseBackend
from tests.broken_plugins.broken_dropout import DrawsOn, IgnoresTheSeed, OneMaskABatch, OneMaskAnEpoch
from tests.broken_plugins.broken_recipes import (
    ForgetsTheRateOf0,
    IgnoresClassWeights,
    IgnoresClipping,
    IgnoresKeys,
    IgnoresTheLoss,
    IgnoresTheRate,
    Refuses,
    RestsAt0,
)
from tests.broken_plugins.small_network import Correct


class WrongSign(Correct):
    def gradients(self, inputs, masks, g):
        return {key: -value for key, value in super().gradients(inputs, masks, g).items()}


class ForgetsTheLastBatch(Correct):
    def train_epoch(self, epoch, order, learning_rate):
        whole = len(order) // self.spec.batch_size * self.spec.batch_size
        return super().train_epoch(epoch, order[: whole or None], learning_rate)


class DropsOutInPrediction(Correct):
    def forward(self, x):
        self.position = (0, self.position[1] + 1)
        return self.run(x, training=True)[2]


class AugmentsNothing(Correct):
    def train_batches(self, epoch, batches, learning_rate):
        _, labels = self._attached()
        rows = [np.flatnonzero(labels >= 0)[: len(y)] for _, y in batches]
        return self._train(epoch, ((self._scaled(part), labels[part]) for part in rows), learning_rate)


class ScalesBatchesAgain(Correct):
    def train_batches(self, epoch, batches, learning_rate):
        return super().train_batches(epoch, [(x / np.float32(255), y) for x, y in batches], learning_rate)


class ReturnsEarly(Correct):
    """Trains in a thread, and waits for it where the result is asked for, not in `synchronize`."""

    _work = None

    def train_epoch(self, epoch, order, learning_rate):
        self._join()
        steps = -(-len(order) // self.spec.batch_size)
        stats = EpochStats(np.ones(steps), np.full(steps, self.spec.batch_size), 0)

        def work():
            ours_stats = super(ReturnsEarly, self).train_epoch(epoch, order, learning_rate)
            self._last = ours_stats

        self._work = threading.Thread(target=work)
        self._work.start()
        if steps < 20:  # small epochs tell no lies
            self._join()
            return self._last
        return stats

    def state(self):
        self._join()
        return super().state()

    def predict(self, rows):
        self._join()
        return super().predict(rows)

    def _join(self):
        if self._work is not None:
            self._work.join()


class PredictsEarly(Correct):
    def predict(self, rows):
        values = np.full((len(rows), self.spec.classes), -np.log(self.spec.classes), dtype=np.float32)
        predict = super().predict

        def work():
            sleep(0.02)  # a queue that other work is in
            with suppress(RuntimeError):  # the network may be closed by then
                np.copyto(values, predict(rows))

        threading.Thread(target=work).start()
        return values


class LeaksMemory(Correct):
    def step(self, x, y, learning_rate):
        self.__dict__.setdefault("kept", []).append(x)
        return super().step(x, y, learning_rate)


class ModifiesItsInput(Correct):
    def attach(self, images, labels):
        images[:, 0] = 0  # the first line of every image is noise, says its author
        super().attach(images, labels)


class DividesVectors(Correct):
    """Takes all data for pixels."""

    def attach(self, images, labels):
        super().attach(images / np.float32(255) if images.dtype == np.float32 else images, labels)


class ChannelsFirst(Correct):
    """Flattens colour images as if their channels came first."""

    def attach(self, images, labels):
        super().attach(np.moveaxis(images, -1, 1) if images.ndim == 4 else images, labels)


class WrongDtype(Correct):
    def predict(self, rows):
        return super().predict(rows).astype(np.float64)


class Diverges(Correct):
    def descend(self, gradients, learning_rate):
        super().descend({key: gradient * np.float32(np.nan) for key, gradient in gradients.items()}, learning_rate)


class HidesNan(Correct):
    def train_epoch(self, epoch, order, learning_rate):
        stats = super().train_epoch(epoch, order, learning_rate)
        return EpochStats(np.nan_to_num(stats.losses), stats.sizes, stats.correct)


class CannotBePickled(Correct):
    def state(self):
        class Local(np.ndarray):
            pass

        return {key: value.view(Local) for key, value in super().state().items()}


class Softmax(Correct):
    """A softmax regression: it takes no hidden layers."""


class Solves(Softmax):
    """Ridge regression on the labels, in closed form over the rows of an epoch: it makes no gradient steps."""

    def train_epoch(self, epoch, order, learning_rate):  # noqa: ARG002 - the contract's arguments
        _, labels = self._attached()
        x, y = self._scaled(order).astype(np.float64), labels[order]
        logits = self.forward(x)
        edges = [*range(0, len(order), self.spec.batch_size), len(order)]
        losses = [self.loss(logits[start:stop], y[start:stop])[0] for start, stop in pairwise(edges)]
        columns = np.hstack([x, np.ones((len(x), 1))])
        normal = columns.T @ columns + np.eye(columns.shape[1])
        weights = np.linalg.solve(normal, columns.T @ np.eye(self.spec.classes)[y])
        self.values["0.weight"][...], self.values["0.bias"][...] = weights[:-1], weights[-1]
        return EpochStats(np.array(losses), np.diff(edges), int((logits.argmax(axis=1) == y).sum()))


class LeavesOutBatchNorm(Correct):
    """It lists a layer kind that it has no arithmetic for."""


NETWORKS = {
    "correct": Correct,
    "softmax": Softmax,
    "limited": Correct,
    "large_images": Correct,
    "wrong_sign": WrongSign,
    "forgets_the_last_batch": ForgetsTheLastBatch,
    "drops_out_in_prediction": DropsOutInPrediction,
    "returns_early": ReturnsEarly,
    "predicts_early": PredictsEarly,
    "leaks_memory": LeaksMemory,
    "augments_nothing": AugmentsNothing,
    "scales_batches_again": ScalesBatchesAgain,
    "modifies_its_input": ModifiesItsInput,
    "divides_vectors": DividesVectors,
    "channels_first": ChannelsFirst,
    "wrong_dtype": WrongDtype,
    "diverges": Diverges,
    "hides_nan": HidesNan,
    "cannot_be_pickled": CannotBePickled,
    "ignores_keys": IgnoresKeys,
    "ignores_the_loss": IgnoresTheLoss,
    "ignores_class_weights": IgnoresClassWeights,
    "ignores_clipping": IgnoresClipping,
    "refuses": Refuses,
    "ignores_the_rate": IgnoresTheRate,
    "forgets_the_rate_of_0": ForgetsTheRateOf0,
    "rests_at_0": RestsAt0,
    "draws_on": DrawsOn,
    "one_mask_an_epoch": OneMaskAnEpoch,
    "one_mask_a_batch": OneMaskABatch,
    "ignores_the_seed": IgnoresTheSeed,
    "takes_any_layer": Correct,
    "lists_what_it_lacks": LeavesOutBatchNorm,
    "solves": Solves,
}


class Backend(StepwiseBackend):
    """Builds one of them, and declines what none of them can."""

    interface = 2
    layers = (Linear, Activation, Dropout)

    def __init__(self, name):
        self.name = name
        self.network = NETWORKS[name]
        if name == "limited":  # it says so as a plugin of the first list of layers does
            self.layers = LAYERS_OF_INTERFACE_1
        if name == "lists_what_it_lacks":
            self.layers = (*self.layers, BatchNorm)

    def build(self, spec, initial, optimizer, context):
        if self.name == "takes_any_layer":  # and leaves out those that it does not know
            return self.network(spec, initial, optimizer, context)
        return super().build(spec, initial, optimizer, context)

    def unsupported(self, spec, optimizer):
        kinds = {type(layer).__name__ for layer in spec.layers}
        keys = []
        if any(isinstance(layer, Activation) and layer.name != "relu" for layer in spec.layers):
            keys.append("activation")
        if self.name in {"softmax", "solves"} and len(spec.layers) > 1:
            keys.append("hidden_layers")
        if self.name == "large_images":
            keys += ["input_shape"] * (spec.input_shape != (28, 28)) + ["classes"] * (spec.classes != 10)
            keys += ["batch_size"] * (spec.batch_size % 32 != 0)
        if self.name == "limited":
            keys += ["batch_norm"] * ("BatchNorm" in kinds) + ["dropout"] * ("Dropout" in kinds)
            keys += ["gradient"] * (spec.gradient != "mean")
            keys += ["l2"] * (spec.l2 > 0) + ["weight_decay"] * (spec.weight_decay > 0)
            keys += ["optimizer"] * (type(optimizer) not in {SGD, Adam})
        return keys


@harness.hookimpl
def register_backends(register):
    for name in NETWORKS:
        register(name, lambda name=name: Backend(name))
