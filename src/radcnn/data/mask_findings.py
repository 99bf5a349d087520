"""The masks and boxes of a study: each is read once, beside its image, and only what was found stays in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from radcnn.core.case import Source
from radcnn.core.errors import GeometryError
from radcnn.core.volume import Volume
from radcnn.data.cohort import Cohort
from radcnn.data.findings import Finding
from radcnn.data.masks.checking import Box, box_findings, mask_findings_of
from radcnn.data.masks.mask import Mask
from radcnn.data.masks.read import mask_on
from radcnn.data.read import read_noted
from radcnn.data.reading import Reading


def mask_findings(cohort: Cohort, *, declared: Mapping[int, str] | None = None) -> tuple[Finding, ...]:
    """Findings about the masks and boxes of a cohort's cases; none where no case has one.

    Images with several cases are read once, and so is a mask that several cases share; one image and one mask are in
    memory at a time. Labels that overlap are no fault here. Raises InputError when an image, or a mask that is no
    question of place, cannot be read.
    """
    boxes: list[tuple[int, Box, tuple[int, ...]]] = []
    outlined = cohort.target.kind == "mask"
    return (*mask_findings_of(_read(cohort, boxes), declared=declared, outlined=outlined), *box_findings(boxes))


def _read(
    cohort: Cohort, boxes: list[tuple[int, Box, tuple[int, ...]]]
) -> Iterator[tuple[int, Mask | GeometryError, Volume]]:
    """The number of each case, its mask and its image; what its boxes lie in is put beside them."""
    for source, numbers in _by_image(cohort).items():
        found = read_noted(source)
        image = found.volume
        boxes += [(i + 1, box, image.size) for i in numbers if (box := cohort.cases[i].box) is not None]
        masks = dict.fromkeys(mask for i in numbers if (mask := cohort.cases[i].mask) is not None)
        for mask in masks:
            first = next(i for i in numbers if cohort.cases[i].mask == mask)
            yield first + 1, _mask(mask, found), image


def _by_image(cohort: Cohort) -> dict[Source, list[int]]:
    """The cases with a mask or a box, by their image, in the cohort's order."""
    found: dict[Source, list[int]] = defaultdict(list)
    for i, case in enumerate(cohort.cases):
        if case.mask is not None or case.box is not None:
            found[case.source].append(i)
    return found


def _mask(mask: Source, image: Reading) -> Mask | GeometryError:
    try:
        return mask_on(image, mask)
    except GeometryError as misfit:
        return misfit
