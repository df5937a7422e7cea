"""Optimizers, perturbations and datasets with one mistake each."""
# ruff: noqa: D102 - the class says what its method does wrong

from uuid import uuid4

import numpy as np

import harness
from harness.datasets.bundled import Iris
from harness.datasets.digits import Digits
from harness.interfaces import Labelled
from harness.optimizers import SGD


class InPlace(SGD):
    def update(self, parameters, gradients, state, learning_rate):
        parameters -= learning_rate * gradients
        return parameters, state


class Ascends(SGD):
    def update(self, parameters, gradients, state, learning_rate):
        return parameters + learning_rate * gradients, state


class Normalised(SGD):
    """Divides by the length of the whole gradient: layer-wise rules are out of scope."""

    def update(self, parameters, gradients, state, learning_rate):
        return parameters - learning_rate * gradients / np.sqrt((gradients**2).sum()), state


class DividesByTheRate(SGD):
    """Weighs each gradient by its share of the rates so far, which is 0 / 0 while they are 0."""

    def init(self, parameters):
        return {"rates": np.zeros((), parameters.dtype)}

    def update(self, parameters, gradients, state, learning_rate):
        rates = (state["rates"] + learning_rate).astype(parameters.dtype)
        with np.errstate(invalid="ignore"):
            return parameters - learning_rate * gradients * (learning_rate / rates), {"rates": rates}


class Unpicklable:
    def __init__(self):
        self.update = lambda parameters, gradients, state, rate: (parameters - rate * gradients, state)

    def init(self, _parameters):
        return {}


def global_noise(images, severity, _rng):
    noise = np.random.standard_normal(images.shape).astype(np.float32)  # noqa: NPY002 - the mistake
    return np.clip(images + np.float32(severity) * noise, 0, 1)


def in_place(images, severity, rng):
    images += np.float32(severity) * rng.random(images.shape, dtype=np.float32)
    return np.clip(images, 0, 1)


def doubles(images, severity, rng):
    return np.clip(images + severity * rng.standard_normal(images.shape), 0, 1)


def unclipped(images, severity, rng):
    return images + np.float32(severity) * rng.standard_normal(images.shape, dtype=np.float32)


class Levelled:
    """Noise of some levels; a subclass breaks them."""

    levels = (0.1, 0.2, 0.3, 0.4, 0.5)

    def __call__(self, images, severity, rng):
        return np.clip(images + np.float32(severity) * rng.random(images.shape, dtype=np.float32), 0, 1)


class Descending(Levelled):
    levels = (0.5, 0.4, 0.3, 0.2, 0.1)


class Four(Levelled):
    levels = (0.1, 0.2, 0.3, 0.4)


class RefusesItsLevels(Levelled):
    def check(self, severity):
        return "a quarter at most" if severity > 0.25 else None


class MilderAgain(Levelled):
    """Beyond 0.3 it does less, but for the last."""

    def __call__(self, images, severity, rng):
        return super().__call__(images, 0.05 if severity == 0.4 else severity, rng)


def neighbourly(images, severity, rng):
    """The mean image of the block shines through."""
    mixed = (1 - severity) * images + severity * images.mean(axis=0) * rng.random()
    return mixed.astype(np.float32) if severity else images.copy()


class Gap(Digits):
    """Its labels begin at 1."""

    def load(self):
        labelled = super().load()
        return Labelled(labelled.features, labelled.labels + 1, labelled.class_names, "image")


class Shuffled(Digits):
    """Another order every time."""

    def load(self):
        labelled = super().load()
        order = np.random.default_rng().permutation(len(labelled.labels))
        return Labelled(labelled.features[order], labelled.labels[order], labelled.class_names, "image")


class NeverTheSame(Digits):
    """Its source is another for every object, though the images are the same."""

    def __init__(self):
        self.made = uuid4()

    def source(self):
        return f"digits {self.made}"


def grey_alone(images, severity, rng):
    """One mask for the columns: of colour images, for the channels."""
    return images * np.float32(rng.random(images.shape[2]) >= severity) if severity else images.copy()


class Boundless:
    """Takes vectors, and divides them by what may be 0."""

    takes = frozenset({"image", "vector"})

    def __call__(self, features, severity, rng, *, kind="image"):
        del rng
        if kind == "vector":
            with np.errstate(divide="ignore", over="ignore"):
                return features / np.float32(1 - severity / 0.5)
        return np.clip(features + np.float32(severity), 0, 1)


class Infinite(Iris):
    """Vectors with a value that is not finite."""

    def load(self):
        labelled = super().load()
        labelled.features[3, 1] = np.inf
        return labelled


class ChannelsFirst(Digits):
    """Colour images as float32, which vectors are, under the name of images."""

    def load(self):
        labelled = super().load()
        colour = np.repeat(labelled.features[:, None], 3, axis=1).astype(np.float32)
        return Labelled(colour, labelled.labels, labelled.class_names, "image")


OPTIMIZERS = {
    "in_place": InPlace,
    "ascends": Ascends,
    "normalised": Normalised,
    "unpicklable": Unpicklable,
    "divides_by_the_rate": DividesByTheRate,
}
PERTURBATIONS = {
    "grey_alone": grey_alone,
    "boundless": Boundless(),
    "global_noise": global_noise,
    "changes_images": in_place,
    "doubles": doubles,
    "unclipped": unclipped,
    "descending": Descending(),
    "four": Four(),
    "refuses_its_levels": RefusesItsLevels(),
    "milder_again": MilderAgain(),
    "neighbourly": neighbourly,
}
DATASETS = {
    "infinite": Infinite,
    "channels_first": ChannelsFirst,
    "gap": Gap,
    "shuffled": Shuffled,
    "never_the_same": NeverTheSame,
}


@harness.hookimpl
def register_optimizers(register):
    for name, factory in OPTIMIZERS.items():
        register(name, factory)


@harness.hookimpl
def register_perturbations(register):
    for name, perturb in PERTURBATIONS.items():
        register(name, perturb)


@harness.hookimpl
def register_datasets(register):
    for name, factory in DATASETS.items():
        register(name, factory)
