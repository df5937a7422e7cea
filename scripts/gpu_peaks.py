"""Peak memory of short trainings on a GPU, by backend, network, placement and batch size: gpu_peaks.py [DEVICE].

One process will do: a peak is of the network's own arrays alone.
"""

import json
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np

from harness.bench import BenchedNetwork, load_networks
from harness.bench.cases import synthetic
from harness.bench.networks import OPTIMIZER
from harness.descent import for_blocks
from harness.interfaces import Backend, Context, Placement
from harness.plugins.loading import registry
from harness.seeding import initial_state
from harness.trial.jobs import build_optimizer, load_backend

SUITE = Path(__file__).parent.parent / "suites" / "future-work.toml"
ROWS = 10_240
BATCHES = (256, 2048)


def peak(backend: Backend, device: str, network: BenchedNetwork, placement: Placement, batch: int) -> int | None:
    """Return the peak of one epoch, in bytes."""
    data, spec = synthetic(ROWS), replace(network.spec, batch_size=batch)
    rule = for_blocks(build_optimizer(OPTIMIZER, registry()), spec.parameters())
    built = backend.build(spec, initial_state(spec, 0), rule, Context(0, device=device, placement=placement))
    try:
        built.attach(data.features, data.labels)
        return built.train_epoch(0, np.arange(ROWS, dtype=np.int64), 0.001).peak_device_bytes
    finally:
        built.close()


def main() -> int:
    """Print a JSON line for each; return 1 where no backend runs there."""
    networks = [*load_networks(registry()).usual, *load_networks(registry(), SUITE).named(["M4a", "M4f"])]
    place, measured = sys.argv[1] if len(sys.argv) > 1 else "cuda", 0
    placements: tuple[Placement, ...] = ("stream", "resident")
    for name in ("cupy", "torch"):
        backend = load_backend(registry().find("backend", name))
        reason = backend.unavailable(place)
        if reason:
            print(f"{name}: {reason}")
            continue
        device = backend.devices(place)[0]
        for network, placement, batch in product(networks, placements, BATCHES):
            row = {"backend": name, "network": network.name, "placement": placement, "batch": batch}
            peak_bytes = peak(backend, device, network, placement, batch)
            print(json.dumps(row | {"peak_device_bytes": peak_bytes}), flush=True)
            measured += 1
    return 0 if measured else 1


if __name__ == "__main__":
    sys.exit(main())
