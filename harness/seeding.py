"""Every random number of the core: generators derived from a seed and a name."""

from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from harness.interfaces import Linear, NetworkSpec, State


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
    """Return the weights that every backend starts from, float32.

    Weights N(0, 2 / fan_in) (He et al., 2015), biases 0; batch norm γ = 1, β = 0, running mean 0 and variance 1.
    """
    state: State = {}
    for parameter in spec.parameters():
        index, _, name = parameter.key.partition(".")
        layer = spec.layers[int(index)]
        if isinstance(layer, Linear) and name == "weight":
            draws = generator(seed, "initial weights", index).standard_normal(parameter.shape)
            state[parameter.key] = (draws * np.sqrt(2.0 / layer.inputs)).astype(np.float32)
        elif name == "weight":
            state[parameter.key] = np.ones(parameter.shape, dtype=np.float32)
            state[f"{index}.running_mean"] = np.zeros(parameter.shape, dtype=np.float32)
            state[f"{index}.running_var"] = np.ones(parameter.shape, dtype=np.float32)
        else:
            state[parameter.key] = np.zeros(parameter.shape, dtype=np.float32)
    return state
