"""What the report says of shifts of acquisition: curves against severity, what breaks a limit, groups, and pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from radcnn.core.case import SIDE_NAMES
from radcnn.core.estimate import Estimate
from radcnn.reports.figure_table import FigureGroup, FigureRow, FigureTable, Head
from radcnn.reports.figures.canvas import GREY, INK, SIDE_COLOURS, Drawn, canvas, drawn
from radcnn.reports.fragment import Fragment, PictureRow, RowPicture
from radcnn.reports.numbers import Shown, clauses, in_words, number, several, shown
from radcnn.robustness.limits import Broken
from radcnn.robustness.shifted import AtSeverity, GroupFigures, ShiftCurve, Shifted, ShiftPicture

ACROSS = 3  # panels in a row
PANEL = (2.45, 1.95)  # inches
LOST, RELATIVE, CHANGE = "Lost", "Relative error", "Change of the images"


def shifted_fragment(found: Shifted, folder: Path) -> Fragment:
    """The fragment about shifts; pictures are read from `folder`."""
    main = main_figure(found.applied)
    tables = (
        *((_breaking(found),) if found.applied and found.limits else ()),
        *((_table(found, main),) if found.applied else ()),
        *((_groups(found),) if found.groups else ()),
    )
    return Fragment(
        key="shifts",
        heading="Shifts of acquisition",
        sentences=(_what(found), *_broken(found), *_not_applicable(found)),
        tables=tables,
        drawings=(_drawing(found, main),) if found.applied else (),
        rows=tuple(_pictures(one, found, folder) for one in found.pictures),
        notes=found.notes,
        corner="Severity, shift or group",
    )


def main_figure(curves: Sequence[ShiftCurve]) -> str:
    """The figure that curves are drawn of: balanced accuracy, of several labels the AUC."""
    known = all(not point.figures["balanced_accuracy"].undefined for one in curves for point in one.points)
    return "balanced_accuracy" if known else "auc"


def _what(found: Shifted) -> str:
    people = "" if found.n == found.patients else f" of {several(found.patients, 'patient')}"
    return (
        f"{several(found.n, 'case')}{people} of the {SIDE_NAMES[found.side]} set ({found.units}) as another scanner, "
        "protocol or patient would have given them, in five severities, shifted on the scanner's own grid before they "
        f"are prepared. Answers are those at {found.threshold}. These are simulations: they say what a network does "
        "not bear, not how often it will meet that."
    )


def _broken(found: Shifted) -> tuple[str, ...]:
    """A sentence for each limit."""
    made = []
    for place, limit in enumerate(found.limits):
        each = [(one, one.broken[place]) for one in found.applied]
        broken = sorted(((one, b) for one, b in each if b.severity), key=lambda pair: pair[1].severity or 0)
        if any(b.severity == 0 for _, b in each):
            made.append(f"“{limit}” does not hold even without a shift.")
        elif broken:
            said = [f"{one.title} from severity {b.severity} on ({_amount(one, b)})" for one, b in broken]
            made.append(f"“{limit}” is broken by {clauses(said)}.")
        elif each:
            made.append(f"“{limit}” holds at every severity of every shift that was tried.")
    return tuple(made)


def _amount(curve: ShiftCurve, broken: Broken) -> str:
    return next(point.amount for point in curve.points if point.severity == broken.severity)


def _not_applicable(found: Shifted) -> tuple[str, ...]:
    return tuple(f"{one.title}: not applicable, because {one.because}." for one in found.curves if one.because)


def _breaking(found: Shifted) -> FigureTable:
    rows = tuple(
        FigureRow(one.title, one.what, tuple(_cell(one, broken) for broken in one.broken)) for one in found.applied
    )
    caption = "The first severity of each shift that breaks a limit"
    return FigureTable(caption, (Head(tuple(f"“{limit}”" for limit in found.limits)),), (FigureGroup("", rows),))


def _cell(curve: ShiftCurve, broken: Broken) -> Shown:
    figure = shown(broken.figure)
    of = f"{figure.value} ({figure.interval})"
    if broken.severity is None and not broken.told:
        return Shown("cannot be told", "", figure.n, why="the figure is undefined")
    if broken.severity is None:
        return Shown("none", f"at worst {of}", figure.n)
    sure = "" if broken.surely else "; the interval reaches back"
    return Shown(f"severity {broken.severity}", f"{_amount(curve, broken)}: {of}{sure}", figure.n)


def _table(found: Shifted, main: str) -> FigureTable:
    """The figures at every severity, a group of rows for each shift."""
    names = [main, *(name for name in found.applied[0].points[0].figures if name != main)]
    clean = found.applied[0].points[0].figures
    names = [name for name in names if name == main or not clean[name].undefined]
    each = tuple(
        FigureGroup(
            f"{one.title[0].upper()}{one.title[1:]}: {one.what}", tuple(_row(point, names) for point in one.points)
        )
        for one in found.applied
    )
    heads = (Head((*(in_words(name) for name in names), LOST, RELATIVE, CHANGE)),)
    unit = "HU" if found.units == "HU" else "the images' own unit"
    caption = f"Figures at every severity; the change of the images is a root mean square in {unit}"
    return FigureTable(caption, heads, each, "columns")


def _row(point: AtSeverity, names: Sequence[str]) -> FigureRow:
    figures = tuple(shown(point.figures[name]) for name in names)
    changed = tuple(shown(e) if point.severity else None for e in (point.lost, point.relative, point.distance))
    return FigureRow(f"{point.severity}: {point.amount}", "", (*figures, *changed))


def _groups(found: Shifted) -> FigureTable:
    names = [name for name, one in found.groups[0].figures.items() if not _never(found.groups, name)]
    made = []
    for column in dict.fromkeys(one.column for one in found.groups):
        mine = [one for one in found.groups if one.column == column]
        rows = tuple(FigureRow(one.group, "", tuple(shown(one.figures[name]) for name in names)) for one in mine)
        made.append(FigureGroup(column, rows))
    caption = f"The cases of the {SIDE_NAMES[found.side]} set as they are, by scanner, site or group"
    return FigureTable(caption, (Head(tuple(in_words(name) for name in names)),), tuple(made), "columns")


def _never(rows: Sequence[GroupFigures], name: str) -> bool:
    """Whether a figure is not one of this target: undefined everywhere, and not for want of patients."""
    return all("several labels" in one.figures[name].undefined for one in rows)


def _drawing(found: Shifted, main: str) -> Drawn:
    curves = found.applied
    down = math.ceil(len(curves) / ACROSS)
    across = min(ACROSS, len(curves))
    with canvas(0.5 + PANEL[0] * across, 0.4 + PANEL[1] * down) as figure:
        grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
        for axes in grid.flat[len(curves) :]:
            axes.set_visible(False)
        for axes, one in zip(grid.flat, curves, strict=False):
            _panel(axes, one, main, SIDE_COLOURS[SIDE_NAMES[found.side]])
        figure.supxlabel("severity", fontsize=9.5)
        figure.supylabel(in_words(main).lower() if main != "auc" else "AUC", fontsize=9.5)
        return drawn(
            figure,
            name="shifts",
            caption=f"{in_words(main)} against severity on the {SIDE_NAMES[found.side]} set (n = {found.n:,}), a panel "
            "for each shift; bands are 95 % intervals by patient, dotted lines the images as they are, crosses the "
            "first severity that breaks a limit.",
            alt="; ".join(f"{one.title}: {_read(one, main)}" for one in curves),
        )


def _panel(axes: object, one: ShiftCurve, main: str, colour: str) -> None:
    severities = [point.severity for point in one.points]
    each = [point.figures[main] for point in one.points]
    values, low, high = (np.array([getattr(e, end) for e in each]) for end in ("value", "low", "high"))
    axes.fill_between(severities, low, high, color=colour, alpha=0.16, linewidth=0)  # type: ignore[attr-defined]
    axes.plot(severities, values, "o-", color=colour, markersize=3.5)  # type: ignore[attr-defined]
    axes.axhline(values[0], color=GREY, linewidth=0.9, linestyle=(0, (1, 1)))  # type: ignore[attr-defined]
    for broken in one.broken:
        if broken.severity and broken.limit.startswith(in_words(main).lower() if main != "auc" else "AUC"):
            axes.plot(broken.severity, broken.figure.value, "x", color=INK, markersize=8)  # type: ignore[attr-defined]
    axes.set(ylim=(-0.03, 1.03), xticks=range(6))  # type: ignore[attr-defined]
    axes.set_title(one.title, fontsize=9.5, loc="left")  # type: ignore[attr-defined]


def _read(one: ShiftCurve, main: str) -> str:
    said: list[Estimate] = [point.figures[main] for point in one.points]
    return ", ".join("undefined" if math.isnan(e.value) else number(e.value, 2) for e in said)


def _pictures(one: ShiftPicture, found: Shifted, folder: Path) -> PictureRow:
    title = next(curve.title for curve in found.curves if curve.shift == one.shift)
    pictures = tuple(
        RowPicture((folder / file).read_bytes(), words) for file, words in zip(one.files, one.words, strict=True)
    )
    return PictureRow(one.case, f"Case {one.case}: {title}", pictures)
