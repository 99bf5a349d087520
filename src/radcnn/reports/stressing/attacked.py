"""What the report says of attacks: the curves, their figures, and in words what a small change does."""

from __future__ import annotations

from pathlib import Path

from radcnn.core.case import SIDE_NAMES
from radcnn.reports.figure_table import FigureGroup, FigureRow, FigureTable, Head
from radcnn.reports.figures.canvas import Drawn
from radcnn.reports.fragment import Fragment, PictureRow, RowPicture
from radcnn.reports.numbers import number, of_patients, several, shown
from radcnn.reports.stressing.budgets import against_budget
from radcnn.reports.stressing.counted import counted_sentences, counted_tables
from radcnn.reports.stressing.places import places_drawings
from radcnn.robustness.attacked import Attacked, AttackedPicture
from radcnn.robustness.curves import Curve

COLUMNS = ("Accuracy", "Balanced accuracy", "Turned", "SSIM", "Change / noise")


def attacked_fragment(found: Attacked, folder: Path) -> Fragment:
    """The fragment about attacks; pictures are read from `folder`."""
    return Fragment(
        key="attacks",
        heading="Attacks",
        sentences=(_what(found), *(_halved(one, found) for one in found.curves), *counted_sentences(found)),
        tables=(*(_table(one, found) for one in found.curves), *counted_tables(found)),
        drawings=(*((_drawing(found),) if found.curves else ()), *places_drawings(found)),
        rows=tuple(_pictures(one, found, folder) for one in found.pictures),
        notes=found.notes,
        corner=f"Budget in {found.budget_unit}",
    )


def _what(found: Attacked) -> str:
    people = of_patients(found.patients, found.unit)
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


def _table(one: Curve, found: Attacked) -> FigureTable:
    rows = tuple(
        FigureRow(
            f"{p.budget:g}",
            "without attack" if p.budget == 0 else "",
            tuple(shown(e, found.unit) for e in (p.accuracy, p.balanced, p.success, p.ssim, p.noise_ratio))
            if p.budget
            else (shown(p.accuracy, found.unit), shown(p.balanced, found.unit), None, None, None),
        )
        for p in one.points
    )
    aim = f", towards {one.towards}" if one.towards else ""
    caption = f"{one.attack.upper()}{aim}: what is left at each budget in {found.budget_unit}"
    return FigureTable(caption, (Head(COLUMNS),), (FigureGroup("", rows),), "columns")


def _drawing(found: Attacked) -> Drawn:
    return against_budget(
        [(one.attack, [p.budget for p in one.points], [p.accuracy for p in one.points]) for one in found.curves],
        unit=found.budget_unit,
        axis="accuracy",
        level=found.curves[0].points[0].accuracy.value / 2,
        level_is="half of the accuracy without attack",
        share=True,
        caption=f"Robust accuracy against budget on the {SIDE_NAMES[found.side]} set (n = {found.n:,})",
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
