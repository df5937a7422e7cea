"""Images of EMNIST ByMerge's shape and number, drawn at random: for measuring time where the real ones are not.

python scripts/synthetic_emnist.py DIRECTORY [IMAGES]

Writes the four files of EMNIST ByMerge that `--data-dir DIRECTORY` reads, with `--set dataset.partial=true`: IMAGES
(814,255) images of 28 × 28 pixels in 47 classes, a seventh of them, rounded up, for the test. A class has three
strokes, of which an image shows one, shifted, brighter or darker, and noisy. No figure of a network on these images
says how good it is.
"""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

IMAGES, CLASSES, SIDE = 814_255, 47, 28
ROWS = 20_000
"""Images drawn at a time."""


def strokes(draw: np.random.Generator) -> NDArray[np.float32]:
    """Return (classes, 3, 32, 32) smooth shapes in [0, 1], with a border to shift by."""
    walks = draw.normal(size=(CLASSES, 3, 40, 2)).cumsum(axis=2)
    walks -= walks.mean(axis=2, keepdims=True)
    places = np.clip(16 + 9 * walks / np.abs(walks).max(axis=(2, 3), keepdims=True), 0, 31).astype(np.int64)
    shapes = np.zeros((CLASSES, 3, 32, 32), dtype=np.float32)
    index = np.indices(places.shape[:3])
    shapes[index[0], index[1], places[..., 0], places[..., 1]] = 1.0
    smooth = gaussian_filter(shapes, sigma=(0, 0, 1.2, 1.2))
    return np.asarray(smooth / smooth.max(axis=(2, 3), keepdims=True), dtype=np.float32)


def images(draw: np.random.Generator, shapes: NDArray[np.float32], labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an image (28, 28) a label."""
    rows = len(labels)
    top, left = draw.integers(0, 5, (2, rows))
    windows = np.lib.stride_tricks.sliding_window_view(shapes, (SIDE, SIDE), axis=(2, 3))
    shown = windows[labels, draw.integers(0, 3, rows), top, left]
    bright = draw.uniform(0.6, 1.0, (rows, 1, 1)).astype(np.float32)
    noise = draw.standard_normal((rows, SIDE, SIDE), dtype=np.float32)
    return np.asarray(np.clip(shown * bright + 0.2 * noise, 0, 1) * 255, dtype=np.uint8)


def header(kind: int, *shape: int) -> bytes:
    """Return the beginning of an IDX file of bytes: its magic number and its shape."""
    return np.array([2048 + kind, *shape], dtype=">i4").tobytes()


def write(directory: Path, count: int) -> None:
    """Write the training part, then the test part."""
    directory.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(0)
    shapes, test = strokes(draw), -(-count // 7)
    for part, size in (("train", count - test), ("test", test)):
        labels = draw.integers(0, CLASSES, size).astype(np.uint8)
        name = f"emnist-bymerge-{part}"
        (directory / f"{name}-labels-idx1-ubyte").write_bytes(header(1, size) + labels.tobytes())
        with (directory / f"{name}-images-idx3-ubyte").open("wb") as file:
            file.write(header(3, size, SIDE, SIDE))
            for start in range(0, size, ROWS):
                file.write(images(draw, shapes, labels[start : start + ROWS]).tobytes())


if __name__ == "__main__":
    if len(sys.argv) not in {2, 3}:
        sys.exit(__doc__.split("\n\n")[1])
    write(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) == 3 else IMAGES)
