"""Figures of a segmentation: every case as a point, and predicted against true volumes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from radcnn.evaluation.segmentation import Agreement
from radcnn.reports.figures.canvas import (
    FAINT,
    GREY,
    INK,
    MARKERS,
    SIDE_COLOURS,
    Drawn,
    canvas,
    drawn,
    finish,
    shortened,
)

SPREAD = 0.26  # half the width over which points of a structure are laid beside each other


def points_drawing(values: Mapping[str, Sequence[float]], *, figure: str, name: str) -> Drawn:
    """Each case's figure for each structure, sorted, with the median: no case hides behind a mean."""
    with canvas(1.6 + 1.1 * len(values), 3.4) as page:
        axes = page.subplots()
        for k, found in enumerate(values.values()):
            ordered = np.sort(np.asarray(found, dtype=float))
            ordered = ordered[np.isfinite(ordered)]
            if not len(ordered):
                continue
            at = k + np.linspace(-SPREAD, SPREAD, len(ordered)) if len(ordered) > 1 else np.array([float(k)])
            axes.plot(
                at, ordered, MARKERS[k % len(MARKERS)], markersize=4, markeredgewidth=0, alpha=0.75,
                color=SIDE_COLOURS["internal test"],
            )  # fmt: skip
            middle = float(np.median(ordered))
            axes.plot([k - SPREAD, k + SPREAD], [middle, middle], color=INK, linewidth=1.2)
            axes.axvline(k, color=FAINT, linewidth=0.6, zorder=0)
        axes.set_xticks(range(len(values)), [shortened(structure, 14) for structure in values])
        axes.set_xlim(-0.6, len(values) - 0.4)
        axes.set_ylim(-0.03, 1.03)
        finish(axes, x="", y=figure)
        return drawn(
            page,
            name=name,
            caption=f"{figure} of every case, sorted, and the median as a line. A missed structure lies at 0.",
            alt=f"{figure} of every case for {', '.join(values)}",
        )


def agreement_drawing(
    truth: Sequence[float], predicted: Sequence[float], found: Agreement, *, what: str, unit: str, name: str
) -> Drawn:
    """Differences against means, with bias and limits of agreement (Bland and Altman 1986).

    what  such as "volumes of liver"
    """
    first, second = np.asarray(truth, dtype=float), np.asarray(predicted, dtype=float)
    with canvas(4.6, 3.2) as page:
        axes = page.subplots()
        axes.plot((first + second) / 2, second - first, "o", markersize=4.5, markeredgewidth=0, alpha=0.7,
                  color=SIDE_COLOURS["internal test"])  # fmt: skip
        axes.axhline(0, color=GREY, linewidth=0.8)
        for value, style in ((found.bias.value, "-"), (found.low, "--"), (found.high, "--")):
            if np.isfinite(value):
                axes.axhline(value, color=INK, linewidth=1.3, linestyle=style)
        axes.margins(y=0.12)
        finish(axes, x=f"mean of true and predicted {shortened(what, 26)} ({unit})", y=f"predicted − true ({unit})")
        return drawn(
            page,
            name=name,
            caption=f"{what[0].upper()}{what[1:]}: bias {found.bias.value:.3g} {unit}, limits of agreement "
            f"{found.low:.3g} and {found.high:.3g} {unit}.",
            alt=f"Bland-Altman plot of {what}",
        )
