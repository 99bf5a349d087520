"""A metal rod in a CT: streaks by beam hardening and by rays that hardly any photon passes.

The slice and the rod are projected; what a beam of many energies would measure is computed with and without the rod,
and the difference alone is reconstructed and added, so that the rest of the slice stays as it was.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from radcnn.core.errors import GeometryError
from radcnn.core.volume import Volume
from radcnn.physics.attenuation import MU_WATER_PER_MM, hu_to_mu
from radcnn.physics.beam import ParallelBeam
from radcnn.physics.fourier_projection import fourier_project
from radcnn.physics.kernels import KERNELS
from radcnn.physics.reconstruction import fbp
from radcnn.physics.spectrum import ENERGIES_KEV, Spectrum
from radcnn.robustness.shifts.shift import Floats

# titanium, cm2/g at the energies of `physics.spectrum` (NIST, Hubbell and Seltzer, NISTIR 5632), 4.54 g/cm3
TITANIUM_CM2_PER_G = (35.87, 15.85, 4.972, 2.214, 1.213, 0.7661, 0.4052, 0.2721, 0.1649)
TITANIUM_G_PER_CM3 = 4.54
VIEWS = 360
PHOTONS = 1e5  # per ray of the open beam
FEWEST_PHOTONS = 1.0  # that are read of a starved ray
BODY_HU = -300.0  # from which on a pixel is taken for the body
AIR_HU = -1000.0
SLICES_AT_ONCE = 16
DEEPEST_MM = 600.0


def with_rod(volume: Volume, diameter_mm: float, chance: np.random.Generator) -> Floats:
    """With a rod of titanium of this diameter along the stack, at a place in the body that chance draws."""
    pixel_mm = _pixel_mm(volume)
    slices = volume.voxels.reshape(-1, *volume.size[-2:]).astype(np.float32)
    size = max(slices.shape[1:])
    beam = ParallelBeam(VIEWS, int(np.ceil(np.hypot(*slices.shape[1:]))) + 2, pixel_mm, size, pixel_mm)
    top, left = ((size - n) // 2 for n in slices.shape[1:])
    place = _place(slices, chance)
    through = rod_mm(beam, (place[0] + top, place[1] + left), diameter_mm)
    drawn = chance.standard_normal(beam.shape)  # one noise for all slices: a rod's streaks run along the stack
    made = np.empty_like(slices)
    for first in range(0, len(slices), SLICES_AT_ONCE):
        part = slices[first : first + SLICES_AT_ONCE]
        square = np.full((len(part), size, size), AIR_HU, np.float32)
        square[:, top : top + part.shape[1], left : left + part.shape[2]] = np.maximum(part, AIR_HU)
        water = np.maximum(fourier_project(hu_to_mu(square), beam), 0) / MU_WATER_PER_MM
        added = streaks(np.asarray(water, np.float64), through, drawn)
        image = fbp(torch.from_numpy(added.astype(np.float32)), beam, KERNELS["soft"]).numpy() * (
            1000 / MU_WATER_PER_MM
        )
        made[first : first + len(part)] = part + image[:, top : top + part.shape[1], left : left + part.shape[2]]
    return made.reshape(volume.voxels.shape)


def streaks(
    water_mm: NDArray[np.float64], metal_mm: NDArray[np.float64], drawn: NDArray[np.float64]
) -> NDArray[np.float64]:
    """What metal adds to line integrals (..., views, detectors): its own, hardened, and the noise of few photons.

    water_mm, metal_mm  lengths along the rays
    drawn               standard normal numbers (views, detectors)

    Noise is added to rays through metal alone, beyond what they had without it.
    """
    clean, through = _signal(water_mm, metal_mm * 0), _signal(water_mm, metal_mm)
    spectrum = Spectrum()
    more = np.sqrt(np.maximum(1 / through - 1 / clean, 0) / PHOTONS)
    measured = -np.log(np.maximum(through, FEWEST_PHOTONS / PHOTONS)) + np.where(metal_mm > 0, more * drawn, 0.0)
    limit = -np.log(FEWEST_PHOTONS / PHOTONS)
    return spectrum.water_corrected(np.minimum(measured, limit)) - spectrum.water_corrected(-np.log(clean))


def _signal(water_mm: NDArray[np.float64], metal_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of the open beam, behind water and titanium; energy by energy, which needs little memory."""
    spectrum = Spectrum()
    energies = spectrum.energies_kev
    mass = np.exp(np.interp(np.log(energies), np.log(ENERGIES_KEV), np.log(TITANIUM_CM2_PER_G)))
    metal = mass * TITANIUM_G_PER_CM3 / 10
    # behind water alone, as a table: a sinogram has far more rays than this has lengths
    lengths = np.linspace(0, DEEPEST_MM, 1201)
    open_beam = spectrum.transmitted(lengths) * spectrum.signal
    behind = np.maximum(np.interp(water_mm, lengths, open_beam.sum(axis=1)), 1e-300)
    made = behind.copy()
    rays = np.broadcast_to(metal_mm > 0, behind.shape)
    if rays.any():
        water, rod = water_mm[rays], np.broadcast_to(metal_mm, behind.shape)[rays]
        each = [np.interp(water, lengths, open_beam[:, k]) * np.exp(-mu * rod) for k, mu in enumerate(metal.tolist())]
        made[rays] = np.sum(each, axis=0)
    return made


def rod_mm(beam: ParallelBeam, pixel: tuple[float, float], diameter_mm: float) -> NDArray[np.float64]:
    """Lengths (views, detectors) of rays within a disc about a pixel (row, column), the mean over each element."""
    y, x = ((at - (beam.size - 1) / 2) * beam.pixel_mm for at in pixel)
    angles, offsets = beam.rays()
    fine = (np.arange(5) - 2) / 5 * beam.detector_mm
    away = (offsets - (x * np.cos(angles) + y * np.sin(angles)))[..., None] + fine
    chord = 2 * np.sqrt(np.maximum((diameter_mm / 2) ** 2 - away**2, 0))
    return np.asarray(chord.mean(axis=-1))


def _place(slices: Floats, chance: np.random.Generator) -> tuple[float, float]:
    """A pixel of the body in the middle slice; the middle where there is no body."""
    inside = np.argwhere(slices[len(slices) // 2] > BODY_HU)
    share = chance.random()
    if not len(inside):
        return (slices.shape[1] - 1) / 2, (slices.shape[2] - 1) / 2
    row, column = inside[int(share * len(inside))]
    return float(row), float(column)


def _pixel_mm(volume: Volume) -> float:
    if volume.spacing_mm is None:
        raise GeometryError("a metal rod has its size in mm, and this image does not say the size of its pixels")
    down, across = volume.spacing_mm[-2:]
    if abs(down - across) > 1e-3 * across:
        raise GeometryError(f"metal streaks need square pixels, got {down:g} x {across:g} mm")
    return across
