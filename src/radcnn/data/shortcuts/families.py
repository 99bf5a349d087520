"""Families of features that may tell a label without showing the patient."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import Case
from radcnn.data.shortcuts.features import Features, Floats, mixed, words
from radcnn.data.shortcuts.markers import marker_figures, marker_names
from radcnn.data.survey.edges import EDGE_NAMES
from radcnn.data.survey.look import PERCENTILES, Look

Family = Literal[
    "file metadata", "bytes on disk", "site", "scanner", "columns", "border and corners", "marker", "mean and histogram"
]
Traits = Mapping[str, Mapping[str, str | float]]

FIFTH, NINETY_FIFTH = PERCENTILES.index(5.0), PERCENTILES.index(95.0)
LEAST_INNER = 0.1  # of the range, where nearly all of an image is of one grey
OUTER = 3  # thumbnail pixels of 24 that make the frame of one eighth
PACKED = ("jpeg", "png")
LONGEST_HEADER = 0.1  # of the numbers


@dataclass(frozen=True, eq=False)
class Known:
    """What is known of the cases: themselves, the looks at their images, and traits of their scanner by case id."""

    cases: Sequence[Case]
    looks: Sequence[Look]
    traits: Traits

    @property
    def regions(self) -> bool:
        """Whether a network would see regions of the images only."""
        return any(case.centre_mm is not None for case in self.cases)


def file_features(known: Known) -> Features:
    """Size, spacing, type, channels, format, units and orientation; of unpacked files the header's length.

    The bits that an image's values need are no part of it: a bright disease needs more of them.
    """
    looks = known.looks
    named: list[tuple[str, Floats]] = []
    for back, axis in enumerate(("columns", "rows", "slices"), start=1):
        named.append((axis, np.array([float(k.size[-back]) if len(k.size) >= back else math.nan for k in looks])))
        named.append((f"spacing of {axis}", np.array([_spacing(k, back) for k in looks])))
    named.append(("channels", np.array([float(k.channels) for k in looks])))
    if _whole(looks):
        named.append(("length of the header", np.array([_header(k) for k in looks])))
    for name in ("form", "dtype", "units", "placed", "orientation"):
        named += words({"form": "format", "placed": "geometry"}.get(name, name), [str(getattr(k, name)) for k in looks])
    return Features.of(named)


def _spacing(look: Look, back: int) -> float:
    found = look.spacing_mm
    return math.log(found[-back]) if found is not None and len(found) >= back and found[-back] > 0 else math.nan


def _per_number(look: Look) -> float:
    """Bytes on the disk per number of the image."""
    return look.stored_bytes / (math.prod(look.size) * look.channels)


def _whole(looks: Sequence[Look]) -> bool:
    """Whether no file is compressed: each takes 1, 2, 4 or 8 bytes a number and a header of a tenth at most.

    One file alone may be compressed to just that; then what it shows would decide, so it is asked of all.
    """
    return all(look.form not in PACKED and _header(look) < LONGEST_HEADER for look in looks)


def _header(look: Look) -> float:
    """The header's length as a share of the numbers; infinite where the file is too short for them."""
    per = _per_number(look)
    return min((per / size - 1 for size in (1, 2, 4, 8) if per >= size), default=math.inf)


def byte_features(known: Known) -> Features:
    """Bytes per pixel of compressed files: what an image shows decides on it as well as how it was made."""
    if _whole(known.looks):
        return Features.of([])
    return Features.of([("bytes per pixel", np.array([math.log(max(_per_number(k), 1e-9)) for k in known.looks]))])


def site_features(known: Known) -> Features:
    """The hospital."""
    return Features.of(words("site", [case.site or "" for case in known.cases]))


def column_features(known: Known) -> Features:
    """The columns named for subgroups, except a copy of the site."""
    rows = [{name: word for name, word in case.attributes.items() if name != "site"} for case in known.cases]
    return Features.of(mixed(rows))


def scanner_features(known: Known) -> Features:
    """Traits of the scanner and its settings, as the headers say them."""
    return Features.of(mixed([known.traits.get(case.id, {}) for case in known.cases]))


def border_features(known: Known) -> Features:
    """Mean, spread, maximum and share of one value of four borders and four corners."""
    return Features.of(zip(EDGE_NAMES, np.stack([_edges(k) for k in known.looks], axis=1), strict=True))


def _edges(look: Look) -> Floats:
    """Edge figures between the 5th and 95th percentile: a bright finding inside widens the whole range."""
    found, grey = look.edges.astype(np.float64), look.intensities
    span = max(grey.high - grey.low, 1e-6)
    black, white = grey.percentiles[FIFTH], grey.percentiles[NINETY_FIFTH]
    inner = max(white - black, LEAST_INNER * span)
    scaled = found * span / inner
    scaled[0::4] += (grey.low - black) / inner
    scaled[2::4] += (grey.low - black) / inner
    scaled[3::4] = found[3::4]  # a share has no unit
    return scaled


def marker_features(known: Known) -> Features:
    """Structures in the frame that stand out as letters do, each at its place."""
    found = marker_figures(known.looks).reshape(len(known.looks), -1)
    return Features.of(zip(marker_names(), found.T, strict=True))


def histogram_features(known: Known) -> Features:
    """Moments, percentiles, saturated shares and the histogram of all voxels."""
    found = [k.intensities for k in known.looks]
    named: list[tuple[str, NDArray]] = [
        (said, np.array([float(getattr(one, name)) for one in found])) for name, said in GREY_WORDS.items()
    ]
    percentiles = np.array([one.percentiles for one in found])
    named += [(f"percentile {p:g}", column) for p, column in zip(PERCENTILES, percentiles.T, strict=True)]
    shares = np.stack([one.histogram for one in found], axis=1)
    named += [(f"bin {k + 1} of {len(shares)} of the histogram", column) for k, column in enumerate(shares)]
    return Features.of(named)


GREY_WORDS = {
    "mean": "mean",
    "sd": "sd",
    "minimum": "minimum",
    "maximum": "maximum",
    "distinct": "number of grey values",
    "commonest": "share of the commonest value",
    "at_minimum": "share at the minimum",
    "at_maximum": "share at the maximum",
}


def inside_features(known: Known) -> Features:
    """The image without its frame, 9 x 9, and its extremes and spread: what the border is compared with."""
    inner = np.stack([k.middle[0, OUTER:-OUTER, OUTER:-OUTER] for k in known.looks]).astype(np.float64)
    n, side, _ = inner.shape
    cells = inner.reshape(n, side // 2, 2, side // 2, 2).mean(axis=(2, 4)).reshape(n, -1)
    whole = [inner.min(axis=(1, 2)), inner.max(axis=(1, 2)), inner.std(axis=(1, 2))]
    return Features.of((f"inside {k}", column) for k, column in enumerate([*cells.T, *whole]))


FAMILIES: dict[Family, Callable[[Known], Features]] = {
    "file metadata": file_features,
    "bytes on disk": byte_features,
    "site": site_features,
    "scanner": scanner_features,
    "columns": column_features,
    "border and corners": border_features,
    "marker": marker_features,
    "mean and histogram": histogram_features,
}
