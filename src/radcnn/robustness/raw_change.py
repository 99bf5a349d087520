"""A network that is given changes of raw data: they are reconstructed, added to the image in HU, and windowed.

FBP is linear: what is added to the line integrals adds its own reconstruction to the image, whatever else is there. So
the scan itself need not be reconstructed again, and a change of 0 leaves the prepared image as it is to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from radcnn.core.errors import GeometryError, InputError
from radcnn.core.volume import Volume
from radcnn.physics.noise import Dose
from radcnn.physics.raw_noise import HU_PER_MU, PartOfScan, part_of_scan
from radcnn.physics.sloped_fbp import sloped_fbp
from radcnn.transforms.intensity import Intensity, LinearMap, linear_map
from radcnn.transforms.orientation import single_slice_as_image, towards_patient_axes
from radcnn.transforms.preparation import Preparation, prepare_volume

SQUARE = 1e-3  # sides of a pixel that differ by less are rounding


@dataclass(frozen=True, eq=False)
class RawCase:
    """What a case needs so that its raw data can be changed.

    part     its rays, and their noise
    hu       (slices, rows, columns) of what the network sees, before it is windowed; one slice of an image
    mapping  from HU to prepared values
    """

    part: PartOfScan
    hu: Tensor
    mapping: LinearMap

    def change_hu(self, change: Tensor) -> Tensor:
        """What a change (B, slices, views, detectors), in noise sds of each ray, does to the image (B, slices, ...)."""
        square = sloped_fbp(change * torch.from_numpy(self.part.sd), self.part.beam, self.part.kernel)
        top, left = self.part.corner
        rows, columns = self.part.size
        return HU_PER_MU * square[..., top : top + rows, left : left + columns]

    def mapped(self, hu: Tensor) -> Tensor:
        """Prepared values of HU."""
        values = (hu - self.mapping.offset) * self.mapping.gain
        return values.clamp(0, 1) if self.mapping.clip else values


class OfRawData(nn.Module):
    """Logits of one image whose raw data are changed.

    image      (C, *size) prepared
    low, high  what its values can be
    """

    def __init__(self, network: nn.Module, image: Tensor, raw: RawCase, *, low: float, high: float) -> None:
        super().__init__()
        self.network, self.raw = network, raw
        self.image, self.low, self.high = image, image.clamp(max=low), image.clamp(min=high)

    def images(self, change: Tensor) -> Tensor:
        """Prepared images (B, C, *size) under changes (B, slices, views, detectors) in noise sds."""
        apart = self.raw.mapped(self.raw.hu + self.raw.change_hu(change)) - self.raw.mapped(self.raw.hu)
        if self.image.ndim == 4:
            apart = apart[:, None]
        return torch.clamp(self.image + apart, self.low, self.high)

    def forward(self, change: Tensor) -> Tensor:
        """Logits (B, outputs)."""
        logits: Tensor = self.network(self.images(change))
        return logits


def raw_case(
    volume: Volume, preparation: Preparation, dose: Dose, *, centre_mm: tuple[float, float, float] | None = None
) -> RawCase:
    """The rays of a CT through what the network sees of it, axial slice by slice.

    Raises InputError for other images than CT in HU, GeometryError where pixels are not square or of unknown size.
    """
    if volume.units != "HU" or volume.channels != 1:
        raise InputError(f"raw data are projected from CT in HU, and this image is in {volume.units}")
    if preparation.planes != "own":
        raise InputError("raw data are those of axial slices, and this network looks at three planes")
    flat = replace(preparation, intensity=Intensity("keep"), channels=1)
    seen = prepare_volume(volume, flat, centre_mm=centre_mm)
    image = towards_patient_axes(single_slice_as_image(volume) if preparation.dims == 2 else volume)
    step = _square(image)
    slices, middle = _slices(image, seen)
    rows, columns = seen.size[-2:]
    part = part_of_scan(slices, step, middle, size=(rows, columns), part_mm=_square(seen), dose=dose)
    hu = torch.from_numpy(seen.voxels.reshape(-1, rows, columns).astype(np.float32))
    return RawCase(part, hu, linear_map(preparation.intensity, volume.voxels))


def _square(image: Volume) -> float:
    if image.spacing_mm is None:
        raise GeometryError("raw data need the size of pixels in mm, which this image does not say")
    down, across = image.spacing_mm[-2:]
    if abs(down - across) > SQUARE * across:
        raise GeometryError(
            f"raw data need square pixels, in the scan and as the network is given them, got {down:g} x {across:g} mm"
        )
    return across


def _slices(image: Volume, seen: Volume) -> tuple[NDArray[np.float32], tuple[float, float]]:
    """The whole slice nearest to each that is seen, and where in it what is seen has its middle."""
    assert image.affine is not None, "its spacing is known"
    assert seen.affine is not None, "so that of what is seen is"
    whole = image.voxels.reshape(-1, *image.size[-2:])
    many = seen.size[0] if seen.rank == 3 else 1
    rows, columns = ((n - 1) / 2 for n in seen.size[-2:])
    middles = np.array([(k, rows, columns, 1) for k in range(many)])
    places = middles @ (np.linalg.inv(image.affine) @ seen.affine).T
    nearest = np.clip(places[:, 0].round().astype(int), 0, len(whole) - 1)
    return whole[nearest].astype(np.float32), (float(places[0, 1]), float(places[0, 2]))
