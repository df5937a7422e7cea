"""Short trainings by cupy's kernels, for NVIDIA's compute-sanitizer: gpu_training.py [DEVICE].

    compute-sanitizer --tool memcheck --error-exitcode 3 python scripts/gpu_training.py cuda

Networks of every layer, of a few pixels: images streamed and on the device, steps in a graph and launched one by one, a
smaller last batch, batches from the host, predictions, input gradients. Every array has an allocation for itself, as
what is read past an array within a pool's memory is no error to the sanitizer.

Exit code 0; 1 where a loss is not finite or a step is not launched as asked; 2 where cupy cannot run there.
"""

import os
import sys
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from harness.interfaces import (
    Activation,
    AveragePool2d,
    BatchNorm,
    Context,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAveragePool,
    Layer,
    Linear,
    MaxPool2d,
    NetworkSpec,
    Placement,
    Residual,
)
from harness.optimizers import SGD, AdamW
from harness.plugins.loading import registry
from harness.seeding import initial_state
from harness.trial.jobs import load_backend

IMAGE, CLASSES, BATCH, ROWS = (9, 10), 5, 8, 21
NETWORKS: dict[str, tuple[Layer, ...]] = {
    "perceptron": (
        Linear(90, 33), BatchNorm(33), Activation("silu"), Dropout(0.3), Linear(33, 7), Activation("leaky_relu"),
        Linear(7, CLASSES),
    ),
    "convolutions": (
        Conv2d(1, 5, 3, padding=1), BatchNorm(5), Activation("relu"), MaxPool2d(2), Conv2d(5, 9, 2, stride=2),
        Activation("gelu"), Dropout(0.3), AveragePool2d(2), Flatten(), Linear(9, CLASSES),
    ),
    "residuals": (
        Conv2d(1, 3, 3, padding=1, bias=False), Activation("tanh"),
        Residual((Conv2d(3, 3, 3, padding=1), BatchNorm(3), Activation("relu"), Dropout(0.1), Conv2d(3, 3, 1))),
        Residual((Conv2d(3, 11, 3, stride=2, padding=1, bias=False), BatchNorm(11))),
        GlobalAveragePool(), Linear(11, CLASSES),
    ),
}  # fmt: skip
LAUNCHES = "graph", "eager"
PLACEMENTS: tuple[Placement, ...] = ("stream", "resident")


def main() -> int:
    """Train each network each way, and print a line for each."""
    device = sys.argv[1] if len(sys.argv) > 1 else "cuda"
    backend = load_backend(registry().find("backend", "cupy"))
    if reason := backend.unavailable(device):
        print(f"gpu_training.py: {reason}", file=sys.stderr)
        return 2
    import cupy

    cupy.cuda.set_allocator(None)  # no pool
    rng, wrong = np.random.default_rng(0), False
    images, labels = rng.integers(0, 256, (ROWS, *IMAGE), dtype=np.uint8), rng.integers(0, CLASSES, ROWS)
    floats, order = images.astype(np.float32) / 255, rng.permutation(ROWS)
    batches = [(floats[part : part + BATCH], labels[part : part + BATCH]) for part in range(0, ROWS, BATCH)]
    for index, (name, launch, placement) in enumerate(product(NETWORKS, LAUNCHES, PLACEMENTS)):
        os.environ["HARNESS_NO_GRAPH"] = str(int(launch == "eager"))
        spec = NetworkSpec(IMAGE, CLASSES, NETWORKS[name], batch_size=BATCH)
        if index % 2:
            spec = replace(spec, clip_norm=0.5, l2=0.01, weight_decay=0.01)
        context = Context(0, device=backend.devices(device)[0], placement=placement)
        rule = AdamW() if index % 3 else SGD(momentum=0.9, nesterov=True)
        network: Any = backend.build(spec, initial_state(spec, 0), rule, context)
        network.attach(images, labels)
        losses = [network.train_epoch(epoch, order, 0.01).losses for epoch in range(2)]
        losses += [network.train_batches(epoch, batches, 0.01).losses for epoch in range(2)]
        network.predict(order)
        network.input_gradient(floats, labels)
        launched = getattr(network, "launch", None)
        network.close()
        wrong = wrong or launched != launch or not np.isfinite(losses).all()
        print(f"{name}, {placement}, {launch}: last loss {losses[-1][-1]:.4f}, launch {launched}", flush=True)
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
