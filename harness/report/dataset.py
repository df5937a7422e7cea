"""A dataset in figures, as PNG: one image of each class, and how many there are. Needs the extra ``report``."""

from collections.abc import Sequence
from importlib.util import find_spec
from io import BytesIO
from math import ceil

import numpy as np
from numpy.typing import NDArray

from harness.datasets.description import Description
from harness.errors import HarnessError
from harness.report.pictures import visible
from harness.report.rendering import Drawing, label, rendered, tidied

_TILE = 84
"""Pixels of an image's edge in the grid; a smaller image is enlarged by a whole number."""
_CAPTION = 20
_MARGIN = 6
_COLUMNS = 12
INSTALL = 'pip install "nn-harness[report]"'


def grid(images: NDArray[np.uint8], class_names: Sequence[str]) -> bytes:
    """Return a PNG of images (classes, height, width[, channels]), each below the name of its class.

    Raises:
        HarnessError: Pillow is not installed.
    """
    try:
        from PIL import Image, ImageDraw, ImageFont
    except ImportError:
        raise _missing("Pillow") from None
    columns = min(_COLUMNS, len(images))
    scale = max(1, _TILE // max(images.shape[1:3]))
    height, width = (side * scale for side in images.shape[1:3])
    step_x, step_y = width + _MARGIN, height + _CAPTION + _MARGIN
    size = (columns * step_x + _MARGIN, ceil(len(images) / columns) * step_y + _MARGIN)
    colour = images.ndim == 4 and images.shape[3] >= 3
    picture = Image.new("RGB" if colour else "L", size, "white")
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(15)
    for index, (image, name) in enumerate(zip(images, class_names, strict=True)):
        x, y = _MARGIN + index % columns * step_x, _MARGIN + index // columns * step_y
        draw.text((x + width / 2, y + _CAPTION / 2), label(name), fill="black", font=font, anchor="mm")
        picture.paste(visible(image, scale), (x, y + _CAPTION))
        draw.rectangle((x, y + _CAPTION, x + width - 1, y + _CAPTION + height - 1), outline="#c8c8c8")
    buffer = BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def histogram(described: Description) -> bytes:
    """Return a PNG of how many rows each class has, in the classes' order, with their mean as a line.

    Raises:
        HarnessError: altair or vl-convert-python is not installed.
    """
    try:
        import altair as alt
    except ImportError:
        raise _missing("altair and vl-convert-python") from None
    if find_spec("vl_convert") is None:
        raise _missing("vl-convert-python")
    names, counts = [label(name) for name in described.dataset.class_names], described.counts.tolist()
    rows = [{"class": name, "images": count} for name, count in zip(names, counts, strict=True)]
    mean, noun = float(described.counts.mean()), described.dataset.noun
    subtitle = (
        f"{len(names)} classes, {counts[described.smallest]:,} to {counts[described.largest]:,} {noun} each "
        f"({described.ratio:.2f} : 1); the line is their mean, {mean:,.0f}"
    )
    bars = (
        alt.Chart({"values": rows})
        .mark_bar()
        .encode(
            x=alt.X("class:N", sort=names, title="class", axis=alt.Axis(labelAngle=0)),
            y=alt.Y("images:Q", title=noun, axis=alt.Axis(format=",d")),
        )
    )
    line = alt.Chart({"values": [{"mean": mean}]}).mark_rule(strokeDash=[6, 4]).encode(y=alt.Y("mean:Q"))
    chart = alt.layer(bars, line).properties(
        title=alt.TitleParams(described.dataset.title, subtitle=subtitle), width=max(300, 18 * len(names)), height=300
    )
    (content,) = rendered([Drawing("counts", tidied(chart.to_dict()), {})])
    return content


def _missing(what: str) -> HarnessError:
    return HarnessError(f"--figures: needs {what}: {INSTALL} installs them")
