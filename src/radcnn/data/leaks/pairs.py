"""Pairs of images that show the same picture, whatever was done to one of them, within and across the sides.

Exact pixels in another container are told by their hash. All others are searched for by their prints and then laid
upon each other; what does not agree pixel for pixel is no pair, however alike two chests may look.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from radcnn.core.case import Source
from radcnn.data.cohort import Cohort
from radcnn.data.leaks.depth import agreement_in_depth, layers
from radcnn.data.leaks.pair import LeakPair
from radcnn.data.leaks.prints import FORMS, Floats, Prints
from radcnn.data.leaks.recompressed import recompressed
from radcnn.data.leaks.search import Candidates, placed, search
from radcnn.data.leaks.verify import KEPT, RASTER, Agreement, Ends, agreement
from radcnn.data.quiet import quiet
from radcnn.data.read import read_source
from radcnn.data.survey import Look
from radcnn.data.survey.thumbnails import areas, grey, projection

Told = Callable[[int, int], None]

ALIKE = 0.87  # likeness of prints from which on a pair is looked at; planted copies of all sets have .91 or more
PLACED = 0.86  # the same once the best crop was found; planted copies have .90 or more
SAME_LARGE, SAME_SMALL = 0.78, 0.93  # agreement of one picture, at RASTER pixels per side and at 28 or fewer
SAME_DEEP = 0.9  # of slabs of a volume: planted copies have .96 or more, chests that are ellipsoids .86
SAME_WEAKEST = 0.85  # of their weakest structures: planted copies have .97 or more, simulated chests .68 or less
SMALL = 28
UNMOVED = 0.02  # of a side: an image whose edges lie no further off was not cropped
AGAIN = 0.4  # agreement from which a small image is asked whether it was compressed again
KEPT_IMAGES = 512  # reduced images kept while pairs are verified; 75 MiB
KEPT_VOLUMES = 16  # and volumes; 64 MiB
MOST_VERIFIED = 20_000  # candidates, the most alike first; minutes


def near_duplicate_pairs(
    cohort: Cohort, looks: Sequence[Look], *, workers: int, told: Told | None = None
) -> tuple[LeakPair, ...]:
    """Pairs of cases whose images are different files of one picture, the best agreement first.

    Found are copies in another container or coding, mirrored, turned, cropped by up to a tenth on each side, of other
    size or intensities, and single slices of another's volume. Copies byte for byte are no part of it. Several cases of
    one image stand by the first.
    """
    first: dict[Source, int] = {}
    for row, case in enumerate(cohort.cases):
        first.setdefault(case.source, row)
    rows = np.array(list(first.values()), dtype=np.intp)
    found = {(a, b): LeakPair(a, b, "the same pixels", 1.0) for a, b in _exact(looks, rows)}
    for group in _kinds(looks, rows):
        for pair in _alike(cohort, group, workers=workers, told=told):
            key = (pair.first, pair.second)
            if key not in found or found[key].figure < pair.figure:
                found[key] = pair
    return tuple(sorted(found.values(), key=lambda pair: (-pair.figure, pair.first, pair.second)))


def _exact(looks: Sequence[Look], rows: NDArray[np.intp]) -> Iterator[tuple[int, int]]:
    """Rows whose images hold the same numbers in the same places."""
    groups: dict[bytes, list[int]] = defaultdict(list)
    for row in rows.tolist():
        groups[looks[row].pixels].append(row)
    for members in groups.values():
        yield from ((members[0], other) for other in members[1:])


@dataclass(frozen=True, eq=False)
class Kind:
    """Thumbnails that are compared with each other: whose they are, and which slice (-1 for the mean of a volume).

    deep  whether both are volumes, which have to agree through their depth, too
    """

    rows: NDArray[np.intp]
    slices: NDArray[np.intp]
    thumbnails: NDArray[np.uint8]
    wholes: NDArray[np.intp] | None = None
    parts: NDArray[np.intp] | None = None
    deep: bool = False


def _kinds(looks: Sequence[Look], rows: NDArray[np.intp]) -> Iterator[Kind]:
    """Images with images, volumes with volumes, and images with the slices of volumes."""
    shown = [row for row in rows.tolist() if not looks[row].plain]
    flat = [row for row in shown if looks[row].rank == 2]
    deep = [row for row in shown if looks[row].rank == 3]
    for group in (flat, deep):
        if len(group) > 1:
            stack = np.stack([looks[row].planes[0] if looks[row].rank == 2 else looks[row].middle for row in group])
            yield Kind(np.array(group), np.full(len(group), -1), stack, deep=group is deep)
    if flat and deep:
        planes = [(row, k, looks[row].planes[i]) for row in deep for i, k in enumerate(looks[row].slices)]
        stack = np.stack([looks[row].planes[0] for row in flat] + [plane for _, _, plane in planes])
        who = np.array([*flat, *(row for row, _, _ in planes)])
        which = np.array([*([-1] * len(flat)), *(k for _, k, _ in planes)])
        yield Kind(who, which, stack, wholes=np.arange(len(flat), len(who)), parts=np.arange(len(flat)))


def _alike(cohort: Cohort, kind: Kind, *, workers: int, told: Told | None) -> Iterator[LeakPair]:
    """The pairs of one kind that agree pixel for pixel."""
    candidates = _candidates(kind, workers)
    image = lru_cache(KEPT_IMAGES)(lambda at: _reduced(cohort, int(kind.rows[at]), int(kind.slices[at])))
    stack = lru_cache(KEPT_VOLUMES)(lambda at: layers(_plane(cohort, int(kind.rows[at]))))

    def verified(one: Candidate) -> Agreement | None:
        whole, part = image(one[0]), image(one[1])
        found, needed = agreement(whole, part, one[2], one[3]), _needed(min(RASTER, *whole.shape, *part.shape))
        if one[2] == 0 and min(map(max, one[3])) <= UNMOVED and AGAIN <= found.figure < needed:
            found = replace(found, figure=max(found.figure, recompressed(whole, part)))
        if found.figure < needed:
            return None
        if not kind.deep:
            return found
        through = agreement_in_depth(stack(one[0]), stack(one[1]), one[2], found.ends)
        if through.figure < SAME_DEEP or through.weakest < SAME_WEAKEST:
            return None
        return replace(found, figure=min(found.figure, through.figure))

    agreeing = ThreadPoolExecutor(max(1, workers), thread_name_prefix="agree")
    with quiet(), threadpool_limits(1, "blas"), agreeing as pool:
        for done, (one, found) in enumerate(zip(candidates, pool.map(verified, candidates), strict=True), 1):
            if told is not None:
                told(done, len(candidates))
            if found is not None:
                yield _pair(kind, one[0], one[1], one[2], found)


def _needed(side: int) -> float:
    """The agreement that one picture reaches on a raster of so many pixels per side: small ones agree by chance."""
    share = float(np.clip((side - SMALL) / (RASTER - SMALL), 0, 1))
    return SAME_SMALL + share * (SAME_LARGE - SAME_SMALL)


Candidate = tuple[int, int, int, tuple[Ends, ...]]


def _candidates(kind: Kind, workers: int) -> list[Candidate]:
    """(whole, part, form, ends) by grey values and by ranks, with either image as the whole: one may err.

    Where both layers found the pair, both places are kept: the images tell which is the better start.
    """
    best: dict[tuple[int, int, int], float] = {}
    ends: dict[tuple[int, int, int], tuple[Ends, ...]] = {}
    for layer in (0, 1):
        prints = Prints.of(np.ascontiguousarray(kind.thumbnails[:, layer]))
        found = search(prints, threshold=ALIKE, workers=workers, wholes=kind.wholes, parts=kind.parts)
        if not len(found):
            continue
        found = _most_alike(found)
        place = placed(prints, found, workers=workers)
        for i in np.flatnonzero(place.likeness >= PLACED).tolist():
            whole, part, form = int(found.whole[i]), int(found.part[i]), int(found.form[i])
            if kind.rows[whole] != kind.rows[part]:
                key, (top, bottom, left, right) = (whole, part, form), (float(v) for v in place.ends[i])
                best[key] = max(best.get(key, 0.0), float(place.likeness[i]))
                ends[key] = (*ends.get(key, ()), (top, bottom, left, right))
    ordered = sorted(best, key=lambda key: -best[key])[:MOST_VERIFIED]
    return [(*key, ends[key]) for key in sorted(ordered)]


def _most_alike(found: Candidates) -> Candidates:
    """The candidates whose crops are worth a search, when there are very many."""
    kept = np.argsort(-found.likeness, kind="stable")[: 10 * MOST_VERIFIED]
    return Candidates(found.whole[kept], found.part[kept], found.form[kept], found.likeness[kept])


def _plane(cohort: Cohort, row: int) -> NDArray:
    return grey(read_source(cohort.cases[row].source).voxels)


def _reduced(cohort: Cohort, row: int, at: int) -> Floats:
    """An image, a slice of a volume or its mean over slices, at most KEPT pixels per axis."""
    plane = _plane(cohort, row)
    flat = plane[at] if plane.ndim == 3 and at >= 0 else projection(plane)
    height, width = (min(KEPT, n) for n in flat.shape)
    made: Floats = areas(flat.shape[0], height) @ flat.astype(np.float32) @ areas(flat.shape[1], width).T
    return made


CROPPED = 0.015  # of a side; less is a resampling's rounding
CHANGED = 0.02  # of the range of grey values; less is what JPEG does


def _pair(kind: Kind, whole: int, part: int, form: int, found: Agreement) -> LeakPair:
    words = []
    if kind.slices[whole] >= 0:
        words.append(f"slice {int(kind.slices[whole]) + 1} of the volume")
    transposed, vertical, horizontal = FORMS[form]
    if transposed or (vertical and horizontal):
        words.append("turned" if not transposed or vertical != horizontal else "turned over the diagonal")
    elif vertical or horizontal:
        words.append("mirrored top to bottom" if vertical else "mirrored left to right")
    if max(found.ends) > CROPPED:
        words.append("cropped")
    if found.falling:
        words.append("grey values inverted")
    elif found.changed > CHANGED:
        words.append("other grey values")
    first, second = sorted((int(kind.rows[whole]), int(kind.rows[part])))
    return LeakPair(first, second, ", ".join(words) or "the same picture, stored anew", round(found.figure, 3))
