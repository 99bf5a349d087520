"""What the report says of doubts: calibration, risk against coverage, sets of classes, and what lies outside."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from radcnn.core.case import SIDE_NAMES
from radcnn.reports.figure_table import FigureGroup, FigureRow, FigureTable, Head
from radcnn.reports.figures.canvas import GREY, INK, MARKERS, PALETTE, Drawn, canvas, drawn, finish
from radcnn.reports.fragment import Fragment
from radcnn.reports.numbers import number, several, shown
from radcnn.robustness.doubted import Calibrated, ClassSets, Doubt, Doubted, OutsideFound


def doubted_fragment(found: Doubted, folder: Path) -> Fragment:  # noqa: ARG001 - it has no pictures
    """The fragment about doubts."""
    drawings = (
        *((_reliability(found.calibrated, found),) if found.calibrated is not None else ()),
        *((_risk(found),) if any(one.selective is not None for one in found.doubts) else ()),
    )
    tables = (
        *((_calibration(found.calibrated),) if found.calibrated is not None else ()),
        _errors(found.doubts),
        *((_coverage(found.sets),) if found.sets else ()),
        *((_outside(found.outside),) if found.outside else ()),
    )
    return Fragment(
        key="doubts",
        heading="What the network's doubts are worth",
        sentences=(
            _what(found),
            *((_scaled(found.calibrated),) if found.calibrated is not None else ()),
            *((_wrong(found),) if found.doubts else ()),
            *(_promise(one) for one in found.sets[:1]),
            *((_far(found.outside),) if found.outside else ()),
            *(f"{name.capitalize()}: not applicable, because {why}." for name, why in found.because.items()),
        ),
        tables=tables,
        drawings=drawings,
        notes=found.notes,
        corner="Doubt, group or image",
    )


def _what(found: Doubted) -> str:
    people = "" if found.n == found.patients else f" of {several(found.patients, 'patient')}"
    return f"On {several(found.n, 'case')}{people} of the {SIDE_NAMES[found.side]} set, answers at {found.threshold}."


def _scaled(one: Calibrated) -> str:
    hot = " and ".join(number(t, 2) for t in one.temperatures)
    mean = float(np.mean(one.temperatures))
    said = "too extreme" if mean > 1 else "too timid"
    helps = one.gained.low > 0
    worth = "helps new patients" if helps else "is not shown to help new patients"
    return (
        f"Temperature {hot} ({one.how}): scores are {said}. The calibration error of {one.what} is "
        f"{shown(one.ece[0])} before and {shown(one.ece[1])} after. The log loss falls by {shown(one.gained)}: scaling "
        f"{worth}."
    )


def _wrong(found: Doubted) -> str:
    known = [one for one in found.doubts if not one.because and not math.isnan(one.wrong_found.value)]
    if not known:
        why = next((one.wrong_found.undefined for one in found.doubts if not one.because), "there is none")
        return f"Whether doubts find wrong answers cannot be told: {why}."
    best = max(known, key=lambda one: one.wrong_found.value)
    tells = "finds" if best.wrong_found.low > 0.5 else "is not shown to find"
    return f"Of the doubts {best.name} {tells} wrong answers best: AUC {shown(best.wrong_found)}; 0.5 is chance."


def _promise(one: ClassSets) -> str:
    whole = one.groups[0]
    low = [g for g in one.groups[1:] if g.coverage.high < one.level]
    said = (
        f"Sets of classes are promised to hold the true one for {100 * one.level:g} % of new patients; here "
        f"({one.how}) they do in {shown(whole.coverage)}, with {number(whole.size.value, 2)} classes on average."
    )
    if low:
        names = ", ".join(f"{g.column} {g.group}" for g in low)
        said += (
            f" In these groups the whole interval lies below the promise, which is for all patients together: {names}."
        )
    return said


def _far(found: tuple[OutsideFound, ...]) -> str:
    told = [one for one in found if one.mahalanobis.low > 0.5]
    missed = [one for one in found if not one.mahalanobis.low > 0.5]
    return (
        f"Features before the last layer tell {len(told)} of {len(found)} kinds of shifted and foreign images from the "
        f"cases as they are better than chance; {len(missed)} they do not."
    )


def _calibration(one: Calibrated) -> FigureTable:
    rows = tuple(
        FigureRow(name, "", (shown(before), shown(after)))
        for name, (before, after) in (("Expected calibration error", one.ece), ("Log loss", one.loss))
    )
    caption = f"Calibration before and after temperature scaling: {one.how}"
    return FigureTable(caption, (Head(("Before", "After")),), (FigureGroup("", rows),))


def _errors(doubts: tuple[Doubt, ...]) -> FigureTable:
    rows = []
    for one in doubts:
        risks = () if one.selective is None else tuple(one.selective.risk_at.get(at) for at in ("1", "0.8", "0.5"))
        cells = [shown(one.wrong_found), None if one.selective is None else shown(one.selective.aurc)]
        cells += [None if risk is None else shown(risk) for risk in (risks or (None, None, None))]
        rows.append(FigureRow(one.name, "", tuple(cells)))
    columns = ("AUC of wrong answers", "AURC", "Wrong of all", "Wrong of the surest 80 %", "Wrong of the surest 50 %")
    return FigureTable("What each doubt finds", (Head(columns),), (FigureGroup("", tuple(rows)),), "columns")


def _coverage(sets: tuple[ClassSets, ...]) -> FigureTable:
    groups = []
    for column in dict.fromkeys(g.column for g in sets[0].groups):
        rows = []
        for place, g in enumerate(sets[0].groups):
            if g.column == column:
                cells = [shown(e) for one in sets for e in (one.groups[place].coverage, one.groups[place].size)]
                rows.append(FigureRow(g.group, "", tuple(cells)))
        groups.append(FigureGroup(column, tuple(rows)))
    heads = tuple(Head(("True class is in the set", "Classes in the set"), one.way) for one in sets)
    caption = f"Conformal sets of {100 * sets[0].level:g} %, by group: {sets[0].how}"
    return FigureTable(caption, heads, tuple(groups), "columns")


def _outside(found: tuple[OutsideFound, ...]) -> FigureTable:
    groups = []
    for name in dict.fromkeys(one.name for one in found):
        mine = [one for one in found if one.name == name]
        rows = tuple(
            FigureRow(
                f"{one.severity}: {one.amount}" if one.kind == "shift" else one.amount,
                "",
                (shown(one.mahalanobis), shown(one.neighbours)),
            )
            for one in mine
        )
        groups.append(FigureGroup(name, rows))
    caption = "Shifted and foreign images told from the cases as they are, by their distance from training: AUC"
    return FigureTable(caption, (Head(("Mahalanobis", "Neighbours")),), tuple(groups), "columns")


def _reliability(one: Calibrated, found: Doubted) -> Drawn:
    with canvas(4.8, 4.2) as figure:
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=(0, (4, 3)), label="ideal")
        for k, (name, bins) in enumerate((("before", one.before), ("after", one.after))):
            below = np.maximum(0, np.subtract(bins.share, bins.low))
            above = np.maximum(0, np.subtract(bins.high, bins.share))
            axes.errorbar(
                bins.probability, bins.share, yerr=np.stack([below, above]), color=PALETTE[k], fmt=f"{MARKERS[k]}-",
                markersize=5, elinewidth=1, capsize=2, linewidth=0.8, label=f"{name} scaling",
            )  # fmt: skip
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.03, 1.03))
        figure.legend(loc="outside upper center", ncols=3)
        finish(axes, x=one.what, y="share that is true")
        return drawn(
            figure,
            name="temperature",
            caption=f"Reliability before and after temperature scaling on the {SIDE_NAMES[found.side]} set, "
            f"{one.how}; bars are intervals by patient.",
            alt="Reliability before: "
            + "; ".join(f"{p:.2f} {s:.2f}" for p, s in zip(one.before.probability, one.before.share, strict=True))
            + ". After: "
            + "; ".join(f"{p:.2f} {s:.2f}" for p, s in zip(one.after.probability, one.after.share, strict=True)),
        )


def _risk(found: Doubted) -> Drawn:
    drawn_ = [one for one in found.doubts if one.selective is not None]
    with canvas(4.8, 3.9) as figure:
        axes = figure.add_subplot()
        for k, one in enumerate(drawn_):
            curve = one.selective
            assert curve is not None
            colour = PALETTE[k % len(PALETTE)]
            axes.plot(curve.coverage, curve.risk, color=colour, label=one.name)
            if k == 0:
                axes.fill_between(curve.coverage, curve.low, curve.high, color=colour, alpha=0.14, linewidth=0)
        first = drawn_[0].selective
        assert first is not None
        axes.axhline(first.risk[-1], color=INK, linewidth=0.9, linestyle=(0, (1, 1)), label="no use of doubt")
        axes.set(xlim=(0, 1.02))
        axes.set_ylim(bottom=0)
        figure.legend(loc="outside upper center", ncols=2)
        finish(axes, x="share of cases that are answered", y="share of wrong answers")
        return drawn(
            figure,
            name="risk",
            caption=f"Wrong answers if only the surest cases of the {SIDE_NAMES[found.side]} set are answered "
            f"(n = {found.n:,}); the band is that of {drawn_[0].name}, 95 % by patient.",
            alt="Risk against coverage: "
            + "; ".join(f"{c:.2f} {r:.3f}" for c, r in zip(first.coverage, first.risk, strict=True)),
        )
