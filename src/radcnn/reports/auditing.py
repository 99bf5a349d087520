"""The page and the figure of an adversarial audit: halving budgets by study, family and way of training."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from radcnn.core.estimate import Estimate
from radcnn.reports import headline
from radcnn.reports.figure_table import FigureGroup, FigureRow, FigureTable, Head
from radcnn.reports.figures.canvas import GREY, MARKERS, PALETTE, Drawn, canvas, drawn
from radcnn.reports.numbers import shown
from radcnn.reports.page import environment_of_pages, styles

LEAST = 0.005  # noise sds: where the axis begins
Halvings = Mapping[str, Sequence[tuple[str, str, Estimate]]]


@dataclass(frozen=True)
class AuditPage:
    """What the page tells.

    says      paragraphs on what it means, and what not
    protocol  sentences on what was done
    tables    study -> way -> figure
    """

    title: str
    version: str
    says: tuple[str, ...]
    protocol: tuple[str, ...]
    notes: tuple[str, ...]
    tables: Mapping[str, Mapping[str, Mapping[str, Estimate]]]
    drawing: Drawn | None = None


def audit_page(page: AuditPage, *, synthetic: bool) -> str:
    """The HTML page, complete in itself; the same audit gives the same bytes."""
    return environment_of_pages().get_template("audit.html.j2").render(
        page=page,
        tables=[_table(study, rows) for study, rows in page.tables.items()],
        drawings=(page.drawing,) if page.drawing is not None else (),
        styles=Markup(styles()),  # noqa: S704 our own file
        use=headline.RESEARCH_USE,
        synthetic=headline.SYNTHETIC if synthetic else "",
    )  # fmt: skip


def _table(study: str, rows: Mapping[str, Mapping[str, Estimate]]) -> FigureTable:
    names = tuple(next(iter(rows.values())))
    lines = tuple(FigureRow(way, "", tuple(shown(row[name]) for name in names)) for way, row in rows.items())
    return FigureTable(study, (Head(names),), (FigureGroup("", lines),), "columns")


def halving_figure(studies: Halvings, *, most: float) -> tuple[Drawn, bytes]:
    """Budgets that halve accuracy, a panel for each study, families below each other, ways of training by colour.

    most  the largest budget that was tried; an arrow stands there where accuracy stays above half

    Returns the figure for a page, and as PNG.
    """
    regimes = list(dict.fromkeys(regime for rows in studies.values() for _, regime, _ in rows))
    families = list(dict.fromkeys(family for rows in studies.values() for family, _, _ in rows))
    height = 1.3 + 0.22 * len(families) * (len(regimes) + 1)
    with canvas(1.8 + 2.6 * len(studies), height) as figure:
        panels = figure.subplots(1, len(studies), sharey=True, squeeze=False)[0]
        for panel, (study, rows) in zip(panels, studies.items(), strict=True):
            for family, regime, halving in rows:
                line = families.index(family) * (len(regimes) + 1) + regimes.index(regime)
                _mark(panel, halving, line, regimes.index(regime), most)
            panel.set_xscale("log")
            panel.set_xlim(LEAST, 1.6 * most)
            panel.axvline(1, color=GREY, linewidth=0.9, linestyle=(0, (4, 3)))
            panel.set_title(study, fontsize=9.5)
            panel.set_xlabel("halved at (noise sds)")
        middle = (len(regimes) - 1) / 2
        panels[0].set_yticks([k * (len(regimes) + 1) + middle for k in range(len(families))], families)
        panels[0].set_ylim(len(families) * (len(regimes) + 1) - 1.2, -0.8)
        for k, regime in enumerate(regimes):
            panels[0].plot([], [], color=PALETTE[k % len(PALETTE)], marker=MARKERS[k], linestyle="", label=regime)
        figure.legend(loc="outside upper center", ncols=len(regimes))
        kept = io.BytesIO()
        figure.savefig(kept, format="png", dpi=160, metadata={"Software": None})
        made = drawn(
            figure,
            name="audit",
            caption="The budget of PGD, in standard deviations of each image's own noise, at which accuracy is half of "
            "that without attack, with 95 % intervals by patient; an arrow: it stays above half up to the largest "
            f"budget ({most:g}); the broken line is one standard deviation of the noise.",
            alt="Halving budgets by study, family of networks and way of training.",
        )
    return made, kept.getvalue()


def _mark(panel: object, halving: Estimate, line: int, colour: int, most: float) -> None:
    """One estimate with its interval, or an arrow."""
    look = {"color": PALETTE[colour % len(PALETTE)], "marker": MARKERS[colour], "linestyle": ""}
    if halving.undefined:
        panel.plot([most], [line], **{**look, "marker": ">", "markersize": 7})  # type: ignore[attr-defined]
        return
    if math.isfinite(halving.low) and math.isfinite(halving.high):
        panel.plot(  # type: ignore[attr-defined]
            [max(halving.low, LEAST), halving.high], [line, line], color=look["color"], linewidth=1.5
        )
    panel.plot([max(halving.value, LEAST)], [line], **look)  # type: ignore[attr-defined]
