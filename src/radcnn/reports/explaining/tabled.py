"""The tables of maps: ways of making them in rows, their figures beside chance in columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from radcnn.core.case import Unit
from radcnn.core.estimate import Estimate
from radcnn.reports.explaining.found import Figure, Looked
from radcnn.reports.figure_table import FigureGroup, FigureRow, FigureTable, Head
from radcnn.reports.numbers import Shown, shown


@dataclass(frozen=True)
class Columns:
    """The columns of one figure: its heading, a note, and the names of value, chance and what is beyond it."""

    key: str
    heading: str
    note: str
    names: tuple[str, ...]


CHANCE = ("Map", "By chance", "Difference")
LOTS = ("Map", "Random order", "Gain")
AREA = ("Share of the map", "Share of the image", "Ratio")
TABLES: tuple[tuple[str, tuple[Columns, ...]], ...] = (
    (
        "Do the maps find what was outlined? Chance is the same map against the outlines of all other patients",
        (
            Columns("pointing", "Pointing game", "share of maps whose maximum lies inside", CHANCE),
            Columns("auprc", "AUPRC", "area under precision and recall, voxel by voxel", CHANCE),
            Columns("iou", "IoU", "overlap of as many highest voxels as the outline has", CHANCE),
        ),
    ),
    (
        "Does the answer need what the maps point at? Mean answer while highest voxels are taken away, or given back",
        (
            Columns("deletion", "Deletion", "taken away: a good map's area is low", LOTS),
            Columns("insertion", "Insertion", "given back: a good map's area is high", LOTS),
        ),
    ),
    (
        "Do the maps follow the network? Rank correlation of maps, 1 being the same map",
        (
            Columns(
                "randomised",
                "Network drawn anew",
                "what was learned is forgotten; a map that stays shows the image alone",
                ("All layers", "The last alone"),
            ),
            Columns("repeated", "Networks of this run", "trained alike, compared in pairs", ("Repeatability",)),
        ),
    ),
    (
        "Where do the maps lie? A ratio of 1 is no preference",
        (
            Columns("border", "Border", "the outer tenth of each side", AREA),
            Columns("outside", "Outside the body", "dark voxels that reach the edge", AREA),
        ),
    ),
)


def tables_of(ways: Sequence[Looked], unit: Unit) -> tuple[FigureTable, ...]:
    """One table for each question of which there is a figure."""
    made = []
    for caption, columns in TABLES:
        there = [one for one in columns if any(way.figure(one.key) is not None for way in ways)]
        if there:
            heads = tuple(Head(one.names, one.heading, one.note) for one in there)
            rows = tuple(FigureRow(way.way, "", _cells(way, there, unit)) for way in ways)
            made.append(FigureTable(caption, heads, (FigureGroup("", rows),), "columns"))
    return tuple(made)


def _cells(way: Looked, columns: Sequence[Columns], unit: Unit) -> tuple[Shown | None, ...]:
    return tuple(
        None if one is None else shown(one, unit) for column in columns for one in _of(way.figure(column.key), column)
    )


def _of(figure: Figure | None, column: Columns) -> tuple[Estimate | None, ...]:
    parts = (None, None, None) if figure is None else (figure.value, figure.chance, figure.beyond)
    return parts[: len(column.names)]
