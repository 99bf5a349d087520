"""Training and tuning curves of one member: the losses above, the watched figure below (Fig. 9 of the review)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from radcnn.reports.figures.canvas import SIDE_COLOURS, Drawn, canvas, drawn
from radcnn.reports.story import EpochRow

WIDTHS = {"training": 1.6, "tuning": 1.8}


def curves(rows: Sequence[EpochRow], *, figure_name: str, member: str, name: str) -> Drawn:
    """Losses and the watched figure per epoch for the rows of one member."""
    epochs = [row.epoch for row in rows]
    watched = {
        "training": [np.nan if row.training_figure is None else row.training_figure for row in rows],
        "tuning": [row.tuning_figure for row in rows],
    }
    losses = {"training": [row.training_loss for row in rows], "tuning": [row.tuning_loss for row in rows]}
    with canvas(4.8, 4.4) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True)
        _lines(upper, epochs, losses, "loss")
        _lines(lower, epochs, watched, figure_name)
        lower.set_xlabel("epoch")
        lower.xaxis.get_major_locator().set_params(integer=True)
        upper.legend(loc="upper right")
        last = rows[-1]
        return drawn(
            figure,
            name=name,
            caption=f"{member}: losses and {figure_name} on training and tuning cases, {len(rows)} epochs.",
            alt=f"{member}: after {last.epoch} epochs the training loss is {last.training_loss:.3g}, the tuning loss "
            f"{last.tuning_loss:.3g} and the tuning {figure_name} {last.tuning_figure:.3g}.",
        )


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
