"""Whether an affine can be that of a patient's image, and what is unusual about it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import GeometryError
from radcnn.data.findings import Finding, finding

RIGHT_ANGLE = 1e-4  # cosine between axes at right angles; moves the end of 500 mm by half of the above
FARTHEST_MM = 1e6  # a kilometre: no image of a patient reaches as far
SMALLEST_CELL = 2e-12  # mm^3 between neighbours, 0.1 micrometres cubed; a Volume refuses 1e-12


def refuse_impossible(name: str, affine: NDArray[np.float64]) -> None:
    """Raise GeometryError, naming the file, for an affine that cannot be one of a patient's image."""
    if not np.abs(affine[:3]).max() <= FARTHEST_MM:
        raise GeometryError(f"{name} places voxels more than {FARTHEST_MM / 1e6:g} km away; correct its header")
    first, second, third = affine[:3, :3].T
    if not abs(float(np.dot(np.cross(first, second), third))) >= SMALLEST_CELL:
        raise GeometryError(f"{name} has an affine that cannot be turned back: two axes are parallel or a spacing is 0")


def askew(name: str, affine: NDArray[np.float64]) -> tuple[Finding, ...]:
    """The finding for axes that are not at right angles; the affine is kept as it is."""
    cosine = largest_cosine(affine)
    if cosine <= RIGHT_ANGLE:
        return ()
    off = np.degrees(np.arcsin(min(cosine, 1.0)))
    sentence = f"the axes of {name} are not at right angles (off by up to {off:.2g} degrees); its affine is kept"
    return (finding("axes not at right angles", sentence, "resample it upright if the tilt is not meant"),)


def largest_cosine(affine: NDArray[np.float64]) -> float:
    """The cosine between the two axes that are farthest from a right angle; 0 where all are at right angles."""
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return float(np.abs(axes.T @ axes - np.eye(3)).max())


def spacings_of(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spacings along i, j, k (column, row, slice) of an affine in LPS."""
    lengths: NDArray[np.float64] = np.linalg.norm(affine[:3, :3], axis=0)[::-1]
    return lengths
