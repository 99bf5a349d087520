"""What the report says of attacks without a budget for each voxel, and of the checks of gradient masking."""

from __future__ import annotations

from collections.abc import Sequence

from radcnn.reports.figure_table import FigureGroup, FigureRow, FigureTable, Head
from radcnn.reports.numbers import several, shown
from radcnn.reports.stressing.raw import raw_sentences, raw_table
from radcnn.robustness.attacked import Attacked
from radcnn.robustness.counted import FewPixels, Patched

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
    if found.raw is not None:
        said += raw_sentences(found.raw)
    if found.masking:
        at = f"{found.masking_budget:g} {found.budget_unit}" if found.masking_budget is not None else "one budget"
        signs = [f"{CHECKS.get(one.check, one.check)} ({one.sentence})" for one in found.masking if one.found]
        told = f"signs were found: {'; '.join(signs)}" if signs else "none of four checks found a sign"
        said.append(f"Whether the network's slopes only look away (gradient masking), at {at}: {told}.")
    return tuple(said)


def counted_tables(found: Attacked) -> tuple[FigureTable, ...]:
    """Tables of attacks of few pixels and of patches, by what they want."""
    made = []
    if found.pixels:
        caption = f"Few {found.place}s (differential evolution): a value anywhere in what the image's values can be"
        made.append(_table(caption, ("Turned",), [(p.towards, _pixels_row(p, found)) for p in found.pixels]))
    if found.patches:
        caption = "A patch at random places, learned on one half of the patients and judged on the other"
        columns = ("Turned by the patch", "By noise of its size")
        made.append(_table(caption, columns, [(p.towards, _patch_row(p, found)) for p in found.patches]))
    if found.raw is not None:
        made.append(raw_table(found.raw, found.unit))
    return tuple(made)


def _pixels_row(one: FewPixels, found: Attacked) -> FigureRow:
    return FigureRow(several(one.pixels, found.place), "", (shown(one.turned, found.unit),))


def _patch_row(one: Patched, found: Attacked) -> FigureRow:
    long = f"{several(one.pixels, found.place)} a side" + (f", {one.mm:.3g} mm" if one.mm is not None else "")
    return FigureRow(
        f"{100 * one.area:g} % of the image", long, (shown(one.turned, found.unit), shown(one.plain, found.unit))
    )


def _table(caption: str, columns: tuple[str, ...], rows: Sequence[tuple[str, FigureRow]]) -> FigureTable:
    aims = tuple(dict.fromkeys(towards for towards, _ in rows))
    groups = tuple(FigureGroup(aimed_words(aim), tuple(row for to, row in rows if to == aim)) for aim in aims)
    return FigureTable(caption, (Head(columns),), groups, "columns")


def aimed_words(towards: str) -> str:
    """What an attack wants, in words.

    >>> aimed_words("nodule")
    'towards nodule'
    """
    return f"towards {towards}" if towards else "to any wrong answer"
