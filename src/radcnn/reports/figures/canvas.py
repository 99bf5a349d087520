"""A canvas that becomes inline SVG: fonts as paths, one set of colours, the same bytes for the same drawing.

Colours are those of Okabe and Ito (2008), which people with any common colour vision tell apart; line styles and
markers differ as well.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Any

INK, GREY, FAINT = "#1b1b1b", "#6b6b6b", "#d9d9d9"
SIDE_COLOURS = {"training": "#6b6b6b", "tuning": "#d55e00", "internal test": "#0072b2", "external test": "#009e73"}
SIDE_LINES = {"training": (0, (1, 1)), "tuning": (0, (5, 2)), "internal test": "-", "external test": "-"}
NEGATIVE, POSITIVE = "#56b4e9", "#882255"
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # of what has no colour of its own
MARKERS = "osD^vP*X"
STYLE: dict[str, Any] = {
    "svg.fonttype": "path",
    "svg.hashsalt": "radcnn",
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#ececec",
    "grid.linewidth": 0.8,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "text.parse_math": False,  # names are the user's: a dollar sign is a dollar sign
}


@dataclass(frozen=True)
class Drawn:
    """A figure of the page: SVG text, what stands under it, and what a reader who cannot see it is told."""

    svg: str
    caption: str
    alt: str


@contextmanager
def canvas(width: float = 4.8, height: float = 3.9) -> Iterator[Any]:
    """A matplotlib Figure of this size in inches, drawn in the report's style; no pyplot, no window."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        yield Figure(figsize=(width, height), layout="constrained", facecolor="white")


def drawn(figure: Any, *, name: str, caption: str, alt: str) -> Drawn:
    """The figure as inline SVG; `name` keeps its ids apart from those of other figures on the page."""
    written = io.StringIO()
    figure.savefig(
        written, format="svg", dpi=160, metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
    )
    return Drawn(inline(written.getvalue(), name=name, alt=alt), caption, alt)


def inline(svg: str, *, name: str, alt: str) -> str:
    """An SVG document as an element of an HTML page: no prolog, no addresses, ids of its own, short coordinates."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", svg).replace("xlink:href", "href")
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = svg.replace('href="#', f'href="#{name}-').replace("url(#", f"url(#{name}-")
    svg = re.sub(r'\bd="[^"]*"', lambda path: re.sub(r"(\.\d{2})\d+", r"\1", path.group()), svg)
    size = re.search(r'<svg[^>]*?viewBox="([^"]*)"', svg)
    assert size is not None, "matplotlib writes a viewBox"
    width = float(size.group(1).split()[2])
    head = (
        f'<svg viewBox="{size.group(1)}" role="img" aria-label="{escape(alt)}" style="max-width:{width * 1.35:.0f}px">'
    )
    return re.sub(r"<svg[^>]*>", lambda _: head, svg, count=1).strip()


def finish(axes: Any, *, x: str, y: str) -> None:
    """Names of the axes."""
    axes.set_xlabel(x)
    axes.set_ylabel(y)


def unit_square(axes: Any) -> None:
    """Both axes from 0 to 1, equally long, with a little room for lines that run along the border."""
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    axes.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1])
    axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1])


def shortened(text: str, most: int = 28) -> str:
    """A name that fits beside an axis.

    >>> shortened("a very long name of a class", 12)
    'a very long…'
    """
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
