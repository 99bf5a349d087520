"""Small images that were compressed again: the loss is simulated, since it leaves little fine structure to compare.

At 28 x 28 pixels JPEG with quality 30 keeps a handful of numbers per block. Whether one image is the other after such
a loss is asked directly: the one is compressed at each quality, and at the right one nearly nothing is left between
the two, which two patients never show.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from radcnn.data.leaks.verify import Floats, likeness

SMALL = 64  # pixels per axis; larger images keep enough structure
QUALITIES = range(27, 79, 3)  # tried first; then those in between, beside the best


def recompressed(first: Floats, second: Floats) -> float:
    """Agreement of one image with the other after the JPEG quality that explains it best; 0 where that cannot be.

    Both hold 8-bit grey values and have the same size.
    """
    if first.shape != second.shape or max(first.shape) > SMALL or not (_bytes(first) and _bytes(second)):
        return 0.0
    return max(_explained(first, second), _explained(second, first))


def _bytes(image: Floats) -> bool:
    return bool(image.min() >= 0 and image.max() <= 255 and np.array_equal(image, np.round(image)))


def _explained(whole: Floats, lossy: Floats) -> float:
    pixels = Image.fromarray(whole.astype(np.uint8))
    best = max(QUALITIES, key=lambda quality: _plain(_compressed(pixels, quality), lossy))
    near = max(range(best - 2, best + 3), key=lambda quality: _plain(_compressed(pixels, quality), lossy))
    return likeness(_compressed(pixels, near), lossy)


def _compressed(pixels: Image.Image, quality: int) -> Floats:
    file = io.BytesIO()
    pixels.save(file, "JPEG", quality=quality)
    with Image.open(file) as opened:
        return np.asarray(opened, dtype=np.float32)


def _plain(first: Floats, second: Floats) -> float:
    a, b = first - first.mean(), second - second.mean()
    return float(np.sum(a * b) / max(float(np.sqrt(np.sum(a * a) * np.sum(b * b))), 1e-6))
