"""Backends that write into what they are given, read what they should not, or return what cannot be."""
# ruff: noqa: D102 - the class says what its method does wrong

from dataclasses import replace

import numpy as np

import harness
from harness.stepwise import StepwiseBackend
from tests.broken_plugins.small_network import Correct


class WritesIntoRows(Correct):
    def predict(self, rows):
        rows[:] = rows[0]
        return super().predict(rows)


class WritesIntoTheOrder(Correct):
    def train_epoch(self, epoch, order, learning_rate):
        order.sort()
        return super().train_epoch(epoch, order, learning_rate)


class WritesIntoLabels(Correct):
    def attach(self, images, labels):
        labels[:] = labels[0]
        super().attach(images, labels)


class WritesIntoImages(Correct):
    def attach(self, images, labels):
        images[:, 0] = 0
        super().attach(images, labels)


class WritesIntoTestImages(Correct):
    def predict_images(self, images):
        images[:] = images[0]
        return super().predict_images(images)


class ReadsBeyondItsOrder(Correct):
    """It trains on every row that it has, whatever the order says."""

    def train_epoch(self, epoch, order, learning_rate):
        stats = super().train_epoch(epoch, order, learning_rate)
        others = np.setdiff1d(np.arange(len(self._labels)), order)
        for start in range(0, len(others), self.spec.batch_size):
            rows = others[start : start + self.spec.batch_size]
            self.step(self._scaled(rows), self._labels[rows], learning_rate)
        return stats


class OneHotEncodesAll(Correct):
    """It encodes every label when it is given them, as if it were trained on all rows."""

    def attach(self, images, labels):
        self._targets = np.eye(self.spec.classes)[labels]
        super().attach(images, labels)


class ReturnsLogits(Correct):
    def predict(self, rows):
        return self.forward(self._scaled(rows)).astype(np.float32)


class ReturnsProbabilities(Correct):
    def predict(self, rows):
        return np.exp(super().predict(rows))


class ReturnsZeros(Correct):
    def predict(self, rows):
        return np.zeros((len(rows), self.spec.classes), dtype=np.float32)


class ReturnsInfinity(Correct):
    def predict(self, rows):
        values = super().predict(rows)
        values[np.arange(len(rows)), values.argmax(axis=1)] = np.inf
        return values


class NanBesideTheTruth(Correct):
    def predict(self, rows):
        values = super().predict(rows)
        values[np.arange(len(rows)), values.argmin(axis=1)] = np.nan
        return values


class TestLogits(Correct):
    """Its test predictions alone are logits."""

    def predict_images(self, images):
        return super().predict_images(images) + np.float32(1)


class _Stats(Correct):
    """Its statistics differ by what a subclass changes."""

    def train_epoch(self, epoch, order, learning_rate):
        stats = super().train_epoch(epoch, order, learning_rate)
        return replace(stats, **self.changed(stats))


class CountsTooMany(_Stats):
    def changed(self, _stats):
        return {"correct": 10**6}


class CountsInFractions(_Stats):
    def changed(self, stats):
        return {"correct": stats.correct + 0.5}


class ComplexLosses(_Stats):
    def changed(self, stats):
        return {"losses": stats.losses + 0j}


class ObjectLosses(_Stats):
    def changed(self, stats):
        return {"losses": stats.losses.astype(object)}


class IntegerLosses(_Stats):
    def changed(self, stats):
        return {"losses": stats.losses.astype(int)}


class NegativeLosses(_Stats):
    def changed(self, stats):
        return {"losses": -stats.losses}


class UnevenSizes(_Stats):
    """Two full batches' rows, otherwise shared out."""

    def changed(self, stats):
        sizes = stats.sizes.copy()
        sizes[:2] += [1, -1]
        return {"sizes": sizes}


class PeakInWords(_Stats):
    def changed(self, _stats):
        return {"peak_device_bytes": "plenty"}


class AliasesItsState(Correct):
    """Its state is the weights themselves, which go on moving."""

    def state(self):
        return self.values | {f"optimizer.{name}": np.asarray(value) for name, value in self._moments.items()}


class ForgetsToLoad(Correct):
    """It takes the initial state alone."""

    def load(self, state):
        if self.__dict__.setdefault("fresh", True):
            super().load(state)
        self.fresh = False


class StateKeys(Correct):
    """Keywords of the function that writes arrays."""

    def state(self):
        return super().state() | {"file": np.zeros(1), "allow_pickle": np.ones(1)}

    def load(self, state):
        super().load({key: value for key, value in state.items() if "." in key})


class StateKeyOfAPath(Correct):
    def state(self):
        return super().state() | {"../weight": np.zeros(1)}


class StateKeyOfNoText(Correct):
    def state(self):
        return super().state() | {"weight\udc80": np.zeros(1)}


class HugeState(Correct):
    def state(self):
        return super().state() | {"spare": np.broadcast_to(np.zeros(1), (10**7,))}


class PlacementOfItsOwn(Correct):
    placement = "everywhere"


class LaunchOfItsOwn(Correct):
    launch = "by hand"


class SpeaksInEscapes(Correct):
    """Its backend's environment has what no terminal and no file should take."""


NETWORKS = {
    "writes_into_rows": WritesIntoRows,
    "writes_into_the_order": WritesIntoTheOrder,
    "writes_into_labels": WritesIntoLabels,
    "writes_into_images": WritesIntoImages,
    "writes_into_test_images": WritesIntoTestImages,
    "reads_beyond_its_order": ReadsBeyondItsOrder,
    "one_hot_encodes_all": OneHotEncodesAll,
    "returns_logits": ReturnsLogits,
    "returns_probabilities": ReturnsProbabilities,
    "returns_zeros": ReturnsZeros,
    "returns_infinity": ReturnsInfinity,
    "nan_beside_the_truth": NanBesideTheTruth,
    "test_logits": TestLogits,
    "counts_too_many": CountsTooMany,
    "counts_in_fractions": CountsInFractions,
    "complex_losses": ComplexLosses,
    "object_losses": ObjectLosses,
    "integer_losses": IntegerLosses,
    "negative_losses": NegativeLosses,
    "uneven_sizes": UnevenSizes,
    "peak_in_words": PeakInWords,
    "aliases_its_state": AliasesItsState,
    "forgets_to_load": ForgetsToLoad,
    "state_keys": StateKeys,
    "state_key_of_a_path": StateKeyOfAPath,
    "state_key_of_no_text": StateKeyOfNoText,
    "huge_state": HugeState,
    "placement_of_its_own": PlacementOfItsOwn,
    "launch_of_its_own": LaunchOfItsOwn,
    "speaks_in_escapes": SpeaksInEscapes,
}


class Backend(StepwiseBackend):
    """Builds one of them, and declines what none of them can."""

    interface = 2

    def __init__(self, name):
        self.network = NETWORKS[name]

    def unsupported(self, spec, _optimizer):
        kinds = {type(layer).__name__ for layer in spec.layers}
        activations = {layer.name for layer in spec.layers if type(layer).__name__ == "Activation"}
        return ["batch_norm"] * ("BatchNorm" in kinds) + ["activation"] * bool(activations - {"relu"})

    def environment(self, device):
        facts = dict(super().environment(device))
        if self.network is SpeaksInEscapes:
            facts |= {"driver": "\x1b[31m1.0\udc80\n" + "x" * 10**6, "bytes\udcff": 7}
        return facts


@harness.hookimpl
def register_backends(register):
    for name in NETWORKS:
        register(name, lambda name=name: Backend(name))
