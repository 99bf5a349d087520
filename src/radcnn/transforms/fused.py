"""The compiled pass over composed spatial steps: of an image of any size only what an output voxel shows is read.

It computes what `warp.pull_back` and `warp.interpolate` compute, for at most one elastic step among affine ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from radcnn.kernels.cutting import copy_values
from radcnn.kernels.warp import Map, warp_linear, warp_nearest
from radcnn.transforms.splines import spline_basis
from radcnn.transforms.steps import PaddingMode, Step


def read_batch(batch: Tensor, steps: Sequence[Step], *, padding: PaddingMode, nearest: bool) -> Tensor:
    """The batch (B, C, *size), on the CPU, under the composed pull-back; of its own type."""
    values = batch if nearest else batch.to(torch.float32)
    source = values.contiguous().numpy()
    out = np.empty_like(source)
    for row in range(len(batch)):
        read_into(out[row], source[row], steps, row, padding=padding, nearest=nearest)
    return torch.from_numpy(out).to(batch.dtype)


def read_into(
    out: NDArray,
    source: NDArray,
    steps: Sequence[Step],
    row: int,
    *,
    padding: PaddingMode,
    nearest: bool,
    centre: Sequence[float] | None = None,
    palette: NDArray[np.float32] | None = None,
    beyond: int | None = None,
    threads: int = 1,
) -> None:
    """Fill `out` (C, *size) from `source` (C, *its own size) under row `row` of the steps, made for a grid of `size`.

    padding  beyond its edge the source goes on as it ends ("border"), or is 0 ("zeros")
    nearest  for masks: the voxel whose centre is nearest, of the source's type; otherwise linear, float32
    centre   the index of the source that the middle of the output shows where nothing moves; the source's middle
             where not given
    palette  the value of each code, where the source holds codes
    beyond   of masks: the label beyond their edge, instead of what `padding` says
    """
    middle = [(n - 1) / 2 for n in source.shape[1:]] if centre is None else centre
    way = _map(steps, row, out.shape[1:], middle)
    volume, result = _deep(source), _deep(out)
    if (cut := _cut_out(volume, result, way)) is not None:
        copy_values(volume, None if nearest else palette, *cut, result)
        return
    border = padding == "border"
    if nearest:
        warp_nearest(volume, way, result, beyond=beyond if border or beyond else 0, threads=threads)
    else:
        warp_linear(volume, palette, way, result, border=border, threads=threads)


def _cut_out(source: NDArray, out: NDArray, way: Map) -> tuple[list[int], list[int]] | None:
    """The first index and the direction of what the output shows, where it is only cut out and mirrored; else None."""
    signs = np.diagonal(way.outer)
    bent = way.inner is not None or way.dense is not None or way.control is not None
    if bent or not np.array_equal(way.outer[:, :3], np.diag(np.sign(signs))) or not signs.all():
        return None
    begin: list[int] = []
    for sign, shift, length, asked in zip(signs, way.outer[:, 3], source.shape[1:], out.shape[1:], strict=True):
        first, last = shift - (asked - 1) / 2, shift + (asked - 1) / 2
        if first != int(first) or first < 0 or last > length - 1:
            return None
        begin.append(int(first if sign > 0 else last))
    return begin, [int(sign) for sign in signs]


def _deep(image: NDArray) -> NDArray:
    """(C, Y, X) as (C, 1, Y, X)."""
    return image[:, None] if image.ndim == 3 else image


def _map(steps: Sequence[Step], row: int, size: tuple[int, ...], middle: Sequence[float]) -> Map:
    """The steps of one sample as the two affine maps about a displacement; its middle is added to the outer one."""
    d = len(size)
    outer, inner = np.eye(d + 1), np.eye(d + 1)
    bent: Step | None = None
    for step in steps:
        if step.matrix is None:
            bent = step if bool(step.bending()[row]) else bent
        elif bent is None:
            outer = outer @ step.matrix[row].numpy()
        else:
            inner = inner @ step.matrix[row].numpy()
    whole = _in_3d(outer)
    whole[3 - d :, 3] += middle
    if bent is None:
        return Map(whole)
    turned = None if np.array_equal(inner, np.eye(d + 1)) else _in_3d(inner)
    if bent.control is not None and turned is None:
        control = _components(bent.control[row].numpy())
        weights = [spline_basis(n, bent.control.shape[2]).numpy() for n in size]
        if d == 2:
            weights = [np.ones((1, 1), np.float32), *weights]
        return Map(whole, control=control, weights=(weights[0], weights[1], np.ascontiguousarray(weights[2].T)))
    assert bent.displacement is not None
    return Map(whole, inner=turned, dense=_components(bent.displacement[row].to(torch.float32).numpy()))


def _in_3d(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Homogeneous (d + 1, d + 1) as (3, 4); a plane stays in its plane."""
    d = len(matrix) - 1
    full = np.eye(4)
    full[3 - d :, 3 - d :] = matrix
    return np.ascontiguousarray(full[:3])


def _components(field: NDArray[np.float32]) -> NDArray[np.float32]:
    """A displacement (d, ...) of d axes as (3, Z, Y, X)."""
    if len(field) == 3:
        return np.ascontiguousarray(field, dtype=np.float32)
    deep = np.zeros((3, 1, *field.shape[1:]), np.float32)
    deep[1:, 0] = field
    return deep
