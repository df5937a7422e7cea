"""Images as people see them: grey ones dark on light, colour ones as they are. Needs Pillow."""

from base64 import b64encode
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray


def visible(image: NDArray[np.uint8], scale: int = 1) -> Any:
    """Return an image (height, width[, channels]) as Pillow's, enlarged by a whole number.

    One channel, or the first of two, is shown dark on light; the first three of more are red, green and blue.
    """
    from PIL import Image

    channels = image.shape[2] if image.ndim == 3 else 1
    shown = image[..., :3] if channels >= 3 else 255 - image.reshape(*image.shape[:2], channels)[..., 0]
    enlarged = shown.repeat(scale, axis=0).repeat(scale, axis=1)
    return Image.fromarray(np.ascontiguousarray(enlarged))


def data_uri(image: NDArray[np.uint8], scale: int = 1) -> str:
    """Return an image (height, width[, channels]) as the data URI of a PNG: 16 shades of grey, or 256 colours."""
    picture = visible(image, scale)
    buffer = BytesIO()
    picture.quantize(16 if picture.mode == "L" else 256).save(buffer, "PNG", optimize=True)
    return f"data:image/png;base64,{b64encode(buffer.getvalue()).decode()}"
