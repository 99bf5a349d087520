"""Contours of a DICOM RTSTRUCT on the grid of an image, from plain facts.

A voxel belongs to a region when its centre lies inside an odd number of the region's closed contours on its slice: so
contours inside others are holes (CLOSEDPLANAR_XOR, and what most programs mean by CLOSED_PLANAR), and keyholes work.
Each contour must lie in one slice of the image; only of contours denser than slices is the plane nearest to each slice
taken, and a note says so. Slices without contours stay empty, between two with contours as well, which is noted, too.
Points and open contours enclose nothing and are left out.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import InputError, MisfitError, ReadError
from radcnn.core.volume import Volume
from radcnn.data.masks.contours import CLOSED, Contours, Points
from radcnn.data.masks.lattice import grid_of, three, tolerance_mm
from radcnn.data.masks.mask import Mask, labels_meant, names_kept, on_grid
from radcnn.data.masks.scanline import crossings, inside, window
from radcnn.data.masks.stacking import Labels, Overlap, refuse_other_reference

NEAREST = 0.5  # of the slice spacing: a contour further from every slice lies outside the image
FLAT = 0.2  # of the slice spacing: a contour whose points are further apart across the slices lies in no slice
BESIDE = 0.1  # of the slice spacing: a contour further from its slice was drawn on another image
DENSER = 0.9  # of the slice spacing: planes of contours that are nearer to each other were drawn on finer slices
DECIMALS = 3  # of a pixel: outlines that differ by less are the same one
SAME_PLANE = 0.02  # of the slice spacing: contours nearer than this lie in one plane
EDGE = 0.5  # of a pixel: the edge of the image beyond the centres of its outermost pixels
MAX_CROSSINGS = 500_000_000  # of contours and rows; about ten seconds

Closed = list[tuple[int, int]]  # for each closed contour, where its points begin and end


def mask_of_contours(
    found: Contours,
    points: Points,
    like: Volume,
    *,
    frame_of_reference: str = "",
    segment: int | str | None = None,
    overlap: Overlap = "refuse",
    segments: Sequence[str] = (),
) -> Mask:
    """The mask of a DICOM RTSTRUCT (`rtstruct_contours`) on the grid of an image, each ROI under its number.

    See `labels_meant` for segment and segments.

    Raises MisfitError when a contour lies in no slice of the image, or in another frame of reference; InputError when
    regions overlap, or the one asked for is not there or encloses nothing.
    """
    numbers, notes = _numbered(found)
    names = {numbers[i]: roi.label for i, roi in enumerate(found.rois)}
    label_of = labels_meant(found.name, names, segment, segments)
    labels_of = [label_of.get(number, 0) for number in numbers]
    by_roi = _closed(found)
    drawn = [i for i in range(len(found.rois)) if labels_of[i] and by_roi[i]]
    notes += _without_area(found, labels_of, by_roi)
    if segment is not None and not drawn:
        raise InputError(
            f"label {next(iter(label_of))} of {found.name} has no closed contour and encloses nothing; choose another"
        )
    for i in drawn:
        notes += refuse_other_reference(found.name, found.rois[i].frame_of_reference, frame_of_reference)
    labels = Labels(found.name, like, max(label_of.values(), default=1), overlap)
    if drawn:
        index = _indices(found.name, points, like)
        _refuse_too_many(found.name, index, [span for i in drawn for span in by_roi[i]], three(like.size)[1])
    for i in sorted(drawn, key=lambda i: labels_of[i]):
        notes += _draw(labels, index, by_roi[i], labels_of[i], like)
    return on_grid(
        labels.voxels, like, names_kept(names, label_of, segments), [*notes, *labels.notes()], labels.overlapping
    )


def _numbered(found: Contours) -> tuple[list[int], list[str]]:
    """The label of each ROI: its ROINumber, unless one is 0 (background), negative or beyond 16 bits."""
    numbers = [roi.number for roi in found.rois]
    if all(0 < number < 1 << 16 for number in numbers):
        return numbers, []
    return list(range(1, len(numbers) + 1)), ["ROI numbers cannot be labels, so labels count the ROIs from 1 on"]


def _closed(found: Contours) -> Mapping[int, Closed]:
    """The closed contours of each ROI that enclose something; a contour that is there twice counts once."""
    spans: dict[int, Closed] = defaultdict(list)
    start = 0
    for roi, kind, end in zip(found.roi_of, found.kinds, found.ends, strict=True):
        if kind in CLOSED and end - start > 2:
            spans[roi].append((start, end))
        start = end
    return spans


def _without_area(found: Contours, labels_of: Sequence[int], by_roi: Mapping[int, Closed]) -> list[str]:
    """What was left out: points and open contours."""
    left = sum(labels_of[roi] > 0 for roi in found.roi_of) - sum(
        len(spans) for roi, spans in by_roi.items() if labels_of[roi]
    )
    return [f"{left} of {len(found.roi_of)} contours are points or open, and were left out"] if left else []


def _indices(name: str, points: Points, like: Volume) -> Points:
    """Points in mm as fractional indices (slice, row, column)."""
    if like.frame != "patient" or like.affine is None:
        raise MisfitError(
            f"{name} cannot be put onto its image, which does not say where in the patient it lies; give the DICOM "
            "images that were contoured",
            "place",
        )
    inverse = np.linalg.inv(grid_of(like).affine)
    index: Points = points @ inverse[:3, :3].T + inverse[:3, 3]
    return index


def _refuse_too_many(name: str, index: Points, spans: Closed, rows: int) -> None:
    cost = sum(crossings(index[start:end, 1:], rows) for start, end in spans)
    if cost > MAX_CROSSINGS:
        raise ReadError(f"{name} has contours that cross {cost:.0f} rows; drawn are {MAX_CROSSINGS:,}, simplify them")


def _draw(labels: Labels, index: Points, spans: Closed, label: int, like: Volume) -> list[str]:
    """Put one ROI into the label map."""
    size = labels.voxels.shape[1:]
    by_slice, notes = _by_slice(labels.name, index, spans, label, like)
    voxels, cut = 0, False
    for at, outlines in by_slice.items():
        (top, left), (rows, columns) = window(outlines, size)
        filled = inside([outline - (top, left) for outline in outlines], rows, columns)
        labels.put(labels.voxels[at, top : top + rows, left : left + columns], filled, label)
        voxels += int(filled.sum())
        cut |= any((each < -EDGE).any() or (each > np.array(size) - 1 + EDGE).any() for each in outlines)
    if cut:
        notes.append(f"label {label} reaches beyond the rows and columns of the image; what lies outside was cut off")
    if not voxels:
        notes.append(f"label {label} encloses no voxel's centre")
    spanned = max(by_slice) - min(by_slice) + 1 if by_slice else 0
    if len(by_slice) < spanned:
        notes.append(
            f"label {label} has contours on {len(by_slice)} of the {spanned} slices it spans; no others were filled"
        )
    return notes


def _by_slice(
    name: str, index: Points, spans: Closed, label: int, like: Volume
) -> tuple[dict[int, list[NDArray[np.float64]]], list[str]]:
    """The outlines (row, column) on each slice: those of the plane nearest to it, each once.

    Raises MisfitError where that plane does not lie in its slice, unless planes are denser than slices: of these a
    slice takes one within half their distance, so that slices beyond their ends stay empty.
    """
    depth = np.array([_depth(name, index[start:end, 0], label, like) for start, end in spans])
    nearest = np.rint(depth).astype(np.int64)
    off = np.abs(depth - nearest)
    slices = three(like.size)[0]
    beyond = np.maximum(-depth, depth - (slices - 1))
    if beyond.max() > NEAREST:
        _refuse(name, label, "lies {} outside the image", float(beyond.max()) * _slice_mm(like), "place")
    nearest = np.clip(nearest, 0, slices - 1)
    found: dict[int, list[NDArray[np.float64]]] = {}
    twice = dropped = 0
    apart, beside = _apart(depth), max(BESIDE, tolerance_mm(grid_of(like)) / _slice_mm(like))
    for at in np.unique(nearest):
        here = np.flatnonzero(nearest == at)
        least = float(off[here].min())
        if least > beside and apart >= DENSER:
            _refuse(name, label, "lies {} beside the nearest slice", least * _slice_mm(like), "place")
        if least > max(beside, apart / 2 + SAME_PLANE):
            dropped += len(here)
            continue
        plane = here[off[here] == least][0]
        same = here[np.abs(depth[here] - depth[plane]) <= SAME_PLANE]
        drawn = [index[slice(*spans[i]), 1:] for i in same]
        outlines = {_walk(outline): outline for outline in drawn}
        twice += len(same) - len(outlines)
        dropped += len(here) - len(same)
        found[int(at)] = list(outlines.values())
    notes = [f"label {label} has {twice} contours that stand there twice; they count once"] if twice else []
    if dropped:
        notes.append(f"label {label} has {dropped} contours between slices, which were left out")
    return found, notes


def _walk(outline: NDArray[np.float64]) -> bytes:
    """The same for outlines with the same vertices one after the other, wherever and whichever way round they begin."""
    points = np.round(outline, DECIMALS) + 0.0  # no -0
    if (points[0] == points[-1]).all():
        points = points[:-1]  # closed by hand
    first = np.lexsort(points.T)[0] if len(points) else 0
    there = np.roll(points, -first, axis=0)
    back = np.concatenate([there[:1], there[:0:-1]])
    return min(there.tobytes(), back.tobytes())


def _apart(depth: NDArray[np.float64]) -> float:
    """The usual distance of planes of contours, in slices; infinite where there is one plane."""
    planes = [-math.inf]
    for at in np.sort(depth):
        if at > planes[-1] + BESIDE:
            planes.append(float(at))
    return float(np.median(np.diff(planes[1:]))) if len(planes) > 2 else math.inf


def _depth(name: str, at: NDArray[np.float64], label: int, like: Volume) -> float:
    """The place of a contour along the slices, as an index; raises MisfitError when it lies across them."""
    spread = float(at.max() - at.min())
    if spread > FLAT:
        _refuse(
            name,
            label,
            "is not parallel to the slices: its points are {} apart across them",
            spread * _slice_mm(like),
            "orientation",
        )
    return float(at.mean())


def _slice_mm(like: Volume) -> float:
    """The distance of slices along their normal."""
    axes = grid_of(like).affine[:3, :3]
    normal = np.cross(axes[:, 1], axes[:, 2])
    return float(abs(axes[:, 0] @ normal) / np.linalg.norm(normal))


def _refuse(name: str, label: int, sentence: str, off_mm: float, what: str) -> NoReturn:
    raise MisfitError(
        f"{name} does not fit its image: a contour of label {label} {sentence.format(f'{off_mm:.3g} mm')}; "
        "give the image it was drawn on",
        what,
        off_mm,
    )
