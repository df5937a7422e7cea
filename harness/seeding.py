"""Every random number of the core: generators derived from a seed and a name."""

from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from harness.interfaces import NetworkSpec, State


def generator(seed: int, *name: object) -> np.random.Generator:
    """Return a Philox generator that depends on ``seed`` and ``name`` alone.

    The name goes through SHA-256 into NumPy's `SeedSequence`, so that no two names share a stream by accident.
    """
    digest = sha256("/".join(map(str, name)).encode()).digest()
    words = np.frombuffer(digest, dtype="<u4").tolist()
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, *words])))


def epoch_order(seed: int, epoch: int, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return ``rows`` (n,) in the order in which epoch ``epoch`` (from 0) visits them."""
    return generator(seed, "order", epoch).permutation(rows)


def initial_state(spec: NetworkSpec, seed: int) -> State:
    """Return what every backend starts from, float32: `Layer.initial` of each layer, from a generator of its position.

    Raises:
        ValueError: a layer does not take what comes before it.
    """
    return {
        f"{index}.{name}": values
        for index, (layer, shape) in enumerate(spec.layers_with_shapes())
        for name, values in layer.initial(shape, generator(seed, "initial weights", index)).items()
    }
