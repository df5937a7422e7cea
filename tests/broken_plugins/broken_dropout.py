"""Networks whose dropout masks are wrong, each in another way."""
# ruff: noqa: D102 - the class says what its method does wrong

import numpy as np

from harness.seeding import generator
from tests.broken_plugins.small_network import Correct


class DrawsOn(Correct):
    """One generator for the whole training: a trial that resumes has other masks."""

    def draws(self, _index, shape):
        return self.__dict__.setdefault("running", generator(self.context.seed, "dropout")).random(shape)


class OneMaskAnEpoch(Correct):
    def draws(self, index, shape):
        return generator(self.context.seed, "dropout", index, self.position[0]).random(shape)


class OneMaskABatch(Correct):
    """The same units are dropped in every row."""

    def draws(self, index, shape):
        return np.broadcast_to(super().draws(index, shape[1:]), shape)


class IgnoresTheSeed(Correct):
    def draws(self, index, shape):
        return generator(0, "dropout", index, *self.position).random(shape)
