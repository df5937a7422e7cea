"""A report's files: the page, and each figure for a paper."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from time import time

from harness.errors import HarnessError
from harness.machine.files import is_temporary, open_regular, write_bytes
from harness.machine.paths import status_of
from harness.report.figure import THEMES, Figure
from harness.report.needs import needed
from harness.report.page import figures
from harness.report.reading import Material
from harness.report.rendering import Drawing, Format, rendered, tidy
from harness.store.names import folders

MARK = '<meta name="generator" content="harness report">'
"""What tells a report from another file."""
_START = 2000
"""Bytes of a report that hold its mark."""
_ABANDONED_SECONDS = 3600.0


def write_page(path: Path, page: str, *, option: str = "--out") -> int:
    """Write a page, over an earlier one or an empty file if that is there, and return how many bytes it has.

    ``option`` is the command line's that names the page.

    Raises:
        HarnessError: something else is there, or the place cannot be written to.
    """
    content = page.encode(errors="backslashreplace")  # a name or path that is not Unicode is shown escaped
    try:
        if status_of(path) and not _replaceable(path):
            msg = f"{path}: is there already, and no report. Name another file with {option}"
            raise HarnessError(msg)
        _clear_abandoned(path)
        write_bytes(path, content, durable=False)
    except OSError as error:
        msg = f"{path}: cannot be written to: {error.strerror}. Name another file with {option}"
        raise HarnessError(msg) from None
    return len(content)


def _replaceable(path: Path) -> bool:
    """Say whether a file is a report, or empty: a version that did not write aside left that on a full disk."""
    with open_regular(path) as file:
        start = file.read(_START)
    return not start or MARK.encode() in start


def _clear_abandoned(path: Path) -> None:
    """Remove what a report that was killed left of a page; one that is being written now is younger."""
    for other in path.parent.glob(".*"):
        with suppress(OSError):
            if is_temporary(other.name, of=path.name) and time() - other.stat().st_mtime > _ABANDONED_SECONDS:
                other.unlink()


def draw(material: Material, folder: Path, format_: Format) -> list[Path]:
    """Write every figure into a folder, on white, and return their paths.

    Raises:
        HarnessError: a library of the extra ``report`` is missing, the renderer fails, or the folder cannot be written
            to.
    """
    needed("altair", "vl_convert", "PIL")
    return drawn(figures(material), folder, format_)


def drawn(shown: Sequence[Figure], folder: Path, format_: Format) -> list[Path]:
    """Write the ``shown`` figures into a folder, as `draw` does.

    Raises:
        HarnessError: the renderer fails, or the folder cannot be written to.
    """
    light = THEMES["light"] | {"background": "white"}
    drawings = [Drawing(figure.key, figure.spec() | {"title": tidy(figure.title)}, light, format_) for figure in shown]
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        names = folders(drawing.key for drawing in drawings)
        for drawing, content in zip(drawings, rendered(drawings), strict=True):
            path = folder / f"{names[drawing.key]}.{format_}"
            write_bytes(path, content, durable=False)
            written.append(path)
    except OSError as error:
        msg = f"--figures {folder}: cannot be written to: {error.strerror}"
        raise HarnessError(msg) from None
    return written
