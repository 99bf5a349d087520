"""Line integrals of whole images by the Fourier slice theorem: many times as fast as ray by ray.

The transform of a view is a line through the origin of the image's transform. Its samples are taken from the transform
of the image, divided by the shading of a short window, by that window: the adjoint of gridding (`reconstruction`). An
image is what its pixels are, squares of one value each, up to the highest frequency that they can show; `projection`
interpolates between them instead (Joseph), and has an exact adjoint, which reconstruction by iteration needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from radcnn.core.cores import available_cores
from radcnn.core.errors import GeometryError
from radcnn.physics.beam import ParallelBeam
from radcnn.physics.slices import FINE, WIDTH, slice_lines


@dataclass(frozen=True, eq=False)
class _Taking:
    """What the projection of one geometry needs, for one type of numbers.

    length   of a padded view
    across, down, table  see `kernels.gridding`
    factors  (views, samples) complex: pixels' shape and size, places of the middle and of the first element
    shift    (grid, half + 1) complex: moves the image's middle to where its grid begins
    shading  (size, size): what the window makes of the image
    """

    length: int
    across: NDArray[np.floating]
    down: NDArray[np.floating]
    table: NDArray[np.floating]
    factors: NDArray[np.complexfloating]
    shift: NDArray[np.complexfloating]
    shading: NDArray[np.floating]


def fourier_project(images: NDArray[np.floating], beam: ParallelBeam) -> NDArray[np.floating]:
    """Line integrals (..., views, detectors) of images (..., size, size), in image units x mm; all cores work.

    Raises GeometryError for images of another size.

    >>> beam = ParallelBeam(views=4, detectors=33, detector_mm=1.0, size=24, pixel_mm=1.0)
    >>> disc = (np.hypot(*np.meshgrid(beam.pixels_mm, beam.pixels_mm)) < 8).astype(float)
    >>> round(float(fourier_project(disc, beam).sum(axis=-1).std() / disc.sum()), 4)
    0.0
    """
    if images.ndim < 2 or images.shape[-2:] != (beam.size, beam.size):
        raise GeometryError(f"images must end in shape {(beam.size, beam.size)} for this beam, got {images.shape}")
    from radcnn.kernels.gridding import take_lines
    from radcnn.kernels.threads import over_slabs

    kind = images.dtype if images.dtype == np.float64 else np.dtype(np.float32)
    flat = images.reshape(-1, beam.size, beam.size).astype(kind, copy=False)
    known = _taking(beam, str(kind))
    made = np.empty((len(flat), *beam.shape), kind)
    grid = len(known.shift)

    def some(first: int, end: int) -> None:
        for number in range(first, end):
            spectrum = fft.rfft2(flat[number] / known.shading, (grid, grid)) * known.shift
            lines = np.empty((beam.views, known.factors.shape[1]), spectrum.dtype)
            take_lines(spectrum, known.across, known.down, WIDTH, known.table, FINE, 0, beam.views, lines)
            views = fft.irfft(lines * known.factors, known.length, axis=-1)
            made[number] = views[:, : beam.detectors]

    over_slabs(some, len(flat), available_cores())
    return made.reshape(*images.shape[:-2], *beam.shape)


def aimed(sinograms: NDArray[np.floating], beam: ParallelBeam, centre_mm: tuple[float, float]) -> NDArray[np.floating]:
    """Line integrals (..., views, detectors) as they are about another point (x, y): for a targeted reconstruction.

    Every view is shifted by x cos a + y sin a, between elements by its transform; white noise stays white. The detector
    must be so wide that what is shifted over its end is air.

    >>> beam = ParallelBeam(views=4, detectors=65, detector_mm=1.0, size=24, pixel_mm=1.0)
    >>> disc = (np.hypot(beam.pixels_mm[None] - 5, beam.pixels_mm[:, None]) < 4).astype(float)
    >>> views = aimed(fourier_project(disc, beam), beam, (5, 0))
    >>> bool(np.abs(views @ beam.offsets_mm / views.sum(-1)).max() < 0.02)
    True
    """
    x, y = centre_mm
    if x == y == 0:
        return sinograms
    shift = x * np.cos(beam.angles) + y * np.sin(beam.angles)
    cycles = fft.rfftfreq(beam.detectors, beam.detector_mm)
    turned = np.exp(2j * np.pi * np.outer(shift, cycles)).astype(np.result_type(sinograms.dtype, np.complex64))
    made: NDArray[np.floating] = fft.irfft(fft.rfft(sinograms, axis=-1) * turned, beam.detectors, axis=-1)
    return made


@lru_cache(maxsize=8)
def _taking(beam: ParallelBeam, dtype: str) -> _Taking:
    real = np.dtype(dtype)
    complex_ = np.result_type(real, np.complex64)
    widest = int(np.ceil(np.sqrt(2) * beam.size * beam.pixel_mm / beam.detector_mm))
    length = fft.next_fast_len(beam.detectors + widest, real=True)  # what lies beyond the detector must not come back
    lines = slice_lines(beam, length)
    frequency = np.arange(length // 2 + 1) / (length * beam.detector_mm)
    frequency = frequency[frequency <= np.sqrt(0.5) / beam.pixel_mm]
    x, y = lines.cycles(len(frequency))
    place = np.exp(2j * np.pi * (lines.beside * (x + y) + frequency * beam.offsets_mm[0]))
    factors = place * np.sinc(x) * np.sinc(y) * (beam.pixel_mm**2 / beam.detector_mm)
    return _Taking(
        length, lines.across.astype(real), lines.down.astype(real), lines.window.astype(real),
        factors.astype(complex_), lines.shift.conj().astype(complex_),
        np.outer(lines.shading, lines.shading).astype(real),
    )  # fmt: skip
