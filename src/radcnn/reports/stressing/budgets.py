"""A figure against the budget of attacks, attack beside attack, with intervals: of answers, outlines and images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radcnn.core.estimate import Estimate
from radcnn.reports.figures.canvas import GREY, MARKERS, PALETTE, Drawn, canvas, drawn, finish

Line = tuple[str, Sequence[float], Sequence[Estimate]]  # an attack, its budgets, what the figure is at each


def against_budget(
    lines: Sequence[Line], *, unit: str, axis: str, level: float, level_is: str, share: bool, caption: str
) -> Drawn:
    """The drawing.

    unit   of the budgets
    axis   what the figure is called
    level  where a broken line lies; `level_is` says what it is
    share  whether the figure is one of 0 to 1
    """
    with canvas(5.6, 3.9) as figure:
        axes = figure.add_subplot()
        for k, (attack, budgets, values) in enumerate(lines):
            colour = PALETTE[k % len(PALETTE)]
            axes.plot(budgets, [e.value for e in values], marker=MARKERS[k % len(MARKERS)], color=colour, label=attack)
            low, high = (np.array([getattr(e, end) for e in values]) for end in ("low", "high"))
            axes.fill_between(budgets, low, high, color=colour, alpha=0.12, linewidth=0)
        axes.axhline(level, color=GREY, linewidth=0.9, linestyle=(0, (4, 3)))
        if share:
            axes.set_ylim(-0.02, 1.02)
        else:
            axes.set_ylim(bottom=0)
        figure.legend(loc="outside upper center", ncols=4)
        finish(axes, x=f"budget in {unit}", y=axis)
        alt = f"{axis[0].upper()}{axis[1:]} against the budget of attacks in {unit}."
        return drawn(
            figure,
            name="attacks",
            caption=f"{caption}; bands are 95 % intervals, the broken line is {level_is}.",
            alt=alt,
        )
