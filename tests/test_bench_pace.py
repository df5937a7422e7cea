"""Runs on an accelerator are long enough to be timed, at clocks that have risen."""

import numpy as np
import pytest

from harness.bench import pace, prepared
from harness.bench.cases import Case
from harness.bench.prepared import prepare
from harness.plugins.loading import registry
from harness_array.backends import NumpyBackend
from harness_array.devices import Host
from harness_array.products import repeatable
from tests.measurements import bench_case


class Clock:
    """A clock that work alone moves."""

    def __init__(self, monkeypatch, seconds):
        self.now, self.seconds, self.runs = 0.0, seconds, 0
        monkeypatch.setattr(pace, "perf_counter", lambda: self.now)

    def work(self):
        """Do work that takes its seconds."""
        self.now += self.seconds
        self.runs += 1


@pytest.mark.parametrize(("seconds", "repeats"), [(0.0625, 8), (0.3, 2), (2.0, 1)])
def test_a_run_takes_half_a_second_after_a_spin_up(monkeypatch, seconds, repeats):
    """The work is repeated as often as that takes; a fifth of a second of it comes first."""
    clock = Clock(monkeypatch, seconds)
    assert pace.repeats(clock.work) == repeats
    assert (clock.runs - 1) * seconds >= pace.SPIN_UP


class Accelerated(NumpyBackend):
    """The CPU, which says that it is something else."""

    def devices(self, _device):
        """Name a device."""
        return ["cuda:0"]

    def environment(self, _device):
        """Name a GPU."""
        return {"device": "a GPU"}

    def matrix_products(self, products, context):
        """Note how many there are."""
        self.products = len(products)
        return repeatable(Host(), products, context.precision)


@pytest.mark.parametrize("processes", [1, 2])
def test_only_a_single_process_on_an_accelerator_repeats_its_work(monkeypatch, processes):
    """On the CPU a run is the work once, as ever."""
    backend = Accelerated()
    monkeypatch.setattr(prepared, "repeats", lambda _run: 5)
    case = bench_case("numpy", "M0", "train", rows=1024, processes=processes)
    with prepare(case, registry()) as ready:
        assert (ready.repeats, ready.accelerated) == (1, False)
    monkeypatch.setattr(prepared, "load_backend", lambda _component: backend)
    monkeypatch.setattr(Case, "ask", lambda *_: type("Answer", (), {"backend": "numpy", "devices": ("cuda:0",)}))
    with prepare(case, registry()) as ready:
        assert (ready.repeats, ready.accelerated) == (5 if processes == 1 else 1, True)


@pytest.mark.parametrize(("rows", "steps"), [(5120, 10), (1536, 3)])
def test_products_of_several_steps_are_waited_for_together(monkeypatch, rows, steps):
    """Ten steps at most, and a divisor of all: five products a step of M0, less one for the first layer."""
    backend = Accelerated()
    monkeypatch.setattr(prepared, "repeats", lambda _run: 1)
    monkeypatch.setattr(prepared, "load_backend", lambda _component: backend)
    monkeypatch.setattr(Case, "ask", lambda *_: type("Answer", (), {"backend": "numpy", "devices": ("cuda:0",)}))
    with prepare(bench_case("numpy", "M0", "products", rows=rows), registry()) as ready:
        ready.run()
        assert backend.products == 8 * steps
        assert ready.samples == rows
    assert np.isfinite(ready.measured([1.0]).samples_per_second)
