"""Index axes brought to the patient's axes by permuting and flipping only; and the three planes through a point."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations
from types import MappingProxyType
from typing import Literal

import numpy as np

from radcnn.core.errors import GeometryError
from radcnn.core.volume import Volume

Plane = Literal["axial", "sagittal", "coronal"]
PLANES: Mapping[Plane, tuple[tuple[int, int], ...]] = MappingProxyType(
    {
        "axial": ((2, 1), (1, 1), (0, 1)),  # slices run to the head, rows to the back, columns to the patient's left
        "sagittal": ((0, 1), (2, -1), (1, 1)),  # to the left, to the feet, to the back
        "coronal": ((1, 1), (2, -1), (0, 1)),  # to the back, to the feet, to the left
    }
)  # world axes (x, y, z) and directions along which slices, rows and columns run
THICKER = 1.5  # times the other distances, from which on the largest one is that of the slices


def acquired_plane(volume: Volume) -> Plane:
    """The plane of a volume's slices: across its longest voxel side, or across its first axis where none is longer.

    Where the place in the patient is unknown, "axial": such volumes are never turned.
    """
    if volume.rank != 3 or volume.frame != "patient" or volume.affine is None:
        return "axial"
    spacing = np.linalg.norm(volume.affine[:3, :3], axis=0)
    _, second, longest = np.sort(spacing)
    axis = int(np.argmax(spacing)) if longest >= THICKER * second else 0
    across = int(np.argmax(np.abs(volume.affine[:3, axis])))
    return next(plane for plane, axes in PLANES.items() if axes[0][0] == across)


def axis_order(volume: Volume, plane: Plane = "axial") -> tuple[int, ...]:
    """Which of the image's own axes become slices, rows and columns when it is brought towards the patient's axes.

    Its own order for 2D images and where the place in the patient is unknown: these are never turned.
    """
    if volume.rank != 3 or volume.frame != "patient" or volume.affine is None:
        return tuple(range(volume.rank))
    cosines = volume.affine[:3, :3] / np.linalg.norm(volume.affine[:3, :3], axis=0)
    return max(
        permutations(range(3)),
        key=lambda axes: sum(abs(cosines[w, a]) for (w, _), a in zip(PLANES[plane], axes, strict=True)),
    )


def towards_patient_axes(volume: Volume, plane: Plane = "axial") -> Volume:
    """The same voxels with slices, rows and columns running as `PLANES` says: those of axial slices by default.

    Axes are permuted and reversed, nothing is interpolated: an oblique scan stays oblique, each of its axes taking
    the place of the patient axis it is nearest to. 2D images and volumes whose place in the patient is unknown are
    returned as they are (from_spacing already says slices = z, rows = y, columns = x).
    """
    if volume.rank != 3 or volume.frame != "patient" or volume.affine is None:
        return volume
    cosines = volume.affine[:3, :3] / np.linalg.norm(volume.affine[:3, :3], axis=0)
    wanted, order = PLANES[plane], axis_order(volume, plane)
    change = np.zeros((4, 4))
    change[3, 3] = 1.0
    reverse = []
    for new, old in enumerate(order):
        world, direction = wanted[new]
        backwards = direction * cosines[world, old] < 0
        change[old, new] = -1.0 if backwards else 1.0
        change[old, 3] = volume.size[old] - 1 if backwards else 0.0
        reverse.append(slice(None, None, -1 if backwards else 1))
    voxels = volume.voxels.transpose(0, *(axis + 1 for axis in order))[(slice(None), *reverse)]
    return Volume(voxels, volume.affine @ change, volume.units, volume.frame)


def single_slice_as_image(volume: Volume) -> Volume:
    """A volume of one slice as an image of rank 2 at the same place; anything else as it is."""
    if volume.rank == 2 or volume.size[0] != 1:
        return volume
    return Volume(volume.voxels[:, 0], volume.affine, volume.units, volume.frame)


def centre_index(volume: Volume, centre_mm: tuple[float, ...] | None) -> tuple[float, ...]:
    """The fractional index of `centre_mm` (x, y, z; LPS), or of the middle of the image where none is given.

    Raises GeometryError when the point lies outside the image.
    """
    if centre_mm is None:
        return tuple((n - 1) / 2 for n in volume.size)
    if len(centre_mm) != 3 or not np.isfinite(centre_mm).all():
        raise GeometryError(f"centre_mm must be three finite numbers (x, y, z; LPS), got {tuple(centre_mm)}")
    index = volume.index(centre_mm)
    outside = [
        f"{name} {at:.1f} of 0..{n - 1}"
        for name, at, n in zip(("slice", "row", "column")[3 - volume.rank :], index, volume.size, strict=True)
        if not -0.5 <= at <= n - 0.5
    ]
    if outside:
        raise GeometryError(
            f"centre_mm lies outside the image ({', '.join(outside)}); "
            "it must be in mm, in the order x, y, z, with x to the left and y to the back (LPS; NIfTI tools use RAS)"
        )
    return tuple(float(at) for at in index)
