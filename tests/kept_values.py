"""The values of ``suites/full.toml`` on digits, seed 42, as they were before networks of images, losses, augmentation.

``python -m tests.kept_values`` makes ``tests/data/digits-seed-42.json`` again, where a change of the values is meant.

What makes float32 differ between processors is the order in which sums are added, and that is the kernel's. So the
processor does not choose the kernels: NumPy's OpenBLAS takes Haswell's, which every x86-64 with AVX2 has (on another it
takes another, and the row says which); torch's own loops and MKL take the path that all processors of a kind have.
NumPy's own loops give the same bits with AVX2 and with AVX-512.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

KEPT = Path(__file__).parent / "data" / "digits-seed-42.json"
SUITE = Path(__file__).parent.parent / "suites" / "full.toml"
KERNELS = {
    "HARNESS_NO_TUNE": "1",
    "OPENBLAS_CORETYPE": "Haswell",
    "MKL_CBWR": "COMPATIBLE",
    "ATEN_CPU_CAPABILITY": "default",
}
FIRST_EPOCHS = 3
"""The epochs whose losses are kept: later ones enlarge the rounding of another kernel."""


def measured(folder: Path, *options: str, **variables: str) -> dict[str, dict[str, Any]]:
    """Return what a run gives, by experiment, as `KEPT` has it."""
    command = [
        sys.executable,
        "-m",
        "harness",
        "run",
        str(SUITE),
        "--dataset",
        "digits",
        "--seeds",
        "42",
        "--jobs",
        "1",
    ]
    cleared = {name: value for name, value in os.environ.items() if not name.startswith(("OPENBLAS", "NPY_DISABLE"))}
    done = subprocess.run(
        [*command, "--jobs", "1", "--quiet", "--out", str(folder / "run"), *options],
        cwd=folder, env=cleared | KERNELS | variables, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = [json.loads(path.read_text())["row"] for path in (folder / "run").glob("trials/*/*/row.json")]
    return {row["experiment"]: _values(row) for row in sorted(rows, key=lambda row: row["experiment"])}


LIMITS = {"train_loss": 5e-3, "val_loss": 2e-2, "first": 2e-4, "metric": 0.03}
"""How far off numbers may be where the arithmetic is another: losses of the last and of the first epochs, relative to
themselves; metrics and accuracies. Between Haswell's and four other kernels, with and without fused multiply-add, they
differed by at most 0.0014, 0.0062, 0.00006 and 0.009."""


def differences(kept: dict[str, Any], values: dict[str, Any]) -> list[str]:
    """Return where an experiment's values are not those that are kept: every bit, if the arithmetic is the same.

    Other kernels and versions round otherwise, and training enlarges it. Where a trial ends at another epoch for it, or
    never settles (M1a and M1d, SGD with momentum on a summed gradient), only the first epochs are comparable.
    """
    if kept["arithmetic"] == values["arithmetic"]:
        return [f"{place}: {before}, not {after}" for place, before, after in _pairs(kept, values) if before != after]
    settles = kept["settles"] and kept["exact"]["epochs"] == values["exact"]["epochs"]
    collected = []
    for place, before, after in _pairs(kept, values):
        part, _, name = place.partition(" ")
        if part == "first":
            off = abs(after - before) > LIMITS["first"] * before
        elif part == "exact":
            off = name == "parameters" and after != before
        elif part == "last" and name in LIMITS:
            off = settles and abs(after - before) > LIMITS[name] * before
        else:
            off = settles and abs(after - before) > LIMITS["metric"]
        collected += [f"{place}: {before}, not {after}"] if off else []
    return collected


def _pairs(kept: dict[str, Any], values: dict[str, Any]) -> Iterator[tuple[str, float, float]]:
    """Yield each kept number with its place and what it is now; a metric that is new is not kept yet."""
    for part in ("exact", "last", "validation"):
        yield from ((f"{part} {name}", number, values[part][name]) for name, number in kept[part].items())
    for number, (before, after) in enumerate(zip(kept["first"], values["first"], strict=True), start=1):
        yield from ((f"first {number}", *pair) for pair in zip(before, after, strict=True))
    assert [measure[:2] for measure in kept["tests"]] == [measure[:2] for measure in values["tests"]]
    for (perturbation, severity, before), (_, _, after) in zip(kept["tests"], values["tests"], strict=True):
        place = f"tests {perturbation} {severity}"
        yield from ((f"{place} {name}", number, after[name]) for name, number in before.items())


def _values(row: dict[str, Any]) -> dict[str, Any]:
    environment, metrics, history = row["environment"], row["metrics"], row["history"]
    measures = row["evaluation"]["measures"] if row["evaluation"] else []
    return {
        "settles": row["experiment"] not in {"M1a", "M1d"},
        "arithmetic": {key: environment[key] for key in ("blas", "numpy", "torch", "device") if key in environment},
        "exact": {"parameters": row["parameters"], "epochs": metrics["epochs"], "best_epoch": metrics["best_epoch"]},
        "first": [[epoch["train_loss"], epoch["val_loss"]] for epoch in history[:FIRST_EPOCHS]],
        "last": {key: history[-1][key] for key in ("train_loss", "train_accuracy", "val_loss", "val_accuracy")},
        "validation": metrics["values"],
        "tests": [[measure["perturbation"], measure["severity"], measure["values"]] for measure in measures],
    }


if __name__ == "__main__":
    with TemporaryDirectory() as place:
        lines = [f"{json.dumps(name)}: {json.dumps(values)}" for name, values in measured(Path(place)).items()]
    KEPT.write_text("{\n" + ",\n".join(lines) + "\n}\n")
