"""CUDA's streams and graphs, played on the CPU by torch's dispatcher: what a graph records is what it does again.

A capture runs the operations, to know their shapes, and then undoes them; a replay runs the recorded operations on the
recorded tensors, and nothing else: no line of Python. What a real capture refuses raises here too: waiting for a value,
drawing from a generator that is not registered, the default stream.
"""

from contextlib import contextmanager

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

WAITING = {torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default}


class FakeCuda:
    """In place of what `torch.cuda` has of them; ``events`` is what happened, in order."""

    def __init__(self, monkeypatch):
        self.events = []
        self.current = self.default = Stream(self, "default")
        self.graphs = []
        cuda = self

        class Graph(FakeGraph):
            def __init__(self):
                super().__init__(cuda)

        monkeypatch.setattr(torch.cuda, "Stream", lambda _device: Stream(self, "other"))
        monkeypatch.setattr(torch.cuda, "current_stream", lambda _device: self.current)
        monkeypatch.setattr(torch.cuda, "stream", self.stream)
        monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
        monkeypatch.setattr(torch.cuda, "graph", self.graph)

    @contextmanager
    def stream(self, stream):
        """Make a stream the current one."""
        before, self.current = self.current, stream
        try:
            yield
        finally:
            self.current = before

    @contextmanager
    def graph(self, graph, *, stream):
        """Capture what is queued."""
        assert stream is not self.default, "CUDA graphs must be captured on a non-default stream"
        self.events.append(f"capture on {stream.name}")
        try:
            with self.stream(stream), graph.recorder:
                yield
        finally:
            graph.recorder.undo()
        self.graphs.append(graph)


class Stream:
    """A name, and who waited for whom."""

    def __init__(self, cuda, name):
        self._cuda = cuda
        self.name = name

    def wait_stream(self, other):
        """Wait for what the other has queued."""
        self._cuda.events.append(f"{self.name} waits for {other.name}")


class FakeGraph:
    """A recorded step."""

    def __init__(self, cuda):
        self._cuda = cuda
        self.recorder = Recorder()
        self.replays = 0

    def register_generator_state(self, generator):
        """Allow draws from it."""
        self.recorder.generators.append(generator)  # which keeps its address in use

    def replay(self):
        """Do it again, and leave results where the recorded operations left theirs."""
        self._cuda.events.append(f"replay on {self._cuda.current.name}")
        self.replays += 1
        with torch.no_grad():
            for function, args, keys, results in self.recorder.calls:
                for new, old in zip(tree_leaves(function(*args, **keys)), results, strict=True):
                    if isinstance(new, torch.Tensor) and address(new) != address(old):
                        old.copy_(new)


class Recorder(TorchDispatchMode):
    """Records every operation, and what memory held before."""

    def __init__(self):
        super().__init__()
        self.calls = []
        self.generators = []
        self._before = {}

    @classmethod
    def _should_skip_dynamo(cls):
        """Nothing is compiled here: torch need not load its compiler to skip it."""
        return False

    def __torch_dispatch__(self, function, _types, args=(), kwargs=None):
        """Run one operation."""
        keys = kwargs or {}
        if function in WAITING:
            raise RuntimeError("CUDA error: operation not permitted when stream is capturing")
        for value in tree_leaves((args, keys)):
            if isinstance(value, torch.Generator) and all(
                value._cdata != generator._cdata for generator in self.generators
            ):
                raise RuntimeError("Attempt to increase offset for a CUDA generator not in capture mode.")
            if isinstance(value, torch.Tensor) and address(value) not in self._before:
                self._before[address(value)] = (value.untyped_storage(), value.untyped_storage().clone())
        result = function(*args, **keys)
        kept = [leaf.detach() if isinstance(leaf, torch.Tensor) else leaf for leaf in tree_leaves(result)]
        self.calls.append((function, args, keys, kept))
        return result

    def undo(self):
        """Give memory back what it held."""
        for storage, before in self._before.values():
            storage.copy_(before)


def address(tensor):
    """Return where a tensor's memory begins."""
    return tensor.untyped_storage().data_ptr()
