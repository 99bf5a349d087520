"""Cases from a table of labels: one row is one case; every fault of every row is found before anything else happens."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from radcnn.core.case import SIDES, Side, Source
from radcnn.core.cells import as_number, is_missing
from radcnn.core.errors import InputError, TableError
from radcnn.core.target import LabelKind
from radcnn.data.draft import SIDE_WORDS, Draft, Point
from radcnn.data.findings import Finding, finding
from radcnn.data.labels import Labels, labels_from_table
from radcnn.data.listing import image_places
from radcnn.data.marked import Edges, boxes_of, masks_of
from radcnn.data.matching import Images, image_column, match_images
from radcnn.data.table import Table, failed_formulas, read_table

TABLE_ENDINGS = (".csv", ".tsv", ".xlsx", ".xlsm", ".txt")

T = TypeVar("T")


@dataclass(frozen=True)
class Columns:
    """Names of a table's columns; what is None or empty is not in the table, or is to be found (image)."""

    target: tuple[str, ...]
    patient: str | None = None
    site: str | None = None
    split: str | None = None
    image: str | None = None
    case: str | None = None
    centre: tuple[str, str, str] | None = None
    mask: str | None = None
    box: Edges | None = None
    subgroups: tuple[str, ...] = ()

    def named(self) -> tuple[str, ...]:
        """Every column that was named, once."""
        single = [self.case, self.image, self.patient, self.site, self.split, self.mask]
        several = [*self.target, *(self.centre or ()), *(self.box or ()), *self.subgroups]
        return tuple(dict.fromkeys([*(c for c in single if c), *several]))


def draft_from_table(
    folder: Path | str,
    table: Path | str | Table,
    columns: Columns,
    *,
    kind: LabelKind | None = None,
    positive: str | None = None,
) -> Draft:
    """The cases of a table whose rows name images below `folder`.

    Raises TableError with all faults, each with row and column: columns that are missing, or formulas that failed in
    them; else images that are not found, duplicate case ids, empty patients or sites, values that are not numbers,
    labels, sides or boxes that are not understood; InputError when no target is named or the folder holds no image.
    """
    folder = Path(folder)
    table = table if isinstance(table, Table) else read_table(table)
    if not columns.target:
        raise InputError(f"say which column of {table.name} is the target (--target): {', '.join(table.columns)}")
    table.require(columns.named())
    if failed := failed_formulas(table, columns.named()):
        raise TableError(table.name, failed)
    available = image_places(folder)
    faults: list[str] = []

    def keep_faults(make: Callable[[], T]) -> T | None:
        """Go on after the faults of one column, to report those of all columns at once."""
        try:
            return make()
        except TableError as error:
            faults.extend(error.faults)
            return None

    private = (columns.patient,) if columns.patient else ()
    masks = masks_of(table, folder, available, columns.mask, faults, private=private) if columns.mask else None
    drawn = {mask.place for mask in masks or () if mask is not None}
    # images/a.png and its masks/a.png may both be called a: a mask is no image, unless every image is given as one
    images = Images(folder, [place for place in available if place not in drawn] or available)
    image_in = columns.image or image_column(table, images, columns.case, besides=columns.mask)
    places = keep_faults(lambda: match_images(table, images, image_in, private=private))
    labels = keep_faults(lambda: labels_from_table(table, columns.target, kind=kind, positive=positive))
    sides = _sides(table, columns.split, faults) if columns.split else None
    centres = _centres(table, columns.centre, faults) if columns.centre else None
    boxes = boxes_of(table, columns.box, faults) if columns.box else None
    for column in (columns.patient, columns.site):
        faults += _empty_cells(table, column) if column else []
    several = (centres is not None or boxes is not None) and not columns.case
    ids = _ids(table, columns.case or image_in, faults, numbered=several)
    if faults or places is None or labels is None:
        raise TableError(table.name, faults)
    said = _findings(table, images, places, sides)
    drafted = _draft(table, columns, tuple(map(images.below, places)), ids, places, labels, sides, centres, said)
    return replace(drafted, masks=masks, boxes=boxes)


def _draft(
    table: Table,
    columns: Columns,
    names: tuple[str, ...],
    ids: tuple[str, ...],
    places: tuple[str, ...],
    labels: Labels,
    sides: tuple[Side, ...] | None,
    centres: tuple[Point, ...] | None,
    findings: tuple[Finding, ...],
) -> Draft:
    shown = dict.fromkeys([*columns.subgroups, *([columns.site] if columns.site else [])])
    return Draft(
        ids=ids,
        named_by="column" if columns.case else "file",
        sources=tuple(map(Source, places)),
        names=names,
        labels=labels,
        identifiers=table.column(columns.patient) if columns.patient else None,
        sides=sides,
        sites=table.column(columns.site) if columns.site else None,
        centres_mm=centres,
        attributes={name: table.column(name) for name in shown},
        findings=findings,
    )


def _findings(
    table: Table, images: Images, used: tuple[str, ...], sides: tuple[Side, ...] | None
) -> tuple[Finding, ...]:
    findings = []
    left = len(set(images.places) - set(used))
    if left:
        verb = "has" if left == 1 else "have"
        sentence = f"{left} of {len(images.places)} images {verb} no row in {table.name}; they are left out"
        findings.append(finding("images without row", sentence))
    if sides:
        counts = ", ".join(f"{side} {sides.count(side)}" for side in SIDES)
        findings.append(finding("fixed split kept", f"the split given in the table is kept ({counts} cases)"))
    return tuple(findings)


def _ids(table: Table, column: str, faults: list[str], *, numbered: bool) -> tuple[str, ...]:
    """Case ids, unique; several regions of one image are numbered (scan#1, scan#2) unless a column names them."""
    cells = table.column(column)
    times, seen = Counter(cells), Counter[str]()
    first: dict[str, int] = {}
    ids = []
    for row, cell in enumerate(cells):
        seen[cell] += 1
        if not cell:
            faults.append(table.fault(row, column, "the case id is empty"))
        elif numbered and times[cell] > 1:
            cell = f"{cell}#{seen[cell]}"
        elif cell in first:
            twin = f"the same case id stands in row {table.numbers[first[cell]]}; name a column of unique ids (--case)"
            faults.append(table.fault(row, column, twin))
        first.setdefault(cell, row)
        ids.append(cell)
    return tuple(ids)


def _empty_cells(table: Table, column: str) -> list[str]:
    """Cells that say nothing; "NA" in every unknown row would make one patient of many."""
    return [
        table.fault(row, column, f"{cell!r} counts as empty" if cell else "is empty")
        for row, cell in enumerate(table.column(column))
        if is_missing(cell)
    ]


def _sides(table: Table, column: str, faults: list[str]) -> tuple[Side, ...]:
    sides: list[Side] = []
    for row, cell in enumerate(table.column(column)):
        side = SIDE_WORDS.get(cell.casefold())
        if side is None:
            faults.append(table.fault(row, column, f"{cell!r} is no side of a split; write train, val or test"))
        else:
            sides.append(side)
    return tuple(sides)


def _centres(table: Table, columns: tuple[str, str, str], faults: list[str]) -> tuple[Point, ...]:
    """Points in mm; every one must be given, since a region without a place cannot be cut out."""
    axes: list[list[float]] = []
    for column in columns:
        numbers = [as_number(cell) for cell in table.column(column)]
        faults += [
            table.fault(row, column, f"{cell!r} is not a position in mm")
            for row, (cell, number) in enumerate(zip(table.column(column), numbers, strict=True))
            if number is None
        ]
        axes.append([math.nan if number is None else number for number in numbers])
    return tuple((x, y, z) for x, y, z in zip(*axes, strict=True))
