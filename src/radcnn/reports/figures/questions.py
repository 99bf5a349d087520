"""Figures of one yes/no question: ROC with band, reliability, net benefit, scores per class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radcnn.core.case import SideName, Unit
from radcnn.evaluation.judgement import Question
from radcnn.reports.figures.canvas import (
    FAINT,
    GREY,
    INK,
    MARKERS,
    NEGATIVE,
    POSITIVE,
    SIDE_COLOURS,
    SIDE_LINES,
    Drawn,
    canvas,
    drawn,
    finish,
    shortened,
    unit_square,
)
from radcnn.reports.numbers import point_words, several, short, shown

Sides = Sequence[tuple[SideName, Question]]


def roc(sides: Sides, *, name: str, unit: Unit) -> Drawn | None:
    """ROC curves, the band of the last side and its operating points; None when no side has both classes."""
    there = [(side, question) for side, question in sides if question.roc is not None]
    if not there:
        return None
    last, main = there[-1]
    with canvas(4.8, 4.7) as figure:
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1)
        for side, question in there:
            curve = question.roc
            assert curve is not None
            colour = SIDE_COLOURS[side]
            if side == last:
                axes.fill_between(
                    curve.band_false_positive_rate, curve.band_low, curve.band_high, color=colour, alpha=0.16, lw=0
                )
            label = f"{side}: AUC {short(question.figures['auc'])}"
            width = 2.0 if side == last else 1.2
            axes.plot(
                curve.false_positive_rate,
                curve.true_positive_rate,
                color=colour,
                linestyle=SIDE_LINES[side],
                linewidth=width,
                label=label,
            )
        for mark, point in zip(MARKERS, _decided(main), strict=False):
            x, y = 1 - point.figures["specificity"].value, point.figures["sensitivity"].value
            axes.plot(
                x,
                y,
                mark,
                color="white",
                markeredgecolor=INK,
                markersize=7,
                label=shortened(point_words(point.point.name)),
            )
        unit_square(axes)
        figure.legend(loc="outside lower center", ncols=2)
        finish(axes, x="1 − specificity", y="sensitivity")
        auc = shown(main.figures["auc"], unit)
        origin = "chosen on these cases" if last == "tuning" else "with thresholds that these cases did not choose"
        return drawn(
            figure,
            name=name,
            caption=f"ROC curve with its pointwise band on the {last} set: AUC {auc}. Markers: operating "
            f"points, {origin}.",
            alt=f"ROC curve of {main.name} on the {last} set; AUC {auc}.",
        )


def reliability(side: SideName, question: Question, *, name: str) -> Drawn | None:
    """Observed share of positives against mean score per bin, above the counts of scores; None without cases."""
    curve = question.reliability
    if curve is None:
        return None
    with canvas(4.8, 4.6) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(5, 1))
        upper.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=(0, (4, 3)), label="ideal")
        below = np.maximum(0, np.subtract(curve.observed, curve.low))
        above = np.maximum(0, np.subtract(curve.high, curve.observed))
        upper.errorbar(
            curve.mean_score,
            curve.observed,
            yerr=np.nan_to_num(np.stack([below, above])),
            color=SIDE_COLOURS[side],
            fmt="o",
            markersize=5,
            elinewidth=1,
            capsize=2,
            label=f"{side} set",
        )
        upper.set(ylim=(-0.03, 1.03))
        figure.legend(loc="outside upper center", ncols=2)
        upper.set_ylabel("observed share of positives")
        hist = question.histogram
        total = np.add(hist.negative, hist.positive)
        lower.stairs(total, hist.edges, fill=True, color=GREY, linewidth=0)
        lower.set(xlim=(-0.02, 1.02))
        finish(lower, x="score (probability given to the positive answer)", y="cases")
        bins = several(len(curve.count), "bin")
        least, most = min(curve.count), max(curve.count)
        counts = f"{least:,}" if least == most else f"{least:,} to {most:,}"
        return drawn(
            figure,
            name=name,
            caption=f"Reliability on the {side} set: {bins} of {counts} cases each (n = {question.n:,}); bars are "
            "intervals. Below: how many cases have which score.",
            alt=f"Reliability diagram of {question.name} on the {side} set, {bins}: "
            + "; ".join(
                f"score {s:.2f} observed {o:.2f}" for s, o in zip(curve.mean_score, curve.observed, strict=True)
            ),
        )


def net_benefit(side: SideName, question: Question, *, name: str) -> Drawn | None:
    """Net benefit of the model with its band, of treating all and of treating none; None with one class only."""
    curve = question.net_benefit
    if curve is None:
        return None
    with canvas() as figure:
        axes = figure.add_subplot()
        colour = SIDE_COLOURS[side]
        axes.fill_between(curve.threshold, curve.low, curve.high, color=colour, alpha=0.16, linewidth=0)
        axes.plot(curve.threshold, curve.model, color=colour, linewidth=2, label="act on the network")
        axes.plot(curve.threshold, curve.treat_all, color=INK, linewidth=1.1, linestyle=(0, (5, 2)), label="treat all")
        axes.axhline(0, color=GREY, linewidth=1.1, linestyle=(0, (1, 1)), label="treat none")
        top = max(0.02, question.prevalence, *np.nan_to_num(curve.high))
        axes.set(xlim=(0, 1), ylim=(-0.18 * top, 1.05 * top))
        figure.legend(loc="outside upper center", ncols=3)
        finish(axes, x="threshold probability", y="net benefit per case")
        return drawn(
            figure,
            name=name,
            caption=f"Net benefit on the {side} set (n = {question.n:,}, prevalence {question.prevalence:.3f}): the "
            "network is worth using at thresholds where its curve lies above both other lines.",
            alt=f"Net benefit of {question.name} on the {side} set against treating all and treating none.",
        )


def scores(side: SideName, question: Question, *, name: str) -> Drawn:
    """Distribution of scores per class, with the operating points as vertical lines."""
    hist = question.histogram
    with canvas(4.8, 4.6) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True)
        rows = (
            (upper, hist.positive, POSITIVE, question.positive),
            (lower, hist.negative, NEGATIVE, question.negative),
        )
        for axes, counts, colour, label in rows:
            axes.stairs(counts, hist.edges, fill=True, color=colour, linewidth=0)
            axes.set_ylim(bottom=0)
            axes.set_title(f"{shortened(label)}  (n = {sum(counts):,})", fontsize=9.5, loc="left")
            axes.set_ylabel("cases")
            axes.yaxis.get_major_locator().set_params(integer=True)
            for style, point in zip(((0, (4, 2)), (0, (1, 1)), "-", "-."), _decided(question), strict=False):
                axes.axvline(
                    point.point.threshold,
                    color=INK,
                    linewidth=1,
                    linestyle=style,
                    label=shortened(point_words(point.point.name)),
                )
        if _decided(question):
            figure.legend(*upper.get_legend_handles_labels(), loc="outside upper center", ncols=2)
        lower.set(xlim=(-0.02, 1.02))
        lower.set_xlabel("score")
        return drawn(
            figure,
            name=name,
            caption=f"Scores per class on the {side} set; vertical lines: thresholds of the operating points.",
            alt=f"Histograms of scores of {question.positive} (n = {question.positives}) and {question.negative} "
            f"(n = {question.n - question.positives}) on the {side} set.",
        )


def _decided(question: Question) -> list:
    """Operating points that have a threshold and a place on the curve."""
    return [
        p
        for p in question.points
        if not p.point.undefined and np.isfinite([p.figures["sensitivity"].value, p.figures["specificity"].value]).all()
    ]
