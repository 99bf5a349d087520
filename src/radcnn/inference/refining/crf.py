"""A dense conditional random field, by mean field on a bilateral grid (Kraehenbuehl and Koltun 2011, arXiv:1210.5644).

Every voxel is tied to every other one: to those that are near (a Gaussian of millimetres), and to those that are near
and as bright (a Gaussian of millimetres and grey values). The first takes away specks, the second draws borders along
edges. What all others say of a voxel is a Gaussian blur: along the axes for the first; for the second in a grid of
place and grey value, into which voxels are laid, blurred and read again (Paris and Durand 2006).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import GeometryError, SettingsError
from radcnn.inference.refining.boxes import softmax

Values = NDArray[np.float32]
REACH = 4.0  # sigmas of a Gaussian that is cut off
MOST_CELLS = 1 << 26  # of a bilateral grid
BYTES_OF_CELL = 64.0  # with the two copies of a blur; so that 2 GiB hold half of MOST_CELLS
FAR = 3.0  # sigmas
LEAST = 1e-6


@dataclass(frozen=True)
class CrfSettings:
    """What ties voxels, and how strongly.

    near_weight, near_mm   of the Gaussian of places alone
    weight, mm, grey       of the Gaussian of places and grey values: in mm (or voxels), and in the image's unit
    steps                  of mean field
    cells                  of the bilateral grid in a sigma: more are more exact
    """

    near_weight: float = 1.0
    near_mm: float = 3.0
    weight: float = 3.0
    mm: float = 15.0
    grey: float = 30.0
    steps: int = 5
    cells: float = 1.5

    def __post_init__(self) -> None:
        if min(self.near_weight, self.weight) < 0 or min(self.near_mm, self.mm, self.grey) <= 0:
            raise SettingsError("weights must be at least 0, and near_mm, mm and grey positive")
        if self.steps < 1 or not self.cells >= 1:
            raise SettingsError(f"steps and cells must be at least 1, got {self.steps} and {self.cells:g}")


def margin_of_field(spacing: Sequence[float], settings: CrfSettings) -> tuple[int, ...]:
    """How far the field looks beyond what is undecided: three sigmas.

    No more than a thousandth of what ties a voxel comes from further away along an axis. What lies beyond is background
    for the network and for all that is near, which draws no voxel away from it.
    """
    widest = max(settings.near_mm if settings.near_weight else 0.0, settings.mm if settings.weight else 0.0)
    return tuple(max(1, math.ceil(FAR * widest / mm)) for mm in spacing)


def bytes_of_field(labels: int, image: NDArray, spacing: Sequence[float], settings: CrfSettings) -> float:
    """Bytes that a field needs at most for each voxel of an image: corners and shares, probabilities, and cells."""
    step = settings.mm / settings.cells
    grey = float(np.ptp(image)) / (settings.grey / settings.cells) + 2
    cells = grey * math.prod(mm / step for mm in spacing)
    return 8.0 * 2 ** (image.ndim + 1) + 32 * labels + 72 + BYTES_OF_CELL * cells


def crf_probabilities(
    probabilities: NDArray,
    image: NDArray,
    spacing: Sequence[float],
    settings: CrfSettings | None = None,
    *,
    first: Sequence[int] = (),
    darkest: float | None = None,
) -> Values:
    """Probabilities (L, *size) of labels after mean field, from those of a network.

    image    (*size) grey values
    spacing  distances of voxel centres along each axis, in mm or in voxels
    first, darkest  of a part of an image: its first voxel in the whole, and the whole's least value; cells lie the same

    Raises GeometryError where sizes do not fit, SettingsError for a grid that would need too much memory.

    >>> p = np.full((2, 5, 5), 0.2, np.float32)
    >>> p[0] = 0.8
    >>> p[:, 2, 2] = 0.4, 0.6
    >>> bool(crf_probabilities(p, np.zeros((5, 5)), (1.0, 1.0))[0, 2, 2] > 0.5)
    True
    """
    chosen = settings or CrfSettings()
    if probabilities.shape[1:] != image.shape or len(spacing) != image.ndim or image.ndim not in (2, 3):
        raise GeometryError(
            "probabilities (labels, *size), an image of that size and its spacings are needed, got "
            f"{probabilities.shape}, {image.shape} and {tuple(spacing)}"
        )
    costs = -np.log(np.clip(probabilities, LEAST, None)).astype(np.float32)
    grid = BilateralGrid.of(image, spacing, chosen, first, darkest) if chosen.weight else None
    ones = np.ones((1, *image.shape), np.float32)
    near_norm = (1 / np.sqrt(_near(ones, spacing, chosen.near_mm))).astype(np.float32)
    wide_norm = ones if grid is None else (1 / np.sqrt(grid.blurred(ones))).astype(np.float32)
    found = np.asarray(probabilities, np.float32)
    for _ in range(chosen.steps):
        said = np.zeros_like(found)
        if chosen.near_weight:
            # a voxel does not persuade itself: what it says to itself is taken off
            own = near_norm**2
            said += chosen.near_weight * (near_norm * _near(near_norm * found, spacing, chosen.near_mm) - own * found)
        if grid is not None:
            own = wide_norm**2 * grid.own()
            said += chosen.weight * (wide_norm * grid.blurred((wide_norm * found).astype(np.float32)) - own * found)
        found = softmax(said - costs)
    return found


def _near(values: Values, spacing: Sequence[float], sigma: float) -> Values:
    """Values (L, *size) blurred along each axis by a Gaussian whose middle is 1; nothing comes from outside."""
    from scipy import ndimage

    for axis, mm in enumerate(spacing, start=1):
        values = ndimage.correlate1d(values, _gaussian(sigma / mm), axis=axis, mode="constant")
    return values


def _gaussian(sigma: float) -> NDArray[np.float64]:
    reach = max(1, math.ceil(REACH * sigma))
    return np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)


@dataclass(frozen=True, eq=False)
class BilateralGrid:
    """Where each voxel lies among cells of place and grey value, and how these are blurred.

    corners  (2^d, n) flat cells about each voxel; shares (2^d, n) of it that each takes
    size     cells along each axis, grey values last
    kernel   of the blur along each axis
    """

    corners: NDArray[np.int32]
    shares: Values
    size: tuple[int, ...]
    kernel: NDArray[np.float64]
    shape: tuple[int, ...]

    @classmethod
    def of(
        cls,
        image: NDArray,
        spacing: Sequence[float],
        settings: CrfSettings,
        first: Sequence[int] = (),
        darkest: float | None = None,
    ) -> BilateralGrid:
        """The grid of an image, or of a part of one; raises SettingsError where it would have too many cells."""
        step, starts = settings.mm / settings.cells, first or (0,) * image.ndim
        lines = (
            (start + np.arange(n)) * (mm / step) for start, n, mm in zip(starts, image.shape, spacing, strict=True)
        )
        least = float(image.min()) if darkest is None else darkest
        at = [*np.ix_(*lines), (image.astype(np.float64) - least) / (settings.grey / settings.cells)]
        at = [a - np.floor(a.min()) for a in at]
        size = tuple(int(np.floor(float(a.max()))) + 2 for a in at)
        if math.prod(size) > MOST_CELLS:
            raise SettingsError(
                f"the bilateral grid would have {' x '.join(map(str, size))} cells; give larger mm or grey"
            )
        low = [np.floor(a).astype(np.int32) for a in at]
        part = [(a - b).astype(np.float32) for a, b in zip(at, low, strict=True)]
        del at
        many = 2 ** len(size)
        corners, shares = np.empty((many, image.size), np.int32), np.empty((many, image.size), np.float32)
        for corner in range(many):
            flat, share = np.zeros(image.shape, np.int32), np.ones(image.shape, np.float32)
            for axis, n in enumerate(size):
                up = corner >> axis & 1
                flat = flat * n + (low[axis] + up)
                share = share * (part[axis] if up else 1 - part[axis])
            corners[corner], shares[corner] = flat.ravel(), share.ravel()
        return cls(corners, shares, size, _rest(settings.cells), image.shape)

    def blurred(self, values: Values) -> Values:
        """Values (L, *size) as all voxels say them, near in place and grey."""
        from scipy import ndimage

        made = np.empty_like(values)
        for k, value in enumerate(values):
            cells = np.zeros(math.prod(self.size), np.float64)
            flat = value.ravel()
            for corner, share in zip(self.corners, self.shares, strict=True):
                cells += np.bincount(corner, weights=share * flat, minlength=len(cells))
            blurred = cells.reshape(self.size)
            for axis in range(blurred.ndim):
                blurred = ndimage.correlate1d(blurred, self.kernel, axis=axis, mode="constant")
            blurred = blurred.ravel()
            made[k] = sum(
                share * blurred[corner] for corner, share in zip(self.corners, self.shares, strict=True)
            ).reshape(self.shape)
        return made

    def own(self) -> Values:
        """What the blur gives each voxel of itself: (1, *size)."""
        reach = len(self.kernel) // 2
        total = np.zeros(self.shares.shape[1], np.float64)
        many = len(self.size)
        for a in range(len(self.shares)):
            for b in range(len(self.shares)):
                apart = [(a >> axis & 1) - (b >> axis & 1) for axis in range(many)]
                total += self.shares[a] * self.shares[b] * math.prod(float(self.kernel[reach + d]) for d in apart)
        made: Values = total.reshape(1, *self.shape).astype(np.float32)
        return made


def _rest(cells: float) -> NDArray[np.float64]:
    """The blur that, with laying and reading by linear shares, has the variance of a Gaussian of so many cells."""
    variance = cells**2 - 1 / 3  # a linear share has a variance of 1/6, and there are two
    return _gaussian(math.sqrt(variance))
