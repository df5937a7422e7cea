"""A multilayer network from scratch: one flat parameter vector, layers as views into it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.interfaces import (
    Array,
    Batches,
    Context,
    EpochStats,
    NetworkSpec,
    Optimizer,
    State,
    joined_state,
    split_state,
)
from harness_array.blocks import predicted_rows
from harness_array.devices import Device, on_its_device
from harness_array.frozen import InputGradient
from harness_array.images import AttachedImages
from harness_array.kernels.step import FusedTraining, fused_training
from harness_array.kinds import build_chain
from harness_array.layers import LinearLayer
from harness_array.loss import log_softmax, loss_for
from harness_array.penalties import add_penalties, clip
from harness_array.site import StepKey, network_site
from harness_array.updates import update_for


class ArrayNetwork:
    """`harness.interfaces.Network` over NumPy's or CuPy's namespace."""

    placement = "stream"

    def __init__(
        self, device: Device, spec: NetworkSpec, initial: State, optimizer: Optimizer, context: Context
    ) -> None:
        self._device = device
        self._xp = device.xp
        self._spec = spec
        self._context = context
        self._optimizer = optimizer
        self._images: AttachedImages | None = None
        self._allocate(initial)

    @on_its_device
    def _allocate(self, initial: State) -> None:
        device, spec = self._device, self._spec
        dtype, self._shape = np.dtype(self._context.precision), spec.row_shape
        rows = max(spec.batch_size, predicted_rows(device, spec, dtype.itemsize))
        self._blocks = spec.parameters()
        self._parameters, self._gradients = (device.vector(spec.parameter_count(), dtype) for _ in range(2))
        self._scratch = device.xp.empty_like(self._parameters) if spec.l2 or spec.weight_decay else None
        self._running = {key: device.xp.zeros(shape, dtype=dtype) for key, shape in spec.buffers().items()}
        self._batch = device.batch(rows, spec.features, dtype)
        self._loss = loss_for(device, spec, dtype)
        self._step_key = StepKey()
        vectors = self._parameters, self._gradients
        self._site = network_site(device, spec, dtype, self._step_key, rows, *vectors, self._running)
        self._layers = build_chain(spec.layers, self._site)
        self._frozen: InputGradient | None = None
        self._fused: FusedTraining | None = None
        self._update = update_for(device, self._optimizer, self._parameters)
        self.load(initial)

    @on_its_device
    def attach(self, images: NDArray[Any], labels: NDArray[np.int64]) -> None:
        """Keep the set on the host or the device, as the context's placement says."""
        if self._fused:  # of a set attached before
            self._fused.close()
            self._fused = None
        self._images = AttachedImages(self._device, images, labels, self._context.placement, self._batch)
        self.placement = self._images.placement
        vectors = self._parameters, self._gradients
        self._fused = fused_training(self._spec, self._context.seed, self._site, *vectors, self._update, self._images)
        if self._device.accelerated:
            self._warm_up(len(labels))

    def _warm_up(self, rows: int) -> None:
        """Do what an epoch does, and restore the state: CuPy compiles at first use, which is no epoch's time."""
        batch = np.arange(min(self._spec.batch_size, rows), dtype=np.int64)
        if len(batch) < 2:  # too few for a batch norm
            return
        state = self.state()
        # With kernels, the second full batch is captured, and a smaller one is launched as the last will be.
        for order in [np.tile(batch, 2), batch[:-1]] if self._fused and len(batch) > 2 else [batch]:
            labels = self._attached().labels[self._device.to_device(order)]
            labels[...] = 0  # those of rows that are not for training are withheld, and no class
            self._train(0, order, labels, 0.0)
        self.predict(batch)
        self.load(state)

    @property
    def launch(self) -> str | None:
        """How steps reach an accelerator, as `harness.interfaces.LaunchingNetwork` says."""
        return self._fused.launch if self._fused else "eager" if self._device.accelerated else None

    @on_its_device
    def train_epoch(self, epoch: int, order: NDArray[np.int64], learning_rate: float) -> EpochStats:
        """Train on the attached rows ``order``; nothing leaves the device before the end. Raises as `require_rows`."""
        return self._train(epoch, order, self._attached().labels[self._device.to_device(order)], learning_rate)

    def _train(self, epoch: int, order: NDArray[np.int64], labels: Array, learning_rate: float) -> EpochStats:
        images, size = self._attached(), self._spec.batch_size
        rows = images.order(order)
        if self._fused:
            return self._fused.train_epoch(epoch, order, rows, labels, learning_rate)
        parts = [slice(start, start + size) for start in range(0, len(order), size)]
        batches = ((self._gathered(images, rows[part]), labels[part]) for part in parts)
        return self._epoch(epoch, len(parts), batches, learning_rate)

    @on_its_device
    def train_batches(self, epoch: int, batches: Batches, learning_rate: float) -> EpochStats:
        """Train on batches from the host; nothing leaves the device before the end."""
        if self._fused:
            return self._fused.train_batches(epoch, batches, learning_rate)
        loaded = ((self._loaded(rows.reshape(len(rows), -1)), self._device.to_device(of)) for rows, of in batches)
        return self._epoch(epoch, len(batches), loaded, learning_rate)

    def _epoch(self, epoch: int, steps: int, batches: Iterator[tuple[Array, Array]], rate: float) -> EpochStats:
        losses = self._xp.empty(steps, dtype=np.float64)
        correct, sizes = self._xp.zeros((), dtype=np.int64), []
        # A diverging network overflows: the core finds that in the losses, a warning a step would only be noise.
        with np.errstate(all="ignore"):
            for step, (x, labels) in enumerate(batches):
                self._step_key.value = (self._context.seed, epoch, step)
                losses[step], right = self._step(x, labels, rate)
                correct += right
                sizes.append(len(labels))
        to_host = self._device.to_host
        return EpochStats(to_host(losses), np.array(sizes, np.int64), int(correct), self._device.peak_bytes())

    def _loaded(self, flat: NDArray[np.float32]) -> Array:
        """Return rows from the host as the first layer takes them."""
        if isinstance(self._layers[0], LinearLayer):
            self._layers[0].inputs = slice(0, self._spec.features)
        batch = self._batch[: len(flat)]
        batch[...] = self._device.to_device(flat) if self._device.accelerated else flat
        return batch.reshape(len(batch), *self._shape)

    def _gathered(self, images: AttachedImages, rows: Any) -> Array:
        """Return some attached images as the first layer takes them: without black margins, if they are vectors."""
        first = self._layers[0]
        if isinstance(first, LinearLayer):
            x, first.inputs = images.gather(rows)
            return x
        x, _ = images.gather(rows, whole=True)
        return x.reshape(len(x), *self._shape)

    def _step(self, x: Array, labels: Array, learning_rate: float) -> tuple[Array, Array]:
        loss, right, gradient = self._loss(self._forward(x, training=True), labels)
        for layer in reversed(self._layers):
            gradient = layer.backward(gradient)
        clip(self._xp, self._spec, self._gradients)
        if self._scratch is not None:
            add_penalties(self._xp, self._spec, self._blocks, self._parameters, self._gradients, self._scratch)
        self._update.step(self._parameters, self._gradients, learning_rate)
        return loss, right

    def _forward(self, x: Array, *, training: bool) -> Array:
        for layer in self._layers:
            x = layer.forward(x, training=training)
        return x

    @on_its_device
    def predict(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return log-probabilities (rows, classes) of attached rows."""
        images = self._attached()
        placed = images.order(rows)
        return self._predict(len(rows), lambda start, stop: self._gathered(images, placed[start:stop]))

    @on_its_device
    def predict_images(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return log-probabilities (rows, classes) of rows (rows, *shape): images in [0, 1], or vectors."""
        flat = images.reshape(len(images), self._spec.features)
        return self._predict(len(images), lambda start, stop: self._loaded(flat[start:stop]))

    @on_its_device
    def input_gradient(self, images: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the gradient of each row's cross-entropy by the row, in evaluation mode."""
        if self._frozen is None:
            site = replace(self._site, frozen=True, training_rows=self._site.rows)
            self._frozen = InputGradient(self._device, build_chain(self._spec.layers, site), site, self._spec.classes)
        return self._frozen.of(images, labels)

    def _predict(self, count: int, load: Any) -> NDArray[np.float32]:
        log_probabilities = np.empty((count, self._spec.classes), dtype=np.float32)
        with np.errstate(all="ignore"):
            for start in range(0, count, len(self._batch)):
                stop = min(start + len(self._batch), count)
                logits = self._forward(load(start, stop), training=False)
                log_probabilities[start:stop] = self._device.to_host(log_softmax(self._xp, logits))
        return log_probabilities

    @on_its_device
    def state(self) -> State:
        """Return a copy of parameters, running statistics and optimizer state."""
        to_host = self._device.to_host
        state = {key: to_host(view) for key, view in self._site.parameters.items()}
        state |= {key: to_host(value) for key, value in self._running.items()}
        return joined_state(state, {name: to_host(value) for name, value in self._update.state().items()})

    @on_its_device
    def load(self, state: State) -> None:
        """Take over a state; without ``optimizer.*`` the optimizer starts anew."""
        for key, view in self._site.parameters.items():
            view[...] = self._device.to_device(np.asarray(state[key]))
        for key, value in self._running.items():
            value[...] = self._device.to_device(np.asarray(state[key]))
        self._update.reset()
        _, moments = split_state(state)
        if moments:
            self._update.load(moments)

    @on_its_device
    def synchronize(self) -> None:
        """Wait for queued device work."""
        self._device.synchronize()

    @on_its_device
    def close(self) -> None:
        """Release the attached images and every other array, then the memory that the pools keep of them."""
        if self._fused:
            self._fused.close()
        self._images = self._fused = None
        self._layers, self._running, self._frozen = [], {}, None
        self._parameters = self._gradients = self._scratch = self._batch = None
        del self._loss, self._update, self._site
        self._device.release()

    def _attached(self) -> AttachedImages:
        if self._images is None:
            raise RuntimeError("no images are attached: call attach() first")
        return self._images
