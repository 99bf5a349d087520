"""What the report says of attacks: the curves, their figures, and in words what a small change does."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from radcnn.core.case import SIDE_NAMES
from radcnn.evaluation.judgement import Unit
from radcnn.reports.figure_table import FigureGroup, FigureRow, FigureTable, Head
from radcnn.reports.figures.canvas import GREY, MARKERS, Drawn, canvas, drawn, finish
from radcnn.reports.fragment import Fragment, PictureRow, RowPicture
from radcnn.reports.numbers import number, several, shown
from radcnn.reports.stressing.counted import counted_sentences, counted_tables
from radcnn.reports.stressing.places import places_drawings
from radcnn.robustness.attacked import Attacked, AttackedPicture
from radcnn.robustness.curves import Curve

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
COLUMNS = ("Accuracy", "Balanced accuracy", "Turned", "SSIM", "Change / noise")


def attacked_fragment(found: Attacked, folder: Path) -> Fragment:
    """The fragment about attacks; pictures are read from `folder`."""
    unit: Unit = "image" if found.unit == "image" else "patient"
    return Fragment(
        key="attacks",
        heading="Attacks",
        sentences=(_what(found), *(_halved(one, found) for one in found.curves), *counted_sentences(found)),
        tables=(*(_table(one, found, unit) for one in found.curves), *counted_tables(found, unit)),
        drawings=(*((_drawing(found),) if found.curves else ()), *places_drawings(found)),
        rows=tuple(_pictures(one, found, folder) for one in found.pictures),
        notes=found.notes,
        corner=f"Budget in {found.budget_unit}",
    )


def _what(found: Attacked) -> str:
    people = "" if found.unit == "image" else f" of {several(found.patients, 'patient')}"
    noise = ""
    if found.per_noise is not None:
        noise = f" The noise of these images has a standard deviation of {found.per_noise:.3g} {found.intensity_unit}"
        noise += " (median; of their finest diagonal details, where the image is not clipped)."
    return (
        f"Each voxel of {several(found.n, 'case')}{people} of the {SIDE_NAMES[found.side]} set was changed by at most "
        "the budget, within what the image's values can be, so that the answer turns. Answers are those at "
        f"{found.threshold}; accuracy counts all cases, “turned” only those that were right before." + noise
    )


def _halved(one: Curve, found: Attacked) -> str:
    aim = f" towards {one.towards}" if one.towards else ""
    clean, last = one.points[0].accuracy, one.points[-1]
    said = (
        f"{one.attack.upper()}{aim}: accuracy falls from {number(clean.value, 3)} to "
        f"{number(last.accuracy.value, 3)} at {last.budget:g} {found.budget_unit}"
    )
    if one.halving.undefined:
        return f"{said}; {one.halving.undefined}."
    return f"{said}; it is halved at a budget of {shown(one.halving)}."


def _table(one: Curve, found: Attacked, unit: Unit) -> FigureTable:
    rows = tuple(
        FigureRow(
            f"{p.budget:g}",
            "without attack" if p.budget == 0 else "",
            tuple(shown(e, unit) for e in (p.accuracy, p.balanced, p.success, p.ssim, p.noise_ratio))
            if p.budget
            else (shown(p.accuracy, unit), shown(p.balanced, unit), None, None, None),
        )
        for p in one.points
    )
    aim = f", towards {one.towards}" if one.towards else ""
    caption = f"{one.attack.upper()}{aim}: what is left at each budget in {found.budget_unit}"
    return FigureTable(caption, (Head(COLUMNS),), (FigureGroup("", rows),), "columns")


def _drawing(found: Attacked) -> Drawn:
    with canvas(5.6, 3.9) as figure:
        axes = figure.add_subplot()
        for k, one in enumerate(found.curves):
            budgets = [p.budget for p in one.points]
            values = [p.accuracy.value for p in one.points]
            low, high = ([getattr(p.accuracy, end) for p in one.points] for end in ("low", "high"))
            colour = COLOURS[k % len(COLOURS)]
            axes.plot(budgets, values, marker=MARKERS[k % len(MARKERS)], color=colour, label=one.attack)
            axes.fill_between(budgets, np.array(low), np.array(high), color=colour, alpha=0.12, linewidth=0)
        axes.axhline(found.curves[0].points[0].accuracy.value / 2, color=GREY, linewidth=0.9, linestyle=(0, (4, 3)))
        axes.set_ylim(-0.02, 1.02)
        figure.legend(loc="outside upper center", ncols=4)
        finish(axes, x=f"budget in {found.budget_unit}", y="accuracy")
        return drawn(
            figure,
            name="attacks",
            caption=f"Robust accuracy against budget on the {SIDE_NAMES[found.side]} set (n = {found.n:,}); bands are "
            "95 % intervals, the broken line is half of the accuracy without attack.",
            alt=f"Accuracy against the budget of attacks in {found.budget_unit}.",
        )


def _pictures(one: AttackedPicture, found: Attacked, folder: Path) -> PictureRow:
    words = (
        f"as it is: {one.before}",
        f"the change, {one.factor:.3g} times magnified; grey is none",
        f"attacked: {one.after}",
    )
    pictures = tuple(
        RowPicture((folder / file).read_bytes(), said) for file, said in zip(one.files, words, strict=True)
    )
    heading = f"Case {one.case}, truth {one.truth}: {one.attack} with {one.budget:g} {found.budget_unit}"
    return PictureRow(one.case, heading, pictures)
