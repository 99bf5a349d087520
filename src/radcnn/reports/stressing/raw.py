"""What the report says of an attack on raw data: how little of it, in noise of the dose, turns answers."""

from __future__ import annotations

from radcnn.core.case import Unit
from radcnn.reports.figure_table import FigureGroup, FigureRow, FigureTable, Head
from radcnn.reports.numbers import shown
from radcnn.robustness.raw_found import RawFound

HALF = 0.5  # of right answers
COLUMNS = ("Turned by the attack", "Its change in HU", "Turned by noise", "Its change in HU, of noise")


def raw_sentences(raw: RawFound) -> tuple[str, ...]:
    """How it was made, and the smallest budget that turns half of the answers."""
    aim = f" into {raw.towards}" if raw.towards else ""
    how = (
        f"Raw data: line integrals of {raw.views} parallel views were projected from the slices and changed by at most "
        f"so many noise standard deviations of each ray (at {raw.photons:g} photons per ray), and the change was "
        "reconstructed by filtered back-projection before the network saw it. Noise of that dose has a standard "
        f"deviation of {shown(raw.dose_hu)} HU in what the network sees."
    )
    half = next((one for one in raw.points if one.turned.value >= HALF), None)
    if half is None:
        last = raw.points[-1]
        return how, (
            f"Up to {last.budget:g} noise standard deviations of each ray, fewer than half of right answers are "
            f"turned{aim}: {shown(last.turned)}."
        )
    return how, (
        f"{half.budget:g} noise standard deviations of each ray turn {shown(half.turned)} of right answers{aim}, by a "
        f"change of {shown(half.change_hu)} HU (root mean square); random signs of the same size in every ray turn "
        f"{shown(half.noise)}. This says how near another answer is, not that somebody changes raw data: it takes "
        "access to the scanner."
    )


def raw_table(raw: RawFound, unit: Unit) -> FigureTable:
    """By budget: what the attack turns and what noise of its size turns, with their changes in HU."""
    rows = tuple(
        FigureRow(
            f"{p.budget:g} noise sd of each ray",
            "",
            tuple(shown(e, unit) for e in (p.turned, p.change_hu, p.noise, p.noise_hu)),
        )
        for p in raw.points
    )
    aim = f", towards {raw.towards}" if raw.towards else ""
    caption = f"Changes of raw data{aim}, after reconstruction, beside random signs of the whole budget in every ray"
    return FigureTable(caption, (Head(COLUMNS),), (FigureGroup("", rows),), "columns")
