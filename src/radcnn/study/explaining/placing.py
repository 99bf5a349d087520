"""Maps carried back to the image's own grid, half-voxel exact, through the place where preparation put its voxels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcnn.core.volume import Volume
from radcnn.transforms.preparation import Preparation, looked_at, prepare, prepare_volume
from radcnn.transforms.separable import resample_lines
from radcnn.transforms.weights import Line

Centre = tuple[float, float, float] | None


def on_image(found: NDArray[np.float32], image: Volume, preparation: Preparation, centre_mm: Centre = None) -> Volume:
    """A map of a prepared image, (*size), on the voxels of the image itself: a Volume of one channel, float32.

    What the network did not see is 0: voxels outside the region, other slices. Between samples values are interpolated
    linearly, cells being areas. Raises SettingsError for triplanar preparations, whose planes are no volume.
    """
    known = _placed(image)
    box = looked_at(known, preparation)
    # only its place is asked: a mask of one value is the cheapest image
    nothing = Volume(np.broadcast_to(np.uint8(0), (1, *known.size)), known.affine, "mask", known.frame)
    seen = prepare_volume(nothing, preparation, centre_mm=centre_mm, box=box)
    assert known.affine is not None
    assert seen.affine is not None
    own, cells = (known.size, found.shape) if known.rank == 3 else ((1, *known.size), found.shape)
    cells = cells if len(cells) == 3 else (1, *cells)
    back = np.linalg.inv(seen.affine) @ known.affine  # an index of the image's own to one of the map
    carried = _carried(np.asarray(found, np.float32).reshape(cells), own, back)
    voxels = carried if image.rank == 3 else carried[0]
    return Volume(voxels[None], image.affine, "arbitrary", image.frame)


def _carried(found: NDArray[np.float32], own: tuple[int, ...], back: NDArray[np.float64]) -> NDArray[np.float32]:
    """A map (D, H, W) sampled at the indices of the image's own voxels: axes are permuted, reversed and scaled only."""
    order = [int(np.argmax(np.abs(back[:3, axis]))) for axis in range(3)]  # the map's axis along each of the image's
    turned, lines = found.transpose(order), []
    for axis, (along, count) in enumerate(zip(order, own, strict=True)):
        start, step, length = float(back[along, 3]), float(back[along, axis]), found.shape[along]
        if step < 0:
            turned = np.flip(turned, axis)
            start, step = length - 1 - start, -step
        lines.append(Line(length, count, start, step))
    values = resample_lines(np.ascontiguousarray(turned)[None], tuple(lines), "linear")[0]
    for axis, line in enumerate(lines):
        values[(slice(None),) * axis + (~line.inside(),)] = 0
    return np.asarray(values, dtype=np.float32)


def on_map(marked: Volume, image: Volume, preparation: Preparation, centre_mm: Centre = None) -> NDArray[np.bool_]:
    """A mask on the image's voxels as the network's grid has it: (*size), true where any label is."""
    known = _placed(image)
    placed = Volume(marked.voxels, known.affine, "mask", known.frame)
    if preparation.planes == "triplanar":
        return np.zeros(preparation.size, dtype=bool)
    return np.asarray(
        prepare(placed, preparation, centre_mm=centre_mm, box=looked_at(known, preparation))[0] > 0, dtype=bool
    )


def _placed(image: Volume) -> Volume:
    """The image with pixels of 1 mm where their size is not known: lines through it are the same."""
    if image.affine is not None:
        return image
    return Volume.from_spacing(image.voxels, (1.0,) * image.rank, image.units)
