"""Coarser images: larger pixels, less resolution, thicker slices, a turn; each on the grid that the image had."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from radcnn.core.volume import Volume
from radcnn.robustness.shifts.shift import Floats, in_plane_mm
from radcnn.transforms.resampling import resample

FWHM = 2 * np.sqrt(2 * np.log(2))  # of a Gaussian, in standard deviations


def larger_pixels(volume: Volume, times: float, _: np.random.Generator) -> Floats:
    """Rows and columns sampled with pixels so many times as large, and brought back by linear interpolation."""
    size = volume.size
    coarse = (*size[:-2], *(max(1, round(n / times)) for n in size[-2:]))
    plain = Volume(volume.voxels.astype(np.float32), None)
    there = resample(plain, size=coarse, interpolation="linear")
    return np.asarray(resample(there, size=size, interpolation="linear").voxels, np.float32)


def blurred(volume: Volume, fwhm: float, _: np.random.Generator) -> Floats:
    """Rows and columns blurred by a Gaussian of this full width at half maximum in mm (pixels where it is unknown)."""
    sigmas = [fwhm / FWHM / step for step in in_plane_mm(volume)]
    still = (0.0,) * (volume.voxels.ndim - 2)
    return np.asarray(ndimage.gaussian_filter(volume.voxels.astype(np.float32), (*still, *sigmas), mode="nearest"))


def thicker_slices(volume: Volume, mm: float, _: np.random.Generator) -> Floats:
    """Every slice the mean over so many mm along the stack (slice distances where they are unknown).

    Between slices the image is taken to change linearly, so that any thickness changes it.
    """
    step = 1.0 if volume.spacing_mm is None else volume.spacing_mm[0]
    weights = box_over_tents(mm / step)
    return np.asarray(ndimage.correlate1d(volume.voxels.astype(np.float32), weights, axis=1, mode="nearest"))


def box_over_tents(width: float) -> NDArray[np.float64]:
    """Weights of samples 1 apart for the mean over a box of this width of the line that joins them; their sum is 1.

    >>> box_over_tents(2.0)
    array([0.25, 0.5 , 0.25])
    """
    reach = int(np.ceil(width / 2))
    places = np.arange(-reach, reach + 1).astype(np.float64)

    def area(x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of the tent of height 1 over -1..1, up to x."""
        held = np.clip(x, -1, 1)
        return np.asarray(0.5 + held - np.sign(held) * held**2 / 2, np.float64)

    return np.asarray((area(width / 2 - places) - area(-width / 2 - places)) / width, np.float64)


def turned(volume: Volume, degrees: float, chance: np.random.Generator) -> Floats:
    """Turned in its plane about its middle, to a side that chance draws; corners are filled with the nearest value."""
    angle = np.deg2rad(degrees) * (1 if chance.random() < 0.5 else -1)
    down, across = in_plane_mm(volume)
    turn = np.array([[np.cos(angle), -np.sin(angle) * across / down], [np.sin(angle) * down / across, np.cos(angle)]])
    middle = (np.array(volume.size[-2:]) - 1) / 2
    offset = middle - turn @ middle
    planes = volume.voxels.reshape(-1, *volume.size[-2:]).astype(np.float32)
    made = [ndimage.affine_transform(plane, turn, offset, order=1, mode="nearest") for plane in planes]
    return np.stack(made).reshape(volume.voxels.shape)
