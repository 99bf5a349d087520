"""Training and tuning curves of one member: the losses above, the watched figure below (Fig. 9 of the review)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from radcnn.reports.epochs import EpochRow
from radcnn.reports.figures.canvas import SIDE_COLOURS, Drawn, canvas, drawn
from radcnn.reports.numbers import several

MOST_TICKS = 9
WIDTHS = {"training": 1.6, "tuning": 1.8}


def curves(rows: Sequence[EpochRow], *, figure_name: str, member: str, name: str) -> Drawn:
    """Losses and the watched figure per epoch for the rows of one member."""
    epochs = [row.epoch for row in rows]
    watched = {
        "training": [np.nan if row.training_figure is None else row.training_figure for row in rows],
        "tuning": [row.tuning_figure for row in rows],
    }
    losses = {"training": [row.training_loss for row in rows], "tuning": [row.tuning_loss for row in rows]}
    last = rows[-1]
    with canvas(4.8, 4.6) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True)
        _lines(upper, epochs, losses, "loss")
        _lines(lower, epochs, watched, figure_name)
        lower.set_xlabel("epoch")
        lower.set_xticks(whole_epochs(last.epoch))
        figure.legend(*upper.get_legend_handles_labels(), loc="outside upper center", ncols=2)
        return drawn(
            figure,
            name=name,
            caption=f"{member}: losses and {figure_name} on training and tuning cases, {several(len(rows), 'epoch')}.",
            alt=f"{member}: after {several(last.epoch, 'epoch')} the training loss is {last.training_loss:.3g}, the "
            f"tuning loss {last.tuning_loss:.3g} and the tuning {figure_name} {last.tuning_figure:.3g}.",
        )


def whole_epochs(last: int) -> list[int]:
    """At most nine round epochs up to the last one.

    >>> whole_epochs(3), whole_epochs(40)
    ([1, 2, 3], [5, 10, 15, 20, 25, 30, 35, 40])
    """
    step = next(s for k in range(9) for s in (10**k, 2 * 10**k, 5 * 10**k) if last / s <= MOST_TICKS)
    return list(range(step, last + 1, step))


def _lines(axes: Any, epochs: list[int], lines: dict[str, list[float]], label: str) -> None:
    for side, values in lines.items():
        if np.isfinite(values).any():
            style = (0, (4, 2)) if side == "training" else "-"
            mark = "o" if len(epochs) < 16 else None
            axes.plot(
                epochs,
                values,
                color=SIDE_COLOURS[side],
                linewidth=WIDTHS[side],
                linestyle=style,
                marker=mark,
                markersize=3.5,
                label=side,
            )
    axes.set_ylabel(label)
