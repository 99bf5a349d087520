"""Where the patient lies in a CT: a box about the largest thing denser than air, without the table and what is loose.

Half the voxels of a CT of the trunk show air and the table. A network of fixed input size that looks at the box sees
the patient with more voxels (nnU-Net crops to what is not zero: Isensee et al. 2021, doi:10.1038/s41592-020-01008-z).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import GeometryError
from radcnn.core.volume import Volume

Box = tuple[slice, ...]
Mask = NDArray[np.bool_]
DENSE_HU = -400.0  # halfway between lung (about -800) and fat (about -100), as near to air's -1000 as noise allows
STEP_MM = 4.0  # between the voxels that are looked at: a table apart from the back by a shirt stays apart
STEPS = 96  # along an axis of unknown spacing
THIN = 2  # steps: what is less than twice as thick falls off


def body_box(volume: Volume) -> Box:
    """The box (slices, rows, columns; rows, columns) about the patient; the whole image where nothing is dense.

    Every few millimetres one voxel is looked at, so that no time is spent; the box is wider by one such step. Values
    that do not say what they are (NIfTI) are taken for HU, as a window in HU takes them. Raises GeometryError for
    images in another unit.

    >>> voxels = np.full((1, 40, 60, 60), -1000.0, np.float32)
    >>> voxels[:, :, 20:50, 10:40] = 40.0
    >>> body_box(Volume.from_spacing(voxels, (4.0, 4.0, 4.0), units="HU"))
    (slice(0, 40, None), slice(19, 51, None), slice(9, 41, None))
    """
    if volume.units not in ("HU", "arbitrary"):
        raise GeometryError(
            f"the body is found by its HU, and this image is in {volume.units}; train with preparation.within image"
        )
    spacing = volume.spacing_mm or tuple(n * STEP_MM / STEPS for n in volume.size)
    steps = [max(1, min(round(STEP_MM / mm), n // 8)) for mm, n in zip(spacing, volume.size, strict=True)]
    looked = volume.voxels[0][tuple(slice(step // 2, None, step) for step in steps)]
    body = _solid(_largest(looked > DENSE_HU))
    if not body.any():
        return tuple(slice(0, n) for n in volume.size)
    box = []
    for axis, (step, n) in enumerate(zip(steps, volume.size, strict=True)):
        others = tuple(a for a in range(volume.rank) if a != axis)
        seen = np.flatnonzero(body.any(axis=others))
        first, last = step // 2 + step * int(seen[0]), step // 2 + step * int(seen[-1])
        box.append(slice(max(0, first - step), min(n, last + step + 1)))
    return tuple(box)


def _largest(mask: Mask) -> Mask:
    """The largest connected component; nothing of nothing."""
    import cc3d

    labels = cc3d.connected_components(mask, connectivity=4 if mask.ndim == 2 else 6)
    sizes = np.bincount(labels.ravel())
    return labels == 1 + int(sizes[1:].argmax()) if len(sizes) > 1 else np.zeros_like(mask)


def _solid(mask: Mask) -> Mask:
    """With its air filled slice by slice, without what is thin beside it; as it is where nothing else would be left."""
    from scipy import ndimage

    planes = mask if mask.ndim == 3 else mask[None]
    filled = np.stack([ndimage.binary_fill_holes(plane) for plane in planes]).reshape(mask.shape)
    thick = _largest(ndimage.binary_opening(filled, iterations=THIN))
    return thick if thick.any() else filled
