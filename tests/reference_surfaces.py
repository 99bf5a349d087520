"""Surface distances after their definition, in plain numpy and scipy: what the fast ones must equal."""

import numpy as np
from scipy import ndimage


def elements(mask):
    """Which cells the surface of a mask runs through, over all cells of the grid, and the code of each cell."""
    padded = np.pad(mask, 1).astype(int)
    code = np.zeros([side - 1 for side in padded.shape], int)
    for corner in np.ndindex(*(2,) * mask.ndim):
        code = 2 * code + padded[tuple(slice(at, at + side) for at, side in zip(corner, code.shape, strict=True))]
    return (code > 0) & (code < 2**2**mask.ndim - 1), code


def surface_distances(first, second, spacing_mm, sizes):
    """Distances and sizes of the elements of the first and of the second mask: four arrays; `sizes` is by code."""
    (ours, our_codes), (theirs, their_codes) = elements(first), elements(second)
    far, back = (
        ndimage.distance_transform_edt(~to, sampling=spacing_mm)[of] if to.any() else np.full(of.sum(), np.inf)
        for of, to in ((ours, theirs), (theirs, ours))
    )
    return far, back, sizes[our_codes[ours]], sizes[their_codes[theirs]]


def reach(distances, sizes, share):
    """The distance within which a share of the sizes lies."""
    order = np.argsort(distances, kind="stable")
    within = np.cumsum(sizes[order]) / sizes.sum()
    return distances[order][min(np.searchsorted(within, share), len(order) - 1)]


def figures(far, back, our_sizes, their_sizes, *, share, tolerance_mm):
    """Percentile Hausdorff distance, average symmetric distance and surface Dice."""
    distances, sizes = np.concatenate([far, back]), np.concatenate([our_sizes, their_sizes])
    return (
        max(reach(far, our_sizes, share), reach(back, their_sizes, share)),
        (distances * sizes).sum() / sizes.sum(),
        sizes[distances <= tolerance_mm].sum() / sizes.sum(),
    )
