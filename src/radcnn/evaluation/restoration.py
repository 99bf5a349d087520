"""Judging restored images: how near they are to their references, in which window, and what their noise looks like.

Every figure is of whole cases, by patient, for several ways of restoring the same cases: at least the image as it was
("input") and what a network made of it. What a way gains over the input is a figure of its own, with its interval.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import Side, Unit
from radcnn.core.estimate import Estimate
from radcnn.evaluation.plain import built, plain
from radcnn.metrics.clustered import Scale, clustered_mean
from radcnn.metrics.fidelity import psnr, regressed_snr, rms_error, ssim, vif, windowed
from radcnn.metrics.texture import mean_frequency, noise_power_spectrum
from radcnn.plan.restoration import Window

INPUT = "input"
SCALES: Mapping[str, Scale] = {"RMSE": "log", "SSIM": "logit", "VIF": "log", "noise frequency": "log"}
MOST_SLICES = 24  # of a volume, evenly spaced, on which SSIM and VIF are taken
KIND = "restoration"  # stands in the JSON of a judgement
TILE = 32  # pixels of the squares on which noise is looked at
BODY = (-200.0, 250.0)  # HU: squares whose mean lies here show tissue
LEAST_SIDE = 41  # pixels that VIF's four scales need

Figures = Mapping[str, float]
Table = Mapping[str, Mapping[str, Estimate]]


@dataclass(frozen=True)
class JudgedCase:
    """Figures of one case: by way, then by name; NaN where one is undefined."""

    case: str
    patient: str
    figures: Mapping[str, Figures]


@dataclass(frozen=True)
class RestorationJudgement:
    """What was found about restored images.

    side, unit, synthetic  as in other judgements
    units    of the images, in which RMSE is given
    windows  (name, low, high) that figures name
    table    by way and figure: mean over cases with its interval by patient
    gains    by way and figure: what the way gains over the input, case by case
    cases    figures of each case
    shifts   the same table for images of another dose or kernel than the network learned from
    notes    what a reader must know
    """

    side: Side
    unit: Unit
    units: str
    windows: tuple[tuple[str, float, float], ...]
    table: Table
    gains: Table
    cases: tuple[JudgedCase, ...]
    synthetic: bool = False
    notes: tuple[str, ...] = ()
    shifts: Mapping[str, Table] = field(default_factory=dict)

    @property
    def ways(self) -> tuple[str, ...]:
        return tuple(self.table)

    @property
    def patients(self) -> int:
        return len({case.patient for case in self.cases})

    def as_json(self) -> dict[str, Any]:
        """A JSON object that says which kind of judgement it is."""
        return {"kind": KIND, **plain(self)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> RestorationJudgement:
        """The inverse of `as_json`; raises ReadError when the value is not such a judgement's."""
        return built(cls, {name: item for name, item in value.items() if name != "kind"})


def figures_of(
    image: NDArray, reference: NDArray, windows: Sequence[Window], *, pixel_mm: float | None = None
) -> dict[str, float]:
    """Figures of an image or volume beside its reference, both (rows, columns) or (slices, rows, columns).

    RMSE and the regressed SNR are of all voxels as they are; PSNR, SSIM and VIF of values clipped to each window, with
    its width as the data range, as the mean over slices that show something in it. `pixel_mm` adds the mean frequency
    of what differs in tissue, per mm: lower where noise is coarser.
    """
    found, wanted = (part[None] if part.ndim == 2 else part for part in (image, reference))
    said = {"RMSE": rms_error(found, wanted), "regressed SNR": regressed_snr(found, wanted)}
    chosen = np.unique(np.linspace(0, len(found) - 1, min(len(found), MOST_SLICES)).round().astype(int))
    for window in windows:
        rows: dict[str, list[float]] = {"PSNR": [], "SSIM": [], "VIF": []}
        for k in chosen:
            a, b = (windowed(part[k], window.low, window.high) for part in (found, wanted))
            if np.ptp(b) == 0:  # nothing of it lies in the window
                continue
            rows["PSNR"].append(psnr(a, b, data_range=window.width))
            if min(b.shape) >= LEAST_SIDE:
                rows["SSIM"].append(ssim(a, b, data_range=window.width))
                rows["VIF"].append(vif(a, b, data_range=window.width))
        for name, values in rows.items():
            finite = [v for v in values if math.isfinite(v)]
            said[f"{name}, {window.name}"] = float(np.mean(finite)) if finite else math.nan
    if pixel_mm is not None:
        said["noise frequency"] = noise_frequency(found - wanted, wanted, pixel_mm)
    return said


def noise_frequency(noise: NDArray, reference: NDArray, pixel_mm: float) -> float:
    """Mean frequency, per mm, of what differs, in squares of tissue (HU); NaN where there are none.

    noise, reference  (slices, rows, columns)
    """
    chosen = np.unique(np.linspace(0, len(noise) - 1, min(len(noise), MOST_SLICES)).round().astype(int))
    tiles = [square for k in chosen for square in tissue_squares(noise[k], reference[k])]
    return mean_frequency(noise_power_spectrum(np.array(tiles), pixel_mm)) if tiles else math.nan


def tissue_squares(noise: NDArray, reference: NDArray) -> list[NDArray]:
    """Squares of 32 pixels of what differs in a slice (rows, columns), where the reference shows tissue (HU)."""
    rows, columns = (range(0, n - TILE + 1, TILE) for n in reference.shape)
    places = [(slice(r, r + TILE), slice(c, c + TILE)) for r in rows for c in columns]
    return [noise[at] for at in places if BODY[0] < float(reference[at].mean()) < BODY[1]]


def judged(
    cases: Sequence[JudgedCase],
    *,
    side: Side,
    unit: Unit = "patient",
    units: str = "HU",
    windows: Sequence[Window] = (),
    synthetic: bool = False,
    notes: Sequence[str] = (),
) -> RestorationJudgement:
    """Means over cases with intervals by patient, and what each way gains over the input."""
    spans = tuple((window.name, window.low, window.high) for window in windows)
    table, gains = tables_of(cases)
    return RestorationJudgement(side, unit, units, spans, table, gains, tuple(cases), synthetic, tuple(notes))


def tables_of(cases: Sequence[JudgedCase]) -> tuple[Table, Table]:
    """Means over cases by way and figure, and what each way gains over the input, case by case."""
    ways = tuple(cases[0].figures) if cases else ()
    names = tuple(cases[0].figures[ways[0]]) if ways else ()
    table = {
        way: {name: _mean(cases, [case.figures[way][name] for case in cases], scale_of(name)) for name in names}
        for way in ways
    }
    gains = {
        way: {
            name: _mean(cases, [case.figures[way][name] - case.figures[INPUT][name] for case in cases])
            for name in names
        }
        for way in ways
        if way != INPUT and INPUT in ways
    }
    return table, gains


def scale_of(name: str) -> Scale:
    """On which scale a figure's interval is made, so that no limit lies where the figure cannot."""
    return SCALES.get(name.partition(",")[0], "identity")


def _mean(cases: Sequence[JudgedCase], values: Sequence[float], scale: Scale = "identity") -> Estimate:
    """The mean of one value per case, by patient, over the cases where it is defined."""
    known = [(value, case.patient) for value, case in zip(values, cases, strict=True) if math.isfinite(value)]
    if not known:
        return Estimate.missing("no case where it is defined", n=len(cases))
    return clustered_mean([value for value, _ in known], [patient for _, patient in known], scale=scale)
