"""What the report says of attacks without a budget for each voxel, and of the checks of gradient masking."""

from __future__ import annotations

from radcnn.core.estimate import Estimate
from radcnn.evaluation.judgement import Unit
from radcnn.reports.numbers import shown
from radcnn.reports.tables import FigureGroup, FigureRow, FigureTable, Head
from radcnn.robustness.attacked import Attacked

CHECKS = {
    "step": "one step is stronger than many",
    "black box": "an attack that sees no slopes is stronger than one that does",
    "bound": "an attack without a bound does not turn every case",
    "steps": "more steps turn more, so that the curve of PGD is too favourable",
}


def counted_sentences(found: Attacked) -> tuple[str, ...]:
    """Sentences on the smallest changes and on masking."""
    said = []
    for one in found.smallest:
        aim = f" into {one.towards}" if one.towards else ""
        said.append(
            f"The smallest change that turns an answer{aim} (L-BFGS, root mean square, median of {one.size.n} cases): "
            f"{shown(one.size)} {found.intensity_unit}, which is {shown(one.in_noise)} noise standard deviations."
        )
    if found.masking:
        at = f"{found.masking_budget:g} {found.budget_unit}" if found.masking_budget is not None else "one budget"
        signs = [f"{CHECKS.get(one.check, one.check)} ({one.sentence})" for one in found.masking if one.found]
        told = f"signs were found: {'; '.join(signs)}" if signs else "none of four checks found a sign"
        said.append(f"Whether the network's slopes only look away (gradient masking), at {at}: {told}.")
    return tuple(said)


def counted_tables(found: Attacked, unit: Unit) -> tuple[FigureTable, ...]:
    """Tables of attacks of few pixels and of patches."""
    made = []
    if found.pixels:
        rows = [_row(f"{one.pixels} pixels", "", (one.turned,), unit) for one in found.pixels]
        aim = f", towards {found.pixels[0].towards}" if found.pixels[0].towards else ""
        caption = f"Few pixels (differential evolution){aim}: a value anywhere in what the image's values can be"
        made.append(_table(caption, ("Turned",), rows))
    if found.patches:
        rows = [
            _row(
                f"{100 * one.area:g} % of the image",
                f"{one.pixels} pixels a side" + (f", {one.mm:.3g} mm" if one.mm is not None else ""),
                (one.turned, one.plain),
                unit,
            )
            for one in found.patches
        ]
        aim = f", towards {found.patches[0].towards}" if found.patches[0].towards else ""
        caption = f"A patch at random places{aim}, learned on one half of the patients and judged on the other"
        made.append(_table(caption, ("Turned by the patch", "By noise of its size"), rows))
    return tuple(made)


def _row(name: str, meaning: str, figures: tuple[Estimate, ...], unit: Unit) -> FigureRow:
    return FigureRow(name, meaning, tuple(shown(one, unit) for one in figures))


def _table(caption: str, columns: tuple[str, ...], rows: list[FigureRow]) -> FigureTable:
    return FigureTable(caption, (Head(columns),), (FigureGroup("", tuple(rows)),), "columns")
