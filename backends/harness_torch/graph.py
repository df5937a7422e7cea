"""A full batch's step on CUDA, captured once in a graph and replayed: one launch instead of a hundred.

What differs from step to step is in the device's memory, where the captured kernels find it: the number of the step,
the epoch's rows and labels, the learning rate, the seed of the masks.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from harness_torch.dropout import DeviceMasks
from harness_torch.images import AttachedImages
from harness_torch.step import Step

NO_GRAPH = "HARNESS_NO_GRAPH"
"""The environment variable that, set to 1, leaves every step eager: launched operation by operation."""


def captures(device: torch.device) -> bool:
    """Return whether steps on ``device`` are to be captured."""
    return device.type == "cuda" and os.environ.get(NO_GRAPH) != "1"


def _renew_workspaces() -> None:
    """Have cuBLAS allocate its workspaces anew, which a capture then takes from the graph's own memory.

    Those from before belong to the process. Whatever clears them, as torch.compile's own graphs do, would free them
    under a captured product: on an H100 its replay then wrote to an illegal address.
    """
    clear = getattr(torch._C, "_cuda_clearCublasWorkspaces", None)  # noqa: SLF001 - as torch.compile does; CUDA builds have it
    if clear is not None:
        clear()


class StepGraph:
    """A network's step over full batches of its attached images, on a stream that can be captured.

    The default stream cannot. Steps before a capture load libraries, and must be on the stream of the capture: else
    torch warns that autograd crosses streams. So all of it is on one stream, and the default one and it wait for each
    other.
    """

    def __init__(self, step: Step, images: AttachedImages, masks: DeviceMasks | None, batch_size: int) -> None:
        """``masks``: None where training draws nothing."""
        self._step = step
        self._images = images
        self._masks = masks
        self._batch_size = batch_size
        self._resident = images.placement == "resident"
        self._device = images.device
        self._stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call] # torch leaves it so
        self._graph: Any = None
        self.correct = torch.zeros((), dtype=torch.int64, device=self._device)
        """Rows of the last epoch's full batches that were classified rightly."""
        # Fused kernels read a rate on the device as float32: in float64 it is a number in the graph.
        self._fixed_rate = step.dtype != torch.float32
        self._rate: float | Tensor = 0.0 if self._fixed_rate else torch.zeros((), device=self._device)
        self._reserve(1)

    def warm_up(self, rows: Any) -> None:
        """Do the step of a full batch, with labels of 0: before the capture, and it changes the network."""
        with self._beside():
            self._begin(rows, torch.zeros(len(rows), dtype=torch.int64, device=self._device), 0.0)
            self._restart((0, 0, 0))
            if not self._resident:
                self._images.fetch(rows)
            self._once()

    def ready(self, steps: int, learning_rate: float) -> bool:
        """Return whether ``steps`` batches can be replayed at this rate, after a capture where one is needed.

        Nothing is computed: the network stays as it is.
        """
        outdated = self._fixed_rate and self._rate != learning_rate
        if self._graph is None or outdated or steps * self._batch_size > len(self._labels):
            self._reserve(steps)
            self._set_rate(learning_rate)
            self._graph = self._captured()
        return self._graph is not None

    def run(self, rows: Any, labels: Tensor, key: tuple[int, int], learning_rate: float, losses: Tensor) -> None:
        """Train on the full batches of an epoch that it is `ready` for, and put their losses into ``losses`` (steps,).

        ``rows`` is what `AttachedImages.order` returned, ``labels`` (n,) are theirs, and ``key`` is (seed, epoch).
        """
        with self._beside():
            self._begin(rows, labels, learning_rate)
            for step in range(len(losses)):
                self._restart((*key, step))
                if not self._resident:
                    self._images.fetch(rows[step * self._batch_size : (step + 1) * self._batch_size])
                self._graph.replay()
            losses.copy_(self._losses[: len(losses)])

    def _reserve(self, steps: int) -> None:
        """Allocate what an epoch of ``steps`` full batches needs. A graph that is there reads what was before."""
        self._graph = None
        rows = steps * self._batch_size
        self._labels = torch.zeros(rows, dtype=torch.int64, device=self._device)
        self._rows = torch.zeros(rows if self._resident else 0, dtype=torch.int64, device=self._device)
        self._losses = torch.zeros(steps, dtype=torch.float64, device=self._device)
        self._number = torch.zeros(1, dtype=torch.int64, device=self._device)  # of the next step

    def _begin(self, rows: Any, labels: Tensor, learning_rate: float) -> None:
        """Set what the steps of an epoch read, and where they begin."""
        full = len(labels) - len(labels) % self._batch_size
        self._labels[:full].copy_(labels[:full])
        if self._resident:
            self._rows[:full].copy_(rows[:full])
        self._set_rate(learning_rate)
        self._number.zero_()
        self.correct.zero_()

    def _set_rate(self, learning_rate: float) -> None:
        if isinstance(self._rate, Tensor):
            self._rate.fill_(learning_rate)
        else:
            self._rate = learning_rate

    def _restart(self, key: tuple[int, int, int]) -> None:
        if self._masks is not None:
            self._masks.restart(key)

    def _captured(self) -> Any:
        """Return the graph of `_once`; None where something in it cannot be captured."""
        try:
            with self._beside():  # with its device: torch keeps the seed of a graph's masks on the current one
                graph = torch.cuda.CUDAGraph()
                if self._masks is not None:
                    graph.register_generator_state(self._masks.generator)
                _renew_workspaces()
                with torch.cuda.graph(graph, stream=self._stream):
                    self._once()
        except RuntimeError:  # of what waits for the device; an error that the step itself has comes again without
            if self._masks is not None:
                self._masks.renew()  # a generator does not recover from a capture that failed
            return None
        return graph

    def _once(self) -> None:
        """Do the next step: all that is captured."""
        if self._resident:
            self._images.fetch(self._of_step(self._rows))
        labels = self._of_step(self._labels)
        loss, logits = self._step(self._images.fetched(self._batch_size), labels, self._rate)
        self._losses.index_copy_(0, self._number, loss.double().view(1))
        self.correct.add_((logits.argmax(dim=1) == labels).sum())
        self._number.add_(1)

    def _of_step(self, values: Tensor) -> Tensor:
        """Return the next batch's part of an epoch's values."""
        return values.view(-1, self._batch_size).index_select(0, self._number).view(-1)

    @contextmanager
    def _beside(self) -> Iterator[None]:
        """Queue on the graph's stream, after what is queued already and before what will be."""
        other = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(other)
        with torch.cuda.stream(self._stream):
            yield
        other.wait_stream(self._stream)
