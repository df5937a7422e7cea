"""A report's files: the page, and each figure for a paper."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from harness.errors import HarnessError
from harness.files import safe_name
from harness.paths import status_of
from harness.report.figure import THEMES
from harness.report.needs import needed
from harness.report.page import figures
from harness.report.reading import Material

Format = Literal["png", "svg", "pdf"]
MARK = '<meta name="generator" content="harness report">'
"""What tells a report from another file."""


def write_page(path: Path, page: str) -> int:
    """Write a page, over an earlier one if it is there, and return how many bytes it has.

    Raises:
        HarnessError: something else is there, or the place cannot be written to.
    """
    try:
        if status_of(path) and MARK.encode() not in path.read_bytes()[:2000]:
            msg = f"{path}: is there already, and no report. Name another file with --out"
            raise HarnessError(msg)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.write_bytes(page.encode())
    except OSError as error:
        msg = f"{path}: cannot be written to: {error.strerror}. Name another file with --out"
        raise HarnessError(msg) from None


def draw(material: Material, folder: Path, format_: Format) -> list[Path]:
    """Write every figure into a folder, on white, and return their paths.

    Raises:
        HarnessError: a library of the extra ``report`` is missing, or the folder cannot be written to.
    """
    needed("altair", "vl_convert", "PIL")
    import vl_convert

    light = THEMES["light"] | {"background": "white"}
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for figure in figures(material):
            spec = figure.spec() | {"title": figure.title}
            if format_ == "svg":
                content = vl_convert.vegalite_to_svg(spec, config=light).encode()
            elif format_ == "pdf":
                content = vl_convert.vegalite_to_pdf(spec, config=light)
            else:
                content = vl_convert.vegalite_to_png(spec, config=light, scale=2)
            path = folder / f"{safe_name(figure.key)}.{format_}"
            path.write_bytes(content)
            written.append(path)
    except OSError as error:
        msg = f"--figures {folder}: cannot be written to: {error.strerror}"
        raise HarnessError(msg) from None
    return written
