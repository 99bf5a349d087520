"""What happens to radiographs: fewer photons, movement, collimation, and a contrast that turns over.

Grey levels are taken as a detector's logarithm: bright is what lets few photons through.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from radcnn.core.volume import Volume
from radcnn.robustness.shifts.sampling import box_over_tents
from radcnn.robustness.shifts.shift import Floats, stored_range

DYNAMIC = np.log(100.0)  # from black to white the photons fall to one in a hundred
PHOTONS = 1e4  # per pixel behind what is black, at the image's own exposure
LEFT = 0.1  # of a change of level that a detector's automatic scaling leaves


def _levels(volume: Volume) -> tuple[NDArray[np.float64], float, float]:
    """Levels (C, *size) from 0 to 1, with the lowest level and the range in grey."""
    low, high = stored_range(volume)
    if not np.isfinite(high):
        low, high = float(volume.voxels.min()), float(volume.voxels.max())
    width = max(high - low, 1e-12)
    return (volume.voxels.astype(np.float64) - low) / width, low, width


def exposed(volume: Volume, percent: float, chance: np.random.Generator) -> Floats:
    """At this percentage of the exposure: the noise of fewer photons, and a tenth of the change of level.

    A level v stands for PHOTONS exp(-DYNAMIC v) photons; its noise is 1 / (DYNAMIC sqrt(photons)), and what is added is
    what the lower exposure has more of it.
    """
    share = percent / 100
    level, low, width = _levels(volume)
    variance = np.exp(DYNAMIC * level) / (PHOTONS * DYNAMIC**2) * (1 / share - 1)
    noise = chance.standard_normal(level.shape) * np.sqrt(variance)
    return np.asarray((level + noise + LEFT * np.log(1 / share) / DYNAMIC) * width + low, np.float32)


def movement(volume: Volume, percent: float, _: np.random.Generator) -> Floats:
    """The mean over a movement along the rows by this percentage of the image's height, as of a breath."""
    weights = box_over_tents(max(percent / 100 * volume.size[-2], 1e-6))
    return np.asarray(ndimage.correlate1d(volume.voxels.astype(np.float32), weights, axis=-2, mode="nearest"))


def collimated(volume: Volume, percent: float, _: np.random.Generator) -> Floats:
    """A border of this percentage of the image's height and width on every side at the lowest level."""
    level, low, width = _levels(volume)
    open_ = [_opening(n, percent / 100 * n) for n in volume.size[-2:]]
    return np.asarray(level * np.multiply.outer(*open_) * width + low, np.float32)


def _opening(pixels: int, border: float) -> NDArray[np.float64]:
    """The share (n,) of each pixel that lies within a border, in pixels, from both ends."""
    edges = np.arange(pixels)
    return np.asarray(np.clip(np.minimum(edges + 1 - border, pixels - edges - border), 0, 1))


def towards_inversion(volume: Volume, percent: float, _: np.random.Generator) -> Floats:
    """(1 - s) v + s (1 - v) of levels v, s the percentage: the contrast times 1 - 2 s.

    So at 50 % all is one grey, above the contrast is turned over, and at 100 % the image is its own negative.
    """
    share = percent / 100
    level, low, width = _levels(volume)
    return np.asarray(((1 - share) * level + share * (1 - level)) * width + low, np.float32)
