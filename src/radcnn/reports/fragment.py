"""A fragment of the section on stress tests: sentences, tables, drawings and rows of pictures under one heading."""

from __future__ import annotations

from dataclasses import dataclass

from radcnn.reports.figure_table import FigureTable
from radcnn.reports.figures.canvas import Drawn


@dataclass(frozen=True)
class RowPicture:
    """One picture of a row: an 8-bit PNG and the words under it."""

    png: bytes
    words: str


@dataclass(frozen=True)
class PictureRow:
    """Pictures of one case side by side: its number in the study, a heading, the pictures."""

    case: int
    heading: str
    pictures: tuple[RowPicture, ...]


@dataclass(frozen=True)
class Fragment:
    """What one part of a stress test has to say.

    key       unlike those of the other fragments; names its drawings apart
    corner    the heading of the tables' rows
    """

    key: str
    heading: str
    sentences: tuple[str, ...]
    tables: tuple[FigureTable, ...] = ()
    drawings: tuple[Drawn, ...] = ()
    rows: tuple[PictureRow, ...] = ()
    notes: tuple[str, ...] = ()
    corner: str = "Budget"
