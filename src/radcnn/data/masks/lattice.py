"""Are two grids the same voxels? A mask may list them in another order; it may not lie anywhere else.

The corners of the mask are compared with where the image has them. Axes may be exchanged or run backwards, which moves
no voxel; anything else is refused with what differs and by how many millimetres.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations, product
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import MisfitError
from radcnn.core.volume import Volume

SAME_PLACE_MM = 0.1  # corners may differ by the rounding of decimal text and float32; no voxel of a patient is smaller
SAME_PLACE_VOXELS = 0.25  # nor by more than a quarter of a voxel, where voxels are that small
WAY_OUT = "make the mask on this image, or put it onto the image's grid (nearest neighbours) in the program it is from"

Three = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Grid:
    """Voxels (slices, rows, columns) and where they lie (LPS, mm)."""

    size: Three
    affine: NDArray[np.float64]

    @property
    def steps_mm(self) -> NDArray[np.float64]:
        """Length of the step along each axis."""
        made: NDArray[np.float64] = np.linalg.norm(self.affine[:3, :3], axis=0)
        return made

    @property
    def corners(self) -> NDArray[np.float64]:
        """Indices (4, 8) of the eight corner voxels, with a last row of ones."""
        return np.array([(*corner, 1) for corner in product(*((0, n - 1) for n in self.size))], np.float64).T


@dataclass(frozen=True)
class Placement:
    """How the voxels of a mask are found in its image.

    axes      the image's axis that each axis of the mask runs along
    backward  whether it runs against it
    first     the image's index of the mask's first voxel
    """

    axes: Three
    backward: tuple[bool, bool, bool]
    first: Three

    @property
    def as_stored(self) -> bool:
        """Whether mask and image list their voxels in the same order."""
        return self.axes == (0, 1, 2) and not any(self.backward)

    def view(self, image: NDArray, size: Three) -> NDArray:
        """The part of the image (D, H, W) that a mask of this size covers, in the mask's order; a view."""
        spans = []
        for axis, backward, n in zip(self.axes, self.backward, size, strict=True):
            first = self.first[axis]
            spans.append(slice(first, None if first < n else first - n, -1) if backward else slice(first, first + n))
        return image.transpose(self.axes)[tuple(spans)]


def grid_of(volume: Volume) -> Grid:
    """The grid of a Volume that has an affine; a 2D image is one slice."""
    assert volume.affine is not None, "its place was tested before"
    return Grid(three(volume.size), volume.affine)


def three(size: tuple[int, ...]) -> Three:
    """(H, W) or (D, H, W) as (D, H, W)."""
    slices, rows, columns = (1, *size)[-3:]
    return slices, rows, columns


def placement(name: str, mask: Grid, image: Grid, *, part: bool = False) -> Placement:
    """Where the voxels of a mask are in its image.

    part  the mask may be one slice of the image, as a frame of a DICOM SEG is

    Raises MisfitError naming size, orientation, spacing or place, with the distance in mm, when the mask's voxels are
    not the image's.
    """
    axes = _axes(mask, image)
    _refuse_turned(name, mask, image, axes)
    covered = [image.size[axis] for axis in axes]
    if any(n != of and not (part and n == 1) for n, of in zip(mask.size, covered, strict=True)):
        _refuse_size(name, mask, image)
    cosines = _cosines(mask, image)
    backward = tuple(bool(cosines[axis, j] < 0) and mask.size[j] > 1 for j, axis in enumerate(axes))
    found = np.linalg.inv(image.affine) @ mask.affine
    first, ideal = [0, 0, 0], np.zeros((4, 4))
    ideal[3, 3] = 1
    for j, axis in enumerate(axes):
        n = mask.size[j]
        first[axis] = (n - 1) * backward[j] if n == image.size[axis] else round(float(found[axis, 3]))
        ideal[axis, j] = -1 if backward[j] else 1
    ideal[:3, 3] = first
    off = (image.affine @ (found - ideal) @ mask.corners)[:3]
    off_mm = float(np.linalg.norm(off, axis=0).max())
    if not off_mm <= tolerance_mm(image):
        _refuse(name, mask, image, axes, off_mm)
    beyond = [max(-at, at - n + 1, 0) for at, n in zip(first, image.size, strict=True)]
    if any(beyond):
        _refuse_outside(name, float((image.steps_mm * beyond).max()))
    return Placement(axes, (backward[0], backward[1], backward[2]), (first[0], first[1], first[2]))


def tolerance_mm(image: Grid) -> float:
    """How far a corner of a mask may lie from the image's: SAME_PLACE_MM, less where voxels are tiny."""
    spacings = [step for step, n in zip(image.steps_mm, image.size, strict=True) if n > 1]
    return min(SAME_PLACE_MM, SAME_PLACE_VOXELS * float(min(spacings, default=1.0)))


def refuse_other_size(name: str, mask: Volume, image: Volume) -> None:
    """Raise MisfitError where mask and image, of unknown place, differ in size or in the spacing both state."""
    if three(mask.size) != three(image.size):
        raise MisfitError(
            f"{name} does not fit its image: it has {_times(mask.size)} voxels, the image {_times(image.size)}; "
            f"{WAY_OUT}",
            "size",
        )
    if mask.affine is None or image.affine is None:
        return
    ours, theirs = grid_of(mask), grid_of(image)
    off_mm = float((np.abs(ours.steps_mm - theirs.steps_mm) * (np.array(ours.size) - 1)).max())
    if off_mm > tolerance_mm(theirs):
        _refuse_spacing(name, ours, theirs, (0, 1, 2), off_mm)


def _axes(mask: Grid, image: Grid) -> Three:
    """The image's axis that each axis of the mask is nearest to, each once."""
    cosines = np.abs(_cosines(mask, image))
    best = max(permutations(range(3)), key=lambda axes: sum(cosines[axis, j] for j, axis in enumerate(axes)))
    return best[0], best[1], best[2]


def _cosines(mask: Grid, image: Grid) -> NDArray[np.float64]:
    """Cosines (image axis, mask axis) of the angles between the axes."""
    made: NDArray[np.float64] = (image.affine[:3, :3] / image.steps_mm).T @ (mask.affine[:3, :3] / mask.steps_mm)
    return made


def _refuse_size(name: str, mask: Grid, image: Grid) -> NoReturn:
    raise MisfitError(
        f"{name} does not fit its image: it has {_times(mask.size)} voxels ({_extent(mask)}), the image "
        f"{_times(image.size)} ({_extent(image)}); {WAY_OUT}",
        "size",
    )


def _refuse_turned(name: str, mask: Grid, image: Grid, axes: Three) -> None:
    """Raise MisfitError when the axes are turned so far that a corner moves."""
    reach = mask.steps_mm * (np.array(mask.size) - 1)
    cosines = np.array([_cosines(mask, image)[axis, j] for j, axis in enumerate(axes)])
    sines = np.sqrt(np.clip(1 - cosines**2, 0, 1)) * (reach > 0)
    off_mm = float((sines * reach).max())
    if off_mm > tolerance_mm(image):
        degrees = float(np.degrees(np.arcsin(sines.max())))
        raise MisfitError(
            f"{name} does not fit its image: its axes are turned by {degrees:.1f} degrees against the image's, so that "
            f"it is up to {_mm(off_mm)} off; {WAY_OUT}",
            "orientation",
            off_mm,
        )


def _refuse(name: str, mask: Grid, image: Grid, axes: Three, off_mm: float) -> NoReturn:
    """Say what moves the corners: other spacings, or the place."""
    stretch = np.abs(mask.steps_mm - image.steps_mm[list(axes)]) * (np.array(mask.size) - 1)
    if stretch.max() > tolerance_mm(image):
        _refuse_spacing(name, mask, image, axes, off_mm)
    sentence = f"{name} does not fit its image: it lies up to {_mm(off_mm)} beside it; {WAY_OUT}"
    raise MisfitError(sentence, "place", off_mm)


def _refuse_spacing(name: str, mask: Grid, image: Grid, axes: Three, off_mm: float) -> NoReturn:
    theirs = image.steps_mm[list(axes)]
    raise MisfitError(
        f"{name} does not fit its image: its voxels are {_lengths(mask.steps_mm)}, the image's {_lengths(theirs)}, so "
        f"that it is up to {_mm(off_mm)} off; {WAY_OUT}",
        "spacing",
        off_mm,
    )


def _refuse_outside(name: str, off_mm: float) -> NoReturn:
    raise MisfitError(
        f"{name} does not fit its image: it has a slice {_mm(off_mm)} outside the image; give the whole image, or the "
        "mask of this one",
        "place",
        off_mm,
    )


def _times(size: tuple[int, ...]) -> str:
    return " x ".join(str(n) for n in size)


def _extent(grid: Grid) -> str:
    return _lengths(grid.steps_mm * np.array(grid.size))


def _lengths(lengths: NDArray[np.float64]) -> str:
    return " x ".join(f"{length:.4g}" for length in lengths) + " mm"


def _mm(length: float) -> str:
    return f"{length:.1f} mm" if length >= 1 else f"{length:.2g} mm"
