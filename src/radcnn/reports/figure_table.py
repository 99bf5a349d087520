"""A table of figures as the pages draw it: every cell with its interval, each figure's meaning and method once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from radcnn.reports.numbers import Shown

WIDE = 3  # columns of figures beyond which meanings move below the table


@dataclass(frozen=True)
class FigureRow:
    """One figure on every side; a cell is None where the side has no such figure."""

    name: str
    meaning: str
    cells: tuple[Shown | None, ...]


@dataclass(frozen=True)
class FigureGroup:
    """Rows under one heading, for example an operating point."""

    heading: str
    rows: tuple[FigureRow, ...]


@dataclass(frozen=True)
class Head:
    """Columns under one heading, for example the sides under an operating point; `note` stands under the heading."""

    columns: tuple[str, ...]
    heading: str = ""
    note: str = ""


@dataclass(frozen=True)
class FigureTable:
    """A table of figures: caption, columns, groups of rows; `figures` says whether rows or columns name them."""

    caption: str
    heads: tuple[Head, ...]
    groups: tuple[FigureGroup, ...]
    figures: Literal["rows", "columns"] = "rows"

    @property
    def width(self) -> int:
        """Number of columns with figures."""
        return sum(len(head.columns) for head in self.heads)

    @property
    def wide(self) -> bool:
        """Whether the columns leave no room for what the figures mean beside their names."""
        return self.width > WIDE

    @property
    def methods(self) -> dict[str, str]:
        """Figure -> how its intervals were made, and first what it says where the table is wide."""
        rows = [row for group in self.groups for row in group.rows]
        if self.figures == "columns":
            names = [name for head in self.heads for name in head.columns]
            return {name: method for k, name in enumerate(names) if (method := _method([r.cells[k] for r in rows]))}
        made = {row.name: [row.meaning if self.wide else "", _method(row.cells[::-1])] for row in rows}
        return {name: "; interval: ".join(filter(None, parts)) for name, parts in made.items() if any(parts)}


def _method(cells: Sequence[Shown | None]) -> str:
    """The method of the first figure that is there and defined."""
    return next((cell.method for cell in cells if cell is not None and cell.method), "")
