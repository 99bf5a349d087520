"""Pictures of prepared images in a given range, so that several of them can be compared."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 160  # pixels of a picture's longer side, at least


def plane_png(image: NDArray[np.float32], low: float, high: float) -> bytes:
    """An 8-bit PNG of a prepared image (C, H, W), or the middle slice of (C, D, H, W): low is black, high is white."""
    plane = image[:, image.shape[1] // 2] if image.ndim == 4 else image
    levels = np.round(255 * np.clip((plane - low) / max(high - low, 1e-6), 0, 1)).astype(np.uint8)
    picture = Image.fromarray(np.moveaxis(levels, 0, -1) if len(levels) == 3 else levels[0])
    times = max(1, SIDE // max(picture.size))
    picture = picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST)
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()
