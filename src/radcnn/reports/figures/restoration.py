"""Figures of a restoration: noise by frequency, and values along a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from radcnn.metrics.texture import FrequencyCurve
from radcnn.reports.figures.canvas import INK, Drawn, canvas, drawn, finish

COLOURS = {"input": "#d55e00", "network": "#0072b2", "reference": INK}
BESIDE = 0.05  # of a window, shown on either side of it
LINES = {"input": (0, (4, 2)), "network": "-", "reference": (0, (1, 1))}


def spectrum_drawing(spectra: Mapping[str, FrequencyCurve], *, name: str) -> Drawn:
    """Noise power spectra of what differs from the reference, each over its own integral: the grain, not the size."""
    with canvas(5.2, 3.6) as figure:
        axes = figure.subplots()
        for way, curve in spectra.items():
            frequency, power = np.asarray(curve.frequency_per_mm), np.asarray(curve.value)
            whole = float((power * frequency).sum()) or 1.0
            axes.plot(frequency, power * frequency / whole, label=way, color=COLOURS.get(way), linestyle=LINES.get(way))
        finish(axes, x="frequency (per mm)", y="share of the noise power")
        axes.set_ylim(bottom=0)
        axes.legend()
        return drawn(
            figure,
            name=name,
            caption="What differs from the reference in tissue, by frequency; each curve is divided by its own sum, so "
            "that it shows the grain. A network that leaves blotches moves it to the left.",
            alt="Noise power by frequency for " + " and ".join(spectra),
        )


def profile_drawing(
    profiles: Mapping[str, Sequence[float]], pixel_mm: float | None, units: str, window: tuple[float, float], *,
    name: str,
) -> Drawn | None:  # fmt: skip
    """Values along the marked line, within the window; None where there is none."""
    if not profiles:
        return None
    with canvas(5.2, 2.9) as figure:
        axes = figure.subplots()
        for way, values in profiles.items():
            place = np.arange(len(values)) * (pixel_mm or 1.0)
            axes.plot(place, values, label=way, color=COLOURS.get(way), linestyle=LINES.get(way), linewidth=1.3)
        finish(axes, x="mm" if pixel_mm else "pixels", y=units)
        low, high = window
        axes.set_ylim(low - BESIDE * (high - low), high + BESIDE * (high - low))
        figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=3)
        return drawn(
            figure,
            name=name,
            caption="Values along the middle row of the pictured slice, within the window.",
            alt="Values along a line for " + ", ".join(profiles),
        )
