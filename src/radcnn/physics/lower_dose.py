"""A CT scan as a lower dose would have shown it: noise is added where it arises, in the line integrals.

The slices are projected, each ray gets the noise that it would have had more of, and the noise alone is reconstructed
and added (Yu et al. 2012, doi:10.1097/RCT.0b013e318258e891, work on the scanner's own raw data; without these the
projections of the image stand in, which hold the object's attenuation along each ray). How many photons the scan had
is found from the noise it shows: in soft tissue, from the differences of neighbouring slices, which share the anatomy
and not the noise, looked at in the same way as noise that is made for them. The tube's current is taken to be the same
for every view: where a scanner raised it through the shoulders, the streaks there come out stronger than they were.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from radcnn.core.errors import GeometryError, InputError, SettingsError
from radcnn.core.volume import Volume
from radcnn.physics.attenuation import MU_WATER_PER_MM, hu_to_mu
from radcnn.physics.beam import ParallelBeam
from radcnn.physics.fourier_projection import fourier_project
from radcnn.physics.kernels import KERNELS, Kernel
from radcnn.physics.noise import Dose, noise_variance
from radcnn.physics.reconstruction import fbp

VIEWS = 720
AIR_HU = -1000.0
TISSUE_HU = (-20.0, 130.0)  # muscle, blood and organs: even but for noise
EDGE = 4  # pixels of tissue's edges that are left out
APART_MM = 3.0  # between slices that are compared: thick slices nearer to each other share some of their noise
FINE = 2.0  # pixels, standard deviation of the blur that is taken away: coarser differences are anatomy
FEWEST = 400  # pixels of soft tissue in a slice, from which noise is read
TRIED = 1e5  # photons of the noise that is made to calibrate
SLICES_AT_ONCE = 16
NORMAL = 0.6744897501960817  # median of the size of a standard normal number


@dataclass(frozen=True)
class Lowered:
    """A scan at a lower dose.

    volume   at the lower dose, in HU
    photons  per ray and view that the given scan was found to have
    noise_hu of the given scan and of the result: standard deviation in soft tissue, without what is coarse
    """

    volume: Volume
    photons: float
    noise_hu: tuple[float, float]


def lower_dose(
    volume: Volume,
    fraction: float,
    *,
    kernel: Kernel = KERNELS["soft"],
    chance: np.random.Generator,
    electronic: float = 10.0,
) -> Lowered:
    """The scan as `fraction` of its dose would have shown it.

    volume      a CT in HU, (1, slices, rows, columns) or one slice, square pixels of known size, axial
    fraction    of the dose, above 0 and below 1
    kernel      how sharp the scan is taken to be: the noise's grain follows it
    chance      draws the noise; the same state, the same scan
    electronic  standard deviation of the detector's noise, in photons

    Raises SettingsError for a fraction outside (0, 1), GeometryError for pixels that are not square or of unknown size,
    InputError for other units and for scans without soft tissue, whose noise cannot be read.
    """
    if not 0 < fraction < 1:
        raise SettingsError(f"the share of the dose must lie between 0 and 1, got {fraction:g}")
    slices, pixel_mm = _slices(volume)
    beam = whole_beam(slices.shape[1:], pixel_mm)
    tissue = _tissue(slices)
    told, gap = _telling(tissue), 1
    if volume.rank == 3 and volume.spacing_mm is not None:
        gap = max(1, min(math.ceil(APART_MM / volume.spacing_mm[0]), told.stop - told.start - 1))
    seen = partial(_seen_noise, tissue=tissue[told], gap=gap)
    full = Dose(_photons(slices[told], seen, beam, kernel, electronic, chance), electronic)
    low = Dose(full.photons * fraction, electronic)
    made = np.empty(slices.shape, np.float32)
    for first in range(0, len(slices), SLICES_AT_ONCE):
        part = slices[first : first + SLICES_AT_ONCE]
        integrals = line_integrals(part, beam)
        variance = noise_variance(integrals, low) - noise_variance(integrals, full)
        made[first : first + SLICES_AT_ONCE] = part + _noise(variance, beam, kernel, chance, slices.shape[1:])
    lowered = volume.with_voxels(made.reshape(volume.voxels.shape))
    return Lowered(lowered, full.photons, (seen(slices[told]), seen(made[told])))


def _slices(volume: Volume) -> tuple[NDArray[np.float32], float]:
    """(slices, rows, columns) and the pixels' size."""
    if volume.units != "HU" or volume.channels != 1:
        raise InputError(f"a lower dose is simulated for CT in HU, and this image is in {volume.units}")
    if volume.spacing_mm is None:
        raise GeometryError("a lower dose needs the size of pixels in mm, which this image does not say")
    down, across = volume.spacing_mm[-2:]
    if abs(down - across) > 1e-3 * across:
        raise GeometryError(f"a lower dose needs square pixels, got {down:g} x {across:g} mm")
    return volume.voxels.reshape(-1, *volume.size[-2:]).astype(np.float32), across


def whole_beam(size: tuple[int, ...], pixel_mm: float) -> ParallelBeam:
    """Rays through all of a square that holds the slice."""
    side = max(size)
    detectors = int(np.ceil(float(np.hypot(size[0], size[1])))) + 2
    return ParallelBeam(VIEWS, detectors, pixel_mm, side, pixel_mm)


def line_integrals(slices: NDArray[np.float32], beam: ParallelBeam) -> NDArray[np.float32]:
    """Line integrals (n, views, detectors) of slices, which lie in the middle of the square."""
    rows, columns = slices.shape[1:]
    top, left = (beam.size - rows) // 2, (beam.size - columns) // 2
    square = np.full((len(slices), beam.size, beam.size), AIR_HU, np.float32)
    square[:, top : top + rows, left : left + columns] = np.maximum(slices, AIR_HU)
    # beside sharp edges a ray through air alone may come out a little below 0
    return np.maximum(fourier_project(hu_to_mu(square), beam), 0).astype(np.float32)


def _noise(
    variance: NDArray[np.floating],
    beam: ParallelBeam,
    kernel: Kernel,
    chance: np.random.Generator,
    size: tuple[int, ...],
) -> NDArray[np.float32]:
    """Noise (n, rows, columns) in HU of rays with this variance (n, views, detectors)."""
    rays = chance.standard_normal(variance.shape, dtype=np.float32) * np.sqrt(variance).astype(np.float32)
    square = fbp(torch.from_numpy(rays), beam, kernel).numpy() * np.float32(1000 / MU_WATER_PER_MM)
    top, left = (beam.size - size[0]) // 2, (beam.size - size[1]) // 2
    return square[:, top : top + size[0], left : left + size[1]]


def _telling(tissue: NDArray[np.bool_]) -> slice:
    """The neighbouring slices that show the most soft tissue."""
    pixels = tissue.sum(axis=(1, 2))
    many = min(len(tissue), SLICES_AT_ONCE)
    seen = np.convolve(pixels, np.ones(many), mode="valid")
    first = int(seen.argmax())
    if seen[first] < FEWEST * many:
        raise InputError("the scan shows too little soft tissue to read its noise; give a scan of the trunk or head")
    return slice(first, first + many)


def _photons(
    slices: NDArray[np.float32],
    seen_noise: Callable[[NDArray[np.float32]], float],
    beam: ParallelBeam,
    kernel: Kernel,
    electronic: float,
    chance: np.random.Generator,
) -> float:
    """How many photons, beside the electronic noise, make the noise that the slices show.

    Its variance is quantum / photons + electronic / photons^2, of which both parts are seen at a number that is tried.
    """
    integrals, size = line_integrals(slices, beam), slices.shape[1:]
    alone = noise_variance(integrals, Dose(TRIED, 0.0))
    both = noise_variance(integrals, Dose(TRIED, electronic))
    quantum = TRIED * seen_noise(_noise(alone, beam, kernel, chance, size)) ** 2
    rest = TRIED**2 * seen_noise(_noise(both - alone, beam, kernel, chance, size)) ** 2
    seen = max(seen_noise(slices), 1e-3) ** 2
    return float((quantum + np.sqrt(quantum**2 + 4 * seen * rest)) / (2 * seen))


def _tissue(slices: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Soft tissue, without its edges: judged on smoothed slices, so that noise does not choose its own pixels."""
    smooth = ndimage.gaussian_filter(slices, (0, 2, 2))
    within = (smooth > TISSUE_HU[0]) & (smooth < TISSUE_HU[1])
    cross = np.zeros((3, 3, 3), bool)
    cross[1] = True
    found: NDArray[np.bool_] = ndimage.binary_erosion(within, cross, iterations=EDGE)
    return found


def _seen_noise(slices: NDArray[np.float32], tissue: NDArray[np.bool_], gap: int) -> float:
    """Standard deviation of what differs finely between slices `gap` apart, in soft tissue.

    Of one slice alone, of what is fine in it: some of that is anatomy, so that its noise is overrated.
    """
    if len(slices) > gap:
        slices, tissue = (slices[gap:] - slices[:-gap]) / np.float32(np.sqrt(2)), tissue[gap:] & tissue[:-gap]
    fine = (slices - ndimage.gaussian_filter(slices, (0, FINE, FINE)))[tissue]
    return float(np.median(np.abs(fine)) / NORMAL) if fine.size else 0.0
