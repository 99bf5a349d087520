"""What the masks of the training cases hold: which labels, how much of each, and the grey values beneath them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import Case
from radcnn.core.chance import generator
from radcnn.core.cores import by_all_cores
from radcnn.core.errors import InputError, ReadError
from radcnn.core.files import read_json
from radcnn.core.settings import fields_to_plain, from_plain
from radcnn.data.findings import Finding, counted, finding
from radcnn.data.masks.read import frame_of_reference_of, read_mask
from radcnn.data.prepared.keys import naming
from radcnn.data.quiet import quiet
from radcnn.data.read import read_source

MOST_CASES = 400  # that are looked at; masks of all others are read when they are prepared
DRAWN = 5_000  # voxels of structures of each image, for percentiles
MOST_LABELS = 100
FEW = 10  # cases with a label, below which it is said
MOSTLY = 0.5  # share of all voxels from which a label other than 0 is taken for "nobody looked here"


@dataclass(frozen=True)
class MaskPrint:
    """What masks hold.

    cases       looked at
    with_label  cases that have each label but background
    shares      of all voxels, by label, background too
    low, high   0.5 and 99.5 percentiles of the grey values within structures; mean and sd of them
    extent      share of each axis that the box about all structures takes: the largest of all cases
    unlabelled  the label that most voxels have, where that is not background: nobody looked there
    """

    cases: int
    with_label: Mapping[str, int]
    shares: Mapping[str, float]
    low: float
    high: float
    mean: float
    sd: float
    extent: tuple[float, ...]
    unlabelled: int | None = None

    @property
    def labels(self) -> tuple[int, ...]:
        """Labels of structures, in their order."""
        return tuple(sorted(int(label) for label in self.with_label if int(label) != self.unlabelled))

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
    boxes: dict[int, tuple[tuple[float, float], ...]]


def mask_print(
    cases: Sequence[Case], *, seed: int, told: Callable[[int, int], None] | None = None
) -> tuple[MaskPrint, tuple[Finding, ...]]:
    """What the masks of training cases hold, and what a person should know of it.

    Raises ReadError, GeometryError or InputError, naming the case, for a mask that does not fit its image; InputError
    where no mask holds anything, or masks hold more labels than anybody declares.
    """
    chosen = list(cases)
    if len(chosen) > MOST_CASES:
        rows = generator(seed, "masks").choice(len(chosen), size=MOST_CASES, replace=False)
        chosen = [chosen[i] for i in sorted(rows)]
    with quiet():
        seen = list(by_all_cores(lambda i: _seen(chosen[i], seed, i), len(chosen), told or _nobody))
    totals: dict[int, int] = {}
    with_label: dict[int, int] = {}
    for one in seen:
        for label, count in one.counts.items():
            totals[label] = totals.get(label, 0) + count
            with_label[label] = with_label.get(label, 0) + 1
    voxels = sum(one.voxels for one in seen)
    totals[0] = voxels - sum(totals.values())
    if len(totals) > MOST_LABELS:
        raise InputError(
            f"masks hold {len(totals) - 1} labels: each cell or lesion seems to have its own; give them one"
        )
    most = max(totals, key=lambda label: totals[label])
    unlabelled = most if most != 0 and totals[most] > MOSTLY * voxels else None
    labels = sorted(label for label in with_label if label != unlabelled)
    if not labels:
        raise InputError(f"none of {counted(len(chosen), 'mask')} holds a structure, so there is nothing to learn")
    values = np.concatenate([one.values[label] for one in seen for label in one.values if label in labels])
    low, high = np.percentile(values, (0.5, 99.5))
    found = MaskPrint(
        len(chosen), {str(label): with_label[label] for label in sorted(with_label)},
        {str(label): totals[label] / voxels for label in sorted(totals)}, float(low), float(high), float(values.mean()),
        float(values.std()), _extent(seen, labels), unlabelled,
    )  # fmt: skip
    return found, print_findings(found)


def _seen(case: Case, seed: int, number: int) -> _Seen:
    assert case.mask is not None, "cases to learn from have masks"
    with naming(case):
        volume = read_source(case.source)
        mask = read_mask(
            case.mask.path, volume, frame_of_reference=frame_of_reference_of(case.source.path), overlap="higher",
            array=case.mask.array, item=case.mask.item,
        )  # fmt: skip
    labels, counts = mask.volume.voxels[0], mask.counts()
    chance = generator(seed, "masks", number)
    values, boxes = {}, {}
    for label in counts if len(counts) <= MOST_LABELS else ():
        here = labels == label
        found = volume.voxels[0][here]
        many = min(len(found), DRAWN)
        values[label] = chance.choice(found, size=many, replace=False).astype(np.float64)
        boxes[label] = tuple(_span(here, axis) for axis in range(here.ndim))
    return _Seen(counts, labels.size, values, boxes)


def _span(mask: NDArray[np.bool_], axis: int) -> tuple[float, float]:
    """Where along an axis a mask begins and ends, as shares of it."""
    others = tuple(k for k in range(mask.ndim) if k != axis)
    at = np.flatnonzero(mask.any(axis=others))
    return float(at[0]) / mask.shape[axis], float(at[-1] + 1) / mask.shape[axis]


def _extent(seen: Sequence[_Seen], labels: Sequence[int]) -> tuple[float, ...]:
    largest: list[float] = []
    for one in seen:
        boxes = [box for label, box in one.boxes.items() if label in labels]
        if not boxes:
            continue
        spans = [max(b[axis][1] for b in boxes) - min(b[axis][0] for b in boxes) for axis in range(len(boxes[0]))]
        largest = spans if not largest else [max(a, b) for a, b in zip(largest, spans, strict=True)]
    return tuple(largest)


def print_findings(found: MaskPrint) -> tuple[Finding, ...]:
    """What a person should know of the labels in masks."""
    said = []
    if found.unlabelled is not None:
        share = found.shares[str(found.unlabelled)]
        sentence = f"{share:.0%} of all voxels have the label {found.unlabelled}; it is taken for 'nobody looked here'"
        way_out = "say which label means that (--set segmentation.unlabelled=N), or that none does (=null)"
        said.append(finding("voxels that nobody looked at", sentence, way_out))
    rare = [label for label in found.labels if found.with_label[str(label)] < min(FEW, found.cases)]
    if rare:
        named = ", ".join(f"{label} ({counted(found.with_label[str(label)], 'case')})" for label in rare)
        sentence = f"labels that few of {counted(found.cases, 'training mask')} hold: {named}"
        said.append(finding("label in few masks", sentence, "figures about so few have wide intervals"))
    return tuple(said)


def read_mask_print(path: Path) -> MaskPrint:
    """What was found in the masks when the study was made; raises ReadError where that is gone or was changed."""
    if not path.is_file():
        raise ReadError(f"{path} does not exist; restore it from a copy, or make a new study")
    return MaskPrint.from_json(read_json(path))


def _nobody(done: int, of: int) -> None:
    assert done <= of
