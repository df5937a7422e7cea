"""Mistakes in the code around the kernels - staging, events, captures, cuBLAS: the tests on the double notice each."""

from pathlib import Path

import pytest

from harness_array import cuda, network
from harness_array.kernels import aside, cublas, launches, step
from tests import image_step_mistakes
from tests.doubles import needs_compiler, strict_cupy
from tests.mutants import MISSED, Mutant, replace_methods

__all__ = ["strict_cupy"]

EPOCHS, GRAPH = "test_fused_step.test_epochs_are_numpys", "test_fused_step.test_a_graph_has_the_bits_of_its_launches"
STREAMED, RESIDENT = ({"name": "adam", "placement": placement} for placement in ("stream", "resident"))
SUM = {"name": "sum", "placement": "resident"}
HANDLES = "test_cuda_handles.test_"
MUTANTS = {
    cuda: [
        Mutant("a buffer is filled while it is read", "        copied.synchronize()", "        pass", EPOCHS, STREAMED),
        Mutant("no event after the copy", "        copied.record(self._stream())\n", "", EPOCHS, STREAMED),
        Mutant("an event before the copy", "        target.set(staged)\n        copied.record(self._stream())\n",
               "        copied.record(self._stream())\n        target.set(staged)\n", EPOCHS, STREAMED),
        Mutant("rows in another order", "np.take(images, rows, axis=0", "np.take(images, rows[::-1], axis=0", EPOCHS,
               STREAMED),
    ],
    step: [
        Mutant("does not wait for the current stream", "        self._stream.wait_event(self._before)\n", "", EPOCHS,
               RESIDENT),
        Mutant("waits before the event",
               "        self._before.record(current)\n        self._stream.wait_event(self._before)\n",
               "        self._stream.wait_event(self._before)\n        self._before.record(current)\n", EPOCHS,
               RESIDENT),
        Mutant("is not waited for", "            current.wait_event(self._after)\n", "            pass\n", EPOCHS,
               RESIDENT),
        Mutant("control block on the other stream", "            with self._stream:\n                self._buffers",
               "            if True:\n                self._buffers", EPOCHS, RESIDENT),
        Mutant("one key for all epochs", "SeedSequence((self._seed, epoch))", "SeedSequence((self._seed, 0))",
               "test_cuda_step.test_dropout_keeps_its_share_and_draws_anew_in_every_step_and_epoch"),
        Mutant("Adam's steps are not counted", "            self._learned.update.steps += 1", "            pass",
               EPOCHS,
               RESIDENT),
        Mutant("Adam's rate of the last step", "update.rule, update.steps + 1", "update.rule, update.steps + 2", EPOCHS,
               RESIDENT),
        Mutant("a rate of the first epoch", 'block["learning_rate"] = block["rate"] = learning_rate',
               'block["learning_rate"] = block["rate"] = 0.01', EPOCHS, {"name": "momentum", "placement": "resident"}),
        Mutant("a graph for the last batch", "if full and source.name in self._graphs",
               "if source.name in self._graphs",
               EPOCHS, RESIDENT),
        Mutant("the order of another batch", "order[step * size : step * size + rows]", "order[:rows]", EPOCHS,
               STREAMED),
        Mutant("labels of the attached rows", "self._epoch.labels[:count] = labels",
               "self._epoch.labels[:count] = labels[0]",
               EPOCHS, RESIDENT),
        Mutant("old graphs after a move", "        self._graphs.clear()\n        self._warm.clear()\n",
               "        self._warm.clear()\n", "test_fused_step.test_batches_from_the_host_are_numpys"),
        Mutant("old launches after a move", "        self._lists: dict[tuple[str, int], list[Launch]] = {}\n",
               "        self._lists = getattr(self, '_lists', {})\n",
               "test_fused_step.test_batches_from_the_host_are_numpys"),
        Mutant("a failed capture hides its reason",
               "            with suppress(Exception):\n                self._stream.end_capture()\n",
               "            self._stream.end_capture()\n",
               HANDLES + "the_reason_of_a_capture_that_fails_is_what_failed_in_it"),
        Mutant("an interrupted capture goes on", "        except BaseException:\n            # A capture",
               "        except ValueError:\n            # A capture",
               HANDLES + "an_interruption_leaves_no_stream_capturing"),
        Mutant("a handle stays without a compiler", "            opened.callback(self._blas.close)\n", "",
               HANDLES + "where_compilation_ends_no_handle_stays", {"error": RuntimeError}),
    ],
    network: [
        Mutant("handles of the set before stay", "            self._fused.close()\n            self._fused = None\n",
               "            self._fused = None\n", HANDLES + "another_set_has_no_more_handles"),
    ],
    aside: [
        Mutant("the second stream does not wait", "            self._side.wait_event(begun)\n", "", EPOCHS, RESIDENT),
        Mutant("the update does not wait", "            self._main.wait_event(self._ended)\n", "", EPOCHS, RESIDENT),
    ],
    launches: [
        Mutant("a whole batch's rows in the last",
               "np.int32(rows), np.int32(spec.classes), *self._loss, np.int32(spec.gradient",
               "np.int32(spec.batch_size), np.int32(spec.classes), *self._loss, np.int32(spec.gradient", EPOCHS,
               RESIDENT),
        Mutant("a mean for a sum", 'np.int32(spec.gradient == "mean")', "np.int32(True)", EPOCHS, SUM),
        Mutant("no clipping", "        if spec.clip_norm is not None:", "        if False:", EPOCHS, SUM),
        Mutant("no l2", "real(spec.weight_decay), real(spec.l2)", "real(spec.weight_decay), real(0)", EPOCHS, SUM),
        Mutant("a Python number", "np.float64(spec.clip_norm)", "spec.clip_norm", EPOCHS, SUM),
        Mutant("a number too wide", "real(spec.weight_decay), real(spec.l2)",
               "real(spec.weight_decay), np.float64(spec.l2)",
               GRAPH, {"placement": "stream"}),
    ],
    cublas: [
        Mutant("no workspace", '        self._check("cublasSetWorkspace_v2", self._handle, pointer, size)\n', "",
               EPOCHS,
               RESIDENT),
        Mutant("workspace before the stream", '        self._check("cublasSetMathMode"',
               '        self._check("cublasSetStream_v2", self._handle, ctypes.c_void_p(stream.ptr))\n'
               '        self._check("cublasSetMathMode"', EPOCHS, RESIDENT),
        Mutant("another stream", "ctypes.c_void_p(stream.ptr)", "ctypes.c_void_p(0)", EPOCHS, RESIDENT),
        Mutant("operands in the other order", "ctypes.c_void_p(b.data.ptr),\n            ctypes.c_int(b",
               "ctypes.c_void_p(a.data.ptr),\n            ctypes.c_int(b",
               EPOCHS, RESIDENT),
        Mutant("rows for columns", "            ctypes.c_int(b.shape[1]),", "            ctypes.c_int(b.shape[0]),",
               EPOCHS,
               RESIDENT),
        Mutant("a handle without a workspace stays", "            self.close()\n            raise\n",
               "            raise\n", HANDLES + "without_room_for_a_workspace_no_handle_stays", {"which": 1}),
    ],
}  # fmt: skip
TABLE = [
    (module, mutant) for table in (MUTANTS, image_step_mistakes.MUTANTS) for module in table for mutant in table[module]
]


def text_of(module):
    return Path(module.__file__).read_text(encoding="utf-8")


def test_every_mistake_is_one_in_the_source_as_it_is():
    assert len({mutant.name for _, mutant in TABLE}) == len(TABLE) >= 55
    for module, mutant in TABLE:
        assert mutant.of(text_of(module)) != text_of(module), mutant.name


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize(("module", "mutant"), [pytest.param(*case, id=case[1].name) for case in TABLE])
def test_a_mistake_around_the_kernels_is_noticed(strict_cupy, monkeypatch, module, mutant):
    """Its test fails with it."""
    replace_methods(monkeypatch, module, mutant.of(text_of(module)))
    assert mutant.fails(strict_cupy=strict_cupy, monkeypatch=monkeypatch), MISSED + mutant.name


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize("mutants", [MUTANTS, image_step_mistakes.MUTANTS], ids=["vectors", "images"])
def test_without_a_mistake_their_tests_pass(strict_cupy, monkeypatch, mutants):
    """With the methods replaced by themselves."""
    for module in mutants:
        replace_methods(monkeypatch, module, text_of(module))
    tests = {(mutant.test, str(mutant.parameters)): mutant for module in mutants for mutant in mutants[module]}
    for mutant in tests.values():
        with monkeypatch.context() as own:
            assert not mutant.fails(strict_cupy=strict_cupy, monkeypatch=own), mutant
