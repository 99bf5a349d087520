"""`reconstruct`: an image from a measured sinogram, by filtered back-projection or iteratively, written as NIfTI."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from radcnn.core.catalogue import look_up
from radcnn.core.cores import available_cores
from radcnn.core.errors import SettingsError
from radcnn.core.volume import Volume
from radcnn.data.nifti import check_nifti_place, write_nifti
from radcnn.data.sinogram import Sinogram, read_sinogram
from radcnn.physics.attenuation import MU_WATER_PER_MM
from radcnn.physics.beam import Beam, FanBeam, ParallelBeam
from radcnn.physics.iterative import cgls, sirt, total_variation
from radcnn.physics.kernels import KERNELS, Kernel
from radcnn.physics.projection import project
from radcnn.physics.reconstruction import fbp
from radcnn.study.listener import SILENCE, Listener

METHODS = ("fbp", "sirt", "cgls", "tv")
ITERATIONS = {"sirt": 100, "cgls": 20, "tv": 300}
TV_WEIGHT = 0.01  # of line integrals without a unit: a start; the best one is chosen on images like these
SLICE_MM = 1.0


@dataclass(frozen=True)
class Reconstructed:
    """A reconstruction.

    volume    (1, slices, size, size) in HU
    residual  |Ax - y| / |y|: how far its projections are from what was measured
    starved   rays that no photon came through
    """

    volume: Volume
    method: str
    views: int
    residual: float
    starved: int

    def as_json(self) -> dict[str, Any]:
        """A JSON object."""
        about = {"method": self.method, "views": self.views, "size": list(self.volume.size)}
        spacing = list(self.volume.spacing_mm or ())
        return {**about, "spacing_mm": spacing, "residual": self.residual, "starved_rays": self.starved}


def reconstruct(
    path: Path | str,
    *,
    method: str = "fbp",
    size: int | None = None,
    pixel_mm: float | None = None,
    kernel: str = "ramp",
    iterations: int | None = None,
    weight: float | None = None,
    out: Path | str | None = None,
    listener: Listener = SILENCE,
) -> Reconstructed:
    """The image of a sinogram in an npz file (see `data.sinogram` for its arrays).

    method      "fbp", "sirt", "cgls" or "tv" (total variation)
    size        pixels a side; as many as fit the detector where it is not given
    pixel_mm    their size; that of an element, at the middle, where it is not given
    kernel      of fbp: "ramp", "hann", "soft" ...
    iterations, weight  of the iterative methods, and of total variation
    out         a .nii or .nii.gz file to write it to, in HU

    Raises InputError and GeometryError for a sinogram that cannot be used, SettingsError for options that do not fit.
    """
    if out is not None:
        check_nifti_place(out)
    if method not in METHODS:
        look_up(dict.fromkeys(METHODS), method, "method")
    sharpness = look_up(KERNELS, kernel, "kernel")
    if method == "fbp" and (iterations is not None or weight is not None):
        raise SettingsError("fbp takes no iterations or weight; leave them out, or choose sirt, cgls or tv")
    if weight is not None and method != "tv":
        raise SettingsError(f"{method} takes no weight; leave it out, or choose tv")
    sinogram = read_sinogram(path)
    torch.set_num_threads(available_cores())
    beam = _beam(sinogram, size, pixel_mm)
    measured = torch.from_numpy(sinogram.line_integrals)
    listener.progress("reconstructing", 0, 1)
    made = _image(measured, beam, method, sharpness, iterations, weight)
    listener.progress("reconstructing", 1, 1)
    apart = float((project(made, beam) - measured).norm() / measured.norm().clamp_min(1e-30))
    hu = np.rint(made.numpy() * (1000 / MU_WATER_PER_MM) - 1000).clip(-32768, 32767).astype(np.int16)
    spacing = (sinogram.slice_mm or SLICE_MM, beam.pixel_mm, beam.pixel_mm)
    flat = len(hu) == 1
    volume = Volume.from_spacing(hu if flat else hu[None], spacing[1:] if flat else spacing, "HU")
    if out is not None:
        write_nifti(volume, out)
    return Reconstructed(volume, method, beam.views, apart, sinogram.starved)


def _beam(sinogram: Sinogram, size: int | None, pixel_mm: float | None) -> Beam:
    """The rays, and an image that the detector covers."""
    _, views, detectors = sinogram.line_integrals.shape
    shrunk = 1.0 if sinogram.fan_mm is None else sinogram.fan_mm[0] / sinogram.fan_mm[1]
    element = sinogram.detector_mm * shrunk  # as it is at the middle of the image
    pixel = element if pixel_mm is None else pixel_mm
    side = max(1, int(detectors * element / pixel)) if size is None else size
    if side < 1 or not pixel > 0:
        raise SettingsError(f"size and pixel_mm must be positive, got {side} and {pixel:g}")
    angles = tuple(float(angle) for angle in sinogram.angles_deg)
    about = (views, detectors, sinogram.detector_mm, side, pixel, angles)
    if sinogram.fan_mm is None:
        return ParallelBeam(*about)
    return FanBeam(*about, source_mm=sinogram.fan_mm[0], detector_at_mm=sinogram.fan_mm[1])


def _image(
    measured: Tensor, beam: Beam, method: str, kernel: Kernel, iterations: int | None, weight: float | None
) -> Tensor:
    """Attenuation per mm, (slices, size, size)."""
    if method == "fbp":
        return fbp(measured, beam, kernel)
    many = ITERATIONS[method] if iterations is None else iterations
    if method == "sirt":
        return sirt(measured, beam, iterations=many)
    if method == "cgls":
        return cgls(measured, beam, iterations=many)
    return total_variation(measured, beam, weight=TV_WEIGHT if weight is None else weight, iterations=many)
