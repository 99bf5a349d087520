"""Columns of a table that say where on an image something is: a mask's file, or a box."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from radcnn.core.case import Source
from radcnn.core.cells import as_number, is_missing
from radcnn.data.listing import place_in, walked
from radcnn.data.matching import Images
from radcnn.data.table import Table

Edges = tuple[str, str, str, str]  # columns of x0, y0, x1, y1
Box = tuple[float, float, float, float]


def masks_of(
    table: Table, folder: Path, items: Sequence[str], column: str, faults: list[str], *, private: Sequence[str] = ()
) -> tuple[Source | None, ...]:
    """The mask that each row names by path, name or name without ending below `folder`; None where the cell is empty.

    A mask may be any file (`items` adds folders that hold one series), so that a DICOM SEG or RTSTRUCT, which is no
    image, is found. What is not found, or is not the only one, is added to `faults`.
    """
    files = Images(folder, sorted({*_files(folder), *items}))
    found: list[Source | None] = []
    for row, cell in enumerate(table.column(column)):
        named = set() if is_missing(cell) else files.find(cell)
        shown = "" if column in private else f" {cell!r}"
        if not is_missing(cell) and not named:
            faults.append(table.fault(row, column, f"mask file{shown} was not found in {files.root}"))
        elif len(named) > 1:
            told = f"{len(named)} files are called{shown}; write the path below the folder"
            faults.append(table.fault(row, column, told))
        found.append(Source(next(iter(named))) if len(named) == 1 else None)
    return tuple(found)


def boxes_of(table: Table, columns: Edges, faults: list[str]) -> tuple[Box | None, ...]:
    """The box (x0, y0, x1, y1) of each row; None where all four cells are empty. Others are added to `faults`."""
    found: list[Box | None] = []
    for row, cells in enumerate(zip(*(table.column(column) for column in columns), strict=True)):
        if all(is_missing(cell) for cell in cells):
            found.append(None)
            continue
        edges = []
        for column, cell in zip(columns, cells, strict=True):
            number = None if is_missing(cell) else as_number(cell)
            if number is None:
                faults.append(table.fault(row, column, f"{cell!r} is not an edge of a box; write a number"))
            edges.append(number or 0.0)
        found.append((edges[0], edges[1], edges[2], edges[3]))
    return tuple(found)


def _files(folder: Path) -> list[str]:
    """Every file below a folder but hidden ones and those of studies."""
    return [place_in(parent, name) for parent, names in walked(folder) for name in names]
