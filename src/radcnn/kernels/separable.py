"""Separable resampling of one image (slices, rows, columns), a band of output rows at a time.

A table says how one axis is made: output voxel k is the sum over t < taps[k] of weights[k, t] * input[first[k] + t].
A band reads the input voxels it needs, once, and keeps what lies between two axes in the processor's cache. Sums run in
single precision and in one order, whoever makes which band.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcnn.kernels.compiled import compiled

Floats = NDArray[np.float32]
Table = tuple[NDArray[np.int64], NDArray[np.int64], Floats]  # first (n,), taps (n,), weights (n, widest)
LANES = 128  # rows whose columns are made together: several vector registers wide, and small enough for the cache


@compiled
def combine(source: Floats, first: int, stride: int, taps: int, weights: Floats, result: Floats) -> None:
    """result[i] = sum over t < taps of weights[t] * source[first + stride * t, i]; four terms at a time."""
    n = result.size
    done = taps & 3
    if done == 0:
        for i in range(n):
            result[i] = 0
    elif done == 1:
        a, w = source[first], weights[0]
        for i in range(n):
            result[i] = w * a[i]
    elif done == 2:
        a, b = source[first], source[first + stride]
        w, x = weights[0], weights[1]
        for i in range(n):
            result[i] = w * a[i] + x * b[i]
    else:
        a, b, c = source[first], source[first + stride], source[first + 2 * stride]
        w, x, y = weights[0], weights[1], weights[2]
        for i in range(n):
            result[i] = w * a[i] + x * b[i] + y * c[i]
    for t in range(done, taps, 4):
        at = first + t * stride
        a, b, c, d = source[at], source[at + stride], source[at + 2 * stride], source[at + 3 * stride]
        w, x, y, z = weights[t], weights[t + 1], weights[t + 2], weights[t + 3]
        for i in range(n):
            result[i] += (w * a[i] + x * b[i]) + (y * c[i] + z * d[i])


@compiled
def load(row: NDArray, result: Floats) -> None:
    """A row of voxels in single precision."""
    for i in range(result.size):
        result[i] = row[i]


@compiled
def needed(table: Table, low: int, high: int) -> tuple[int, int]:
    """The input voxels start..stop that output voxels low..high read; at least one."""
    first, taps, _ = table
    start, stop = first[low], first[low]
    for k in range(low, high):
        if taps[k] > 0:
            start = first[k] if stop == start else min(start, first[k])
            stop = max(stop, first[k] + taps[k])
    return start, max(stop, start + 1)


@compiled
def is_identity(table: Table, length: int) -> bool:
    """Whether an axis of `length` voxels is left as it is."""
    first, taps, weights = table
    kept = 0
    for k in range(first.size):
        kept += first[k] == k and taps[k] == 1 and weights[k, 0] == 1
    return kept == length and first.size == length


@compiled
def in_plane(source: Floats, start: int, y: Table, x: Table, low: int, high: int, result: Floats, top: int) -> None:
    """Rows low..high of each slice, rows first, into result (S, any, X') at its rows top..: source (S, rows, X).

    The rows of `source` begin at row `start` of the input.
    """
    first_y, taps_y, weights_y = y
    first_x, taps_x, weights_x = x
    slices, height, width = source.shape
    band, wide = high - low, first_x.size
    plain = is_identity(x, width)
    group = max(1, min(slices, LANES // band))
    flat = source.reshape(slices * height, width)
    row = np.empty(width, np.float32)
    turned = np.empty((width, group * band), np.float32)
    made = np.empty((wide, group * band), np.float32)
    for g in range(0, slices, group):
        many = min(group, slices - g)
        for s in range(many):
            for k in range(band):
                at = (g + s) * height + first_y[low + k] - start
                if plain:
                    combine(flat, at, 1, taps_y[low + k], weights_y[low + k], result[g + s, top + k])
                    continue
                combine(flat, at, 1, taps_y[low + k], weights_y[low + k], row)
                for i in range(width):
                    turned[i, s * band + k] = row[i]
        if plain:
            continue
        for k in range(wide):
            combine(turned, first_x[k], 1, taps_x[k], weights_x[k], made[k])
        for s in range(many):
            for k in range(band):
                for i in range(wide):
                    result[g + s, top + k, i] = made[i, s * band + k]


@compiled
def slices_last(
    voxels: NDArray, corner: tuple[int, int], width: int, z: Table, y: Table, x: Table, low: int, high: int, out: Floats
) -> None:
    """Rows low..high of out (Z', Y', X') from voxels (Z, Y, X): each slice in its plane, then across the slices.

    Tables count rows and columns from `corner`; `width` columns are read.
    """
    first, taps, weights = z
    start, stop = needed(y, low, high)
    top, left = corner
    slices, band, wide = voxels.shape[0], high - low, x[0].size
    group = max(1, min(slices, LANES // band))
    source = np.empty((group, stop - start, width), np.float32)
    middle = np.empty((slices, band, wide), np.float32)
    for g in range(0, slices, group):
        many = min(group, slices - g)
        for s in range(many):
            for r in range(stop - start):
                load(voxels[g + s, top + start + r][left : left + width], source[s, r])
        in_plane(source[:many], start, y, x, low, high, middle[g : g + many], 0)
    flat = middle.reshape(slices * band, wide)
    for r in range(band):
        for k in range(first.size):
            combine(flat, first[k] * band + r, band, taps[k], weights[k], out[k, low + r])


@compiled
def slices_first(
    voxels: NDArray, corner: tuple[int, int], width: int, z: Table, y: Table, x: Table, low: int, high: int, out: Floats
) -> None:
    """The same, across the slices first and then each in its plane: less work where slices become fewer."""
    first, taps, weights = z
    start, stop = needed(y, low, high)
    top, left = corner
    slices = voxels.shape[0]
    source = np.empty((first.size, stop - start, width), np.float32)
    column = np.empty((slices, width), np.float32)
    for r in range(stop - start):
        for s in range(slices):
            load(voxels[s, top + start + r][left : left + width], column[s])
        for k in range(first.size):
            combine(column, first[k], 1, taps[k], weights[k], source[k, r])
    in_plane(source, start, y, x, low, high, out, low)
