"""Figures of predicted values: prediction against truth, and Bland-Altman's plot of differences."""

from __future__ import annotations

import numpy as np

from radcnn.core.case import SideName, Unit
from radcnn.core.estimate import Estimate
from radcnn.evaluation.judgement import AgreementData
from radcnn.reports.figures.canvas import GREY, INK, SIDE_COLOURS, Drawn, canvas, drawn, finish
from radcnn.reports.numbers import shown

MANY = 400  # points beyond which dots become an image inside the figure, so that the page stays small


def scatter(side: SideName, data: AgreementData, *, target: str, name: str) -> Drawn:
    """Predicted against true values, with the line of equality."""
    truth, predicted = np.asarray(data.truth), np.asarray(data.predicted)
    with canvas() as figure:
        axes = figure.add_subplot()
        _dots(axes, truth, predicted, side)
        if truth.size:
            ends = [min(truth.min(), predicted.min()), max(truth.max(), predicted.max())]
            axes.plot(ends, ends, color=GREY, linewidth=1, linestyle=(0, (4, 3)), label="equal")
            figure.legend(loc="outside upper center")
        finish(axes, x=f"true {target}", y=f"predicted {target}")
        return drawn(
            figure,
            name=name,
            caption=f"Predicted against true values on the {side} set (n = {truth.size:,} drawn).",
            alt=f"Scatter plot of predicted against true {target} on the {side} set.",
        )


def bland_altman(
    side: SideName, data: AgreementData, figures: dict[str, Estimate], *, target: str, name: str, unit: Unit
) -> Drawn:
    """Differences against means, with bias and limits of agreement (Bland and Altman 1986)."""
    truth, predicted = np.asarray(data.truth), np.asarray(data.predicted)
    with canvas() as figure:
        axes = figure.add_subplot()
        _dots(axes, (truth + predicted) / 2, predicted - truth, side)
        axes.axhline(0, color=GREY, linewidth=0.8)
        lines = (("bias", data.bias, "-"), ("limit_low", data.limit_low, "--"), ("limit_high", data.limit_high, "--"))
        for key, value, style in lines:
            if np.isfinite(value):
                axes.axhline(value, color=INK, linewidth=1.3, linestyle=style)
                estimate = figures[key]
                axes.axhspan(
                    *np.nan_to_num([estimate.low, estimate.high], nan=value), color=INK, alpha=0.09, linewidth=0
                )
        axes.margins(y=0.12)
        finish(axes, x=f"mean of true and predicted {target}", y="predicted − true")
        told = {key: str(shown(figures[key], unit)) for key, _, _ in lines}
        return drawn(
            figure,
            name=name,
            caption=f"Bland-Altman plot on the {side} set: bias {told['bias']}, limits of agreement "
            f"{told['limit_low']} and {told['limit_high']}; grey bands are their intervals.",
            alt=f"Bland-Altman plot of {target} on the {side} set; bias {told['bias']}.",
        )


def _dots(axes: object, x: np.ndarray, y: np.ndarray, side: SideName) -> None:
    many = x.size > MANY
    axes.plot(  # type: ignore[attr-defined]
        x,
        y,
        "o",
        color=SIDE_COLOURS[side],
        markersize=3 if many else 4.5,
        markeredgewidth=0,
        alpha=0.45 if many else 0.7,
        rasterized=many,
    )
