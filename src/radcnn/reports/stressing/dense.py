"""What the report says of attacks on outlines and restored images: curves, figures, and what a small change does."""

from __future__ import annotations

from pathlib import Path

from radcnn.core.case import SIDE_NAMES
from radcnn.reports.figure_table import FigureGroup, FigureRow, FigureTable, Head
from radcnn.reports.figures.canvas import Drawn
from radcnn.reports.fragment import Fragment, PictureRow, RowPicture
from radcnn.reports.numbers import number, of_patients, several, shown
from radcnn.reports.stressing.budgets import against_budget
from radcnn.robustness.dense import NOISE, DenseAttacked, DenseCurve, DensePicture

AIMS = {"outlines": "so that outlines go wrong", "restored": "so that the restored image goes wrong"}


def dense_fragment(found: DenseAttacked, folder: Path) -> Fragment:
    """The fragment about attacks; pictures are read from `folder`."""
    return Fragment(
        key="attacks",
        heading="Attacks",
        sentences=(_what(found), *_failed(found), *(_crossed(one, found) for one in found.curves), *_hidden(found)),
        tables=tuple(_table(one, found) for one in (*found.curves, *found.hidden)),
        drawings=(_drawing(found),),
        rows=tuple(_pictures(one, folder) for one in found.pictures),
        notes=found.notes,
        corner=f"Budget in {found.budget_unit}",
    )


def _what(found: DenseAttacked) -> str:
    people = of_patients(found.patients, found.unit)
    noise = ""
    if found.per_noise is not None:
        noise = f" The noise of these images has a standard deviation of {found.per_noise:.3g} {found.intensity_unit}"
        noise += " (median; of their finest diagonal details)."
    return (
        f"Each voxel of {several(found.n, 'case')}{people} of the {SIDE_NAMES[found.side]} set was changed by at most "
        f"the budget, within what the image's values can be, {AIMS[found.kind]}. Beside it, every voxel is moved by "
        f"the whole budget, up or down by chance ({NOISE}): what only the size of a change does.{noise}"
    )


def _failed(found: DenseAttacked) -> tuple[str, ...]:
    if not found.failed:
        return ()
    said = (
        f"{several(found.failed, 'case')} had failed without attack (a {found.main} below 0.5): they count in all "
        "figures, and figures without them stand beside."
    )
    return (said,)


def _crossed(one: DenseCurve, found: DenseAttacked) -> str:
    clean, last = one.points[0].figures[found.main], one.points[-1]
    said = (
        f"{_named(one.attack)}: {found.axis} goes from {number(clean.value, 3)} to "
        f"{number(last.figures[found.main].value, 3)} at {last.budget:g} {found.budget_unit}"
    )
    if one.crossing.undefined:
        return f"{said}; {one.crossing.undefined}."
    return f"{said}; it {found.crossing_words} at a budget of {shown(one.crossing)}."


def _hidden(found: DenseAttacked) -> tuple[str, ...]:
    return (found.lesion,) if found.lesion else ()


def _named(attack: str) -> str:
    return attack.upper() if attack in ("fgsm", "pgd") else attack[0].upper() + attack[1:]


def _table(one: DenseCurve, found: DenseAttacked) -> FigureTable:
    columns = tuple(dict.fromkeys(name for point in one.points for name in point.figures))
    rows = tuple(
        FigureRow(
            f"{point.budget:g}",
            "without attack" if point.budget == 0 else "",
            tuple(
                shown(point.figures[name], found.unit)
                if name in point.figures and not (point.budget == 0 and point.figures[name].undefined)
                else None
                for name in columns
            ),
        )
        for point in one.points
    )
    caption = f"{_named(one.attack)}: what is left at each budget in {found.budget_unit}"
    return FigureTable(caption, (Head(columns),), (FigureGroup("", rows),), "columns")


def _drawing(found: DenseAttacked) -> Drawn:
    outlines, clean = found.kind == "outlines", found.curves[0].points[0].figures[found.main].value
    return against_budget(
        [(c.attack, [p.budget for p in c.points], [p.figures[found.main] for p in c.points]) for c in found.curves],
        unit=found.budget_unit,
        axis=found.axis,
        level=(0.5 if outlines else 2.0) * clean,
        level_is=f"{'half' if outlines else 'twice'} of what it is without attack",
        share=outlines,
        caption=f"{found.axis} against budget on the {SIDE_NAMES[found.side]} set (n = {found.n:,})",
    )


def _pictures(one: DensePicture, folder: Path) -> PictureRow:
    pictures = tuple(
        RowPicture((folder / file).read_bytes(), said) for file, said in zip(one.files, one.words, strict=True)
    )
    return PictureRow(one.case, one.heading, pictures)
