"""Resampling a Volume to a spacing or a size; the affine follows exactly."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import GeometryError, SettingsError
from radcnn.core.volume import Volume
from radcnn.transforms.separable import resample_lines
from radcnn.transforms.weights import Interpolation, Line


def resample(
    volume: Volume,
    *,
    spacing_mm: tuple[float, ...] | None = None,
    size: tuple[int, ...] | None = None,
    interpolation: Interpolation | None = None,
) -> Volume:
    """The volume on another grid over the same extent, given by its spacing (mm) or its size (voxels).

    spacing_mm  exactly this spacing; round(extent / spacing) voxels, centred on the old extent
    size        exactly this size; first and last edges stay where they are
    interpolation  linear or cubic (anti-aliased when shrinking, float32) or nearest; by default linear, nearest for
                   masks. Cubic keeps more detail and overshoots beside sharp edges: about 10 % of their height

    Raises GeometryError when a spacing is asked of an image whose spacing is unknown, SettingsError when a mask is to
    be interpolated otherwise than nearest.

    >>> import numpy as np
    >>> ct = Volume.from_spacing(np.zeros((1, 4, 8, 8)), (5.0, 0.7, 0.7))
    >>> resample(ct, spacing_mm=(2.5, 1.4, 1.4)).size
    (8, 4, 4)
    """
    if (spacing_mm is None) == (size is None):
        raise SettingsError("resample needs either spacing_mm or size")
    lines = _by_size(volume, size) if size is not None else lines_by_spacing(volume, spacing_mm or ())
    chosen = interpolation_for(volume, interpolation)
    return on_lines(volume, lines, resample_lines(volume.voxels, lines, chosen))


def interpolation_for(volume: Volume, asked: Interpolation | None = None) -> Interpolation:
    """Nearest for masks, linear otherwise; refuses to mix the labels of a mask (half a label is no label)."""
    if volume.units != "mask":
        return asked or "linear"
    if asked not in (None, "nearest"):
        how = "linearly" if asked == "linear" else "by a cubic"
        raise SettingsError(f"a mask cannot be interpolated {how}: its numbers are labels; use nearest")
    return "nearest"


def known_spacing(volume: Volume, asked_for: str) -> tuple[float, ...]:
    """The spacing in mm; raises GeometryError naming what asked for millimetres where it is unknown."""
    if volume.spacing_mm is None:
        raise GeometryError(
            f"{asked_for} is given in millimetres, but the spacing of this image is unknown; "
            "give a size in voxels instead, or read the image from a format that states its spacing"
        )
    return volume.spacing_mm


def on_lines(volume: Volume, lines: tuple[Line, ...], voxels: NDArray) -> Volume:
    """`voxels` sampled on `lines` of `volume`, with the affine that places them there."""
    if volume.affine is None:
        return Volume(voxels, None, volume.units)
    step = np.eye(4)
    for axis, line in enumerate(lines, start=3 - volume.rank):
        step[axis, axis], step[axis, 3] = line.step, line.start
    return Volume(voxels, volume.affine @ step, volume.units, volume.frame)


def _by_size(volume: Volume, size: tuple[int, ...]) -> tuple[Line, ...]:
    if len(size) != volume.rank or min(size) < 1:
        raise SettingsError(f"size must be {volume.rank} positive whole numbers, got {size}")
    steps = [old / new for old, new in zip(volume.size, size, strict=True)]
    return tuple(
        Line(old, new, 0.5 * step - 0.5, step) for old, new, step in zip(volume.size, size, steps, strict=True)
    )


def lines_by_spacing(volume: Volume, spacing_mm: tuple[float, ...]) -> tuple[Line, ...]:
    """Where the voxels of `resample` to a spacing lie; `Line.inverse` of each leads back.

    Raises GeometryError when the spacing of the image is unknown, or not as many numbers are given as it has axes.
    """
    old_spacing = known_spacing(volume, "spacing_mm")
    if len(spacing_mm) != volume.rank or not all(math.isfinite(s) and s > 0 for s in spacing_mm):
        raise GeometryError(f"spacing_mm must be {volume.rank} positive numbers, got {spacing_mm}")
    lines = []
    for length, old, new in zip(volume.size, old_spacing, spacing_mm, strict=True):
        count = max(1, round(length * old / new))
        lines.append(centred_line(length, count, (length - 1) / 2, new / old))
    return tuple(lines)


def centred_line(length: int, count: int, centre: float, step: float) -> Line:
    """`count` samples, `step` voxels apart, about the input index `centre`."""
    return Line(length, count, centre - step * (count - 1) / 2, step)
