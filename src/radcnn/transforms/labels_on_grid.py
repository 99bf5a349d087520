"""From a network's logits on its own grid to a label map on the scanner's grid, a small slab at a time.

The memory needed is the label map and one slab, whatever the number of classes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import InputError
from radcnn.kernels.threads import over_slabs
from radcnn.transforms.separable import Table, axis_table
from radcnn.transforms.weights import Line, axis_weights, resample_by_matrices

SLICES, ROWS = 8, 16  # of the output made at a time
COMPILED_FROM = 1 << 20  # values to interpolate (classes x voxels); below, the compiler's own start takes longer
LABELS = 1 << 16


def labels_on_grid(logits: NDArray, lines: tuple[Line, ...], *, threads: int | None = None) -> NDArray:
    """The class of the largest linearly interpolated logit at every voxel of another grid.

    logits  (K, z, y, x) or (K, y, x), any kind of number; half precision and memory-mapped files are read in slabs
    lines   where the output's voxels lie on the logits' axes: `Line.inverse` of the lines that led there

    Returns (Z, Y, X) or (Y, X), uint8 up to 256 classes, else uint16. Of equal values the lowest label wins; outside
    the extent of the logits the label is 0. Where the output is coarser the logits are averaged as `axis_weights`
    does. The labels do not depend on `threads`. Raises InputError for logits that are not finite.

    >>> logits = np.array([[[0.0, 1.0]], [[1.0, 0.0]]])  # class 1 on the left, 0 on the right
    >>> labels_on_grid(logits, (Line(1, 1, 0.0, 1.0), Line(2, 4, -0.25, 0.5)))
    array([[1, 1, 0, 0]], dtype=uint8)
    """
    _check(logits, lines)
    flat = len(lines) == 2
    if flat:
        logits, lines = logits[:, None], (Line(1, 1, 0.0, 1.0), *lines)
    shape = tuple(line.count for line in lines)
    if len(logits) * int(np.prod(shape)) < COMPILED_FROM:
        labels = labels_by_interpolation(logits, lines)
    else:
        labels = _labels_by_loops(logits, lines, threads)
    return labels[0] if flat else labels


def labels_by_interpolation(logits: NDArray, lines: tuple[Line, ...]) -> NDArray:
    """The same by interpolating every class in full, then argmax: the reference, and best when small."""
    require_finite(bool(np.isfinite(logits).all()))
    values = resample_by_matrices(logits, lines, "linear")
    return values.argmax(axis=0).astype(_label_type(len(logits)))


def _labels_by_loops(logits: NDArray, lines: tuple[Line, ...], threads: int | None) -> NDArray:
    from radcnn.kernels.labels import largest
    from radcnn.kernels.separable import needed

    z, y, x = (_absolute(line) for line in lines)
    out = np.empty(tuple(line.count for line in lines), _label_type(len(logits)))
    logits = np.asarray(logits)
    as_it_is = logits.dtype == np.float32 and logits.dtype.isnative and logits.flags.c_contiguous

    slices, rows, _ = out.shape
    bands = [(s, r) for s in range(0, slices, SLICES) for r in range(0, rows, ROWS)]

    def slab(start: int, stop: int) -> None:
        for low in bands[start:stop]:
            high = min(slices, low[0] + SLICES), min(rows, low[1] + ROWS)
            part, origin = logits, (0, 0)
            if not as_it_is:
                (z0, z1), (y0, y1) = needed(z, low[0], high[0]), needed(y, low[1], high[1])
                part, origin = np.ascontiguousarray(logits[:, z0:z1, y0:y1], dtype=np.float32), (z0, y0)
            require_finite(largest(part, origin, (z, y, x), low, high, out))

    over_slabs(slab, len(bands), threads)
    return out


def _absolute(line: Line) -> Table:
    first, taps, weights = axis_table(line, "linear")
    return first + axis_weights(line, "linear").low, taps, weights


def _label_type(classes: int) -> type[np.unsignedinteger]:
    return np.uint8 if classes <= 1 << 8 else np.uint16


def require_finite(finite: bool) -> None:
    """Raise InputError where logits are not all finite."""
    if not finite:
        raise InputError(
            "the logits are not finite (NaN or infinite values): the network's output has no largest class"
        )


def _check(logits: NDArray, lines: tuple[Line, ...]) -> None:
    asked = tuple(line.length for line in lines)
    if len(lines) not in (2, 3) or logits.shape[1:] != asked:
        raise InputError(
            f"logits must be (classes, {', '.join(map(str, asked))}), as long as the lines say, got {logits.shape}"
        )
    if not 1 <= len(logits) <= LABELS:
        raise InputError(f"logits must have 1 to {LABELS} classes, got {len(logits)}")
