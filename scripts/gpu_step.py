"""Steps a second of a training step on a GPU: the backends, with and without a graph, beside torch.compile.

    python scripts/gpu_step.py [--device cuda:0] [--network M1g ...] [--rounds 3] [--seconds 0.5] [--limit 120]

Networks of `suites/future-work.toml`, which has the paper's too: batch 512, of M4a and M4f, of images, 128; Adam,
images that stay on the device. Each contender has a process; all get ready at once. Then, a network after the other,
they take turns in each round, each for at least ``--seconds`` after a spin-up of 0.2 s. A network's table, of the
medians of the rounds, is printed at once. Nothing is measured later than ``--limit`` seconds after the start.

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
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
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

SUITE = Path(__file__).parent.parent / "suites" / "future-work.toml"
NETWORKS = ("M0", "M1g", "M3b", "M4a", "M4f")
ROWS = 51_200
"""Images on the device."""
STEPS = 1_000
"""Of an epoch, so that what an epoch costs beside its steps is as small as in a real one."""
RATE = 1e-3
SPIN_UP = 0.2
"""Seconds: a GPU's clock takes that long to rise."""
NO_GRAPH = "HARNESS_NO_GRAPH"

Train = Callable[[int], None]
"""Trains that many epochs, and waits for the device."""


@dataclass
class Ready:
    """What a process says of its contender: how it trains, or why it cannot."""

    launch: str = ""
    prepared: float = 0.0
    """Seconds until it was ready: captured, compiled."""
    reason: str = ""


@dataclass
class Contender:
    """One of what is measured on a network, in a process that nothing else works in."""

    title: str
    channel: Connection
    process: SpawnProcess
    ready: Ready = field(default_factory=Ready)
    steps_a_second: list[float] = field(default_factory=list)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument(
        "--network", action="append", help=f"an experiment of the suite; default: {', '.join(NETWORKS)}"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--limit", type=float, default=120.0)
    arguments = parser.parse_args()
    count, why = cuda_devices()
    if not count:
        print(f"gpu_step.py: {why}; it measures a GPU alone", file=sys.stderr)
        return 2
    end = perf_counter() + arguments.limit
    networks = load_networks(registry(), SUITE).named(arguments.network or NETWORKS)
    for name in ("cupy", "torch"):
        print(f"{name}: {environment(name, arguments.device)}")
    fields = {network.name: [begun(title, network.name, arguments.device) for title in MAKERS] for network in networks}
    for contenders in fields.values():
        for contender in contenders:
            await_ready(contender)
    for network, contenders in fields.items():
        for _ in range(arguments.rounds):
            for contender in contenders:
                measure(contender, arguments.seconds, end)
        print(table(network, contenders), flush=True)
        for contender in contenders:
            contender.process.kill()
    return 0


def environment(name: str, device: str) -> str:
    """Return what a backend says of its environment, or why it cannot run, in one line."""
    try:
        backend = load_backend(registry().find("backend", name))
        facts = backend.unavailable(device) or backend.environment(device)
    except Exception as error:  # noqa: BLE001 - whatever is missing, the others are measured
        return one_line(error)
    return facts if isinstance(facts, str) else ", ".join(f"{key} {value}" for key, value in facts.items())


def begun(title: str, network: str, device: str) -> Contender:
    """Start a contender's process."""
    context = get_context("spawn")
    channel, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, title, network, device), daemon=True)
    process.start()
    theirs.close()
    return Contender(title, channel, process)


def await_ready(contender: Contender) -> None:
    """Wait until a contender is ready, or says why it cannot be."""
    try:
        contender.ready = contender.channel.recv()
    except EOFError:
        contender.ready.reason = ended(contender)


def ended(contender: Contender) -> str:
    """Return what became of a process that does not answer."""
    contender.process.join()
    return f"its process ended with exit code {contender.process.exitcode}"


def serve(channel: Connection, title: str, network: str, device: str) -> None:
    """Get a contender ready and say so; then measure each time that a number of seconds arrives."""
    spec, start = load_networks(registry(), SUITE).named([network])[0].spec, perf_counter()
    try:
        train, launch = MAKERS[title](spec, synthetic(ROWS), device)
    except Exception as error:  # noqa: BLE001 - whatever is missing, the others are measured
        channel.send(Ready(reason=one_line(error)))
        return
    channel.send(Ready(launch, perf_counter() - start))
    while True:
        seconds = channel.recv()
        channel.send(rate(train, seconds))


def _backend(name: str, spec: NetworkSpec, data: Labelled, device: str, *, no_graph: bool = False) -> tuple[Train, str]:
    """Build a backend's network, attach the images and train for an epoch."""
    os.environ[NO_GRAPH] = "1" if no_graph else "0"
    backend = load_backend(registry().find("backend", name))
    reason = backend.unavailable(device)
    if reason is not None:
        raise RuntimeError(reason)
    rows = STEPS * spec.batch_size
    order = np.tile(np.random.default_rng(0).permutation(ROWS), -(-rows // ROWS))[:rows].astype(np.int64)
    network = backend.build(spec, initial_state(spec, 0), Adam(), Context(0, device=device, placement="resident"))
    network.attach(data.features, data.labels)

    def train(epochs: int) -> None:
        for epoch in range(epochs):
            network.train_epoch(epoch, order, RATE)
        network.synchronize()

    train(1)
    return train, str(getattr(network, "launch", ""))


def _compiled(spec: NetworkSpec, data: Labelled, device: str) -> tuple[Train, str]:
    """Build plain PyTorch with torch.compile, and train for a few steps, which compile."""
    import torch
    from torch.nn.functional import cross_entropy

    from harness_torch.plain import sequential

    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    place = torch.device(device)
    model = sequential(spec, "plain PyTorch").to(place)
    fused = place.type == "cuda"
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, weight_decay=spec.weight_decay, fused=fused)
    images = (torch.tensor(data.features[:ROWS]).reshape(ROWS, *spec.row_shape) / 255).to(place)
    if images.ndim > 2:
        images = images.movedim(3, 1)  # channels are side by side in memory, as the backends have them
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
    return lambda epochs: steps(epochs * STEPS), "compiled"


MAKERS: dict[str, Callable[[NetworkSpec, Labelled, str], tuple[Train, str]]] = {
    "cupy": partial(_backend, "cupy"),
    "cupy, no graph": partial(_backend, "cupy", no_graph=True),
    "torch": partial(_backend, "torch"),
    "torch, no graph": partial(_backend, "torch", no_graph=True),
    "torch.compile": _compiled,
}


def rate(train: Train, seconds: float) -> float:
    """Return the steps a second of at least ``seconds`` of training, after a spin-up."""
    start = perf_counter()
    while perf_counter() - start < SPIN_UP:
        train(1)
    start, epochs = perf_counter(), 0
    while (taken := perf_counter() - start) < seconds:
        train(1)
        epochs += 1
    return epochs * STEPS / taken


def measure(contender: Contender, seconds: float, end: float) -> None:
    """Let a contender that is ready train for at least ``seconds``; none begins after ``end``, on `perf_counter`."""
    if contender.ready.reason or perf_counter() >= end:
        return
    try:
        contender.channel.send(seconds)
        contender.steps_a_second.append(contender.channel.recv())
    except (EOFError, OSError):
        contender.ready.reason = ended(contender)


def table(network: str, contenders: Sequence[Contender]) -> str:
    """Return the medians as Markdown."""
    lines = []
    medians = {
        contender.title: statistics.median(contender.steps_a_second)
        for contender in contenders
        if contender.steps_a_second
    }
    reference = medians.get("torch.compile")
    for contender in contenders:
        median, ready = medians.get(contender.title), contender.ready
        spread = max(contender.steps_a_second) / min(contender.steps_a_second) - 1 if median else 0.0
        figures = (f"{median:,.0f}", f"{1e6 / median:.1f}", f"{spread:.1%}") if median else ("", "", "")
        ratio = f"{median / reference:.2f}" if median and reference else ""
        lines.append((network, contender.title, *figures, ratio, f"{ready.prepared:.1f}", ready.reason or ready.launch))
    heads = ["network", "", "steps/s", "µs a step", "spread", "÷ torch.compile", "ready in, s", "launch"]
    return tabulate(lines, heads, tablefmt="pipe", disable_numparse=True)


if __name__ == "__main__":
    sys.exit(main())
