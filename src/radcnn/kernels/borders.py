"""Where a mask changes: the cells between voxels that hold both inside and outside."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcnn.kernels.compiled import compiled

Bytes = NDArray[np.uint8]


@compiled
def border_cells(mask: Bytes, planar: bool) -> tuple[NDArray[np.int32], Bytes]:
    """Cells of neighbouring voxels that are partly inside a mask (Z, Y, X) of 0 and 1, with zeros around it.

    Cell (z, y, x) lies between voxels z-1 and z, y-1 and y, x-1 and x; it has a bit for each of these eight, the first
    (z-1, y-1, x-1) being the highest and x going fastest. `planar` takes the one plane for a 2D mask: cells of four.

    Returns places (n, 3) in this order and codes (n,).
    """
    planes, rows, columns = mask.shape
    full = 15 if planar else 255
    places, codes, count = np.empty((1024, 3), np.int32), np.empty(1024, np.uint8), 0
    line = np.zeros(columns + 2, np.uint8)  # the bits of four voxels at a place along the row, a zero at both ends
    for z in range(planes if planar else planes + 1):
        for y in range(rows + 1):
            line[:] = 0
            for i in range(4):
                plane, row = z - 1 + i // 2, y - 1 + i % 2
                if 0 <= plane < planes and 0 <= row < rows:
                    shift = np.uint8(7 - 2 * i)
                    voxels = mask[plane, row]
                    for x in range(columns):
                        line[x + 1] |= voxels[x] << shift
            if count + columns + 1 > codes.size:
                more = 2 * codes.size + columns
                longer, wider = np.empty((more, 3), np.int32), np.empty(more, np.uint8)
                longer[:count], wider[:count] = places[:count], codes[:count]
                places, codes = longer, wider
            for x in range(columns + 1):
                code = line[x] | line[x + 1] >> 1
                if code != 0 and code != full:
                    places[count, 0], places[count, 1], places[count, 2] = z, y, x
                    codes[count] = code
                    count += 1
    return places[:count], codes[:count]
