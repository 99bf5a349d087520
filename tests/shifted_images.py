"""Images of every kind that shifts of acquisition are for: a trunk in HU, a head in MR, a chest film, a photograph."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch

from radcnn.core.volume import Volume
from radcnn.physics.attenuation import MU_WATER_PER_MM, mu_to_hu
from radcnn.physics.beam import ParallelBeam
from radcnn.physics.ellipses import Ellipse, ellipse_sinogram
from radcnn.physics.kernels import KERNELS
from radcnn.physics.noise import Dose, noisy_sinogram
from radcnn.physics.reconstruction import fbp

SIDE, PIXEL_MM = 96, 2.5
BEAM = ParallelBeam(180, 138, PIXEL_MM, SIDE, PIXEL_MM)
BODY = [Ellipse(0, 0, 105, 75, 1.03 * MU_WATER_PER_MM), Ellipse(-40, 0, 25, 30, -0.8 * MU_WATER_PER_MM)]


@cache
def trunk(slices: int = 4) -> Volume:
    """A scanned trunk with one lung that grows from slice to slice, 5 mm apart; one slice is an image."""
    made = []
    for k in range(slices):
        body = [BODY[0], Ellipse(-40, 0, 20 + 3 * k, 25 + 3 * k, -0.8 * MU_WATER_PER_MM)]
        measured = noisy_sinogram(ellipse_sinogram(body, BEAM), Dose(2e5), np.random.default_rng(k))
        made.append(mu_to_hu(fbp(torch.from_numpy(measured), BEAM, KERNELS["soft"]).numpy()))
    hu = np.stack(made).astype(np.float32)
    if slices == 1:
        return Volume.from_spacing(hu, (PIXEL_MM, PIXEL_MM), units="HU")
    return Volume.from_spacing(hu[None], (5.0, PIXEL_MM, PIXEL_MM), units="HU")


@cache
def head(rank: int = 3) -> Volume:
    """An ellipsoid of two tissues in MR, without noise around it, 1 mm pixels."""
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in (8, 40, 36)), indexing="ij")
    r = np.sqrt((z / 1.2) ** 2 + (y / 0.7) ** 2 + (x / 0.6) ** 2)
    made = (np.where(r < 1, 400.0, 12.0) + np.where(r < 0.6, 300.0, 0.0) + 5 * np.cos(9 * x)).astype(np.float32)
    if rank == 2:
        return Volume.from_spacing(made[4:5], (1.0, 1.0))
    return Volume.from_spacing(made[None], (3.0, 1.0, 1.0))


@cache
def film() -> Volume:
    """A chest film of whole grey levels, of unknown spacing."""
    y, x = np.meshgrid(np.linspace(-1, 1, 56), np.linspace(-1, 1, 48), indexing="ij")
    lungs = np.exp(-(((np.abs(x) - 0.45) / 0.25) ** 2) - (y / 0.6) ** 2)
    grey = 190 - 130 * lungs + 12 * np.sin(14 * y)
    return Volume(grey.round().astype(np.uint8)[None], None, "grey")


@cache
def photograph() -> Volume:
    """Three colours of unknown spacing."""
    y, x = np.meshgrid(np.linspace(0, 1, 40), np.linspace(0, 1, 40), indexing="ij")
    wave = 0.5 + 0.5 * np.sin(12 * x) * np.cos(9 * y)
    return Volume((255 * np.stack([wave, x, y])).round().astype(np.uint8), None, "rgb")
