"""Steps a second of a training step on a GPU: the backends, with and without a graph, beside torch.compile.

    python scripts/gpu_step.py [--device cuda:0] [--network M1g ...] [--rounds 3] [--seconds 0.5] [--limit 60]

Networks of `suites/full.toml`, batch 512, Adam, images that stay on the device. A network after the other,
the contenders take turns in each round, after a spin-up of 0.2 s each, for at least ``--seconds``; its table, of the
medians of the rounds, is printed at once. Nothing begins later than ``--limit`` seconds, which include compilation.

cupy             kernels in a captured graph: `HARNESS_NO_GRAPH` is not set
cupy, no graph   the same kernels, launched one by one: HARNESS_NO_GRAPH=1
torch            the torch backend
torch, no graph  the same, HARNESS_NO_GRAPH=1
torch.compile    plain PyTorch: model and loss under torch.compile(mode="reduce-overhead"), a fused Adam, float32

Exit code 0; 2 where there is no CUDA device.
"""

import argparse
import os
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
from gpu_check import cuda_devices
from tabulate import tabulate

from harness.bench import load_networks
from harness.bench.cases import synthetic
from harness.errors import one_line
from harness.interfaces import Context, Labelled, NetworkSpec
from harness.optimizers import Adam
from harness.plugins.loading import registry
from harness.seeding import initial_state
from harness.trial.jobs import load_backend

ROWS = 51_200
"""Images on the device."""
EPOCH = 512_000
"""Rows of an epoch: 1,000 steps, so that what an epoch costs beside its steps is as small as in a real one."""
RATE = 1e-3
SPIN_UP = 0.2
"""Seconds: a GPU's clock takes that long to rise."""
NO_GRAPH = "HARNESS_NO_GRAPH"

Train = Callable[[int], None]
"""Trains that many epochs, and waits for the device."""


@dataclass
class Contender:
    """What is measured on one network: how it trains, or why it cannot."""

    title: str
    train: Train | None = None
    launch: str = ""
    prepared: float = 0.0
    """Seconds until it was ready: captured, compiled."""
    reason: str = ""
    close: Callable[[], None] = lambda: None
    steps_a_second: list[float] = field(default_factory=list)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--network", action="append", help="an experiment of the suite; default: M0, M1g, M3b")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--limit", type=float, default=60.0)
    given = parser.parse_args()
    count, why = cuda_devices()
    if not count:
        print(f"gpu_step.py: {why}; it measures a GPU alone", file=sys.stderr)
        return 2
    end = perf_counter() + given.limit
    data = synthetic(ROWS)
    networks = load_networks(registry()).named(given.network or ["M0", "M1g", "M3b"])
    for name in ("cupy", "torch"):
        print(f"{name}: {environment(name, given.device)}")
    for network in networks:
        ready = contenders(network.spec, data, given.device, end)
        for _ in range(given.rounds):
            measure(ready, network_steps(), given.seconds, end)
        print(table({network.name: ready}), flush=True)
        for contender in ready:
            contender.close()
    return 0


def network_steps() -> int:
    """Return the steps of an epoch."""
    return EPOCH // 512


def environment(name: str, device: str) -> str:
    """Return what a backend says of its environment, or why it cannot run, in one line."""
    try:
        backend = load_backend(registry().find("backend", name))
        facts = backend.unavailable(device) or backend.environment(device)
    except Exception as error:  # noqa: BLE001 - whatever is missing, the others are measured
        return one_line(error)
    return facts if isinstance(facts, str) else ", ".join(f"{key} {value}" for key, value in facts.items())


def contenders(spec: NetworkSpec, data: Labelled, device: str, end: float) -> list[Contender]:
    """Return all that can train a network here, ready, and the others with their reasons; none begins after ``end``."""
    makers: dict[str, Callable[[Contender], None]] = {
        "cupy": lambda made: _backend(made, "cupy", spec, data, device),
        "cupy, no graph": lambda made: _backend(made, "cupy", spec, data, device, no_graph=True),
        "torch": lambda made: _backend(made, "torch", spec, data, device),
        "torch, no graph": lambda made: _backend(made, "torch", spec, data, device, no_graph=True),
        "torch.compile": lambda made: _compiled(made, spec, data, device),
    }
    found = []
    for title, make in makers.items():
        contender, start = Contender(title), perf_counter()
        try:
            if start >= end:
                raise TimeoutError("the time was up")  # noqa: TRY301 - a reason like any other
            make(contender)
        except Exception as error:  # noqa: BLE001 - as above
            contender.train, contender.reason = None, one_line(error)
        contender.prepared = perf_counter() - start
        print(f"{title}: {contender.reason or f'ready in {contender.prepared:.1f} s'}", flush=True)
        found.append(contender)
    return found


@contextmanager
def _environment_variable(name: str, value: str | None) -> Iterator[None]:
    before = os.environ.pop(name, None)
    if value is not None:
        os.environ[name] = value
    try:
        yield
    finally:
        os.environ.pop(name, None)
        if before is not None:
            os.environ[name] = before


def _backend(
    made: Contender, name: str, spec: NetworkSpec, data: Labelled, device: str, *, no_graph: bool = False
) -> None:
    """Build a backend's network, attach the images and train for an epoch."""
    backend = load_backend(registry().find("backend", name))
    reason = backend.unavailable(device)
    if reason is not None:
        made.reason = reason
        return
    order = np.tile(np.random.default_rng(0).permutation(ROWS), -(-EPOCH // ROWS))[:EPOCH].astype(np.int64)
    with _environment_variable(NO_GRAPH, "1" if no_graph else None):
        network = backend.build(spec, initial_state(spec, 0), Adam(), Context(0, device=device, placement="resident"))
        network.attach(data.features, data.labels)

        def train(epochs: int) -> None:
            for epoch in range(epochs):
                network.train_epoch(epoch, order, RATE)
            network.synchronize()

        train(1)
    made.train, made.close = train, network.close
    made.launch = str(getattr(network, "launch", ""))


def _compiled(made: Contender, spec: NetworkSpec, data: Labelled, device: str) -> None:
    """Build plain PyTorch with torch.compile, and train for a few steps, which compile."""
    import torch
    from torch.nn.functional import cross_entropy

    from harness_torch.plain import sequential

    torch.backends.cuda.matmul.allow_tf32 = False
    place = torch.device(device)
    model = sequential(spec, "plain PyTorch").to(place)
    fused = place.type == "cuda"
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, weight_decay=spec.weight_decay, fused=fused)
    images = (torch.tensor(data.features[:ROWS]).reshape(ROWS, -1) / 255).to(place)
    labels = torch.tensor(data.labels[:ROWS]).to(place)

    def loss_of(x: Any, y: Any) -> Any:
        return cross_entropy(model(x), y)

    compiled = torch.compile(loss_of, mode="reduce-overhead")
    model.train()

    def steps(count: int) -> None:
        done = 0
        while done < count:
            for rows in torch.randperm(ROWS, device=place).split(spec.batch_size):  # type: ignore[no-untyped-call]
                if done == count:
                    break
                optimizer.zero_grad(set_to_none=True)
                compiled(images[rows], labels[rows]).backward()
                optimizer.step()
                done += 1
        if fused:
            torch.cuda.synchronize(place)

    steps(10)
    made.train, made.launch = lambda epochs: steps(epochs * network_steps()), "compiled"


def measure(ready: Sequence[Contender], steps: int, seconds: float, end: float) -> None:
    """Let contenders take turns, each for at least ``seconds``; none begins after ``end``, on `perf_counter`."""
    for contender in ready:
        if contender.train is None or perf_counter() >= end:
            continue
        start = perf_counter()
        while perf_counter() - start < SPIN_UP:
            contender.train(1)
        start, epochs = perf_counter(), 0
        while (taken := perf_counter() - start) < seconds:
            contender.train(1)
            epochs += 1
        contender.steps_a_second.append(epochs * steps / taken)


def table(prepared: dict[str, list[Contender]]) -> str:
    """Return the medians as Markdown."""
    lines = []
    for network, ready in prepared.items():
        medians = {one.title: statistics.median(one.steps_a_second) for one in ready if one.steps_a_second}
        reference = medians.get("torch.compile")
        for contender in ready:
            rate = medians.get(contender.title)
            spread = max(contender.steps_a_second) / min(contender.steps_a_second) - 1 if rate else 0.0
            figures = (f"{rate:,.0f}", f"{1e6 / rate:.1f}", f"{spread:.1%}") if rate else ("", "", "")
            ratio = f"{rate / reference:.2f}" if rate and reference else ""
            note = contender.reason or contender.launch
            lines.append((network, contender.title, *figures, ratio, f"{contender.prepared:.1f}", note))
    heads = ["network", "", "steps/s", "µs a step", "spread", "÷ torch.compile", "ready in, s", "launch"]
    return tabulate(lines, heads, tablefmt="pipe", disable_numparse=True)


if __name__ == "__main__":
    sys.exit(main())
