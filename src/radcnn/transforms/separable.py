"""Resampling along the axes of an image: compiled loops for large images, the matrices of `weights` for small ones.

Both compute the same sums. The choice depends on sizes alone, so that the same image always gives the same numbers.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from radcnn.kernels.threads import over_slabs
from radcnn.transforms.weights import AxisWeights, Interpolation, Line, axis_weights, resample_by_matrices

COMPILED_FROM = 1 << 18  # voxels read and made; below, the compiler's own start (0.5 s once) takes long to come back
THREADS_FROM = 1 << 22  # voxels read and made from which a second thread is worth its start
BAND_VOXELS = 1 << 20  # voxels kept between two axes: what stays in the processor's cache
BAND_ROWS = 128
READ_AS_THEY_ARE = ("int16", "uint8", "uint16", "float32")  # a kind of input costs a second of compiling, once

Table = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]


def resample_lines(
    voxels: NDArray, lines: tuple[Line, ...], interpolation: Interpolation, *, threads: int | None = None
) -> NDArray:
    """Resample (C, *spatial) along every spatial axis; samples outside the image are 0.

    Only the voxels that are needed are read. Linear and cubic give float32; nearest keeps the type. The numbers do not
    depend on `threads` (by default, one for each processor).
    """
    made = int(np.prod([line.count for line in lines]))
    weights = [axis_weights(line, interpolation) for line in lines]
    read = int(np.prod([w.high - w.low for w in weights]))
    if interpolation == "nearest" or len(voxels) * (made + read) < COMPILED_FROM:
        return resample_by_matrices(voxels, lines, interpolation)
    return resample_by_loops(voxels, lines, interpolation, threads=threads)


def resample_by_loops(
    voxels: NDArray, lines: tuple[Line, ...], interpolation: Interpolation, *, threads: int | None = None
) -> NDArray[np.float32]:
    """Linear or cubic resampling of (C, Z, Y, X) or (C, Y, X) by compiled loops: bands of rows, shared by threads."""
    from radcnn.kernels.separable import slices_first, slices_last

    flat = len(lines) == 2  # the channels of a 2D image are slices that stay as they are
    images = np.asarray(voxels)[None] if flat else np.asarray(voxels)
    grid = (Line(len(voxels), len(voxels), 0.0, 1.0), *lines) if flat else lines
    weights = [axis_weights(line, interpolation) for line in grid]
    images, flipped = _forwards(images)
    tables = [axis_table(line, interpolation, back) for line, back in zip(grid, flipped, strict=True)]
    z, y, x = tables
    lows = [
        length - w.high if back else w.low for w, back, length in zip(weights, flipped, images.shape[1:], strict=True)
    ]
    read = [w.high - w.low for w in weights]
    highs = [low + many for low, many in zip(lows, read, strict=True)]
    images = images[:, lows[0] : highs[0]]
    corner, width = (lows[1], lows[2]), highs[2] - lows[2]
    if not (images[0].flags.c_contiguous and images.dtype.isnative and images.dtype.name in READ_AS_THEY_ARE):
        kind = images.dtype if images.dtype.isnative and images.dtype.name in READ_AS_THEY_ARE else np.float32
        images = np.ascontiguousarray(images[:, :, lows[1] : highs[1], lows[2] : highs[2]], dtype=kind)
        corner = (0, 0)
    out = np.empty((len(images), *(line.count for line in grid)), np.float32)
    make = slices_first if _slices_go_first(weights, tables) else slices_last
    bands = [(c, *band) for c in range(len(images)) for band in _bands(out.shape[1:], images.shape[1])]

    def slab(start: int, stop: int) -> None:
        for channel, low, high in bands[start:stop]:
            make(images[channel], corner, width, z, y, x, low, high, out[channel])

    over_slabs(slab, len(bands), threads if out.size + len(images) * int(np.prod(read)) >= THREADS_FROM else 1)
    return out[0] if flat else out


def _forwards(images: NDArray) -> tuple[NDArray, list[bool]]:
    """The array in the order of its memory, axis by axis, and which spatial axes that turned round."""
    flipped = [stride < 0 for stride in images.strides[1:]]
    back = tuple(slice(None, None, -1 if turned else 1) for turned in flipped)
    return images[(slice(None), *back)], flipped


@lru_cache(maxsize=256)
def axis_table(line: Line, interpolation: Interpolation, flipped: bool = False) -> Table:
    """The weights of an axis as runs: first (count,) from the lowest voxel needed on; taps; weights (count, most)."""
    weights = axis_weights(line, interpolation)
    matrix = sparse.csr_matrix(weights.matrix)
    matrix.sort_indices()
    taps, first = np.zeros(line.count, np.int64), np.zeros(line.count, np.int64)
    some = np.diff(matrix.indptr) > 0
    first[some] = matrix.indices[matrix.indptr[:-1][some]]
    taps[some] = matrix.indices[matrix.indptr[1:][some] - 1] - first[some] + 1
    runs = np.zeros((line.count, max(1, int(taps.max(initial=1)))), np.float32)
    row = np.repeat(np.arange(line.count), np.diff(matrix.indptr))
    place = matrix.indices - first[row]
    if flipped:
        place = taps[row] - 1 - place
        first[some] = (weights.high - weights.low) - taps[some] - first[some]
    runs[row, place] = matrix.data
    return first, taps, runs


def _slices_go_first(weights: list[AxisWeights], tables: list[Table]) -> bool:
    """Whether going across the slices first takes fewer sums than last."""
    taps = [float(table[1].mean()) for table in tables]
    old = [w.high - w.low for w in weights]
    new = [table[1].size for table in tables]
    plane = new[1] * (taps[1] * old[2] + taps[2] * new[2])
    first = new[0] * (taps[0] * old[1] * old[2] + plane)
    last = old[0] * plane + new[0] * taps[0] * new[1] * new[2]
    return first < last


def _bands(made: tuple[int, ...], slices: int) -> list[tuple[int, int]]:
    rows = max(4, min(BAND_ROWS, BAND_VOXELS // (max(slices, 1) * made[2])))
    return [(low, min(made[1], low + rows)) for low in range(0, made[1], rows)]
