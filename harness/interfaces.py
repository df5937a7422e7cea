"""The contracts between the core and its plugins.

This module imports nothing of ours. A change to it that an existing plugin could notice raises `INTERFACE_VERSION`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

INTERFACE_VERSION = 1

Array = Any
"""An array of any namespace of the array API: NumPy, CuPy, PyTorch, JAX, …"""

State = dict[str, NDArray[Any]]
"""All that prediction and resuming need, as NumPy arrays on the host.

``"<layer>.weight"`` (in, out) and ``"<layer>.bias"`` (out,) of a linear layer; ``weight``, ``bias``, ``running_mean``,
``running_var`` (features,) of a batch norm; ``"optimizer.<name>"`` for each entry of the optimizer's state, vectors in
the order of `NetworkSpec.parameters`. The number is the layer's position in `NetworkSpec.layers`.
"""

Precision = Literal["float32", "float64"]
Placement = Literal["auto", "stream", "resident"]
Gradient = Literal["sum", "mean"]
ActivationName = Literal["relu", "leaky_relu", "gelu", "silu"]


@dataclass(frozen=True)
class Linear:
    """x W + b, W (inputs, outputs)."""

    inputs: int
    outputs: int


@dataclass(frozen=True)
class BatchNorm:
    """Batch normalisation (Ioffe & Szegedy, 2015) over the rows of a batch.

    Training normalises by the batch's biased variance; the running variance, used in prediction, is the unbiased one:
    running <- (1 - momentum) running + momentum · batch.
    """

    features: int
    momentum: float = 0.1
    eps: float = 1e-5


@dataclass(frozen=True)
class Activation:
    """An elementwise nonlinearity.

    relu: max(0, x); leaky_relu: x for x > 0, else 0.01 x; gelu: x Φ(x), exact, by erf (Hendrycks & Gimpel, 2016);
    silu: x σ(x) (Elfwing et al., 2018).
    """

    name: ActivationName


@dataclass(frozen=True)
class Dropout:
    """Inverted dropout (Srivastava et al., 2014): training zeroes with probability ``rate``, divides the rest."""

    rate: float


Layer = Linear | BatchNorm | Activation | Dropout


@dataclass(frozen=True)
class Parameter:
    """One block of the flat parameter vector: its key in a `State`, its shape and place, and whether ``l2`` applies."""

    key: str
    shape: tuple[int, ...]
    start: int
    is_weight: bool

    @property
    def stop(self) -> int:
        """One past the block's last element."""
        return self.start + prod(self.shape)


@dataclass(frozen=True)
class NetworkSpec:
    """What a backend is to build and how it is to train it; the same for every backend.

    ``gradient``: whether a batch's gradient is the sum or the mean of its rows' (the reported loss is always a mean).
    A last, smaller batch is not rescaled. ``l2`` · W is added to the gradient of the linear layers' weights, and
    ``weight_decay`` · θ to that of every parameter, both before the optimizer sees it; neither enters the loss.
    """

    input_shape: tuple[int, int]
    classes: int
    layers: tuple[Layer, ...]
    batch_size: int
    gradient: Gradient = "mean"
    l2: float = 0.0
    weight_decay: float = 0.0

    @property
    def features(self) -> int:
        """Pixels of one image."""
        return prod(self.input_shape)

    def parameters(self) -> tuple[Parameter, ...]:
        """Return the blocks of the flat parameter vector, in its order: layer by layer, weight before bias."""
        blocks: list[Parameter] = []
        start = 0
        for index, layer in enumerate(self.layers):
            if isinstance(layer, Linear):
                shapes = {"weight": (layer.inputs, layer.outputs), "bias": (layer.outputs,)}
            elif isinstance(layer, BatchNorm):
                shapes = {"weight": (layer.features,), "bias": (layer.features,)}
            else:
                continue
            for name, shape in shapes.items():
                is_weight = isinstance(layer, Linear) and name == "weight"
                blocks.append(Parameter(f"{index}.{name}", shape, start, is_weight))
                start = blocks[-1].stop
        return tuple(blocks)

    def parameter_count(self) -> int:
        """Return the length of the flat parameter vector."""
        return self.parameters()[-1].stop


@dataclass(frozen=True)
class Context:
    """Where and how a network runs: nothing here changes what is computed beyond rounding, but for ``seed``.

    ``device``: ``"auto"`` (the backend's best), ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ….
    ``precision``: of parameters and arithmetic; float64 is for tests.
    ``placement``: where the images are kept, ``"stream"`` (host, copied batch by batch), ``"resident"`` (device) or
    ``"auto"`` (resident on a device where they fit).
    """

    seed: int
    device: str = "auto"
    threads: int = 1
    precision: Precision = "float32"
    placement: Placement = "auto"


@dataclass(frozen=True)
class EpochStats:
    """What one epoch of training measured: one transfer from the device an epoch.

    ``losses`` (steps,): each batch's mean cross-entropy, before its update, float64. ``sizes`` (steps,): rows in each
    batch. ``correct``: rows classified rightly, before their batch's update, in training mode. ``peak_device_bytes``:
    the most memory held on an accelerator so far, or None where there is none.
    """

    losses: NDArray[np.float64]
    sizes: NDArray[np.int64]
    correct: int
    peak_device_bytes: int | None = None


class Optimizer(Protocol):
    """An update rule: pure, elementwise over one flat parameter vector of any array namespace.

    ``parameters`` and ``gradients`` have one shape, (n,) or (trials, n), and one floating dtype. ``learning_rate`` is a
    float or an array that broadcasts. No branch depends on an array's values, and no argument is modified.
    """

    def init(self, parameters: Array) -> dict[str, Array]:
        """Return the state before the first step: vectors like ``parameters``, the step count a 0-d array."""
        ...

    def update(
        self, parameters: Array, gradients: Array, state: dict[str, Array], learning_rate: Any
    ) -> tuple[Array, dict[str, Array]]:
        """Return the new parameters and the new state."""
        ...


class Network(Protocol):
    """A network on a device, with its optimizer's state and the images attached to it."""

    placement: str
    """Where the attached images are: ``"stream"`` or ``"resident"``; valid after `attach`."""

    def attach(self, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
        """Give the whole set, once, before training: images (rows, height, width), perhaps memory-mapped."""
        ...

    def train_epoch(self, epoch: int, order: NDArray[np.int64], learning_rate: float) -> EpochStats:
        """Train on the attached rows ``order``, in that order, batch by batch; ``epoch`` counts from 0."""
        ...

    def predict(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return log-probabilities (rows, classes) of attached rows, in evaluation mode."""
        ...

    def predict_images(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the same for images (rows, height, width) in [0, 1] that are not attached."""
        ...

    def state(self) -> State:
        """Return a copy of parameters, statistics and optimizer state."""
        ...

    def load(self, state: State) -> None:
        """Take over a state that `state` returned; a state without ``optimizer.*`` resets the optimizer."""
        ...

    def synchronize(self) -> None:
        """Wait for queued device work; called before every reading of the clock."""
        ...

    def close(self) -> None:
        """Release device memory; the network is not used afterwards."""
        ...


class Backend(Protocol):
    """Builds networks on one kind of device. Registered as a factory, or as ``"module:factory"``."""

    interface: int
    """The `INTERFACE_VERSION` that it was written for."""

    def unavailable(self, device: str) -> str | None:
        """Return why it cannot run on ``device`` here, in one line, or None."""
        ...

    def unsupported(self, spec: NetworkSpec) -> list[str]:
        """Return the keys of the experiment that it cannot honour (``"dropout"``, …); asked when planning."""
        ...

    def deterministic(self, device: str) -> bool:
        """Say whether equal inputs give equal bits on ``device``."""
        ...

    def environment(self, device: str) -> Mapping[str, str]:
        """Return versions and the device's name; asked in the worker."""
        ...

    def build(self, spec: NetworkSpec, initial: State, optimizer: Optimizer, context: Context) -> Network:
        """Return a network that starts from ``initial``."""
        ...


Perturb = Callable[[NDArray[np.float32], float, np.random.Generator], NDArray[np.float32]]
"""A perturbation: images (rows, height, width) in [0, 1], a severity ≥ 0 and a generator to a new array of the same
shape, dtype and range. Severity 0 returns the images as they are. All randomness comes from the generator."""


@runtime_checkable
class SweepingPerturb(Protocol):
    """A perturbation that draws once for all severities."""

    def sweep(
        self, images: NDArray[np.float32], severities: Sequence[float], rng: np.random.Generator
    ) -> Iterator[NDArray[np.float32]]:
        """Yield, for each severity in turn, what a single call with a fresh copy of ``rng`` would return."""
        ...


@dataclass(frozen=True)
class LabelledImages:
    """Images (rows, height, width) uint8, labels (rows,) int64 in 0 … classes - 1, and a name for each class."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]


class Dataset(Protocol):
    """Labelled images. Registered as a factory whose keywords are the TOML options.

    An option annotated as `pathlib.Path` (or a list of them) is resolved against the suite's folder.
    """

    def unavailable(self) -> str | None:
        """Return why it cannot be loaded here, in one line, or None."""
        ...

    def source(self) -> str:
        """Return a cheap text that changes when the content may have: paths, sizes and times, or a version."""
        ...

    def load(self) -> LabelledImages:
        """Read the images; called only when the cache does not hold this `source`."""
        ...
