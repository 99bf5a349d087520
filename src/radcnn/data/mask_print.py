"""What the masks of the training cases hold: which labels, how much of each, and the grey values beneath them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import Case
from radcnn.core.chance import generator
from radcnn.core.cores import by_all_cores
from radcnn.core.errors import InputError, ReadError
from radcnn.core.files import read_json
from radcnn.core.settings import fields_to_plain, from_plain
from radcnn.core.volume import Volume
from radcnn.data.findings import Finding, counted, finding
from radcnn.data.fingerprint import Extent, extent
from radcnn.data.masks.read import image_and_mask
from radcnn.data.prepared.keys import naming
from radcnn.data.quiet import quiet
from radcnn.metrics.components import components
from radcnn.transforms.orientation import Plane, acquired_plane, axis_order, towards_patient_axes

MOST_CASES = 400  # that are looked at; masks of all others are read when they are prepared
DRAWN = 5_000  # voxels of structures of each image, for percentiles
MOST_LABELS = 100
FEW = 10  # cases with a label, below which it is said
MOST_NAMED = 5  # cases that a sentence lists
MOSTLY = 0.5  # share of all voxels from which a label other than 0 is taken for "nobody looked here"


@dataclass(frozen=True)
class Noticed:
    """What was left out of masks or could not be compared: a sentence about the first, and the cases of all by id."""

    sentence: str
    cases: tuple[str, ...]


@dataclass(frozen=True)
class MaskPrint:
    """What masks hold.

    cases        looked at
    with_label   cases that have each label but background
    shares       of all voxels, by label, background too
    low, high    0.5 and 99.5 percentiles of the grey values within structures
    overlapping  masks in which labels overlap, so that the higher number was taken
    unlabelled   the label that says "nobody looked there"
    plane        of most volumes' slices
    size, spacing_mm  of the images with their axes in that plane; no spacing where that of one is not known
    reach        voxels along the same axes of the box about all structures of an image
    parts        of 2D masks how many separate parts (of 4 neighbours) a label has, the median where it is there
    noticed      what was left out of masks or could not be compared, each kind once
    """

    cases: int
    with_label: Mapping[str, int]
    shares: Mapping[str, float]
    low: float
    high: float
    overlapping: int = 0
    unlabelled: int | None = None
    parts: Mapping[str, float] = field(default_factory=dict)
    plane: Plane = "axial"
    size: Extent | None = None
    spacing_mm: Extent | None = None
    noticed: tuple[Noticed, ...] = ()
    reach: Extent | None = None

    def labels(self, unlabelled: int | None) -> tuple[int, ...]:
        """Labels of structures, in their order, where `unlabelled` is none."""
        return tuple(sorted(int(label) for label in self.with_label if int(label) != unlabelled))

    def as_json(self) -> dict[str, Any]:
        """A JSON object; `from_json` is the inverse."""
        plain: dict[str, Any] = fields_to_plain(self)
        return plain

    @classmethod
    def from_json(cls, value: Any) -> MaskPrint:
        """Read what `as_json` gave; strict."""
        return from_plain(cls, value, "masks.json")


@dataclass(frozen=True, eq=False)
class _Seen:
    """What one mask holds."""

    counts: dict[int, int]
    voxels: int
    values: dict[int, NDArray[np.float64]]
    overlapping: int
    parts: dict[int, int]
    bare: Volume  # the image without its values
    names: Mapping[int, str]
    doubts: tuple[str, ...]
    boxes: Mapping[int, tuple[tuple[int, int], ...]]  # of each label the first and last voxel along each axis


def mask_print(
    cases: Sequence[Case],
    *,
    seed: int,
    unlabelled: int | Literal["guess"] | None = "guess",
    named: Collection[int] = (),
    told: Callable[[int, int], None] | None = None,
) -> tuple[MaskPrint, tuple[Finding, ...]]:
    """What the masks of training cases hold, and what a person should know of it.

    unlabelled  the label that says "nobody looked here", or None; to "guess" takes one that most voxels have for it,
                where that is not background, and another structure remains
    named       labels of which a person said that they are structures: none of them is guessed to be that

    Raises ReadError, GeometryError or InputError, naming the case, for a mask that does not fit its image; InputError
    where no mask holds anything, or masks hold more labels than anybody declares.
    """
    chosen = list(cases)
    if len(chosen) > MOST_CASES:
        rows = generator(seed, "masks").choice(len(chosen), size=MOST_CASES, replace=False)
        chosen = [chosen[i] for i in sorted(rows)]
    with quiet():
        seen = list(by_all_cores(lambda i: _seen(chosen[i], seed, i), len(chosen), told or _nobody))
    _refuse_other_names(chosen, seen)
    totals: Counter[int] = Counter()
    with_label: Counter[int] = Counter()
    for one in seen:
        totals.update(one.counts)
        with_label.update(one.counts.keys())
    voxels = sum(one.voxels for one in seen)
    totals[0] = voxels - totals.total()
    if len(totals) > MOST_LABELS:
        raise InputError(
            f"masks hold {len(totals) - 1} labels: each cell or lesion seems to have its own; give them one"
        )
    if unlabelled == "guess":
        most, count = totals.most_common(1)[0]
        others = totals.keys() - {0, most}
        unlabelled = most if most not in {0, *named} and others and count > MOSTLY * voxels else None
    values = [one.values[label] for one in seen for label in one.values if label != unlabelled]
    if not values:
        raise InputError(f"none of {counted(len(chosen), 'mask')} holds a structure, so there is nothing to learn")
    parts: dict[int, list[int]] = {}
    for one in seen:
        for label, count in one.parts.items():
            parts.setdefault(label, []).append(count)
    plane = Counter(acquired_plane(one.bare) for one in seen).most_common(1)[0][0]
    turned = [towards_patient_axes(one.bare, plane) for one in seen]
    spacings = [one.spacing_mm for one in turned if one.spacing_mm is not None]
    low, high = np.percentile(np.concatenate(values), (0.5, 99.5))
    found = MaskPrint(
        len(chosen), {str(label): with_label[label] for label in sorted(with_label)},
        {str(label): totals[label] / voxels for label in sorted(totals)}, float(low), float(high),
        sum(one.overlapping > 0 for one in seen), unlabelled,
        {str(label): float(np.median(found)) for label, found in sorted(parts.items())}, plane,
        extent([one.size for one in turned]), extent(spacings) if len(spacings) == len(turned) else None,
        _noticed(chosen, seen), _reach(seen, plane, unlabelled),
    )  # fmt: skip
    return found, print_findings(found)


def _seen(case: Case, seed: int, number: int) -> _Seen:
    with naming(case):
        volume, mask = image_and_mask(case)
    labels, counts = mask.volume.voxels[0], mask.counts()
    chance = generator(seed, "masks", number)
    values, parts = {}, {}
    for label in counts if len(counts) <= MOST_LABELS else ():
        found = volume.voxels[0][labels == label]
        values[label] = chance.choice(found, size=min(len(found), DRAWN), replace=False).astype(np.float64)
        if labels.ndim == 2:
            parts[label] = len(components(labels == label, connectivity=4).sizes)
    bare = volume.with_voxels(np.broadcast_to(np.zeros((), np.uint8), (1, *volume.size)))
    return _Seen(counts, labels.size, values, mask.overlapping, parts, bare, mask.names, mask.doubts, _boxes(labels))


def _boxes(labels: NDArray) -> dict[int, tuple[tuple[int, int], ...]]:
    """The first and last index of each label along each axis."""
    found: dict[int, list[tuple[int, int]]] = {}
    for axis in range(labels.ndim):
        others = tuple(k for k in range(labels.ndim) if k != axis)
        for label in np.unique(labels[labels != 0]).tolist()[:MOST_LABELS]:
            along = np.flatnonzero((labels == label).any(axis=others))
            found.setdefault(int(label), []).append((int(along[0]), int(along[-1])))
    return {label: tuple(ends) for label, ends in found.items()}


def _reach(seen: Sequence[_Seen], plane: Plane, unlabelled: int | None) -> Extent | None:
    """Sides of the box about all structures of each image that has one, along the axes of the plane."""
    sides = []
    for one in seen:
        boxes = [box for label, box in one.boxes.items() if label != unlabelled]
        if boxes:
            ends = [(min(a for a, _ in axis), max(b for _, b in axis)) for axis in zip(*boxes, strict=True)]
            own = [last - first + 1 for first, last in ends]
            sides.append(tuple(own[axis] for axis in axis_order(one.bare, plane)))
    return extent(sides) if sides else None


def _refuse_other_names(cases: Sequence[Case], seen: Sequence[_Seen]) -> None:
    """Raise InputError where DICOM masks call one number by several names: it means something in one file only then.

    Names are free text of a header, so none is told.
    """
    first: dict[int, tuple[str, Case]] = {}
    for case, one in zip(cases, seen, strict=True):
        for label, name in one.names.items():
            called, before = first.setdefault(label, (name.strip().casefold(), case))
            if name.strip().casefold() != called:
                raise InputError(
                    f"segment {label} of case {case.called} has another name than in case {before.called}; export "
                    "masks whose segments are numbered alike, or write NIfTI with one meaning for each number"
                )


def _noticed(cases: Sequence[Case], seen: Sequence[_Seen]) -> tuple[Noticed, ...]:
    """Notes of one kind differ by their numbers alone."""
    first: dict[str, str] = {}
    having: dict[str, dict[str, None]] = {}
    for case, one in zip(cases, seen, strict=True):
        for note in one.doubts:
            kind = re.sub(r"\d+", "", note)
            first.setdefault(kind, note)
            having.setdefault(kind, {})[case.id] = None
    return tuple(Noticed(first[kind], tuple(ids)) for kind, ids in having.items())


def print_findings(found: MaskPrint) -> tuple[Finding, ...]:
    """What a person should know of the labels in masks."""
    said = []
    if found.unlabelled is not None:
        share = found.shares.get(str(found.unlabelled), 0.0)
        sentence = f"{share:.0%} of all voxels have the label {found.unlabelled}; it is taken for 'nobody looked here'"
        way_out = "say which label means that (--set segmentation.unlabelled=N), or that none does (=null)"
        said.append(finding("voxels that nobody looked at", sentence, way_out))
    rare = [label for label in found.labels(found.unlabelled) if found.with_label[str(label)] < min(FEW, found.cases)]
    if rare:
        named = ", ".join(f"{label} ({counted(found.with_label[str(label)], 'case')})" for label in rare)
        sentence = f"labels that few of {counted(found.cases, 'training mask')} hold: {named}"
        said.append(finding("label in few masks", sentence, "figures about so few have wide intervals"))
    if found.overlapping:
        sentence = (
            f"labels overlap in {found.overlapping} of {counted(found.cases, 'training mask')}; "
            "a voxel of several takes the highest number"
        )
        way_out = "see that the inner structure has the higher number, and name the whole by both (--structure)"
        said.append(finding("labels overlap", sentence, way_out))
    if found.noticed:
        told = ". ".join(f"{_in_cases(one.cases)}: {one.sentence}" for one in found.noticed)
        sentence = (
            f"of what {counted(found.cases, 'training mask')} hold something was left out or not compared. {told}"
        )
        way_out = "radcnn mask MASK IMAGE tells all of one mask, and with --out writes what came of it"
        said.append(finding("mask not as it stands", sentence, way_out))
    return tuple(said)


def fold_findings(found: MaskPrint, folds: int) -> tuple[Finding, ...]:
    """Labels in fewer training masks than there are folds: a fold without them is judged where there is nothing."""
    few = [label for label in found.labels(found.unlabelled) if found.with_label[str(label)] < folds]
    if not few:
        return ()
    named = ", ".join(f"{label} ({counted(found.with_label[str(label)], 'case')})" for label in few)
    sentence = (
        f"labels that fewer of {counted(found.cases, 'training mask')} hold than there are folds ({folds}), so that a "
        f"fold has none to judge by: {named}"
    )
    return (finding("too few of a class for the split", sentence, "ask for fewer folds (--set training.folds=N)"),)


def _in_cases(ids: Sequence[str]) -> str:
    """Cases by their ids, the first few.

    >>> _in_cases(["3"]), _in_cases(["1", "2", "4", "5", "7", "8"])
    ('Case 3', '6 cases (1, 2, 4, 5, 7, ...)')
    """
    if len(ids) == 1:
        return f"Case {ids[0]}"
    return f"{len(ids)} cases ({', '.join(ids[:MOST_NAMED])}{', ...' if len(ids) > MOST_NAMED else ''})"


def read_mask_print(path: Path) -> MaskPrint:
    """What was found in the masks when the study was made; raises ReadError where that is gone or was changed."""
    if not path.is_file():
        raise ReadError(f"{path} does not exist; restore it from a copy, or make a new study")
    return MaskPrint.from_json(read_json(path))


def _nobody(done: int, of: int) -> None:
    assert done <= of
