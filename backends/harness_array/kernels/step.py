"""A network's epochs by the kernels: a captured graph for each full batch, the same launches for a smaller one."""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from harness.errors import one_line
from harness.interfaces import Array, Batches, EpochStats, NetworkSpec
from harness.optimizers import AdamW
from harness_array.devices import Device
from harness_array.images import AttachedImages
from harness_array.kernels.aside import Aside
from harness_array.kernels.buffers import CONTROL, EpochBuffers, Learned, StepBuffers
from harness_array.kernels.chain import Chain
from harness_array.kernels.cublas import Cublas
from harness_array.kernels.launches import Head, Source, Step
from harness_array.kernels.module import Kernels
from harness_array.kernels.plan import Part, Stage, has_kernels, network_parts, normalises, patch_elements
from harness_array.kernels.tools import Launch, Tools
from harness_array.layers import require_rows
from harness_array.site import Site
from harness_array.updates import AdamUpdate, SGDUpdate, Update

_LOG = logging.getLogger(__name__)
NO_GRAPH = "HARNESS_NO_GRAPH"
"""Set to 1, it turns the graph off, and leaves the kernels."""


class FusedTraining:
    """Trains on a stream that waits for CuPy's current one, and for which that one waits afterwards.

    A source's first full batch is launched kernel by kernel, which loads what is loaded late; the second is captured,
    and every later one replays the graph. Where capture fails, every batch is launched kernel by kernel from then on.
    """

    def __init__(self, device: Device, learned: Learned, seed: int, images: AttachedImages) -> None:
        self._device, self._xp, self._learned, self._seed, self._images = device, device.xp, learned, seed, images
        planned = network_parts(learned.spec)
        if planned is None:
            raise ValueError("a layer has no kernel")
        self._normalises = normalises(planned[0])
        cuda = self._xp.cuda
        self._stream = cuda.Stream(non_blocking=True)
        self._before, self._after = (cuda.Event(disable_timing=True) for _ in range(2))
        self._host: Source | None = None
        self._staging: Any = None
        self._graphs: dict[str, Any] = {}
        self._warm: set[str] = set()
        self.failure: str | None = f"{NO_GRAPH} is set" if os.environ.get(NO_GRAPH) == "1" else None
        """Why no graph is captured, None while there is no reason."""
        with ExitStack() as opened:  # whatever is missing below, memory or a compiler: no handle of cuBLAS stays
            self._blas = Cublas(self._xp, self._stream, learned.dtype)
            opened.callback(self._blas.close)
            self._aside = Aside(self._xp, self._stream, learned.dtype)
            opened.callback(self._aside.close)
            self._prepare(*planned)
            self._opened = opened.pop_all()

    def _prepare(self, parts: Sequence[Part], last: Stage) -> None:
        """Make what the steps need, and the launches of a full batch, which compiles the kernels."""
        learned, images = self._learned, self._images
        self._buffers = StepBuffers(self._xp, learned)
        spread = self._xp.empty(learned.spec.batch_size * patch_elements(parts), dtype=learned.dtype)
        kernels = Kernels(self._xp, learned.dtype)
        self._tools = Tools(
            self._xp, kernels, self._blas, self._aside, learned, self._buffers.control, patch_gradients=spread
        )
        self._chain = Chain(self._tools, parts)
        self._head = Head(self._tools, last, needs_gradient=self._chain.learns)
        self._attached = Source("attached", images.gathered_from, images.placement == "resident")
        steps = max(2, -(-len(images.labels) // learned.spec.batch_size))
        self._room(steps * learned.spec.batch_size, steps)
        self.launches(self._attached, learned.spec.batch_size)

    @property
    def launch(self) -> Literal["graph", "eager"]:
        """How a full batch's step is launched, `Network.launch`."""
        return "graph" if self._graphs else "eager"

    def _room(self, rows: int, steps: int) -> None:
        """Make room for an epoch of that size; what was captured is of the earlier addresses."""
        self._graphs.clear()
        self._warm.clear()
        self._lists: dict[tuple[str, int], list[Launch]] = {}
        self._epoch = EpochBuffers(self._xp, rows, steps)
        self._step = Step(self._tools, self._chain, self._head, self._buffers, self._epoch)

    def launches(self, source: Source, rows: int) -> list[Launch]:
        """Return the launches of a step, made once."""
        key = source.name, rows
        if key not in self._lists:
            self._lists[key] = self._step.launches(source, rows)
        return self._lists[key]

    def train_epoch(
        self, epoch: int, order: NDArray[np.int64], placed: Any, labels: Array, learning_rate: float
    ) -> EpochStats:
        """Train on attached rows ``order`` (n,).

        ``placed`` is what `AttachedImages.order` returned for it, ``labels`` (n,) their classes, on the device.
        """
        count, size = len(order), self._learned.spec.batch_size
        sizes = [min(size, count - start) for start in range(0, count, size)]
        with self._running(epoch, learning_rate, count, len(sizes)):
            if self._attached.resident:
                self._epoch.order[:count] = placed
            self._epoch.labels[:count] = labels
            for step, rows in enumerate(sizes):
                if not self._attached.resident:
                    self._images.stage(order[step * size : step * size + rows])
                self._launch(self._attached, rows)
        return self._stats(sizes)

    def train_batches(self, epoch: int, batches: Batches, learning_rate: float) -> EpochStats:
        """Train on batches from the host, copied into one buffer in turn.

        By way of pinned memory: a copy from any other may wait for the stream, and the host with it, which meanwhile
        makes the next batch.
        """
        spec, sizes = self._learned.spec, list[int]()
        if self._host is None:
            rows = self._xp.empty((spec.batch_size, spec.features), dtype=np.float32)
            self._host, self._staging = Source("host", rows, resident=False), self._device.staging(rows)
        with self._running(epoch, learning_rate, len(batches) * spec.batch_size, len(batches)):
            for step, (features, labels) in enumerate(batches):
                count, first = len(labels), step * spec.batch_size
                flat = np.asarray(features, dtype=np.float32).reshape(count, spec.features)
                self._staging.send(flat, np.arange(count), self._host.rows[:count])
                self._epoch.labels[first : first + count].set(np.ascontiguousarray(labels, dtype=np.int64))
                self._launch(self._host, count)
                sizes.append(count)
        return self._stats(sizes)

    @contextmanager
    def _running(self, epoch: int, learning_rate: float, rows: int, steps: int) -> Iterator[None]:
        """Make the stream the current one, with an epoch's control block on the device."""
        if rows > self._epoch.rows or steps > self._epoch.steps:
            self._room(rows, steps)
        current = self._xp.cuda.get_current_stream()
        self._before.record(current)
        self._stream.wait_event(self._before)
        try:
            with self._stream:
                self._buffers.control.set(self._control(epoch, learning_rate))
                yield
        finally:
            self._after.record(self._stream)
            current.wait_event(self._after)

    def _control(self, epoch: int, learning_rate: float) -> NDArray[np.uint8]:
        """Return the control block before an epoch's first step, as `finish` would leave it."""
        block, update = np.zeros(1, dtype=CONTROL), self._learned.update
        block["learning_rate"] = block["rate"] = learning_rate
        block["decay"] = block["clip"] = 1.0
        block["key"] = np.random.SeedSequence((self._seed, epoch)).generate_state(2, np.uint32)
        if isinstance(update, AdamUpdate):
            rule, step = update.rule, update.steps + 1
            root = (1.0 - rule.betas[1] ** step) ** 0.5
            block["step"] = update.steps
            block["rate"] = learning_rate * root / (1.0 - rule.betas[0] ** step)
            block["eps"] = rule.eps * root
            block["decay"] = 1.0 - learning_rate * (rule.weight_decay if isinstance(rule, AdamW) else 0.0)
        return block.view(np.uint8)

    def _launch(self, source: Source, rows: int) -> None:
        """Queue a step on the rows of the next batch."""
        if self._normalises:
            require_rows(rows)
        full = rows == self._learned.spec.batch_size
        if full and self.failure is None and source.name in self._warm and source.name not in self._graphs:
            self._capture(source, rows)
        if full and source.name in self._graphs:
            self._graphs[source.name].launch(self._stream)
        else:
            for launch in self.launches(source, rows):
                launch()
            if full:
                self._warm.add(source.name)
        if isinstance(self._learned.update, AdamUpdate):
            self._learned.update.steps += 1

    def _capture(self, source: Source, rows: int) -> None:
        """Capture a step, which does not run it; a failure is kept, and nothing is captured again."""
        launches = self.launches(source, rows)
        try:
            self._graphs[source.name] = self._captured(launches)
        except Exception as error:  # noqa: BLE001 - whatever a driver or a library refuses, the launches work
            self._graphs.clear()
            self.failure = one_line(error)
            _LOG.warning("a step's kernels are launched one by one, as no graph can be captured: %s", self.failure)

    def _captured(self, launches: Sequence[Launch]) -> Any:
        """Return the graph of some launches; whatever fails, the stream captures no longer."""
        self._stream.begin_capture()
        try:
            for launch in launches:
                launch()
        except BaseException:
            # A capture that was interrupted refuses to end: the reason is what interrupted it.
            with suppress(Exception):
                self._stream.end_capture()
            raise
        return self._stream.end_capture()

    def _stats(self, sizes: list[int]) -> EpochStats:
        losses = self._device.to_host(self._epoch.losses[: len(sizes)])
        control = self._device.to_host(self._buffers.control).view(CONTROL)
        return EpochStats(losses, np.array(sizes, np.int64), int(control["correct"][0]), self._device.peak_bytes())

    def close(self) -> None:
        """Release graphs, cuBLAS and memory."""
        self._stream.synchronize()
        self._graphs.clear()
        self._lists.clear()
        self._opened.close()
        self._host = self._attached = self._staging = None  # type: ignore[assignment] # it is not used afterwards
        del self._step, self._chain, self._head, self._tools, self._epoch, self._buffers, self._learned, self._images


def fused_training(
    spec: NetworkSpec,
    seed: int,
    site: Site,
    parameters: Array,
    gradients: Array,
    update: Update,
    images: AttachedImages,
) -> FusedTraining | None:
    """Return what trains a network by kernels, None where a part of its step has none, or its device.

    ``site`` is that of the whole network, whose arrays are views into ``parameters`` and ``gradients`` (n,).
    """
    if not (site.device.has_kernels and isinstance(update, SGDUpdate | AdamUpdate)):
        return None
    if not has_kernels(spec, images.gathered_from.dtype):
        return None
    vectors, views = (parameters, gradients), (site.parameters, site.gradients, site.buffers)
    learned = Learned(spec, site.dtype, *vectors, *views, update)
    try:
        return FusedTraining(site.device, learned, seed, images)
    except Exception as error:  # noqa: BLE001 - a missing library or compiler shows in many ways; CuPy's own operations do
        _LOG.warning("a step is CuPy's own operations, as the kernels cannot be used: %s", one_line(error))
    site.device.release()  # what had room before something had none: other processes may share the device
    return None
