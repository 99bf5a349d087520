"""What was outlined in the cases that are looked into: masks or boxes of the study's table, on the network's grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import Case
from radcnn.core.errors import GeometryError, InputError
from radcnn.core.volume import Volume
from radcnn.data.masks.checking import Box, are_relative, scaled
from radcnn.data.masks.read import mask_on
from radcnn.data.read import read_noted
from radcnn.reports.numbers import several
from radcnn.study.explaining.chosen import Chosen
from radcnn.study.explaining.placing import on_map
from radcnn.study.listener import Listener
from radcnn.study.looking import LookedInto

NONE = "not applicable, because the study names no masks or boxes (--mask, --box)"


@dataclass(frozen=True, eq=False)
class Marks:
    """Outlines of some of the cases.

    rows   (m,) which of the chosen cases have one
    masks  (m, *size) of bool, on the network's grid
    words  where they come from, or why there are none
    """

    rows: NDArray[np.intp]
    masks: NDArray[np.bool_]
    words: str


def marks_of(looked: LookedInto, chosen: Chosen, listener: Listener) -> Marks:
    """The outlines of the cases whose truth is what is outlined: the positive class of two, any of several.

    A mask that does not fit its image, or is too small for the network's grid, is left out and counted.
    """
    cases = looked.cases
    able = [k for k, row in enumerate(chosen.rows) if _is_marked(cases[int(row)])]
    size = looked.bundle.preparation.size
    nothing = np.zeros((0, *size), dtype=bool)
    if not able:
        named = any(_is_marked(case) for case in looked.opened.cohort.cases)
        words = "not applicable, because none of these cases has a mask or box" if named else NONE
        return Marks(np.zeros(0, np.intp), nothing, words)
    if looked.bundle.preparation.planes == "triplanar":
        words = "not applicable, because the network sees three planes, which lie in no one mask"
        return Marks(np.zeros(0, np.intp), nothing, words)
    if looked.bundle.target.kind != "regression":
        # of two classes the last is what is outlined: an outline in a healthy image is of something else
        least = 1 if looked.bundle.target.kind == "binary" else 0
        able = [k for k in able if int(chosen.truths[k]) >= least]
    relative = are_relative([case.box for case in looked.opened.cohort.cases if case.box is not None])
    found: dict[int, NDArray[np.bool_]] = {}
    for done, k in enumerate(able, start=1):
        mask = _mask(looked, cases[int(chosen.rows[k])], relative=relative)
        if mask is not None and mask.any():
            found[k] = mask
        listener.progress("placing masks", done, len(able))
    if not found:
        return Marks(np.zeros(0, np.intp), nothing, "not applicable, because no outline lies in what the network sees")
    return Marks(np.array(list(found), np.intp), np.stack(list(found.values())), _words(len(found), len(able)))


def boxed(box: Box, image: Volume) -> Volume:
    """The pixels of an image whose centres lie in a box, at least one; in a volume, those of every slice.

    >>> image = Volume(np.zeros((1, 3, 4)), None)
    >>> boxed((1.0, 0.0, 3.0, 2.0), image).voxels[0].sum()
    np.uint64(4)
    """
    x0, y0, x1, y1 = box
    inside = [_within(n, low, high) for n, low, high in zip(image.size[-2:], (y0, x0), (y1, x1), strict=True)]
    plane = (inside[0][:, None] & inside[1][None]).astype(np.uint8)
    return Volume(np.broadcast_to(plane, (1, *image.size)), image.affine, "mask", image.frame)


def _within(length: int, low: float, high: float) -> NDArray[np.bool_]:
    """Which pixels of an axis have their centres between two edges, or the one that holds the middle."""
    at = np.arange(length) + 0.5
    found = (at >= low) & (at <= high)
    return found if found.any() else np.arange(length) == int(np.clip((low + high) / 2, 0, length - 1))


def _mask(looked: LookedInto, case: Case, *, relative: bool) -> NDArray[np.bool_] | None:
    """The outline of a case on the network's grid; None where it does not fit its image."""
    reading = read_noted(case.source)
    image = reading.volume
    try:
        if case.mask is not None:
            marked = mask_on(reading, case.mask).volume
        else:
            assert case.box is not None
            marked = boxed(scaled(case.box, *image.size[-2:]) if relative else case.box, image)
        return on_map(marked, image, looked.bundle.preparation, case.centre_mm)
    except (GeometryError, InputError):
        return None


def _words(found: int, asked: int) -> str:
    missing = asked - found
    lost = f"; {several(missing, 'other')} did not fit the image or the network's grid" if missing else ""
    return f"masks or boxes of {several(found, 'case')}{lost}; maps are of the true class"


def _is_marked(case: Case) -> bool:
    return case.mask is not None or case.box is not None
