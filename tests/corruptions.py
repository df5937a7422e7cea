"""Real images for tests of corruptions, and the corruptions that are installed with harness."""

from functools import cache

import numpy as np

from harness.datasets.digits import Digits
from harness.plugins.loading import registry
from harness.plugins.perturbations import suites_of
from harness.seeding import generator

NAMES = suites_of(registry())["corruptions"]


@cache
def grey(rows=24):
    """Return digits, float32 (rows, 8, 8) in [0, 1], read-only."""
    images = Digits().load().features[:rows].astype(np.float32) / np.float32(255)
    images.flags.writeable = False
    return images


@cache
def photographs():
    """Return patches of a photograph in colour, float32 (6, 28, 36, 3) in [0, 1], read-only."""
    from skimage.data import astronaut

    whole = astronaut().astype(np.float32) / np.float32(255)
    corners = [(40, 180), (90, 200), (130, 220), (200, 60), (300, 250), (400, 400)]
    images = np.stack([whole[top : top + 28, left : left + 36] for top, left in corners])
    images.flags.writeable = False
    return images


def squares():
    """Return the patches in grey, and square: float32 (6, 28, 28)."""
    return photographs()[:, :, :28].mean(axis=-1)


def perturb_of(name):
    """Return a perturbation by its name."""
    return registry().find("perturbation", name).load()


def draws(key="draws"):
    """Return the same generator at each call."""
    return generator(7, key)
