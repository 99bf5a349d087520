"""Do answers follow the border of an image? Its frame is swapped for that of another patient's image.

A side marker, burned-in letters, a collimator's edge or a table lie at the border. Where they go with the class, a
network may read them in place of the patient. The frame of a case of another class turns answers then, and that of
another patient of the same class does not: what both do alike is the seam, and what only the first does is followed.
Nothing needs to be known of the marker.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import Side, Unit
from radcnn.core.chance import generator
from radcnn.core.estimate import Estimate
from radcnn.core.settings import fields_to_plain, from_plain
from radcnn.metrics.clustered import Floats, clustered_mean
from radcnn.metrics.proportions import mean_share
from radcnn.robustness.tabled import figures_csv

Flags = NDArray[np.bool_]
FEWEST = 6  # patients who all say the same are no chance: 2^-5 < .05
PLACES = (
    "upper left",
    "upper edge",
    "upper right",
    "left edge",
    "right edge",
    "lower left",
    "lower edge",
    "lower right",
)


def frame(size: Sequence[int], width: int) -> Flags:
    """The voxels of an image of this size that lie within `width` of its border.

    >>> frame((4, 4), 1).sum()
    np.int64(12)
    """
    inside = np.zeros(tuple(size), dtype=bool)
    inside[tuple(slice(width, n - width) for n in size)] = True
    return ~inside


def pieces(size: Sequence[int], width: int) -> dict[str, Flags]:
    """The frame of a 2D image in four corners and four edges, by name."""
    rows, columns = size
    bands = [(slice(0, width), slice(width, n - width), slice(n - width, n)) for n in (rows, columns)]
    made = {}
    for name, (i, j) in zip(PLACES, [(i, j) for i in range(3) for j in range(3) if (i, j) != (1, 1)], strict=True):
        made[name] = np.zeros((rows, columns), dtype=bool)
        made[name][bands[0][i], bands[1][j]] = True
    return made


def donors(
    kinds: Sequence[object], patients: Sequence[str], *, same: bool, each: int, seed: int = 0
) -> list[NDArray[np.intp]]:
    """For each case, up to `each` cases of other patients whose kind is the same, or another one."""
    found = []
    codes = {kind: k for k, kind in enumerate(dict.fromkeys(kinds))}
    kind, names = np.array([codes[one] for one in kinds]), np.asarray(patients)
    for row in range(len(kinds)):
        able = np.flatnonzero(((kind == kind[row]) == same) & (names != names[row]))
        dice = generator(seed, "borders", "same" if same else "other", row)
        found.append(dice.permutation(able)[:each])
    return found


@dataclass(frozen=True)
class AtWidth:
    """What a frame of one width, or one piece of it, does to answers that were right.

    place   "whole border", or which piece
    pixels  width of the frame, in pixels of what the network is given; mm where that is known
    share   of the image that it covers
    other   share turned by the frame of a case of another class
    same    the same for another patient of the same class: what the seam and another anatomy do
    excess  other minus same, within each case: what is followed
    """

    place: str
    pixels: int
    mm: float | None
    share: float
    other: Estimate
    same: Estimate
    excess: Estimate

    @property
    def follows(self) -> bool:
        """Whether more answers turn than by chance: the interval says so, or all of enough patients do."""
        alike = np.isnan(self.excess.low) and self.excess.patients >= FEWEST
        return self.excess.low > 0 or bool(alike and self.excess.value > 0)


def at_width(
    place: str, pixels: int, mm: float | None, share: float, other: Floats, same: Floats, patients: Sequence[str]
) -> AtWidth:
    """The figures of shares turned (n,) of each case, over its donors; NaN where a case has none."""
    names = np.asarray(patients)
    both = np.isfinite(other) & np.isfinite(same)
    excess = clustered_mean((other - same)[both], names[both], what="mean of differences within cases")
    return AtWidth(place, pixels, mm, share, _mean(other, names), _mean(same, names), excess)


def _mean(values: Floats, names: NDArray) -> Estimate:
    known = np.isfinite(values)
    return mean_share(values[known], names[known]) if known.any() else Estimate.missing("no case has a donor")


@dataclass(frozen=True)
class BorderPicture:
    """A case that was turned by another's border: names of PNG files beside the result, and the answers."""

    case: int
    donor: int
    files: tuple[str, str, str]
    before: str
    after: str


@dataclass(frozen=True)
class Bordered:
    """What swapping borders came to.

    side, n, patients, unit  of the cases that were right, of which the figures are
    widths   one per width of the frame
    places   one per piece of the widest frame that is followed; empty where none is, and in 3D
    """

    side: Side
    n: int
    patients: int
    unit: Unit
    threshold: str
    widths: tuple[AtWidth, ...]
    places: tuple[AtWidth, ...] = ()
    pictures: tuple[BorderPicture, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def followed(self) -> AtWidth | None:
        """The narrowest frame that answers follow; None where none is."""
        return next((one for one in self.widths if one.follows), None)

    @property
    def sentence(self) -> str:
        """What was found, in words."""
        told = self.followed or self.widths[-1]
        size = f"{told.pixels} pixels" + (f" ({told.mm:.3g} mm)" if told.mm is not None else "")
        if told.excess.undefined:
            return f"Whether answers follow the border could not be seen: {told.excess.undefined}."
        figures = (
            f"the outer {size} of a case of another class turn {100 * told.other.value:.0f} % of the right answers, "
            f"those of another patient of the same class {100 * told.same.value:.0f} %"
        )
        if self.followed is None:
            most = told.other.high if np.isnan(told.excess.high) else told.excess.high
            limit = "" if np.isnan(most) else f"; the difference is at most {100 * most:.0f} % (95 % limit)"
            return f"No sign that answers follow the border: {figures}{limit}."
        worst = max(self.places, key=lambda one: one.excess.value, default=None)
        where = f" Most of it lies in one place: {worst.place}." if worst is not None and worst.follows else ""
        return (
            f"THE ANSWERS FOLLOW THE BORDER: {figures}.{where} A marker, letters, a collimator's edge or anatomy that "
            "reaches there goes with the class in these data; look at the images, and train without that border."
        )

    def as_json(self) -> dict[str, Any]:
        """A JSON object."""
        plain: dict[str, Any] = fields_to_plain(self)
        return plain

    @classmethod
    def from_json(cls, value: Any) -> Bordered:
        """The inverse of as_json; raises SettingsError for anything else."""
        return from_plain(cls, value, "the result of swapped borders")

    def lines(self) -> tuple[str, ...]:
        """What the terminal prints."""
        said = [f"borders swapped on {self.n} right {self.side} cases: {self.sentence}"]
        said += [
            f"  {one.place}, {one.pixels} pixels: turned {one.other}, same class {one.same}"
            for one in (*self.widths, *self.places)
        ]
        return (*said, *(f"  note: {note}" for note in self.notes))

    def tables(self) -> dict[str, str]:
        """The figures as CSV."""
        rows = [
            ((one.place, str(one.pixels), f"{one.share:.4f}"), name, figure)
            for one in (*self.widths, *self.places)
            for name, figure in (("other", one.other), ("same", one.same), ("excess", one.excess))
        ]
        return {"widths": figures_csv(("place", "pixels", "share"), rows)}
