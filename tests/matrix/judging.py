"""A reader's arrays against the truth: right, or wrong by how many mm and how many units of value.

Neither asks the other. How values were mapped is measured on the levels and undone; then the ramps say where each voxel
truly is, and the claimed place is compared with it, slice by slice, by a plane fitted to all its voxels, so that the
rounding of stored numbers averages out. Only where places are right are values compared voxel by voxel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matrix.found import Found
from matrix.grid import Array
from matrix.phantom import RAMPS, Phantom, Truth, even_shares
from matrix.row import MARKED, Row

WITHIN_MM = 0.1  # what the issue of every row allows
STRAIGHT = 0.02  # of the range of values: how far measured levels may be from a straight line through them
BOTH = 0.08  # of the voxels, from which on the values of a second volume are no accident
MOST = 0.7  # of a volume's voxels, that a reader must give
SAME_LEVEL = 0.01  # of the range of values
APART = 1.01  # voxels from the edge of a block, where interpolation and lossy coding reach
MARK_REACHES = 2.0  # voxels, once a volume was resampled
FEW = 12  # voxels of a slice, below which no plane is fitted


@dataclass(frozen=True)
class Verdict:
    """How wrong: `words` where numbers do not say it; mm and values are nan where they could not be measured."""

    mm: float = 0.0
    values: float = 0.0
    words: str = ""

    def right(self, row: Row) -> bool:
        return not self.words and self.mm <= WITHIN_MM and self.values <= row.within

    def badness(self) -> float:
        return float(bool(self.words)) * 1e6 + np.nan_to_num(self.mm, nan=1e4) * 100 + np.nan_to_num(self.values)


def judged(row: Row, answers: Mapping[str, Sequence[Found]]) -> Verdict:
    """The worst verdict over the volumes that a reader gave, each against the truth that fits it best."""
    counts = {len(found) for found in answers.values()}
    if len(counts) > 1:
        return Verdict(words="gives another number of volumes for other values")
    n = counts.pop()
    if n == 0:
        return Verdict(words="gives nothing")
    each = [_one(row, {name: found[i] for name, found in answers.items()}) for i in range(n)]
    return max(each, key=Verdict.badness)


def _one(row: Row, found: Mapping[str, Found]) -> Verdict:
    shapes = {name: one.voxels.shape for name, one in found.items()}
    if len(set(shapes.values())) > 1:
        return Verdict(words="gives another shape for other values")
    levels = found["levels"]
    channels = levels.voxels.shape[0]
    if channels != len(row.channels):
        return Verdict(words=f"{channels} {'channel' if channels == 1 else 'channels'}, not {len(row.channels)}")
    if _mixed(row, levels.voxels[0]):
        return Verdict(words="mixes volumes")
    judge = _film if row.kind == "film" else _placed
    return min((judge(row, found, truth) for truth in row.truths), key=Verdict.badness)


def _mixed(row: Row, levels: NDArray) -> bool:
    """Whether values of two volumes stand in one array."""
    offsets = sorted({truth.offset for truth in row.truths})
    near = SAME_LEVEL * (row.scale.high - row.scale.low)
    known = row.scale.levels()
    shares = [
        float(np.mean(np.abs(levels.reshape(-1, 1).astype(np.float64) - offset - known).min(axis=1) < near))
        for offset in offsets
    ]
    return sum(share > BOTH for share in shares) > 1


def _film(row: Row, found: Mapping[str, Found], truth: Truth) -> Verdict:
    """Frames without a place: their values, and the spacing within them."""
    levels, grid = found["levels"], truth.grid
    voxels = levels.voxels
    if voxels.shape[1:] != (grid.slices, grid.rows, grid.columns):
        return Verdict(words=f"array of {_times(voxels.shape[1:])}")
    index = np.moveaxis(np.indices(voxels.shape[1:]), 0, -1).astype(np.float64)
    worst = min(
        max(_off(row, row.phantom, voxels[c] / scale, index, truth, c) for c in range(len(voxels)))
        for scale in row.scales
    )
    return Verdict(_spacing_off(row, levels, truth), worst)


def _spacing_off(row: Row, found: Found, truth: Truth) -> float:
    """How far the far corner of an image is off because of its spacing; no spacing at all is as wrong as 1 mm."""
    if not row.spacing:
        return 0.0
    said = found.in_plane or (1.0, 1.0)
    sides = np.array([truth.grid.rows - 1, truth.grid.columns - 1])
    return float(np.linalg.norm((np.array(said) - truth.grid.spacing) * sides))


def _placed(row: Row, found: Mapping[str, Found], truth: Truth) -> Verdict:
    """A volume, or a slice, that has a place in the patient."""
    levels = found["levels"]
    if levels.affine is None:
        return Verdict(words="no place in the patient")
    phantom = row.phantom
    straight = _mappings(row, levels.voxels[0], truth)
    parts = {name: _part(phantom, found[name].voxels[0], straight, truth) for name in RAMPS}
    true_mm = np.stack([phantom.place_mm(i, parts[name]) for i, name in enumerate(RAMPS)], axis=-1)
    there = _there(np.stack(list(parts.values()), axis=-1))
    share = there.sum() / truth.grid.everywhere()[..., 0].size
    if share < MOST:
        if levels.voxels[0].size < MOST * truth.grid.everywhere()[..., 0].size:
            return Verdict(words=f"{len(there)} of {truth.grid.slices} slices")
        return Verdict(np.nan, _levels_off(row, levels.voxels[0], truth))
    claimed = _claimed(levels)
    index = truth.grid.index(claimed)
    if row.marked:
        there &= ~(np.abs(index[..., 1:] - MARKED) < MARK_REACHES).all(axis=-1)
    mm = max(_apart(claimed[i] - true_mm[i], there[i]) for i in range(len(there)))
    if mm > WITHIN_MM:
        return Verdict(mm, _levels_off(row, levels.voxels[0], truth))
    worst = max(_off(row, phantom, levels.voxels[c], index, truth, c, there) for c in range(len(levels.voxels)))
    return Verdict(mm, max(worst, _padding_off(row, levels.voxels[0], there)))


def _claimed(found: Found) -> Array:
    """The places (D, H, W, 3) in mm that a reader claims for its voxels."""
    assert found.affine is not None, "tested before"
    index = np.moveaxis(np.indices(found.voxels.shape[1:]), 0, -1)
    made: Array = index @ found.affine[:3, :3].T + found.affine[:3, 3]
    return made


def _mappings(row: Row, levels: NDArray, truth: Truth) -> list[tuple[float, float]]:
    """For each slice, slope and intercept of the straight line that a reader put on true values.

    Where a slice does not show one (its axis is no true one), that of the whole array; (1, 0) where there is none.
    """
    known = row.scale.levels() + truth.offset
    each = [_straight(known, part, row.within) for part in levels]
    whole = _straight(known, levels, row.within) or (1.0, 0.0)
    return [whole if line is None else line for line in each]


def _straight(known: Array, values: NDArray, within: float) -> tuple[float, float] | None:
    best, line = np.inf, (1.0, 0.0)
    for shares, order in ((even_shares(), 1), (1 - even_shares(), -1)):
        seen = np.quantile(values.astype(np.float64), shares)
        if np.abs(seen - known).max() <= max(within, 1e-6):
            return 1.0, 0.0
        slope, intercept = np.polyfit(known, seen, 1)
        off = np.abs(slope * known + intercept - seen).max() / max(float(np.ptp(seen)), 1e-12)
        if off < best and np.sign(slope) == order:
            best, line = off, (float(slope), float(intercept))
    return line if best < STRAIGHT else None


def _part(phantom: Phantom, ramp: NDArray, lines: Sequence[tuple[float, float]], truth: Truth) -> Array:
    """The part 0..1 of a ramp that each voxel shows, once the reader's mapping of values is undone."""
    slope, intercept = (np.array([line[i] for line in lines])[:, None, None] for i in (0, 1))
    return phantom.part((ramp - intercept) / slope - truth.offset)


def _there(parts: Array) -> NDArray[np.bool_]:
    """Which voxels (D, H, W) hold the volume, not what a reader filled in beside it."""
    inside = ((parts > 0) & (parts < 1)).all(axis=-1)
    if inside.all():
        return inside
    # beside what was filled in, and at the edge of a grid that was grown, values are mixtures
    made = inside.copy()
    for axis in (1, 2):
        if inside.shape[axis] > 1:
            for shift in (-1, 1):
                made &= _shifted(inside, axis, shift)
    return made


def _shifted(inside: NDArray[np.bool_], axis: int, shift: int) -> NDArray[np.bool_]:
    made = np.roll(inside, shift, axis)
    edge = [slice(None)] * 3
    edge[axis] = slice(0, 1) if shift > 0 else slice(-1, None)
    made[tuple(edge)] = False
    return made


def _apart(difference: Array, there: NDArray[np.bool_]) -> float:
    """The largest distance in mm of a slice's corners, by planes through the differences (H, W, 3) of its voxels."""
    rows, columns = np.nonzero(there)
    if len(rows) < FEW:
        return 0.0
    terms = np.stack([np.ones(len(rows)), rows, columns], axis=1).astype(np.float64)
    planes = np.linalg.lstsq(terms, difference[rows, columns], rcond=None)[0]
    ends = [(1, r, c) for r in (rows.min(), rows.max()) for c in (columns.min(), columns.max())]
    return float(np.linalg.norm(np.array(ends, dtype=np.float64) @ planes, axis=1).max())


def _levels_off(row: Row, levels: NDArray, truth: Truth) -> float:
    """The largest difference of the six levels, wherever they are."""
    seen = np.quantile(levels.astype(np.float64), even_shares())
    return float(np.abs(seen - row.scale.levels() - truth.offset).max())


def _off(
    row: Row,
    phantom: Phantom,
    voxels: NDArray,
    index: Array,
    truth: Truth,
    channel: int,
    there: NDArray[np.bool_] | None = None,
) -> float:
    """The largest difference of a channel's values from those that are true at fractional places `index`."""
    scale, offset = row.channels[channel]
    true = phantom.level(index)
    looked_at = np.ones(true.shape, bool) if there is None else there.copy()
    reach = APART if row.soft else 0.0
    for rows, columns in ((-reach, 0), (reach, 0), (0, -reach), (0, reach)):
        looked_at &= phantom.level(index + np.array([0.0, rows, columns])) == true
    expected = np.rint(scale * (true + truth.offset) + offset) if len(row.channels) > 1 else true + truth.offset
    return float(np.abs(voxels - expected)[looked_at].max())


def _padding_off(row: Row, levels: NDArray, there: NDArray[np.bool_]) -> float:
    """How far below the lowest value that means something a reader's padding stands."""
    if row.outside is None or there.all():
        return 0.0
    return max(0.0, row.outside - float(levels[~there].min()))


def _times(shape: Sequence[int]) -> str:
    return " x ".join(str(n) for n in shape)
