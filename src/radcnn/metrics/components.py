"""The connected components of a mask."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radcnn.core.errors import SettingsError
from radcnn.metrics.distance import as_mask

CONNECTIVITIES = {
    2: (4, 8),
    3: (6, 18, 26),
}  # neighbours that share a side; a side or an edge; a side, an edge or a corner


class Components(NamedTuple):
    """The components of a mask, numbered from 1.

    labels  of the mask's shape; 0 outside
    sizes   (n,) number of voxels of components 1..n
    """

    labels: NDArray[np.int32]
    sizes: NDArray[np.int64]


def components(mask: ArrayLike, *, connectivity: int | None = None) -> Components:
    """Label the connected components of a mask (Z, Y, X) or (Y, X).

    connectivity  number of neighbours of a voxel: 6, 18 or 26; in a plane 4 or 8. None for the largest

    Raises GeometryError for other axes, InputError when the mask holds anything but 0 and 1, SettingsError for another
    connectivity.

    >>> components([[1, 0, 0], [0, 1, 1]], connectivity=4).sizes.tolist()
    [1, 2]
    """
    import cc3d

    from radcnn.kernels.counting import label_sizes

    inside = as_mask(mask)
    allowed = CONNECTIVITIES[inside.ndim]
    neighbours = allowed[-1] if connectivity is None else connectivity
    if neighbours not in allowed:
        named = ", ".join(map(str, allowed))
        raise SettingsError(f"connectivity of a mask of {inside.ndim} axes must be one of {named}; got {connectivity}")
    labels = np.zeros(inside.shape, np.int32)
    box = box_of(inside)
    part = np.ascontiguousarray(inside[box])
    if not part.size:
        return Components(labels, np.zeros(0, np.int64))
    # not its way for binary images: that one (4.1) labels voxels outside the mask at an odd edge
    found, count = cc3d.connected_components(part, connectivity=neighbours, out_dtype=np.uint32, return_N=True)
    own = found.view(np.int32)
    labels[box] = own
    return Components(labels, label_sizes(own.reshape(-1), count))


def box_of(mask: NDArray[np.bool_] | NDArray[np.uint8]) -> tuple[slice, ...]:
    """The smallest box that holds all voxels of a mask; without a voxel where it has none.

    >>> box_of(np.array([[0, 0, 0], [0, 1, 1]], bool))
    (slice(1, 2, None), slice(1, 3, None))
    """
    box: list[slice] = []
    for axis in range(mask.ndim):
        part = mask[tuple(box)]  # ever less to look at
        held = np.flatnonzero(part.any(axis=tuple(other for other in range(mask.ndim) if other != axis)))
        if not len(held):
            return (slice(0, 0),) * mask.ndim
        box.append(slice(int(held[0]), int(held[-1]) + 1))
    return tuple(box)
