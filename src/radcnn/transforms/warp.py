"""One resampling for any chain of spatial transforms: their coordinate maps are composed, the image is read once.

Coordinates are in voxels about the middle of the image: u = i - (n - 1) / 2 for index i of n, axes in the order
(slice,) row, column. Every spatial transform is a pull-back g: the new image at u is the old image at g(u). Of a chain
1, 2, ... k applied in this order the pull-back is g1(g2(... gk(u))): affine maps multiply, an elastic one adds its
displacement d(u) where it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from radcnn.transforms.steps import PaddingMode, Step

FUSED_FROM = 1 << 12  # voxels of a sample from which the compiled pass is worth its start
INVERSE_STEPS = 40  # fixed-point steps to invert an elastic map; each gains a factor of its slope, far below 1


def resample(batch: Tensor, steps: Sequence[Step], *, padding: PaddingMode, nearest: bool = False) -> Tensor:
    """The batch (B, C, *size) under the composed pull-back, read once.

    Samples that are only mirrored are mirrored exactly, unchanged ones are passed on bit for bit, and a batch of
    only such samples is not interpolated at all. `nearest` is for masks.
    """
    matrix = composed_matrix(steps)
    moving = _needs_interpolation(matrix, steps)
    mirrored = batch
    if not bool(moving.all()):
        mirrored = _mirror(batch, matrix)
    if not bool(moving.any()):
        return mirrored
    if bool(moving.all()):
        return _read(batch, steps, padding, nearest)
    rows = torch.nonzero(moving).flatten()
    chosen = batch[rows.to(batch.device)]
    result = mirrored.clone() if mirrored is batch else mirrored
    result[rows.to(batch.device)] = _read(chosen, [step.rows(rows) for step in steps], padding, nearest)
    return result


def composed_matrix(steps: Sequence[Step]) -> Tensor:
    """The product of the affine steps, (B, d + 1, d + 1) float64; elastic steps count as the identity."""
    matrices = [step.matrix for step in steps if step.matrix is not None]
    if not matrices:
        given = next(step.control if step.control is not None else step.displacement for step in steps)
        assert given is not None
        shape = given.shape
        return torch.eye(shape[1] + 1, dtype=torch.float64).repeat(shape[0], 1, 1)
    product = matrices[0]
    for matrix in matrices[1:]:
        product = product @ matrix
    return product


def pull_back(steps: Sequence[Step], batch: Tensor) -> Tensor:
    """Where each voxel of the new batch is read in the old: (B, *size, d), as grid_sample wants it, float32.

    Its last axis runs column, row, (slice), and -1..1 spans the image with its outer half voxels.
    """
    size = batch.shape[2:]
    matrix: Tensor | None = None
    places: Tensor | None = None  # (B, d, *size) centred voxels, once an elastic step has made them irregular
    for step in reversed(steps):
        if step.matrix is not None:
            matrix = step.matrix if matrix is None else step.matrix @ matrix
        if step.displacement is not None:
            shift = step.displacement.to(batch.device, torch.float32)
            if matrix is None and places is None:
                places = _regular(size, batch) + shift
            else:
                places = _affine(matrix, places, size, batch)
                places = places + _displacement_at(shift, places, size)
            matrix = None
    return _for_grid_sample(_affine(matrix, places, size, batch), size)


def move_points(points: Tensor, steps: Sequence[Step], size: Sequence[int]) -> Tensor:
    """Where points (B, P, d), given as indices in the old batch, lie in the new one: the inverse of the pull-back."""
    middle = (torch.tensor([float(n) for n in size], dtype=torch.float64, device=points.device) - 1) / 2
    moved = points.to(torch.float64) - middle
    for step in steps:
        if step.matrix is not None:
            inverse = torch.linalg.inv(step.matrix).to(moved.device)
            moved = moved @ inverse[:, :-1, :-1].mT + inverse[:, None, :-1, -1]
        if step.displacement is not None:
            moved = _undisplaced(moved, step.displacement.to(moved.device, torch.float64), size)
    return (moved + middle).to(points.dtype if points.is_floating_point() else torch.float64)


def move_boxes(boxes: Tensor, steps: Sequence[Step], size: Sequence[int]) -> Tensor:
    """The axis-parallel boxes around moved corners. boxes (B, N, 2 d): all low indices, then all high ones."""
    d = len(size)
    low, high = boxes[..., :d], boxes[..., d:]
    pick = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * d).to(boxes.device, boxes.dtype)  # (2^d, d)
    corners = low[:, :, None] + (high - low)[:, :, None] * pick
    moved = move_points(corners.flatten(1, 2), steps, size).unflatten(1, (boxes.shape[1], len(pick)))
    return torch.cat([moved.amin(2), moved.amax(2)], dim=-1)


def _needs_interpolation(matrix: Tensor, steps: Sequence[Step]) -> Tensor:
    """Per sample: does anything but a mirroring happen? A mirroring is a diagonal of +1 and -1 without translation."""
    signs = torch.diagonal(matrix[:, :-1, :-1], dim1=1, dim2=2)
    target = torch.diag_embed(torch.where(signs < 0, -1.0, 1.0).to(torch.float64))
    moving = (matrix[:, :-1, :-1] != target).flatten(1).any(1) | (matrix[:, :-1, -1] != 0).any(1)
    for step in steps:
        if step.bends:
            moving = moving | step.bending()
    return moving


def _mirror(batch: Tensor, matrix: Tensor) -> Tensor:
    for axis in range(batch.ndim - 2):
        flipped = matrix[:, axis, axis] < 0
        if bool(flipped.any()):
            chosen = flipped.to(batch.device).reshape(-1, *([1] * (batch.ndim - 1)))
            batch = torch.where(chosen, batch.flip(axis + 2), batch)
    return batch


def _read(batch: Tensor, steps: Sequence[Step], padding: PaddingMode, nearest: bool) -> Tensor:
    """The batch at the composed places: in one compiled pass on a CPU, where there is enough to read."""
    if batch.device.type == "cpu" and batch[0].numel() >= FUSED_FROM and sum(step.bends for step in steps) <= 1:
        from radcnn.transforms.fused import read_batch

        return read_batch(batch, steps, padding=padding, nearest=nearest)
    return interpolate(batch, pull_back(steps, batch), padding, nearest)


def interpolate(batch: Tensor, grid: Tensor, padding: PaddingMode, nearest: bool) -> Tensor:
    """The batch read at `grid` (B, *size, d) by torch, on any device: the reference of the compiled pass."""
    values = batch.to(torch.float32)
    mode = "nearest" if nearest else "bilinear"
    return F.grid_sample(values, grid, mode=mode, padding_mode=padding, align_corners=False).to(batch.dtype)


@lru_cache(maxsize=32)
def centred_axis(count: int, device: torch.device) -> Tensor:
    """Voxel centres of an axis about its middle, (count,) float32."""
    return torch.arange(count, dtype=torch.float32, device=device) - (count - 1) / 2


def _along(axis: int, count: int, device: torch.device, d: int) -> Tensor:
    shape = [1] * (d + 1)
    shape[axis + 1] = count
    return centred_axis(count, device).reshape(shape)


def _regular(size: Sequence[int], batch: Tensor) -> Tensor:
    """Centred coordinates of every voxel, (1, d, *size)."""
    axes = [centred_axis(n, batch.device) for n in size]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"))[None]


def _affine(matrix: Tensor | None, places: Tensor | None, size: Sequence[int], batch: Tensor) -> Tensor:
    """matrix · places, (B, d, *size); on the regular grid as an outer sum of one vector per axis, which is cheap."""
    d = len(size)
    if matrix is None:
        return _regular(size, batch).expand(batch.shape[0], *[-1] * (d + 1)) if places is None else places
    m = matrix.to(batch.device, torch.float32)
    if places is not None:
        moved = torch.bmm(m[:, :d, :d], places.flatten(2)) + m[:, :d, d:]
        return moved.unflatten(2, tuple(size))
    result = torch.empty((len(m), d, *size), dtype=torch.float32, device=batch.device)
    entry = m[(...,) + (None,) * d]  # (B, d + 1, d + 1, 1, ... 1)
    for out in range(d):
        line = entry[:, out, d]
        for axis in range(d - 1):
            line = line + entry[:, out, axis] * _along(axis, size[axis], batch.device, d)
        torch.add(line, entry[:, out, d - 1] * _along(d - 1, size[-1], batch.device, d), out=result[:, out])
    return result


def _for_grid_sample(places: Tensor, size: Sequence[int]) -> Tensor:
    """(B, d, *size) centred voxels to (B, *size, d) with x first and 2 u / n, which is align_corners=False."""
    d = len(size)
    grid = torch.empty((places.shape[0], *size, d), dtype=torch.float32, device=places.device)
    for axis, count in enumerate(size):
        torch.mul(places[:, axis], 2.0 / count, out=grid[..., d - 1 - axis])
    return grid


def _displacement_at(field: Tensor, places: Tensor, size: Sequence[int]) -> Tensor:
    grid = _for_grid_sample(places, size)
    return F.grid_sample(field, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _undisplaced(target: Tensor, field: Tensor, size: Sequence[int]) -> Tensor:
    """Solve u + d(u) = target for u (B, P, d) by u <- target - d(u)."""
    scale = 2.0 / torch.tensor([float(n) for n in size], dtype=torch.float64, device=target.device)
    at = target
    for _ in range(INVERSE_STEPS):
        grid = (at * scale).flip(-1).reshape(len(at), *[1] * (len(size) - 1), at.shape[1], len(size))
        shift = F.grid_sample(field, grid, mode="bilinear", padding_mode="border", align_corners=False)
        at = target - shift.flatten(2).mT
    return at
