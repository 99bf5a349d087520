"""Views of a batch for test-time averaging: a fixed list of mirrorings and whole-voxel shifts, with inverses."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Literal, TypeVar, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from radcnn.core.catalogue import did_you_mean
from radcnn.core.errors import SettingsError

AnyDtype = TypeVar("AnyDtype", bound=np.generic)
ViewKind = Literal["identity", "left_right", "flips", "rotations", "shifts"]


@dataclass(frozen=True)
class View:
    """One look at a batch (B, C, *spatial): rows for columns, mirrored along `flips`, then shifted by whole voxels.

    swapped  whether rows and columns are exchanged
    flips   axes counted from the last: -1 columns, -2 rows, -3 slices
    shift   voxels per axis, from the last axis backwards; the border is continued
    """

    name: str
    flips: tuple[int, ...] = ()
    shift: tuple[int, ...] = ()
    swapped: bool = False

    def apply(self, batch: Tensor) -> Tensor:
        """The batch as this view shows it; exact, nothing is interpolated."""
        if self.swapped:
            batch = batch.transpose(-1, -2)
        if self.flips:
            batch = batch.flip(self.flips)
        return _shifted(batch, self.shift)

    def undo(self, batch: Tensor) -> Tensor:
        """A map predicted on the view, carried back to the batch; exact but for the border of a shift."""
        batch = _shifted(batch, tuple(-s for s in self.shift))
        if self.flips:
            batch = batch.flip(self.flips)
        return batch.transpose(-1, -2) if self.swapped else batch

    def of_array(self, image: NDArray[AnyDtype]) -> NDArray[AnyDtype]:
        """An image (C, *spatial) as this view shows it, without a shift: a view of it, through which it is written."""
        shown = np.swapaxes(image, -1, -2) if self.swapped else image
        return np.flip(shown, self.flips) if self.flips else shown


def test_time_views(kind: ViewKind, *, dims: Literal[2, 3] = 2) -> tuple[View, ...]:  # noqa: PT028 - no test
    """The views over which predictions are averaged; the identity is always the first.

    identity    the image as it is
    left_right  also mirrored along the columns; only where no label depends on the side
    flips       every combination of mirrorings (4 in 2D, 8 in 3D); only where orientation carries no meaning
    rotations   by quarters within the slice, mirrored and not (8); likewise
    shifts      also shifted by one voxel either way along each axis

    >>> [view.name for view in test_time_views("left_right")]
    ['identity', 'flip -1']
    """
    if kind not in get_args(ViewKind):
        raise SettingsError(f"test-time views {kind!r} are unknown: {did_you_mean(str(kind), get_args(ViewKind))}")
    identity = View("identity")
    axes = tuple(range(-1, -dims - 1, -1))
    if kind == "left_right":
        return identity, View("flip -1", flips=(-1,))
    if kind == "flips":
        chosen = [c for count in range(1, dims + 1) for c in combinations(axes, count)]
        return identity, *(View("flip " + " ".join(map(str, c)), flips=c) for c in chosen)
    if kind == "rotations":
        plane = [c for count in range(3) for c in combinations((-1, -2), count)]
        turned = [View(f"flip {c}", flips=c) for c in plane[1:]]
        return identity, *turned, *(View(f"rows for columns, flip {c}", flips=c, swapped=True) for c in plane)
    if kind == "shifts":
        steps = [(axis, by) for axis in axes for by in (-1, 1)]
        return identity, *(View(f"shift {a} by {by:+d}", shift=_unit(a, by, dims)) for a, by in steps)
    return (identity,)


test_time_views.__test__ = False  # type: ignore[attr-defined]  # its name begins like a test's; pytest is to leave it alone


def _unit(axis: int, by: int, dims: int) -> tuple[int, ...]:
    return tuple(by if axis == -1 - place else 0 for place in range(dims))


def _shifted(batch: Tensor, shift: tuple[int, ...]) -> Tensor:
    for place, by in enumerate(shift):
        if by:
            axis = batch.ndim - 1 - place
            source = (torch.arange(batch.shape[axis], device=batch.device) - by).clamp(0, batch.shape[axis] - 1)
            batch = batch.index_select(axis, source)
    return batch
