"""Where an image lies in the patient: ImagePositionPatient, ImageOrientationPatient and PixelSpacing as an affine.

PS3.3 C.7.6.2.1.1: a pixel (row r, column c) lies at

    P(r, c) = position + r * row_spacing * down + c * column_spacing * right

with `right` the first three and `down` the last three numbers of ImageOrientationPatient, PixelSpacing being (between
rows, between columns). Slices are counted along right x down: towards the head for axial slices.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import GeometryError
from radcnn.data.dicom.attributes import Attributes

ORTHONORMAL = 1e-3  # of direction cosines, which DICOM gives as decimal text, often with four digits
LONE_SLICE_MM = 1.0  # length of the slice axis where there is one slice: it stands for no distance
SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")

Vector = tuple[float, ...]


@dataclass(frozen=True)
class Plane:
    """The plane of one image in the patient (LPS, mm)."""

    position: Vector
    right: Vector
    down: Vector
    spacing: Vector  # between rows, between columns

    @property
    def normal(self) -> NDArray[np.float64]:
        """right x down, of length 1."""
        made: NDArray[np.float64] = np.cross(self.right, self.down)
        return made / np.linalg.norm(made)

    @property
    def depth_mm(self) -> float:
        """The position along the normal."""
        return float(np.dot(self.normal, self.position))

    def affine(self, slice_step_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """(slice, row, column, 1) to (x, y, z, 1), this plane being slice 0."""
        made = np.eye(4)
        made[:3, 0] = slice_step_mm
        made[:3, 1] = np.array(self.down) * self.spacing[0]
        made[:3, 2] = np.array(self.right) * self.spacing[1]
        made[:3, 3] = self.position
        return made


def plane_of(name: str, said: Attributes) -> Plane | None:
    """The plane of an image; None when it does not say where in the patient it lies.

    Raises GeometryError when what it says is impossible.
    """
    position = _numbers(name, said, "ImagePositionPatient", 3)
    orientation = _numbers(name, said, "ImageOrientationPatient", 6)
    spacing = _spacing(name, said, "PixelSpacing")
    if position is None or orientation is None or spacing is None:
        return None
    axes = _axes(orientation)
    if axes is None:
        raise GeometryError(
            f"ImageOrientationPatient of {name} must be two directions of length 1 at right angles, "
            f"got {_listed(orientation)}; export it again"
        )
    return Plane(position, *axes, spacing)


@lru_cache(maxsize=64)  # slices of one volume share it
def _axes(orientation: Vector) -> tuple[Vector, Vector] | None:
    """Directions to the right and down, of length 1; None when they are not nearly so, and at right angles."""
    right, down = orientation[:3], orientation[3:]
    lengths = math.sqrt(_dot(right, right)), math.sqrt(_dot(down, down))
    # the products of the directions, as numpy's allclose would test them against (1, 1, 0); ten times quicker
    if max(abs(lengths[0] ** 2 - 1), abs(lengths[1] ** 2 - 1), abs(_dot(right, down))) > ORTHONORMAL:
        return None
    # text with few digits leaves directions a little too long or short; the spacing alone says how long a step is
    return tuple(v / lengths[0] for v in right), tuple(v / lengths[1] for v in down)


def spacing_of(name: str, said: Attributes) -> Vector | None:
    """Distance between rows and columns of an image without a place; None where nothing says it.

    Of projections it is the detector's (ImagerPixelSpacing) unless it was calibrated (PixelSpacing).
    """
    return next((found for keyword in SPACINGS if (found := _spacing(name, said, keyword)) is not None), None)


def _spacing(name: str, said: Attributes, keyword: str) -> Vector | None:
    spacing = _numbers(name, said, keyword, 2)
    if spacing is not None and min(spacing) <= 0:
        raise GeometryError(
            f"{keyword} of {name} must be 2 positive numbers in mm, got {_listed(spacing)}; export it again"
        )
    return spacing


def _numbers(name: str, said: Attributes, keyword: str, n: int) -> Vector | None:
    try:
        return said.numbers(keyword, n)
    except (ValueError, TypeError):
        raise GeometryError(f"{keyword} of {name} must be {n} finite numbers; export it again") from None


def _dot(a: Sequence[float], b: Sequence[float]) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _listed(values: Vector) -> str:
    return "(" + ", ".join(f"{value:g}" for value in values) + ")"
