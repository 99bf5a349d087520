"""Hand-crafted numbers of a nodule: what can be measured without looking at its shape in detail.

They feed the difficulty certificate. All are in HU and mm, measured in the stored image around the annotated centre.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FEATURES = (
    "diameter_mm", "volume_mm3", "mean_hu", "max_hu", "sd_hu", "patch_mean_hu", "patch_sd_hu", "shell_hu",
    "surface_per_volume", "elongation",
)  # fmt: skip
PATCH_MM, SHELL_MM, SOLID_HU = 20.0, 4.0, -500.0  # radius of the patch; thickness of the shell; lung against tissue


def measure(
    hu: NDArray, spacing_mm: tuple[float, float, float], centre: tuple[float, float, float], diameter_mm: float
) -> dict[str, float]:
    """The features of one nodule, by name.

    hu          (slices, rows, columns)
    spacing_mm  between slices, rows, columns
    centre      index (slice, row, column) of the centroid
    diameter_mm the annotated diameter

    mean, sd and max are those of a ball of the annotated diameter; patch values those of a ball of 20 mm radius;
    shell_hu is the mean within 4 mm outside the ball; volume, surface and elongation those of voxels above -500 HU
    within ball and shell.
    """
    box = tuple(
        slice(max(0, int(c - PATCH_MM / s)), int(c + PATCH_MM / s) + 2) for c, s in zip(centre, spacing_mm, strict=True)
    )
    patch = hu[box].astype(np.float64)
    axes = [
        (np.arange(b.start, b.start + n) - c) * s
        for b, n, c, s in zip(box, patch.shape, centre, spacing_mm, strict=True)
    ]
    offsets = np.stack(np.meshgrid(*axes, indexing="ij"))
    distance = np.sqrt((offsets**2).sum(axis=0))
    ball, near = distance <= diameter_mm / 2, distance <= diameter_mm / 2 + SHELL_MM
    ball[np.unravel_index(distance.argmin(), distance.shape)] = True  # a ball smaller than a slice holds one voxel
    solid = (patch > SOLID_HU) & near
    whole = patch[distance <= PATCH_MM]
    volume = float(solid.sum()) * float(np.prod(spacing_mm))
    values = (
        diameter_mm, volume, patch[ball].mean(), patch[ball].max(), patch[ball].std(), whole.mean(), whole.std(),
        patch[near & ~ball].mean(), _surface_mm2(solid, spacing_mm) / max(volume, 1.0), _elongation(offsets[:, solid]),
    )  # fmt: skip
    return dict(zip(FEATURES, map(float, values), strict=True))


def _surface_mm2(solid: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> float:
    """Area of the faces between solid voxels and others."""
    total = 0.0
    for axis in range(3):
        faces = np.diff(np.pad(solid, 1).astype(np.int8), axis=axis)
        total += float(np.abs(faces).sum()) * float(np.prod(spacing_mm)) / spacing_mm[axis]
    return total


def _elongation(points_mm: NDArray[np.float64]) -> float:
    """Longest over shortest principal axis of points (3, n); 1 for a ball or too few points."""
    if points_mm.shape[1] < 8:
        return 1.0
    variances = np.linalg.eigvalsh(np.cov(points_mm))
    return float(np.sqrt(variances[-1] / max(variances[0], 0.1)))
