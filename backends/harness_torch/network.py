"""A network of torch's modules, trained by autograd."""

from contextlib import AbstractContextManager
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.interfaces import Batches, Context, EpochStats, NetworkSpec, Optimizer, State, joined_state, split_state
from harness_torch.dropout import DeviceMasks, HostMasks, Masks
from harness_torch.evaluation import Evaluation
from harness_torch.graph import StepGraph, captures
from harness_torch.images import AttachedImages, predicted_rows, to_tensor
from harness_torch.loss import loss_for
from harness_torch.modules import build_modules, random_draws, statistics
from harness_torch.parameters import Parameters, in_state
from harness_torch.process import give_autograd_a_context, keep_freed_memory, settings, use_threads
from harness_torch.step import Step
from harness_torch.updates import update_for


class TorchNetwork:
    """`harness.interfaces.Network` on the CPU or a CUDA device.

    Of torch's global state it sets the number of threads, and on CUDA restarts the statistic of peak memory, so that
    one trial's peak is not reported by the next. TF32 is off while it computes, and then what it was.
    """

    placement = "stream"

    @property
    def launch(self) -> str | None:
        """How full batches' steps reach a CUDA device: ``"graph"`` or ``"eager"``; None on the CPU."""
        return None if self._device.type == "cpu" else "eager" if self._graph is None else "graph"

    def __init__(
        self, device: torch.device, spec: NetworkSpec, initial: State, optimizer: Optimizer, context: Context
    ) -> None:
        self._device = device
        self._spec = spec
        self._context = context
        use_threads(context.threads)
        keep_freed_memory()
        if device.type == "cuda":
            # Given a device with its number, torch's statistics do not initialise CUDA: as a process's first call to
            # it they would fail, "Invalid device argument".
            torch.cuda.init()  # type: ignore[no-untyped-call] # torch leaves it so
            torch.cuda.reset_peak_memory_stats(device)
        mixed = context.precision == "bfloat16"
        dtype = torch.float32 if mixed else getattr(torch, context.precision)
        self._masks: Masks = DeviceMasks(device) if device.type == "cuda" else HostMasks()
        self._modules = build_modules(spec, self._masks, device, dtype, rounded=mixed)
        self._parameters = Parameters(spec, self._modules, dtype, device, rounded=mixed)
        self._loss = loss_for(spec, dtype, device)
        update = update_for(optimizer, self._parameters.kept)
        self._step = Step(spec, self._modules, self._parameters, self._loss, update)
        self._graph: StepGraph | None = None
        self._draws = random_draws(self._modules)
        self._statistics = statistics(spec, self._modules)
        predicted = predicted_rows(device.type, spec, dtype.itemsize)
        self._evaluation = Evaluation(self._modules, self._step.logits, spec.classes, predicted)
        rows = max(spec.batch_size, predicted)
        pixels = torch.bfloat16 if mixed else dtype  # the first product takes them so
        self._batch = torch.empty((rows, spec.features), dtype=pixels, device=device)
        self._images: AttachedImages | None = None
        self.load(initial)

    def attach(self, images: NDArray[Any], labels: NDArray[np.int64]) -> None:
        """Keep the set on the host or the device, as the context's placement says."""
        self._images = AttachedImages(images, labels, self._context.placement, self._batch)
        self.placement = self._images.placement
        if self._device.type == "cuda":
            self._warm_up(len(labels))

    def _warm_up(self, rows: int) -> None:
        """Do steps and a prediction, and restore the state: CUDA's libraries are loaded at their first use.

        That takes a second in a process's first trial, which is not an epoch's. Then capture a full batch's step.
        """
        give_autograd_a_context(self._device)
        size = self._spec.batch_size
        batch = np.arange(min(size, rows), dtype=np.int64)
        if len(batch) < 2:  # too few for a batch norm
            return
        state, images = self.state(), self._attached()
        placed = images.order(batch)
        graph = self._step_graph() if len(batch) == size else None
        with self._settings():
            self._modules.train()
            self._masks.restart((self._context.seed, 0, 0))
            labels = torch.zeros(len(batch), dtype=torch.int64, device=self._device)
            self._step(images.gather(placed), labels, 0.0)
            if graph is not None:
                graph.warm_up(placed)
        self.predict(batch)
        self.load(state)
        with self._settings():
            self._modules.train()
            self._graph = graph if graph is not None and graph.ready(rows // size, 0.0) else None

    def _step_graph(self) -> StepGraph | None:
        """Return what captures the step; None where it is to be eager."""
        if not (captures(self._device) and self._step.update.capturable):
            return None
        masks = self._masks if self._draws and isinstance(self._masks, DeviceMasks) else None
        return StepGraph(self._step, self._attached(), masks, self._spec.batch_size)

    def train_epoch(self, epoch: int, order: NDArray[np.int64], learning_rate: float) -> EpochStats:
        """Train on the attached rows ``order``; nothing leaves the device before the end.

        Raises:
            ValueError: a batch of one row reaches a batch norm.
        """
        with self._settings():
            self._modules.train()
            images = self._attached()
            edges = [*range(0, len(order), self._spec.batch_size), len(order)]
            sizes = np.diff(edges)
            rows = images.order(order)
            labels = images.labels(order)
            losses = torch.empty(len(sizes), dtype=torch.float64, device=self._device)
            predicted = torch.empty_like(labels)
            replayed = self._replay(epoch, rows, labels, learning_rate, losses)
            for step, (start, stop) in enumerate(pairwise(edges[replayed:]), replayed):
                if self._draws:
                    self._masks.restart((self._context.seed, epoch, step))
                batch = slice(start, stop)
                loss, logits = self._step(images.gather(rows[batch]), labels[batch], learning_rate)
                losses[step] = loss
                torch.argmax(logits, dim=1, out=predicted[batch])
            eager = slice(edges[replayed], None)
            correct = (predicted[eager] == labels[eager]).sum(dtype=torch.float64)
            if replayed and self._graph is not None:
                correct += self._graph.correct
            return self._stats(losses, sizes, correct)

    def _replay(self, epoch: int, rows: Any, labels: Tensor, learning_rate: float, losses: Tensor) -> int:
        """Train on an epoch's full batches by the graph, if there is one, and return their number."""
        steps = len(labels) // self._spec.batch_size
        if self._graph is None or not steps:
            return 0
        if not self._graph.ready(steps, learning_rate):
            self._graph = None
            return 0
        self._graph.run(rows, labels, (self._context.seed, epoch), learning_rate, losses[:steps])
        return steps

    def train_batches(self, epoch: int, batches: Batches, learning_rate: float) -> EpochStats:
        """Train on batches from the host; the rest as `train_epoch`."""
        with self._settings():
            self._modules.train()
            losses = torch.empty(len(batches), dtype=torch.float64, device=self._device)
            correct = torch.zeros((), dtype=torch.float64, device=self._device)
            sizes = []
            for step, (features, labels) in enumerate(batches):
                if self._draws:
                    self._masks.restart((self._context.seed, epoch, step))
                # A copy each: torch warns of read-only memory, and labels may still be on their way to the device.
                classes = torch.from_numpy(labels.copy()).to(self._device)
                loss, logits = self._step(self._loaded(features), classes, learning_rate)
                losses[step] = loss
                correct += (logits.argmax(dim=1) == classes).sum()
                sizes.append(len(labels))
            return self._stats(losses, np.array(sizes), correct)

    def _loaded(self, features: NDArray[np.float32]) -> Tensor:
        """Return rows from the host (rows, *shape) as floats (rows, features) in the batch's buffer."""
        flat = features.reshape(len(features), self._spec.features)
        values = np.require(flat, requirements=["C", "W"])  # torch warns of read-only memory
        return self._batch[: len(values)].copy_(torch.from_numpy(values))

    def _stats(self, losses: Tensor, sizes: NDArray[np.int64], correct: Tensor) -> EpochStats:
        measured = torch.cat([losses, correct[None]]).cpu().numpy()  # the one transfer
        return EpochStats(
            losses=measured[:-1] / sizes if self._loss.summed else measured[:-1],
            sizes=sizes,
            correct=int(measured[-1]),
            peak_device_bytes=torch.cuda.max_memory_allocated(self._device) if self._device.type == "cuda" else None,
        )

    def predict(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return log-probabilities (rows, classes) of attached rows."""
        images = self._attached()
        placed = images.order(rows)
        with self._settings():
            return self._evaluation.log_probabilities(len(rows), lambda part: images.gather(placed[part]))

    def predict_images(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return log-probabilities (rows, classes) of rows (rows, *shape): images in [0, 1], or vectors."""
        with self._settings():
            return self._evaluation.log_probabilities(len(images), lambda part: self._loaded(images[part]))

    def input_gradient(self, images: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the gradient of each row's cross-entropy by the row, in evaluation mode."""
        with self._settings():
            return self._evaluation.input_gradient(images, labels, self._loaded)

    def state(self) -> State:
        """Return a copy of parameters, running statistics and optimizer state."""
        tensors = joined_state(self._tensors(), self._step.update.state())
        return {key: np.array(value.cpu().numpy(), order="C") for key, value in tensors.items()}

    def load(self, state: State) -> None:
        """Take over a state; without ``optimizer.*`` the optimizer starts anew."""
        for key, tensor in self._tensors().items():
            tensor.copy_(to_tensor(state[key], self._device))
        self._parameters.renew_copies()
        self._step.update.restart(self._parameters.kept)
        _, moments = split_state(state)
        if moments:
            self._step.update.load(moments)

    def _tensors(self) -> dict[str, Tensor]:
        """Return parameters and running statistics by their key in a `State`, in its layout."""
        learned = self._parameters
        return {key: in_state(kept) for key, kept in zip(learned.names, learned.kept, strict=True)} | self._statistics

    def synchronize(self) -> None:
        """Wait for queued device work."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)

    def close(self) -> None:
        """Release the attached images and every other tensor, then the memory that the device's cache keeps of them."""
        self._images = None
        self._graph = None
        del self._modules, self._parameters, self._statistics, self._masks, self._step, self._batch, self._evaluation
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _attached(self) -> AttachedImages:
        if self._images is None:
            raise RuntimeError("no images are attached: call attach() first")
        return self._images

    def _settings(self) -> AbstractContextManager[None]:
        """Return the block within which it computes; several networks may take turns in one process."""
        return settings(self._device, self._context.threads)
