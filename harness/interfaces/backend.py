"""Backends, the networks that they build, and the optimizers that both use."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from harness.interfaces.arrays import Array
from harness.interfaces.network import Context, NetworkSpec, Parameter, Precision

WITHHELD = -32_768
"""The label of a row that a network is not trained on: below minus the number of classes, so that NumPy too refuses it
as an index."""

State = dict[str, NDArray[Any]]
"""All that prediction and resuming need, as NumPy arrays on the host.

``"<layer>.weight"`` (in, out) and ``"<layer>.bias"`` (out,) of a linear layer; ``weight``, ``bias``, ``running_mean``,
``running_var`` (features,) of a batch norm; ``"optimizer.<name>"`` for each entry of the optimizer's state, vectors in
the order of `NetworkSpec.parameters`. The number is the layer's position in `NetworkSpec.layers`; the names after it
are those of `Layer.parameters` and `Layer.buffers`, with dots where a layer has layers within it.
"""

_OPTIMIZER = "optimizer."
T = TypeVar("T")


def split_state(state: Mapping[str, T]) -> tuple[dict[str, T], dict[str, T]]:
    """Return the parameters and statistics of a `State`, and the optimizer's entries by their own names.

    >>> split_state({"0.weight": 1, "optimizer.m": 2})
    ({'0.weight': 1}, {'m': 2})
    """
    optimizer = {key.removeprefix(_OPTIMIZER): value for key, value in state.items() if key.startswith(_OPTIMIZER)}
    return {key: value for key, value in state.items() if not key.startswith(_OPTIMIZER)}, optimizer


def joined_state(network: Mapping[str, T], optimizer: Mapping[str, T]) -> dict[str, T]:
    """Return the state that `split_state` splits into these.

    >>> joined_state({"0.weight": 1}, {"m": 2})
    {'0.weight': 1, 'optimizer.m': 2}
    """
    return {**network, **{_OPTIMIZER + name: value for name, value in optimizer.items()}}


@dataclass(frozen=True)
class EpochStats:
    """What one epoch of training measured: one transfer from the device an epoch.

    ``losses`` (steps,): each batch's mean of `NetworkSpec.loss`, before its update, float64. ``sizes`` (steps,): rows
    in each batch, full but for the last. ``correct``: rows classified rightly, before their batch's update, in training
    mode.
    ``peak_device_bytes``: the most bytes that the network's arrays took on an accelerator at once (not what a pool
    or cache keeps beside them, nor what an earlier network took), or None where there is none. A network that diverged
    reports losses that are not finite, or raises: the core ends the trial with either.
    """

    losses: NDArray[np.float64]
    sizes: NDArray[np.int64]
    correct: int
    peak_device_bytes: int | None = None


class Optimizer(Protocol):
    """An update rule: pure, elementwise over one flat parameter vector of any array namespace.

    It is immutable, hashable and picklable: a frozen dataclass of its options is all three.

    ``parameters`` and ``gradients`` have one shape, (n,) or (trials, n), and one floating dtype. ``learning_rate`` is a
    float ≥ 0 or an array that broadcasts; at 0 parameters stay. No branch depends on an array's values, and no argument
    is modified.
    """

    def init(self, parameters: Array) -> dict[str, Array]:
        """Return the state before the first step: vectors like ``parameters``, the step count a 0-d array."""
        ...

    def update(
        self, parameters: Array, gradients: Array, state: dict[str, Array], learning_rate: Any
    ) -> tuple[Array, dict[str, Array]]:
        """Return the new parameters and the new state."""
        ...


@runtime_checkable
class BlockOptimizer(Protocol):
    """An update rule that needs the blocks of the parameter vector: LARS, LAMB and others that work layer by layer.

    Immutable, hashable and picklable as an `Optimizer`, whose rules for shapes, dtypes and purity apply. Harness binds
    it to a network's blocks (`harness.descent.for_blocks`), so a backend is given an ordinary `Optimizer`, which it
    calls with the whole vector. A rule that needs a second gradient in a step, such as SAM, cannot be written.
    """

    def init(self, parameters: Array) -> dict[str, Array]:
        """Return the state before the first step, as `Optimizer.init`."""
        ...

    def update_blocks(
        self,
        parameters: Array,
        gradients: Array,
        state: dict[str, Array],
        learning_rate: Any,
        blocks: Sequence[Parameter],
    ) -> tuple[Array, dict[str, Array]]:
        """Return the new parameters (n,) or (trials, n), and the new state.

        ``blocks`` say which part of the last axis is which array: its key, shape and place, and whether it is a weight.
        They cover the vector, in its order.
        """
        ...


class Network(Protocol):
    """A network on a device, with its optimizer's state and the rows of a dataset attached to it."""

    placement: str
    """Where the attached images are: ``"stream"`` or ``"resident"``; valid after `attach`."""

    def attach(self, images: NDArray[Any], labels: NDArray[np.int64]) -> None:
        """Give the whole set, once, before training: ``images`` (rows, *shape), perhaps memory-mapped.

        uint8 images, (height, width) or (height, width, channels) each, are scaled to [0, 1]: divided by 255. float32
        vectors, of any shape, are used as they are.

        Both are read-only. ``labels`` (rows,) are those of the rows that orders will name; all others, validation and
        test rows, have the label `WITHHELD`. Not called before an evaluation, which gives its images to
        `predict_images`.
        """
        ...

    def train_epoch(self, epoch: int, order: NDArray[np.int64], learning_rate: float) -> EpochStats:
        """Train on the attached rows ``order``, in that order, batch by batch; ``epoch`` counts from 0.

        ``order`` is read-only, as are the rows and images that a prediction is asked for.
        At a ``learning_rate`` of 0, where a schedule may end, parameters stay and all else moves as ever.
        """
        ...

    def predict(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return log-probabilities (rows, classes) of attached rows, in evaluation mode.

        They are the log-softmax of the logits: the exponentials of a row sum to 1, and -inf is a probability of 0.
        """
        ...

    def predict_images(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the same for rows (rows, *shape) that are not attached: images in [0, 1], or vectors."""
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


Batch = tuple[NDArray[np.float32], NDArray[np.int64]]
"""Rows (n, *shape), float32: images in [0, 1], or vectors as they are trained on; and their labels (n,)."""


class LaunchingNetwork(Protocol):
    """A network that says how its training steps reach an accelerator; a row's environment records it."""

    launch: str | None
    """``"graph"``: a full batch's step is one captured graph; ``"eager"``: operation by operation; None: it runs on the
    host, which launches nothing. Valid after `Network.attach`, and read again when training ends."""


class Batches(Protocol):
    """The batches of an epoch, in order, to be taken once; their number is known."""

    def __len__(self) -> int:
        """Return how many there are."""
        ...

    def __iter__(self) -> Iterator[Batch]:
        """Yield each; the arrays are read-only, and the network's until it asks for the next."""
        ...


@runtime_checkable
class BatchTraining(Protocol):
    """A network that also trains on batches which the core prepares; augmentation needs it."""

    def train_batches(self, epoch: int, batches: Batches, learning_rate: float) -> EpochStats:
        """Do what `Network.train_epoch` does, a step for each batch; attached rows have no part in it.

        What iterating raises is the trial's failure, and is not caught.
        """
        ...


@runtime_checkable
class BatchTrainingBackend(Protocol):
    """A backend that says whether its networks are `BatchTraining`; another is not asked to augment."""

    takes_batches: bool


class Backend(Protocol):
    """Builds networks on one kind of device. Registered as a factory, or as ``"module:factory"``."""

    interface: int
    """The `INTERFACE_VERSION` that it was written for."""

    def unavailable(self, device: str) -> str | None:
        """Return why it cannot run on ``device`` here, in one line, or None."""
        ...

    def unsupported(self, spec: NetworkSpec, optimizer: Optimizer) -> list[str]:
        """Return the keys of the experiment that it cannot honour (``"dropout"``, ``"loss"``, ``"optimizer"``, …).

        ``"classes"`` and ``"input_shape"`` are those of a dataset that does not fit. Asked when planning, in a worker,
        where `unavailable` has no objection.
        """
        ...

    def devices(self, device: str) -> Sequence[str]:
        """Return the devices here that ``device`` may mean: ``["cpu"]``, ``["cuda:0", "cuda:1"]``.

        Asked where `unavailable` has no objection. A trial is trained on one of them; on each but ``"cpu"`` one trial
        at a time.
        """
        ...

    def deterministic(self, device: str) -> bool:
        """Say whether equal inputs give equal bits on ``device``."""
        ...

    def environment(self, device: str) -> Mapping[str, str]:
        """Return versions and the device's name; asked in the worker."""
        ...

    def build(self, spec: NetworkSpec, initial: State, optimizer: Optimizer, context: Context) -> Network:
        """Return a network that starts from ``initial``: the core's weights, or what `Network.state` returned."""
        ...


@runtime_checkable
class ReducedPrecision(Protocol):
    """A backend that offers precisions beside float32; an experiment that asks another backend for one cannot run."""

    precisions: Sequence[Precision]
    """Which ``precision`` of an experiment it honours: ``("float32", "bfloat16")``."""
