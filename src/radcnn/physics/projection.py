"""Parallel-beam CT: line integrals of an image, their exact adjoint, and filtered back-projection.

Coordinates are millimetres in the image plane, x along columns and y along rows (downwards, DICOM's way). A ray of
view angle a and offset t is the line x cos a + y sin a = t. Images are (..., rows, columns), sinograms (..., views,
detectors); leading axes are a batch and share one geometry, so a whole volume is projected at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import fft, sparse

from radcnn.core.errors import GeometryError
from radcnn.physics.kernels import KERNELS, Kernel, filter_response

BLOCK_WEIGHTS = 16_000_000  # interpolation weights held at once (128 MB); larger geometries go block by block

FloatArray: TypeAlias = NDArray[np.floating]


@dataclass(frozen=True)
class ParallelBeam:
    """A parallel-beam geometry over 180 degrees around the image's centre.

    views        view angles, evenly spaced in [0, pi)
    detectors    detector elements per view, centred
    detector_mm  distance between elements
    size         rows and columns of the image
    pixel_mm     pixel spacing of the image
    """

    views: int
    detectors: int
    detector_mm: float
    size: int
    pixel_mm: float

    def __post_init__(self) -> None:
        numbers = (self.views, self.detectors, self.detector_mm, self.size, self.pixel_mm)
        if not all(np.isfinite(n) and n > 0 for n in numbers):
            raise GeometryError(f"views, detectors, detector_mm, size, pixel_mm must be positive, got {numbers}")

    @property
    def angles(self) -> NDArray[np.float64]:
        """View angles (views,) in radians."""
        return np.pi * np.arange(self.views, dtype=np.float64) / self.views

    @property
    def offsets_mm(self) -> NDArray[np.float64]:
        """Detector offsets t (detectors,) in mm."""
        return (np.arange(self.detectors, dtype=np.float64) - (self.detectors - 1) / 2) * self.detector_mm

    @property
    def pixels_mm(self) -> NDArray[np.float64]:
        """Pixel centres along a row or a column (size,) in mm."""
        return (np.arange(self.size, dtype=np.float64) - (self.size - 1) / 2) * self.pixel_mm


def project(image: FloatArray, beam: ParallelBeam) -> FloatArray:
    """Line integrals (..., views, detectors) of images (..., size, size), in image units x mm.

    Linear interpolation between the pixels a ray passes, along its steeper axis (Joseph, IEEE TMI 1982;1:192).
    """
    flat = _columns(image, (beam.size, beam.size), "image")
    parts = [_rays(beam, first, last) @ flat for first, last in _blocks(beam, beam.detectors * beam.size)]
    return _rows(np.concatenate(parts), image, (beam.views, beam.detectors))


def backproject(sinogram: FloatArray, beam: ParallelBeam) -> FloatArray:
    """The exact adjoint of project: <project(x), y> = <x, backproject(y)>; (..., size, size)."""
    flat = _columns(sinogram, (beam.views, beam.detectors), "sinogram")
    total = np.zeros((beam.size**2, flat.shape[1]), flat.dtype)
    for first, last in _blocks(beam, beam.detectors * beam.size):
        total += _rays(beam, first, last).T @ flat[first * beam.detectors : last * beam.detectors]
    return _rows(total, sinogram, (beam.size, beam.size))


def fbp(sinogram: FloatArray, beam: ParallelBeam, kernel: Kernel = KERNELS["ramp"]) -> FloatArray:
    """Filtered back-projection (..., size, size) of line integrals (..., views, detectors).

    image(x, y) = pi / views * sum over views of the filtered view at t = x cos a + y sin a, linear in t
    (Kak and Slaney 1988, chapter 3.3). Rays beyond the detector count as 0.
    """
    padded = fft.next_fast_len(2 * beam.detectors, real=True)
    response = filter_response(kernel, padded, beam.detector_mm).astype(sinogram.dtype)
    spectrum = fft.rfft(sinogram, padded, axis=-1) * response
    filtered = fft.irfft(spectrum, padded, axis=-1)[..., : beam.detectors]
    flat = _columns(filtered, (beam.views, beam.detectors), "sinogram")
    total = np.zeros((beam.size**2, flat.shape[1]), flat.dtype)
    for first, last in _blocks(beam, beam.size**2):
        total += _weights(beam, first, last) @ flat[first * beam.detectors : last * beam.detectors]
    total *= np.pi / beam.views
    return _rows(total, sinogram, (beam.size, beam.size))


def _columns(values: FloatArray, shape: tuple[int, int], name: str) -> FloatArray:
    """Values (..., a, b) as a contiguous matrix (a * b, batch); refuses another shape."""
    if values.shape[-2:] != shape:
        raise GeometryError(f"the {name} must end in shape {shape} for this beam, got {values.shape}")
    return np.ascontiguousarray(values.reshape(-1, shape[0] * shape[1]).T)


def _rows(flat: FloatArray, like: FloatArray, shape: tuple[int, int]) -> FloatArray:
    """The inverse of _columns, with the batch axes of `like`."""
    return np.ascontiguousarray(flat.T).reshape(*like.shape[:-2], *shape)


def _blocks(beam: ParallelBeam, pairs_per_view: int) -> Iterator[tuple[int, int]]:
    """Ranges of views whose interpolation weights fit the memory limit."""
    step = max(1, BLOCK_WEIGHTS // (2 * pairs_per_view))
    for first in range(0, beam.views, step):
        yield first, min(first + step, beam.views)


@lru_cache(maxsize=2)
def _rays(beam: ParallelBeam, first: int, last: int) -> sparse.csr_matrix:
    """Joseph's weights of views first..last: (views x detectors, pixels)."""
    n, centre = beam.size, (beam.size - 1) / 2
    step = np.arange(n)
    columns, weights = [], []
    for angle in beam.angles[first:last]:
        cos, sin = np.cos(angle), np.sin(angle)
        steep = abs(cos) >= abs(sin)  # the ray crosses every row; otherwise every column
        major, minor = (cos, sin) if steep else (sin, cos)
        across = (beam.offsets_mm[:, None] - beam.pixels_mm * minor) / major / beam.pixel_mm + centre
        low = np.floor(across).astype(np.int64)
        for index, share in ((low, 1 - (across - low)), (low + 1, across - low)):
            inside = (index >= 0) & (index < n)
            safe = np.where(inside, index, 0)
            columns.append(step * n + safe if steep else safe * n + step)
            weights.append(np.where(inside, share, 0) * beam.pixel_mm / abs(major))
    views = last - first
    at = np.stack(columns).reshape(views, 2, beam.detectors, n).swapaxes(1, 2)
    w = np.stack(weights).reshape(views, 2, beam.detectors, n).swapaxes(1, 2)
    return _csr(w, at, views * beam.detectors, n * n)


@lru_cache(maxsize=2)
def _weights(beam: ParallelBeam, first: int, last: int) -> sparse.csr_matrix:
    """Weights of linear interpolation between detectors for every pixel: (pixels, views x detectors)."""
    cos, sin = np.cos(beam.angles[first:last]), np.sin(beam.angles[first:last])
    xy = beam.pixels_mm
    t = (xy[None, :, None] * cos + xy[:, None, None] * sin).reshape(beam.size**2, last - first)
    place = t / beam.detector_mm + (beam.detectors - 1) / 2
    low = np.clip(np.floor(place), 0, beam.detectors - 2).astype(np.int64)
    share = np.where((place >= 0) & (place <= beam.detectors - 1), 1.0, 0.0)
    index = low + beam.detectors * np.arange(last - first)
    pair = np.stack([(1 - (place - low)) * share, (place - low) * share], axis=-1)
    return _csr(pair, np.stack([index, index + 1], axis=-1), beam.size**2, (last - first) * beam.detectors)


def _csr(weights: FloatArray, columns: NDArray[np.int64], rows: int, width: int) -> sparse.csr_matrix:
    """A CSR matrix whose rows hold equally many weights, stored one row after the other."""
    per_row = columns.size // rows
    starts = np.arange(0, columns.size + 1, per_row, dtype=np.int32)
    values = weights.astype(np.float32).ravel()
    return sparse.csr_matrix((values, columns.astype(np.int32).ravel(), starts), shape=(rows, width))
