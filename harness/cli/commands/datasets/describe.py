"""``harness datasets describe``: a dataset in numbers and figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli.commands.datasets.named import DatasetArgument, build_named
from harness.cli.options import DataDirectory, settle_threads
from harness.cli.tables import table

if TYPE_CHECKING:
    from harness.datasets.cache import CachedDataset
    from harness.datasets.description import Description


def describe(
    name: DatasetArgument,
    *,
    data_directory: DataDirectory = None,
    partial: Annotated[bool, typer.Option("--partial", help="Accept files that are not the official ones.")] = False,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Set an option of the dataset: drop_per_class=100. Repeatable."
        ),
    ] = None,
    download: Annotated[bool, typer.Option("--download", help="Download the dataset if it is not here.")] = False,
    figures: Annotated[
        Path | None,
        typer.Option("--figures", metavar="DIR", help="Write the class sizes, and an image of each class, as PNG."),
    ] = None,
) -> None:
    """Show a dataset in numbers and figures.

    Shows the rows of each class, shape, type and range of the values, and the split of 70, 10 and 20 %.
    """
    settle_threads(1)
    from harness.datasets.description import describe as measure
    from harness.datasets.splits import SplitTable
    from harness.errors import HarnessError
    from harness.execution.apart import read
    from harness.execution.pools.choice import pool_of
    from harness.machine.cache import cache_root
    from harness.plugins.loading import registry
    from harness.plugins.options import ComponentSpec
    from harness.trial.jobs import split_of

    options = _options(data_directory, assignments, partial=partial)
    component = registry().find("dataset", name)
    built = build_named(component, options)
    try:
        with pool_of(1, 1, registry()) as pool:
            spec = ComponentSpec(name, options, Path.cwd())
            data = read(spec, cache_root(), built, component, pool, download=download)
        described = measure(data, split_of(data, SplitTable()))
    except HarnessError as error:
        msg = f"dataset {name!r}: {error}"
        raise HarnessError(msg) from None
    drawn = _draw(figures, data, described) if figures else []
    _print(described)
    for path in drawn:
        typer.echo(f"figure: {path}")


def _print(described: Description) -> None:
    from harness.datasets.description import row_size

    info, counts = described.dataset, described.counts
    names, noun = info.class_names, "images" if info.kind == "image" else "rows"
    table("", [[name, f"{count:,}", f"{count / counts.sum():.2%}"] for name, count in zip(names, counts, strict=True)],
          ["class", noun, "share"])  # fmt: skip
    scaled = " in [0, 1]" if info.kind == "image" else ""
    largest, smallest = described.largest, described.smallest
    facts = [
        [noun, f"{counts.sum():,}: {row_size(info)}"],
        ["range", f"{described.low:.6g} … {described.high:.6g}"],
        ["verified against", described.dataset.checked or "nothing, because it has no official form"],
        ["classes", f"{len(names)}"],
        [f"{noun} a class", f"mean {counts.mean():,.0f}, standard deviation {counts.std():,.0f}"],
        ["largest class", f"{names[largest]!r} (number {largest}): {counts[largest]:,}"],
        ["smallest class", f"{names[smallest]!r} (number {smallest}): {counts[smallest]:,}"],
        ["largest to smallest", f"{described.ratio:.2f} : 1"],
        [f"values{scaled}", f"mean {described.mean:.4f}, standard deviation {described.std:.4f}"],
    ]
    table(described.dataset.title, facts, ["", ""])
    lines = [
        [part.name, f"{part.images:,}", f"{part.share:.1%}", f"{part.smallest:,}", f"{part.largest:,}"]
        for part in described.split
    ]
    table("split by class (seed 42)", lines, ["set", noun, "share", "min/class", "max/class"])


def _draw(folder: Path, data: CachedDataset, described: Description) -> list[Path]:
    """Write the figures into a folder, and return their paths."""
    from harness.datasets.description import examples
    from harness.errors import HarnessError
    from harness.machine.files import write_bytes
    from harness.report.dataset import grid, histogram
    from harness.store.names import safe_name

    pictured = data.info.kind == "image"
    content = {"classes": grid(examples(data), data.info.class_names)} if pictured else {}
    content["counts"] = histogram(described)
    paths = {what: folder / f"{safe_name(data.info.name)}-{what}.png" for what in content}
    try:
        for what, path in paths.items():
            write_bytes(path, content[what], durable=False)
    except OSError as error:
        msg = f"--figures {folder}: cannot be written to: {error.strerror}"
        raise HarnessError(msg) from None
    return list(paths.values())


def _options(directory: Path | None, assignments: list[str] | None, *, partial: bool) -> dict[str, Any]:
    """Return the dataset's options that a command line gives."""
    from harness.machine.paths import absolute
    from harness.suite.overrides import assignment, overridden

    options: dict[str, Any] = overridden({}, [assignment(text, {}) for text in assignments or ()])
    if directory is not None:
        options["directory"] = str(absolute(directory))
    return options | ({"partial": True} if partial else {})
