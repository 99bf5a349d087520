"""Confusion matrices: counts of cases, shaded by the share of their true class."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import SideName
from radcnn.evaluation.judgement import ConfusionMatrix, Question
from radcnn.reports.figures.canvas import INK, Drawn, canvas, drawn, shortened
from radcnn.reports.numbers import point_words

SHADES = 0.85  # of the darkest blue: black text stays readable up to here, white beyond


def classes(side: SideName, matrix: ConfusionMatrix, *, name: str) -> Drawn:
    """The confusion matrix of the most probable class: one row per true class."""
    counts = np.asarray(matrix.counts)
    edge = max(3.6, 1.6 + 0.55 * len(matrix.classes))
    names = [shortened(text, 18) for text in matrix.classes]
    with canvas(edge + 0.6, edge) as figure:
        _matrix(figure.add_subplot(), counts, rows=names, columns=names)
        listed = "; ".join(
            f"true {truth}: " + ", ".join(f"{n} {given}" for n, given in zip(row, matrix.classes, strict=True))
            for truth, row in zip(matrix.classes, matrix.counts, strict=True)
        )
        return drawn(
            figure,
            name=name,
            caption=f"Confusion matrix of the most probable class on the {side} set (n = {counts.sum():,}): cases, "
            "shaded by their share of the true class.",
            alt=f"Confusion matrix on the {side} set. {listed}.",
        )


def decisions(side: SideName, question: Question, *, name: str) -> list[Drawn]:
    """The four cells at every operating point of a question that has a threshold."""
    names = [shortened(question.negative, 16), shortened(question.positive, 16)]
    made = []
    for k, point in enumerate(point for point in question.points if not point.point.undefined):
        cells, words = point.counts, point_words(point.point.name)
        counts = np.array([[cells.true_negative, cells.false_positive], [cells.false_negative, cells.true_positive]])
        with canvas(3.5, 2.7) as figure:
            _matrix(figure.add_subplot(), counts, rows=names, columns=names)
            made.append(
                drawn(
                    figure,
                    name=f"{name}{k}",
                    caption=f"Decisions at “{words}” on the {side} set (n = {question.n:,}): cases, and their share of "
                    "the true class.",
                    alt=f"Decisions at {words} on the {side} set: {cells.true_positive} true positive, "
                    f"{cells.false_negative} false negative, {cells.true_negative} true negative, "
                    f"{cells.false_positive} false positive.",
                )
            )
    return made


def _matrix(axes: Any, counts: NDArray[np.int_], *, rows: list[str], columns: list[str]) -> None:
    share = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    edges = [np.arange(n + 1) - 0.5 for n in counts.shape]
    axes.pcolormesh(edges[1], edges[0], share * SHADES, cmap="Blues", vmin=0, vmax=1, edgecolors="white", linewidth=1)
    axes.set_aspect("equal")
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    crowded = len(columns) > 2 or max(map(len, columns)) > 10
    turned = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if crowded else {}
    axes.set_xticks(range(len(columns)), columns, **turned)
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(length=0)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    for i, j in np.ndindex(counts.shape):
        colour = "white" if share[i, j] * SHADES > 0.55 else INK
        axes.text(j, i, f"{counts[i, j]:,}\n{share[i, j]:.0%}", ha="center", va="center", color=colour, fontsize=8.5)
