"""What a recipe gives: a table of ways and figures, how it was made, and what its paper says."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from radcnn.core.estimate import Estimate
from radcnn.core.files import refuse_used, write_json, write_text

Table = Mapping[str, Mapping[str, Estimate]]


@dataclass(frozen=True)
class Reproduced:
    """A system, built and compared.

    system, title  its id and what it is
    protocol   sentences: what was done, and where it is not what the paper did
    table      by way and figure, each with its interval
    paper      sentences: what the paper reports, and why the numbers are not to be compared one by one
    notes      what a reader must know
    more       further tables, by what was tested
    """

    system: str
    title: str
    protocol: tuple[str, ...]
    table: Table
    paper: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    synthetic: bool = True
    more: Mapping[str, Table] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """A JSON object."""
        plain = {"system": self.system, "title": self.title, "synthetic": self.synthetic, "table": _plain(self.table)}
        more = {name: _plain(table) for name, table in self.more.items()}
        return {
            **plain,
            "more": more,
            "protocol": list(self.protocol),
            "paper": list(self.paper),
            "notes": list(self.notes),
        }

    @property
    def text(self) -> str:
        """The table and its sentences, for a terminal."""
        real = ", but for tables of real scans" if any(name.startswith("real") for name in self.more) else ""
        marked = f"SIMULATED images{real}: nothing of them says anything about people" if self.synthetic else ""
        lines = _lines(self.table)
        for name, table in self.more.items():
            lines += ["", f"{name}:", *_lines(table)]
        head = [f"{self.system}: {self.title}", *([marked] if marked else [])]
        paper = [f"paper: {one}" for one in self.paper]
        return "\n".join([*head, "", *lines, "", *self.protocol, *paper, *self.notes])


def _plain(table: Table) -> dict[str, Any]:
    return {way: {name: one.as_json() for name, one in row.items()} for way, row in table.items()}


def _lines(table: Table) -> list[str]:
    """A table as lines whose columns stand under each other."""
    names = tuple(dict.fromkeys(name for row in table.values() for name in row))
    cells = [["", *names], *([way, *(brief(row.get(name)) for name in names)] for way, row in table.items())]
    widths = [max(len(row[k]) for row in cells) for k in range(len(names) + 1)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def brief(found: Estimate | None) -> str:
    """A figure with its interval in a cell.

    >>> brief(Estimate(24.125, 23.4, 24.8, 25, 25, "t"))
    '24.1 (23.4 to 24.8)'
    """
    if found is None:
        return ""
    if math.isnan(found.value):
        return "undefined"
    digits = 1 if abs(found.value) >= 10 else 3
    if math.isnan(found.low):
        return f"{found.value:.{digits}f}"
    return f"{found.value:.{digits}f} ({found.low:.{digits}f} to {found.high:.{digits}f})"


def keep(made: Reproduced, folder: Path) -> None:
    """Write a result beside what it was made of: result.json for machines, result.txt for people."""
    write_json(folder / "result.json", made.as_json())
    write_text(folder / "result.txt", made.text + "\n")


def new_folder(out: Path) -> Path:
    """The folder to write to; raises InputError where something else lies there."""
    refuse_used(out)
    out.mkdir(parents=True, exist_ok=True)
    return out
