"""How success grows with the number of changed pixels and with the area of a patch: the two curves, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from radcnn.core.estimate import Estimate
from radcnn.reports.figures.canvas import GREY, MARKERS, PALETTE, Drawn, canvas, drawn, finish
from radcnn.reports.stressing.counted import aimed_words
from radcnn.robustness.attacked import Attacked
from radcnn.robustness.raw_found import RawFound

Line = tuple[str, list[float], list[Estimate]]


def places_drawings(found: Attacked) -> tuple[Drawn, ...]:
    """A drawing of few pixels, one of patches and one of raw data, where these were tried."""
    made = []
    if found.pixels:
        aims = dict.fromkeys(one.towards for one in found.pixels)
        mine = [[one for one in found.pixels if one.towards == aim] for aim in aims]
        lines = [(aimed_words(p[0].towards), [float(o.pixels) for o in p], [o.turned for o in p]) for p in mine]
        made.append(_drawing("places", f"changed {found.place}s", lines, (), _pixels_caption(found)))
    if found.patches:
        aims = dict.fromkeys(one.towards for one in found.patches)
        laid = [[one for one in found.patches if one.towards == aim] for aim in aims]
        lines = [(aimed_words(p[0].towards), [o.area for o in p], [o.turned for o in p]) for p in laid]
        noise = [(f"noise, {aimed_words(p[0].towards)}", [o.area for o in p], [o.plain for o in p]) for p in laid]
        made.append(_drawing("patches", "share of the image", lines, noise, _patch_caption(found)))
    if found.raw is not None:
        at = [one.budget for one in found.raw.points]
        attack = (aimed_words(found.raw.towards), at, [one.turned for one in found.raw.points])
        random = ("random signs of the whole budget", at, [one.noise for one in found.raw.points])
        made.append(
            _drawing("sinogram", "budget in noise sds of each ray", [attack], [random], _raw_caption(found.raw))
        )
    return tuple(made)


def _raw_caption(raw: RawFound) -> str:
    return (
        "Share of right answers that are turned by changes of raw data, after reconstruction (n = "
        f"{raw.points[0].turned.n}), at a dose of {raw.photons:g} photons per ray; bars are 95 % intervals by patient."
    )


def _pixels_caption(found: Attacked) -> str:
    return (
        f"Share of right answers that few {found.place}s turn, against their number (n = {found.pixels[0].turned.n}); "
        "bars are 95 % intervals by patient."
    )


def _patch_caption(found: Attacked) -> str:
    return (
        "Share of right answers that a patch turns at random places, against its share of the image (n = "
        f"{found.patches[0].turned.n}, patients it was not learned on); broken lines are noise of that size, bars are "
        "95 % intervals by patient."
    )


def _drawing(name: str, x: str, lines: Sequence[Line], plain: Sequence[Line], caption: str) -> Drawn:
    with canvas(5.0, 3.7) as figure:
        axes = figure.add_subplot()
        for k, (label, at, values) in enumerate(lines):
            _line(axes, at, values, label=label, color=PALETTE[k], marker=MARKERS[k], shift=k)
        for k, (label, at, values) in enumerate(plain):
            _line(axes, at, values, label=label, color=GREY, marker=MARKERS[k], shift=k, linestyle=(0, (4, 3)))
        axes.set_xscale("log")
        at = lines[0][1]
        axes.set_xticks(at, [f"{100 * one:g} %" if name == "patches" else f"{one:g}" for one in at])
        axes.minorticks_off()
        axes.set_ylim(-0.02, 1.02)
        figure.legend(loc="outside upper center", ncols=2)
        finish(axes, x=x, y="share of right answers turned")
        return drawn(figure, name=f"attacks-{name}", caption=caption, alt=_alt(x, (*lines, *plain)))


def _line(axes: Any, at: list[float], values: list[Estimate], *, shift: int, **style: Any) -> None:
    """One line with its intervals, the second a little aside, so that bars do not hide each other."""
    places = [one * (1 + 0.03 * shift) for one in at]
    below = [max(0.0, e.value - e.low) if e.low == e.low else 0.0 for e in values]
    above = [max(0.0, e.high - e.value) if e.high == e.high else 0.0 for e in values]
    axes.errorbar(places, [e.value for e in values], yerr=[below, above], capsize=2, elinewidth=1, **style)


def _alt(x: str, lines: Sequence[Line]) -> str:
    said = [
        f"{label}: " + ", ".join(f"{one:g} {e.value:.2f}" for one, e in zip(at, values, strict=True))
        for label, at, values in lines
    ]
    return f"Share turned against {x}. " + "; ".join(said)
