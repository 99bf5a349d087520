"""A Volume: voxels, where they lie in the patient, and what their numbers mean.

Voxels are channel first, then slices, rows, columns: (C, D, H, W), or (C, H, W) for a 2D image, whose spatial rank
is 2. World axes are DICOM's: x to the patient's left, y to the back, z to the head (LPS), in millimetres. The affine
maps an index (slice, row, column, 1) to (x, y, z, 1) and addresses voxel centres; a 2D image uses slice 0.

Three levels of knowledge about place, in `frame`:
  "patient"  the affine is in the patient's coordinate system
  "image"    spacings are known (the affine is a scaling), the place in the patient is not
  "unknown"  no affine: distances can only be given in voxels, and are called so
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radcnn.core.errors import GeometryError

Frame = Literal["patient", "image", "unknown"]
Units = Literal["HU", "grey", "rgb", "mask", "arbitrary", "PET"]


@dataclass(frozen=True, eq=False)
class Volume:
    """Voxels (C, D, H, W) or (C, H, W) with their geometry and units.

    >>> import numpy as np
    >>> ct = Volume.from_spacing(np.zeros((1, 4, 8, 8), np.float32), (5.0, 0.7, 0.7), units="HU")
    >>> ct.spacing_mm
    (5.0, 0.7, 0.7)
    """

    voxels: NDArray
    affine: NDArray[np.float64] | None
    units: Units = "arbitrary"
    frame: Frame = "patient"

    def __post_init__(self) -> None:
        if self.voxels.ndim not in (3, 4):
            raise GeometryError(
                f"voxels must be (channels, rows, columns) or (channels, slices, rows, columns), "
                f"got an array of shape {self.voxels.shape}"
            )
        if 0 in self.voxels.shape:
            raise GeometryError(f"voxels must not be empty, got an array of shape {self.voxels.shape}")
        if self.affine is None:
            object.__setattr__(self, "frame", "unknown")
            return
        affine = np.array(self.affine, dtype=np.float64)
        if affine.shape != (4, 4) or not np.isfinite(affine).all():
            raise GeometryError(f"an affine must be 4 x 4 finite numbers, got shape {affine.shape}")
        if not np.array_equal(affine[3], (0, 0, 0, 1)):
            raise GeometryError(f"the last row of an affine must be (0, 0, 0, 1), got {tuple(affine[3])}")
        if abs(np.linalg.det(affine[:3, :3])) < 1e-12:
            raise GeometryError("an affine must be invertible: two of its axes are parallel or a spacing is 0")
        if self.frame == "unknown":
            raise GeometryError("a Volume with an affine cannot have frame 'unknown'")
        affine.setflags(write=False)
        object.__setattr__(self, "affine", affine)

    @classmethod
    def from_spacing(cls, voxels: NDArray, spacing_mm: ArrayLike, units: Units = "arbitrary") -> Volume:
        """A Volume of known spacing (slice, row, column; or row, column for 2D) and unknown place.

        Raises GeometryError when a spacing is not a positive finite number.
        """
        rank = voxels.ndim - 1
        spacing = np.asarray(spacing_mm, dtype=np.float64)
        if spacing.shape != (rank,) or not np.isfinite(spacing).all() or (spacing <= 0).any():
            raise GeometryError(f"spacing_mm must be {rank} positive numbers, got {spacing.tolist()}")
        full = np.ones(3)
        full[3 - rank :] = spacing
        affine = np.zeros((4, 4))
        # slice index runs along z, rows along y, columns along x
        affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = full[0], full[1], full[2], 1
        return cls(voxels, affine, units, frame="image")

    @property
    def rank(self) -> int:
        """Spatial rank: 2 for an image, 3 for a volume."""
        return self.voxels.ndim - 1

    @property
    def channels(self) -> int:
        return int(self.voxels.shape[0])

    @property
    def size(self) -> tuple[int, ...]:
        """Voxels per spatial axis: (D, H, W) or (H, W)."""
        return tuple(int(n) for n in self.voxels.shape[1:])

    @property
    def spacing_mm(self) -> tuple[float, ...] | None:
        """Distance between neighbouring voxel centres per spatial axis; None where it is unknown."""
        if self.affine is None:
            return None
        lengths = np.linalg.norm(self.affine[:3, :3], axis=0)[3 - self.rank :]
        return tuple(float(np.round(length, 9)) for length in lengths)

    @property
    def voxel_ml(self) -> float | None:
        """Millilitres of a voxel, also where axes are not at right angles; None for 2D images and unknown spacings.

        >>> Volume.from_spacing(np.zeros((1, 4, 8, 8)), (5.0, 0.5, 0.5)).voxel_ml
        0.00125
        """
        if self.affine is None or self.rank != 3:
            return None
        return abs(float(np.linalg.det(self.affine[:3, :3]))) / 1000

    def world(self, index: ArrayLike) -> NDArray[np.float64]:
        """Indices (..., rank) to patient coordinates (..., 3) in mm (LPS).

        Raises GeometryError when the geometry is unknown.
        """
        if self.affine is None:
            raise GeometryError("the spacing of this image is unknown, so it has no position in mm")
        points = np.asarray(index, dtype=np.float64)
        if self.rank == 2:
            points = np.concatenate([np.zeros((*points.shape[:-1], 1)), points], axis=-1)
        moved: NDArray[np.float64] = points @ self.affine[:3, :3].T + self.affine[:3, 3]
        return moved

    def index(self, world_mm: ArrayLike) -> NDArray[np.float64]:
        """Patient coordinates (..., 3) in mm (LPS) to fractional indices (..., rank).

        Raises GeometryError when the geometry is unknown.
        """
        if self.affine is None:
            raise GeometryError("the spacing of this image is unknown, so positions in mm cannot be found in it")
        inverse = np.linalg.inv(self.affine)
        points: NDArray[np.float64] = np.asarray(world_mm, dtype=np.float64) @ inverse[:3, :3].T + inverse[:3, 3]
        return points[..., 3 - self.rank :]

    def with_voxels(self, voxels: NDArray, units: Units | None = None) -> Volume:
        """The same place with other voxels of the same spatial size."""
        if tuple(voxels.shape[1:]) != self.size:
            raise GeometryError(f"new voxels must have spatial size {self.size}, got {tuple(voxels.shape[1:])}")
        return replace(self, voxels=voxels, units=units or self.units)
