"""What the report says of swapped borders: whether answers follow them, in words, and by how much."""

from __future__ import annotations

from pathlib import Path

from radcnn.core.case import Unit
from radcnn.reports.figure_table import FigureGroup, FigureRow, FigureTable, Head
from radcnn.reports.fragment import Fragment, PictureRow, RowPicture
from radcnn.reports.numbers import shown
from radcnn.robustness.borders import AtWidth, Bordered, BorderPicture

COLUMNS = ("Turned by the border of another class", "By that of the same class", "Difference")


def bordered_fragment(found: Bordered, folder: Path) -> Fragment:
    """The fragment about borders; pictures are read from `folder`."""
    groups = [FigureGroup("", tuple(_row(one, found.unit) for one in found.widths))]
    if found.places:
        heading = f"Pieces of the border of {found.places[0].pixels} pixels"
        groups.append(FigureGroup(heading, tuple(_row(one, found.unit) for one in found.places)))
    table = FigureTable(
        "Right answers that turn with the border of another image", (Head(COLUMNS),), tuple(groups), "columns"
    )
    return Fragment(
        key="borders",
        heading="Does the answer follow the border?",
        sentences=(found.sentence,),
        tables=(table,),
        rows=tuple(_pictures(one, folder) for one in found.pictures),
        notes=found.notes,
        corner="Border",
    )


def _row(one: AtWidth, unit: Unit) -> FigureRow:
    size = f"{one.pixels} pixels" + (f", {one.mm:.3g} mm" if one.mm is not None else "")
    name = size if one.place == "whole border" else one.place
    return FigureRow(
        name, f"{100 * one.share:.0f} % of the image", tuple(shown(e, unit) for e in (one.other, one.same, one.excess))
    )


def _pictures(one: BorderPicture, folder: Path) -> PictureRow:
    words = (f"as it is: {one.before}", f"case {one.donor}, of another class", f"with its border: {one.after}")
    pictures = tuple(
        RowPicture((folder / file).read_bytes(), said) for file, said in zip(one.files, words, strict=True)
    )
    return PictureRow(one.case, f"Case {one.case} with the border of case {one.donor}", pictures)
