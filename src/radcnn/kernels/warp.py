"""Reading an image along a composed map, output voxel by output voxel: linear for images, nearest for masks.

The map of output index i (about the middle of the output, u = i - (n - 1) / 2) to an index of the source is

    outer (u' + d(u'), 1),   u' = u, or inner (u, 1) where a map stands behind the displacement

with affine maps `outer` and `inner` (3, 4) and a displacement d in voxels, given on the output's grid: densely, or as
control points between which splines run, whose weights along each axis are tabled. Nothing but the output is written,
and of the source only what it shows is read; a source that lies on the disk may stay there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radcnn.kernels.compiled import compiled
from radcnn.kernels.threads import over_slabs

ALONE = 1 << 15  # voxels below which handing work to threads costs more than it saves
Source = NDArray  # (C, Z, Y, X) of real numbers, or of codes where a palette says what they mean
Matrix = NDArray[np.float64]  # (3, 4)
Weights = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class Map:
    """Where an output voxel is read: see above.

    dense    displacement (3, Z', Y', X') on the output's grid; with `inner` it is read linearly
    control  displacement (3, Pz, Py, Px) of control points instead, never with `inner`
    weights  of the splines between control points: (Z', Pz), (Y', Py), (Px, X')
    """

    outer: Matrix
    inner: Matrix | None = None
    dense: NDArray[np.float32] | None = None
    control: NDArray[np.float32] | None = None
    weights: Weights | None = None

    def parts(self) -> tuple[Any, Any, Any, Any, Any, Any, Any]:
        """As the compiled loops take it: a part that is None is compiled away."""
        along_z, along_y, along_x = self.weights or (None, None, None)
        return self.outer, self.inner, self.dense, self.control, along_z, along_y, along_x


def warp_linear(
    source: Source,
    palette: NDArray[np.float32] | None,
    way: Map,
    out: NDArray[np.float32],
    *,
    border: bool,
    threads: int,
) -> None:
    """Fill `out` (C, Z', Y', X') with trilinear values of `source` (C, Z, Y, X).

    palette  the value of each code; None where the source holds values
    border   beyond its edge the source goes on as it ends; otherwise it is 0 there
    """

    parts = way.parts()

    def slab(start: int, stop: int) -> None:
        _linear(source, palette, parts, out, border, start, stop)

    over_slabs(slab, out.shape[1], threads if out[0].size >= ALONE else 1)


def warp_nearest(source: Source, way: Map, out: NDArray, *, beyond: int | None, threads: int) -> None:
    """The same for masks: the voxel whose centre is nearest, of the source's own type.

    beyond  what lies beyond its edge; None: the source goes on as it ends
    """

    parts = way.parts()

    def slab(start: int, stop: int) -> None:
        _nearest(source, parts, out, beyond is None, beyond or 0, start, stop)

    over_slabs(slab, out.shape[1], threads if out[0].size >= ALONE else 1)


@compiled
def _fill_places(way, z, y, shape, places):  # type: ignore[no-untyped-def]
    """Where the voxels of output row (z, y) are read in the source: places (3, X'), fractional indices."""
    outer, inner, dense, control, weights_z, weights_y, weights_x = way
    _start(places, z, y, shape)
    _turn(places, inner)
    _displace(places, dense, inner, z, y)
    _bend(places, control, weights_z, weights_y, weights_x, z, y)
    _turn(places, outer)


@compiled
def _start(places, z, y, shape):  # type: ignore[no-untyped-def]
    """The voxels' own places about the middle of the output."""
    mz, my, mx = (shape[1] - 1) / 2, (shape[2] - 1) / 2, (shape[3] - 1) / 2
    for x in range(shape[3]):
        places[0, x], places[1, x], places[2, x] = z - mz, y - my, x - mx


@compiled
def _turn(places, matrix):  # type: ignore[no-untyped-def]
    """Apply an affine map, if there is one."""
    if matrix is not None:
        m = matrix.astype(np.float32)
        for x in range(places.shape[1]):
            u, v, w = places[0, x], places[1, x], places[2, x]
            places[0, x] = m[0, 0] * u + m[0, 1] * v + m[0, 2] * w + m[0, 3]
            places[1, x] = m[1, 0] * u + m[1, 1] * v + m[1, 2] * w + m[1, 3]
            places[2, x] = m[2, 0] * u + m[2, 1] * v + m[2, 2] * w + m[2, 3]


@compiled
def _displace(places, dense, inner, z, y):  # type: ignore[no-untyped-def]
    """Add a dense displacement, if there is one: voxel by voxel, or read linearly where the places were turned."""
    if dense is not None:
        if inner is None:
            for axis in range(3):
                for x in range(places.shape[1]):
                    places[axis, x] += dense[axis, z, y, x]
        else:
            mz, my, mx = (dense.shape[1] - 1) / 2, (dense.shape[2] - 1) / 2, (dense.shape[3] - 1) / 2
            for x in range(places.shape[1]):
                u, v, w = places[0, x] + mz, places[1, x] + my, places[2, x] + mx
                places[0, x] += _read_displacement(dense, 0, u, v, w)
                places[1, x] += _read_displacement(dense, 1, u, v, w)
                places[2, x] += _read_displacement(dense, 2, u, v, w)


@compiled
def _bend(places, control, weights_z, weights_y, weights_x, z, y):  # type: ignore[no-untyped-def]
    """Add the splines between control points, if there are any."""
    if control is not None:
        for axis in range(3):
            for i in range(control.shape[3]):
                total = np.float32(0)
                for k in range(control.shape[1]):
                    part = np.float32(0)
                    for j in range(control.shape[2]):
                        part += weights_y[y, j] * control[axis, k, j, i]
                    total += weights_z[z, k] * part
                for x in range(places.shape[1]):
                    places[axis, x] += total * weights_x[i, x]


@compiled
def _read_displacement(dense, axis, z, y, x):  # type: ignore[no-untyped-def]
    """dense (3, Z, Y, X) at a fractional index, linearly; the border goes on."""
    z = min(max(z, 0.0), dense.shape[1] - 1.0)
    y = min(max(y, 0.0), dense.shape[2] - 1.0)
    x = min(max(x, 0.0), dense.shape[3] - 1.0)
    k, j, i = int(z), int(y), int(x)
    fz, fy, fx = np.float32(z - k), np.float32(y - j), np.float32(x - i)
    k1, j1, i1 = min(k + 1, dense.shape[1] - 1), min(j + 1, dense.shape[2] - 1), min(i + 1, dense.shape[3] - 1)
    a = dense[axis, k, j, i] + fx * (dense[axis, k, j, i1] - dense[axis, k, j, i])
    b = dense[axis, k, j1, i] + fx * (dense[axis, k, j1, i1] - dense[axis, k, j1, i])
    c = dense[axis, k1, j, i] + fx * (dense[axis, k1, j, i1] - dense[axis, k1, j, i])
    d = dense[axis, k1, j1, i] + fx * (dense[axis, k1, j1, i1] - dense[axis, k1, j1, i])
    low, high = a + fy * (b - a), c + fy * (d - c)
    return low + fz * (high - low)


@compiled
def _value(flat, palette, at):  # type: ignore[no-untyped-def]
    if palette is None:
        return np.float32(flat[at])
    return palette[flat[at]]


@compiled
def _edge(flat, palette, k, j, i, shape, border):  # type: ignore[no-untyped-def]
    """One voxel by index, which may lie outside."""
    nz, ny, nx = shape[1], shape[2], shape[3]
    if border:
        k, j, i = min(max(k, 0), nz - 1), min(max(j, 0), ny - 1), min(max(i, 0), nx - 1)
    elif not (0 <= k < nz and 0 <= j < ny and 0 <= i < nx):
        return np.float32(0)
    return _value(flat, palette, np.uint64((k * ny + j) * nx + i))


@compiled
def _mark_outside(places, shape, flat, outside):  # type: ignore[no-untyped-def]
    """Set outside (X',) where one of the eight voxels about a place, or of the four of a single slice, is no voxel."""
    deep, high, wide = np.float32(shape[1] - 1), np.float32(shape[2] - 1), np.float32(shape[3] - 1)
    for x in range(len(outside)):  # without a branch, so that many are judged at once
        z, y, w = places[0, x], places[1, x], places[2, x]
        inside = (y >= 0) & (y < high) & (w >= 0) & (w < wide)
        outside[x] = not (inside & (flat | ((z >= 0) & (z < deep))))


@compiled
def _inner_run(outside):  # type: ignore[no-untyped-def]
    """The first and the end of the places of a row that are not outside; 0 and 0 where they are not one run."""
    low, high, crossed = 0, len(outside), 0
    while low < high and outside[low]:
        low += 1
    while low < high and outside[high - 1]:
        high -= 1
    for x in range(low, high):  # a bent row may leave the source and come back
        crossed += outside[x]
    return (0, 0) if crossed else (low, high)


@compiled
def _linear(source, palette, way, out, border, start, stop):  # type: ignore[no-untyped-def]
    shape = source.shape
    places = np.empty((3, out.shape[3]), np.float32)
    outside = np.empty(out.shape[3], np.bool_)
    for z in range(start, stop):
        for y in range(out.shape[2]):
            _fill_places(way, z, y, out.shape, places)
            flat = shape[1] == 1
            if flat and not border:
                for x in range(out.shape[3]):
                    flat &= places[0, x] == 0
            _mark_outside(places, shape, flat, outside)
            low, high = _inner_run(outside)
            for c in range(shape[0]):
                voxels = source[c].reshape(-1)
                row = out[c, z, y]
                _edges(voxels, palette, places, row, 0, low, shape, border)
                if flat:
                    _inside_slice(voxels, palette, places, row, low, high, shape)
                else:
                    _inside(voxels, palette, places, row, low, high, shape)
                _edges(voxels, palette, places, row, high, len(row), shape, border)


@compiled
def _inside(flat, palette, places, row, low, high, shape):  # type: ignore[no-untyped-def]
    """The voxels low..high of a row, of which all neighbours exist."""
    slice_, line = np.uint64(shape[2] * shape[3]), np.uint64(shape[3])
    one = np.uint64(1)
    for x in range(low, high):
        sz, sy, sx = places[0, x], places[1, x], places[2, x]
        k, j, i = np.int32(sz), np.int32(sy), np.int32(sx)
        fz, fy, fx = sz - np.float32(k), sy - np.float32(j), sx - np.float32(i)
        at = np.uint64(k) * slice_ + np.uint64(j) * line + np.uint64(i)
        a0, a1 = _value(flat, palette, at), _value(flat, palette, at + one)
        b0, b1 = _value(flat, palette, at + line), _value(flat, palette, at + line + one)
        at += slice_
        c0, c1 = _value(flat, palette, at), _value(flat, palette, at + one)
        d0, d1 = _value(flat, palette, at + line), _value(flat, palette, at + line + one)
        a, b, c, d = a0 + fx * (a1 - a0), b0 + fx * (b1 - b0), c0 + fx * (c1 - c0), d0 + fx * (d1 - d0)
        near, far = a + fy * (b - a), c + fy * (d - c)
        row[x] = near + fz * (far - near)


@compiled
def _inside_slice(flat, palette, places, row, low, high, shape):  # type: ignore[no-untyped-def]
    """The same within a single slice."""
    line, one = np.uint64(shape[3]), np.uint64(1)
    for x in range(low, high):
        sy, sx = places[1, x], places[2, x]
        j, i = np.int32(sy), np.int32(sx)
        fy, fx = sy - np.float32(j), sx - np.float32(i)
        at = np.uint64(j) * line + np.uint64(i)
        a0, a1 = _value(flat, palette, at), _value(flat, palette, at + one)
        b0, b1 = _value(flat, palette, at + line), _value(flat, palette, at + line + one)
        a, b = a0 + fx * (a1 - a0), b0 + fx * (b1 - b0)
        row[x] = a + fy * (b - a)


@compiled
def _edges(flat, palette, places, row, low, high, shape, border):  # type: ignore[no-untyped-def]
    """The voxels low..high of a row, wherever they lie."""
    for x in range(low, high):
        sz, sy, sx = places[0, x], places[1, x], places[2, x]
        away = sz <= -1 or sz >= shape[1] or sy <= -1 or sy >= shape[2] or sx <= -1 or sx >= shape[3]
        if away and not border:
            row[x] = 0
            continue
        if border:
            sz = min(max(sz, np.float32(0)), np.float32(shape[1] - 1))
            sy = min(max(sy, np.float32(0)), np.float32(shape[2] - 1))
            sx = min(max(sx, np.float32(0)), np.float32(shape[3] - 1))
        k, j, i = np.int64(np.floor(sz)), np.int64(np.floor(sy)), np.int64(np.floor(sx))
        fz, fy, fx = sz - np.float32(k), sy - np.float32(j), sx - np.float32(i)
        total = np.float32(0)
        for corner in range(8):
            dz, dy, dx = corner >> 2, (corner >> 1) & 1, corner & 1
            weight = (fz if dz else 1 - fz) * (fy if dy else 1 - fy) * (fx if dx else 1 - fx)
            if weight != 0:
                total += np.float32(weight) * _edge(flat, palette, k + dz, j + dy, i + dx, shape, border)
        row[x] = total


@compiled
def _nearest(source, way, out, border, beyond, start, stop):  # type: ignore[no-untyped-def]
    shape = source.shape
    places = np.empty((3, out.shape[3]), np.float32)
    at = np.empty(out.shape[3], np.int64)
    for z in range(start, stop):
        for y in range(out.shape[2]):
            _fill_places(way, z, y, out.shape, places)
            _nearest_voxels(places, shape, border, at)
            for c in range(shape[0]):
                flat = source[c].reshape(-1)
                row = out[c, z, y]
                for x in range(len(row)):
                    row[x] = flat[np.uint64(at[x])] if at[x] >= 0 else beyond


@compiled
def _nearest_voxels(places, shape, border, at):  # type: ignore[no-untyped-def]
    """Fill at (X',) with the number of the voxel nearest to each place; -1 outside."""
    deep, high, wide = np.float32(shape[1] - 1), np.float32(shape[2] - 1), np.float32(shape[3] - 1)
    for x in range(len(at)):
        z, y, w = np.rint(places[0, x]), np.rint(places[1, x]), np.rint(places[2, x])
        k, j, i = min(max(z, 0), deep), min(max(y, 0), high), min(max(w, 0), wide)
        number = (np.int64(k) * shape[2] + np.int64(j)) * shape[3] + np.int64(i)
        at[x] = number if border or (k == z and j == y and i == w) else -1
