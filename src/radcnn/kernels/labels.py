"""The class of the largest interpolated logit, block by block of the output, without interpolating what cannot win.

Interpolation weights are not negative and sum to 1, so that within a block no value of a class exceeds its largest
logit nearby or falls below its smallest. A class whose largest is below another's smallest is left out; most blocks
have one class left, and its number is written at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcnn.kernels.compiled import compiled
from radcnn.kernels.separable import Floats, Table, combine, load, needed

Tables = tuple[Table, Table, Table]
Corner = tuple[int, ...]
COLUMNS = 64  # of a block
ROUNDING = np.float32(4e-6)  # of the largest logit: how far rounding may carry an interpolated value beyond its bounds


@compiled
def bounds(rows: Floats, least: Floats, most: Floats, doubt: Floats) -> None:
    """Widen least and most (X,) by rows (n, X); doubt (X,) becomes NaN where a value is not finite."""
    for r in range(rows.shape[0]):
        row = rows[r]
        for i in range(least.size):
            value = row[i]
            least[i] = value if value < least[i] else least[i]
            most[i] = value if value > most[i] else most[i]
            doubt[i] += value - value


@compiled
def block_values(image: Floats, origin: Corner, tables: Tables, low: Corner, size: Corner, values: Floats) -> None:
    """One class on the block of output of `size` that begins at `low`, into values (columns, slices * rows)."""
    z, y, x = tables
    slices, rows, columns = size
    z_start, z_stop = needed(z, low[0], low[0] + slices)
    y_start, y_stop = needed(y, low[1], low[1] + rows)
    x_start, x_stop = needed(x, low[2], low[2] + columns)
    depth, height, width = z_stop - z_start, y_stop - y_start, x_stop - x_start
    box = np.empty((depth, height * width), np.float32)
    for s in range(depth):
        for r in range(height):
            row = image[z_start - origin[0] + s, y_start - origin[1] + r]
            load(row[x_start:x_stop], box[s][r * width : (r + 1) * width])
    made = np.empty((slices, height * width), np.float32)
    for k in range(slices):
        combine(box, z[0][low[0] + k] - z_start, 1, z[1][low[0] + k], z[2][low[0] + k], made[k])
    lines = made.reshape(slices * height, width)
    line = np.empty(width, np.float32)
    turned = np.empty((width, slices * rows), np.float32)
    for k in range(slices):
        for r in range(rows):
            at = low[1] + r
            combine(lines, k * height + y[0][at] - y_start, 1, y[1][at], y[2][at], line)
            for i in range(width):
                turned[i, k * rows + r] = line[i]
    for k in range(columns):
        at = low[2] + k
        combine(turned, x[0][at] - x_start, 1, x[1][at], x[2][at], values[k])


@compiled
def take_where_larger(values: Floats, label: int, best: Floats, labels: NDArray) -> None:
    """Where values (n,) exceed the best so far (n,), they become the best, and theirs the label."""
    for i in range(values.size):
        if values[i] > best[i]:
            best[i] = values[i]
            labels[i] = label


@compiled
def block_labels(
    logits: Floats, origin: Corner, tables: Tables, low: Corner, size: Corner, rivals: NDArray, out: NDArray
) -> None:
    """The largest of the classes `rivals`, ascending, on the block of out (Z', Y', X') that begins at `low`."""
    slices, rows, columns = size
    labels = np.full((columns, slices * rows), rivals[0], out.dtype)
    if rivals.size > 1:
        best, values = np.empty(labels.shape, np.float32), np.empty(labels.shape, np.float32)
        block_values(logits[rivals[0]], origin, tables, low, size, best)
        for k in rivals[1:]:
            block_values(logits[k], origin, tables, low, size, values)
            take_where_larger(values.ravel(), k, best.ravel(), labels.ravel())
    z, y, x = tables[0][1], tables[1][1], tables[2][1]
    for s in range(slices):
        for r in range(rows):
            seen = z[low[0] + s] > 0 and y[low[1] + r] > 0
            row = out[low[0] + s, low[1] + r][low[2] : low[2] + columns]
            for i in range(columns):
                row[i] = labels[i, s * rows + r] if seen and x[low[2] + i] > 0 else 0


@compiled
def band_bounds(logits: Floats, origin: Corner, start: Corner, stop: Corner, least: Floats, most: Floats) -> bool:
    """The least and most of each class (K, X) over slices and rows start..stop; False where a logit is not finite."""
    doubt = np.zeros(logits.shape[3], np.float32)
    for k in range(logits.shape[0]):
        least[k], most[k] = np.inf, -np.inf
        for s in range(start[0] - origin[0], stop[0] - origin[0]):
            bounds(logits[k, s][start[1] - origin[1] : stop[1] - origin[1]], least[k], most[k], doubt)
    return doubt.sum() == 0


@compiled
def contenders(least: Floats, most: Floats, start: int, stop: int) -> NDArray:
    """The classes that may win somewhere among columns start..stop, ascending."""
    classes = least.shape[0]
    ceilings = np.empty(classes, np.float32)
    floor, scale = np.float32(-np.inf), np.float32(0)
    for k in range(classes):
        lowest, highest = least[k, start], most[k, start]
        for i in range(start + 1, stop):
            lowest, highest = min(lowest, least[k, i]), max(highest, most[k, i])
        ceilings[k] = highest
        floor, scale = max(floor, lowest), max(scale, abs(lowest), abs(highest))
    return np.flatnonzero(ceilings >= floor - ROUNDING * scale)


@compiled
def largest(logits: Floats, origin: Corner, tables: Tables, low: Corner, high: Corner, out: NDArray) -> bool:
    """Labels of the slices and rows low..high of out (Z', Y', X'); False where a logit is not finite.

    logits (K, slices, rows, X) are those from slice and row `origin` of the network's grid on. Of equal values the
    lowest label wins; outside the grid the label is 0.
    """
    z, y, x = tables
    z_start, z_stop = needed(z, low[0], high[0])
    y_start, y_stop = needed(y, low[1], high[1])
    least = np.empty((logits.shape[0], logits.shape[3]), np.float32)
    most = np.empty(least.shape, np.float32)
    if not band_bounds(logits, origin, (z_start, y_start), (z_stop, y_stop), least, most):
        return False
    slices, rows, wide = high[0] - low[0], high[1] - low[1], x[0].size
    for left in range(0, wide, COLUMNS):
        columns = min(COLUMNS, wide - left)
        x_start, x_stop = needed(x, left, left + columns)
        rivals = contenders(least, most, x_start, x_stop)
        block_labels(logits, origin, tables, (low[0], low[1], left), (slices, rows, columns), rivals, out)
    return True
