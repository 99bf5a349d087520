"""A forest plot of subgroups: one row per group with its interval and n, and the whole side as a line."""

from __future__ import annotations

import math
from collections.abc import Sequence

from radcnn.core.case import SideName, Unit
from radcnn.core.estimate import Estimate
from radcnn.evaluation.judgement import SubgroupRow
from radcnn.reports.figures.canvas import GREY, INK, SIDE_COLOURS, Drawn, canvas, drawn, shortened
from radcnn.reports.numbers import in_words, shown

HALO = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}


def forest(
    side: SideName, rows: Sequence[SubgroupRow], *, figure_name: str, whole: Estimate | None, unit: Unit, name: str
) -> Drawn:
    """The figure called `figure_name` of every row, from above in the order given; `whole` is that of all cases."""
    estimates = [row.figures[figure_name] for row in rows]
    questions = {row.question for row in rows}
    labels = [_label(row, with_question=len(questions) > 1) for row in rows]
    with canvas(5.6, 0.9 + 0.34 * len(rows)) as figure:
        axes = figure.add_subplot()
        for y, estimate in enumerate(estimates):
            if math.isnan(estimate.value):
                place = axes.get_yaxis_transform()
                axes.text(
                    0.02, y, f"undefined: {estimate.undefined}", transform=place, va="center", color=GREY, bbox=HALO
                )
                continue
            if math.isfinite(estimate.low) and math.isfinite(estimate.high):
                axes.plot([estimate.low, estimate.high], [y, y], color=SIDE_COLOURS[side], linewidth=1.5)
            axes.plot(estimate.value, y, "s", color=SIDE_COLOURS[side], markersize=6)
        if whole is not None and math.isfinite(whole.value):
            axes.axvline(whole.value, color=INK, linewidth=1, linestyle=(0, (4, 3)))
        axes.set_yticks(range(len(rows)), labels)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(in_words(figure_name))
        told = "; ".join(
            f"{_label(r, with_question=True)}: {shown(e, unit)}" for r, e in zip(rows, estimates, strict=True)
        )
        line = f" The dashed line is the whole {side} set." if whole is not None else ""
        return drawn(
            figure,
            name=name,
            caption=f"{in_words(figure_name)} per {rows[0].column} on the {side} set, with intervals.{line}",
            alt=f"Forest plot per {rows[0].column}. {told}",
        )


def _label(row: SubgroupRow, *, with_question: bool) -> str:
    question = f", {shortened(row.question, 20)}" if with_question else ""
    return f"{shortened(row.value, 24)}{question} (n = {row.n:,})"
