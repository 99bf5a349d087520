"""Are these slices one regular volume? Their positions along the normal decide, within named tolerances.

Slices are sorted by the projection of their positions on the normal of their orientation. They are a volume when

    every gap is within 1 % of the mean gap, or within what two decimals of text can say
    no slice is further than a tenth of the spacing from where the even grid puts it, so that no drift adds up
    every position is on one line, which need not be the normal: a stack may lean
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from radcnn.data.dicom.placing import Plane, Vector

SAME_PLACE_MM = 1e-3  # slices closer than this lie in the same place
EVEN = 0.01  # of the spacing; highdicom's default, and finer than anything a network or a reader would notice
ROUNDING_MM = 0.01  # of a gap: positions written with two decimals are each off by up to half of 0.01
ROUNDING_LIMIT = 0.05  # of the spacing: where slices are very thin, 0.01 mm is no longer rounding
DRIFT = 0.1  # of the spacing, that a slice may be away from its place on the even grid
SIDEWAYS = 0.1  # of a pixel, that a slice may be off the line through the first and the last
SIDEWAYS_OF_GAP = 0.04  # of the spacing likewise: the sine of 2.3 degrees, so that no step leans and the stack does not
LEAN_COSINE = 1e-3  # 1 - cos of 2.56 degrees: below it distances by spacing alone err by less than 2.3 % (sin / 2)

Kind = Literal["same place", "uneven", "sideways"]


@dataclass(frozen=True, eq=False)
class Stack:
    """Slices sorted along their normal: `order` (n) says which, `positions` (n, 3) where, in mm (LPS)."""

    order: NDArray[np.intp]
    positions: NDArray[np.float64]
    right: NDArray[np.float64]
    down: NDArray[np.float64]
    spacing: Vector

    @cached_property
    def normal(self) -> NDArray[np.float64]:
        made: NDArray[np.float64] = np.cross(self.right, self.down)
        return made / np.linalg.norm(made)

    @cached_property
    def depths(self) -> NDArray[np.float64]:
        """The positions along the normal (n), ascending."""
        found: NDArray[np.float64] = self.positions @ self.normal
        return found

    @cached_property
    def gaps(self) -> NDArray[np.float64]:
        """Distances along the normal from slice to slice (n - 1)."""
        return np.diff(self.depths)

    @property
    def usual(self) -> float:
        """The median gap in mm, of slices that do not lie in the same place; 0 where there are none."""
        apart = self.gaps[self.gaps >= SAME_PLACE_MM]
        return float(np.median(apart)) if len(apart) else 0.0

    @cached_property
    def aside(self) -> NDArray[np.float64]:
        """How far each slice lies from the first in its own plane (n, 2): along `down` and along `right`, in mm."""
        return (self.positions - self.positions[0]) @ np.stack([self.down, self.right], axis=1)

    @property
    def step(self) -> NDArray[np.float64]:
        """(x, y, z) from one slice to the next, leaning as the stack does; the last slice is where its file says."""
        made: NDArray[np.float64] = (self.positions[-1] - self.positions[0]) / (len(self.positions) - 1)
        return made

    @property
    def lean_degrees(self) -> float:
        """The angle between the normal and the line from the first to the last slice."""
        across = float(np.hypot(*self.aside[-1]))
        return float(np.degrees(np.arctan2(across, self.depths[-1] - self.depths[0])))

    @property
    def leans(self) -> bool:
        """Whether it leans by more than an affine should carry, and more than rounded positions make it."""
        across = float(np.hypot(*self.aside[-1]))
        return np.cos(np.radians(self.lean_degrees)) < 1 - LEAN_COSINE and across > 2 * ROUNDING_MM


def stack_of(planes: Sequence[Plane]) -> Stack:
    """The planes, which share orientation and spacing, sorted along their normal (right x down of the first)."""
    return stack_at(np.array([plane.position for plane in planes]), planes[0])


def stack_at(positions: NDArray[np.float64], plane: Plane) -> Stack:
    """Positions (n, 3) of slices with the orientation and spacing of `plane`, sorted along its normal."""
    right, down = np.array(plane.right), np.array(plane.down)
    order = np.argsort(positions @ np.cross(right, down), kind="stable")
    return Stack(order, positions[order], right, down, plane.spacing)


@dataclass(frozen=True)
class Break:
    """What keeps a stack from being a volume, and after which slice of it, counted from 0."""

    kind: Kind
    at: int


def broken(stack: Stack) -> Break | None:
    """Why a stack is no regular volume, and where it is worst; None when it is one. A lean is no fault here."""
    gaps = stack.gaps
    if len(gaps) == 0:
        return None
    if gaps.min() < SAME_PLACE_MM:
        return Break("same place", int(np.argmin(gaps)))
    if not even(stack.depths):
        return Break("uneven", int(np.argmax(np.abs(gaps - stack.usual))))
    return beside(stack)


def beside(stack: Stack) -> Break | None:
    """The slice that is furthest off the line through the first and the last, if it is further than rounding."""
    off = np.hypot(*_off_the_line(stack).T)
    return Break("sideways", int(np.argmax(off))) if off.max() > _sideways_mm(stack) else None


def even(depths: NDArray[np.float64]) -> bool:
    """Whether ascending depths lie on an even grid, gap by gap and as a whole."""
    n = len(depths) - 1
    mean = (depths[-1] - depths[0]) / n
    close = tolerance_mm(mean)
    drift = np.abs(depths - depths[0] - mean * np.arange(n + 1))
    return bool((np.abs(np.diff(depths) - mean) <= close).all() and drift.max() <= max(close, DRIFT * mean))


def tolerance_mm(spacing: float) -> float:
    """How much a gap may differ from the spacing."""
    return max(EVEN * spacing, min(ROUNDING_MM, ROUNDING_LIMIT * spacing))


def _off_the_line(stack: Stack) -> NDArray[np.float64]:
    """How far each slice lies (n, 2) from the line through the first and the last, in its own plane."""
    part = (stack.depths - stack.depths[0]) / (stack.depths[-1] - stack.depths[0])
    made: NDArray[np.float64] = stack.aside - part[:, None] * stack.aside[-1]
    return made


def _sideways_mm(stack: Stack) -> float:
    return max(ROUNDING_MM, min(SIDEWAYS * min(stack.spacing), SIDEWAYS_OF_GAP * stack.usual))
