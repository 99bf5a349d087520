"""Findings about masks and boxes; cases are named by their numbers, counted from 1, and never by a file's name.

A box is (x0, y0, x1, y1) in pixels of the image as it is read: x runs along a row, y down the rows, and the edges of
the first pixel are 0 and 1, so that the box of a whole image of 512 x 512 pixels is (0, 0, 512, 512). Boxes may be
given as fractions of the image's width and height instead; they are taken for such when most of them lie within 0..1.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from radcnn.core.errors import GeometryError, MisfitError
from radcnn.core.volume import Volume
from radcnn.data.findings import Finding, counted, finding
from radcnn.data.masks.lattice import grid_of, placement, refuse_other_size, three
from radcnn.data.masks.mask import Mask

MOST_NAMED = 5  # cases that a sentence lists
BOX_SLACK_PIXELS = 1.0  # programs count pixels from 0 or from 1, and their edges or their centres

Box = tuple[float, float, float, float]


def mask_findings_of(
    cases: Iterable[tuple[int, Mask | GeometryError, Volume]],
    *,
    declared: Mapping[int, str] | None = None,
    outlined: bool = False,
) -> tuple[Finding, ...]:
    """Findings about (number, mask, image) of cases, taken one at a time; of each only what was found is kept.

    A mask that could not be read because it does not fit is given as its error. `declared` names the labels that may
    occur beside background; without it, any may. Where masks are `outlined`, a label must mean the same in all of them.
    """
    misfits: list[str] = []
    empty: list[int] = []
    full: list[int] = []
    undeclared: dict[int, list[int]] = defaultdict(list)
    called: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for number, mask, image in cases:
        misfit = mask if isinstance(mask, GeometryError) else misfit_of(mask, image)
        if misfit is not None:
            misfits.append(f"case {number} ({_in_what(misfit)})")
        if isinstance(mask, GeometryError):
            continue
        counts = mask.counts()
        for label in counts.keys() & mask.names.keys() if outlined else ():
            called[label][mask.names[label].strip().casefold()].append(number)
        if not counts:
            empty.append(number)
        elif sum(counts.values()) == mask.volume.voxels.size:
            full.append(number)
        for label in counts.keys() - (counts if declared is None else declared).keys():
            undeclared[label].append(number)
    return (
        *_misfits(misfits), *_empty(empty), *_full(full), *_undeclared(undeclared, declared), *_other_names(called)
    )  # fmt: skip


def misfit_of(mask: Mask, image: Volume) -> MisfitError | None:
    """Why a mask does not lie voxel by voxel on an image; None when it does, or when nothing says that it does not."""
    try:
        if mask.volume.frame == "patient" and image.frame == "patient":
            found = placement("the mask", grid_of(mask.volume), grid_of(image))
            if not found.as_stored:
                return MisfitError("the mask lists its voxels in another order", "orientation")
        else:
            refuse_other_size("the mask", mask.volume, image)
    except MisfitError as misfit:
        return misfit
    return None


def box_findings(boxes: Iterable[tuple[int, Box, tuple[int, ...]]]) -> tuple[Finding, ...]:
    """Findings about (number, box, size of its image) of cases; of (D, H, W) the last two count."""
    listed = [(number, box, three(size)[1:]) for number, box, size in boxes]
    relative = are_relative([box for _, box, _ in listed])
    wrong: dict[str, list[int]] = defaultdict(list)
    for number, box, (rows, columns) in listed:
        in_pixels = scaled(box, rows, columns) if relative else box
        if (fault := fault_of(in_pixels, rows, columns)) is not None:
            wrong[fault].append(number)
    if not wrong:
        return ()
    n = sum(len(numbers) for numbers in wrong.values())
    told = "; ".join(f"{fault} in {_named(numbers)}" for fault, numbers in wrong.items())
    unit = ", taken as fractions of the image's width and height," if relative else ""
    sentence = f"{n} of {counted(len(listed), 'box', 'boxes')}{unit} cannot be boxes of their images: {told}"
    way_out = "correct them: x0 y0 x1 y1 in pixels, x along the rows from the left, y from the top"
    return (finding("box outside the image", sentence, way_out),)


def are_relative(boxes: Sequence[Box]) -> bool:
    """Whether boxes are fractions of their image: most lie within 0..1, where a box in pixels has no room.

    >>> are_relative([(0.1, 0.2, 0.4, 0.5), (0.9, 0.9, 1.2, 1.0), (0.0, 0.0, 1.0, 1.0)])
    True
    """
    within = sum(all(0 <= edge <= 1 for edge in box) for box in boxes)
    return 2 * within > len(boxes)


def scaled(box: Box, rows: int, columns: int) -> Box:
    """A box given as fractions of the image, in pixels."""
    x0, y0, x1, y1 = box
    return x0 * columns, y0 * rows, x1 * columns, y1 * rows


def fault_of(box: Box, rows: int, columns: int) -> str | None:
    """What is wrong with a box in pixels; None when it can be one of an image of this size.

    >>> fault_of((10, 10, 5, 20), 512, 512), fault_of((500, 10, 530, 20), 512, 512), fault_of((0, 0, 9, 9), 512, 512)
    ('no extent', 'outside the image', None)
    """
    x0, y0, x1, y1 = box
    if not (x1 > x0 and y1 > y0):
        return "no extent"
    slack = BOX_SLACK_PIXELS
    within = -slack <= x0 and -slack <= y0 and x1 <= columns + slack and y1 <= rows + slack
    return None if within else "outside the image"


def _misfits(cases: Sequence[str]) -> list[Finding]:
    if not cases:
        return []
    n = len(cases)
    listed = "; ".join(cases[:MOST_NAMED]) + ("; ..." if n > MOST_NAMED else "")
    on = "does not lie on its image's grid" if n == 1 else "do not lie on their images' grids"
    sentence = f"{counted(n, 'mask')} {on}: {listed}"
    way_out = "give the mask that was made on this image, or put it onto the image's grid by nearest neighbours"
    return [finding("mask does not fit its image", sentence, way_out)]


def _in_what(misfit: GeometryError) -> str:
    if not isinstance(misfit, MisfitError):
        return "its geometry contradicts itself"
    return misfit.what if misfit.off_mm is None else f"{misfit.what}, {misfit.off_mm:.3g} mm off"


def _empty(cases: Sequence[int]) -> list[Finding]:
    if not cases:
        return []
    sentence = f"{counted(len(cases), 'mask')} {'is' if len(cases) == 1 else 'are'} empty ({_named(cases)})"
    way_out = "right where nothing is to be seen; a case that was never outlined should have no mask"
    return [finding("empty mask", sentence, way_out)]


def _full(cases: Sequence[int]) -> list[Finding]:
    if not cases:
        return []
    sentence = f"{counted(len(cases), 'mask')} {'has' if len(cases) == 1 else 'have'} no background ({_named(cases)})"
    way_out = "look at them: an image may have been given as its own mask, or inside and outside be exchanged"
    return [finding("full mask", sentence, way_out)]


def _undeclared(labels: Mapping[int, Sequence[int]], declared: Mapping[int, str] | None) -> list[Finding]:
    if not labels:
        return []
    shown = sorted(labels)[:MOST_NAMED]
    told = "; ".join(f"{label} in {_named(labels[label])}" for label in shown)
    more = "; ..." if len(labels) > MOST_NAMED else ""
    known = ", ".join(str(label) for label in sorted(declared or {})) or "none"
    sentence = f"masks hold labels that were never declared: {told}{more}; declared are {known}"
    return [finding("label not declared", sentence, "declare what they mean, or correct the masks")]


def _other_names(called: Mapping[int, Mapping[str, Sequence[int]]]) -> list[Finding]:
    """Labels that have another name than in the first case; names are free text, so none is told."""
    told = []
    for label, by_name in sorted(called.items()):
        first, *others = by_name.values()
        if others:
            elsewhere = sorted(number for numbers in others for number in numbers)
            told.append(f"{label} in {_named(elsewhere)} otherwise than in {_named(first)}")
    if not told:
        return []
    shown = "; ".join(told[:MOST_NAMED]) + ("; ..." if len(told) > MOST_NAMED else "")
    sentence = f"{counted(len(told), 'segment')} {'has' if len(told) == 1 else 'have'} several names: {shown}"
    way_out = "ask for structures by the names of segments (--structure 'liver=Liver'), or number segments alike"
    return [finding("segment of another name", sentence, way_out)]


def _named(cases: Sequence[int]) -> str:
    """Cases by their numbers, the first few.

    >>> _named([3]), _named([1, 2, 3, 4, 5, 6])
    ('case 3', 'cases 1, 2, 3, 4, 5, ...')
    """
    listed = ", ".join(str(number) for number in cases[:MOST_NAMED])
    return f"{'case' if len(cases) == 1 else 'cases'} {listed}" + (", ..." if len(cases) > MOST_NAMED else "")
