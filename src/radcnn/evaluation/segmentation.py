"""Judging segmentations: overlap, distances, volumes and lesions of every structure, by patient.

Figures are of whole cases on the image's own grid. A structure that is missed costs the worst value (see
`metrics.overlap`), so that no mean leaves it out; where a figure has no meaning for a case, it is said for how many.
Distances are in mm where the voxels' size is known, and in voxels, called so, where it is not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import Side, Unit
from radcnn.core.errors import GeometryError
from radcnn.core.estimate import Estimate
from radcnn.core.volume import Volume
from radcnn.evaluation.plain import built, plain
from radcnn.metrics.clustered import Scale, clustered_mean
from radcnn.metrics.membranes import information_scores, pixel_error, rand_scores, warping_error
from radcnn.metrics.overlap import LesionMatches, counts_of, distances_of, match_lesions
from radcnn.metrics.regression import bias, limits_of_agreement
from radcnn.metrics.shape import longest_axes
from radcnn.plan.segmentation import SegmentationPlan

KIND = "segmentation"  # stands in the JSON of a judgement
MEAN = "mean of structures"
LESIONS, ML, AXIS, EXPECTED = "lesions", "ml", "long axis", "expected Dice"
CELLS = ("pixel error", "Rand error", "information error", "warping error")  # of tissue of cells
SIZED: Mapping[str, tuple[float, float]] = {  # by the diameter in mm of a ball of the same volume, from and below
    "F1 of lesions under 10 mm": (0.0, 10.0),  # which RECIST 1.1 takes for not measurable
    "F1 of lesions of 10 to 20 mm": (10.0, 20.0),
    "F1 of lesions over 20 mm": (20.0, math.inf),
}
SCALES: Mapping[str, Scale] = {
    **dict.fromkeys(
        (
            "Dice",
            EXPECTED,
            "IoU",
            "sensitivity",
            "precision",
            "surface Dice",
            "lesion F1",
            "lesion sensitivity",
            *SIZED,
            *CELLS,
        ),
        "logit",
    ),
    **dict.fromkeys(("mean distance", "RMS distance", "95 % distance", "largest distance", "false lesions"), "log"),
}
TOLERANCE_MM = 2.0  # of the surface Dice coefficient, and as many voxels where millimetres are not known
AVERAGED = ("Dice", "IoU", "surface Dice", "mean distance", "95 % distance")

Figures = Mapping[str, float]


@dataclass(frozen=True)
class OutlinedCase:
    """Figures of one case: by structure, then by name; NaN where one has no meaning."""

    case: str
    patient: str
    figures: Mapping[str, Figures]


@dataclass(frozen=True)
class Agreement:
    """How two measurements differ: their mean difference, and the limits within which 95 % lie (in their unit)."""

    bias: Estimate
    low: float
    high: float


@dataclass(frozen=True)
class SegmentationJudgement:
    """What was found about outlined structures.

    side, unit, synthetic  as in other judgements
    length      "mm", or "voxels" where their size is not known
    table       by structure and figure: mean over cases with its interval by patient
    volumes     by structure: agreement of predicted and true volumes (ml), where millimetres are known
    diameters   likewise of the longest diameter (mm) in a slice of the largest part
    cases       figures of each case
    notes       what a reader must know
    """

    side: Side
    unit: Unit
    length: str
    table: Mapping[str, Mapping[str, Estimate]]
    cases: tuple[OutlinedCase, ...]
    volumes: Mapping[str, Agreement] = field(default_factory=dict)
    diameters: Mapping[str, Agreement] = field(default_factory=dict)
    synthetic: bool = False
    notes: tuple[str, ...] = ()

    @property
    def structures(self) -> tuple[str, ...]:
        return tuple(name for name in self.table if name != MEAN)

    @property
    def patients(self) -> int:
        return len({case.patient for case in self.cases})

    def as_json(self) -> dict[str, Any]:
        """A JSON object that says which kind of judgement it is."""
        return {"kind": KIND, **plain(self)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> SegmentationJudgement:
        """The inverse of `as_json`; raises ReadError when the value is not such a judgement's."""
        return built(cls, {name: item for name, item in value.items() if name != "kind"})


def figures_of(
    reference: NDArray[np.bool_],
    prediction: NDArray[np.bool_],
    spacing_mm: Sequence[float] | None,
    *,
    voxel_ml: float | None = None,
    counted: NDArray[np.bool_] | None = None,
) -> dict[str, float]:
    """Figures of one structure, both masks of one size on the image's grid.

    spacing_mm  of the voxels; None where it is unknown: distances are in voxels then, and there are no millilitres
    voxel_ml    of a voxel; None for the product of the spacings, which it is where axes are at right angles
    counted     voxels that somebody looked at; others take no part

    Raises GeometryError where the masks differ in size.
    """
    if reference.shape != prediction.shape:
        raise GeometryError(f"both masks must have one size, got {reference.shape} and {prediction.shape}")
    if counted is not None:
        reference, prediction = reference & counted, prediction & counted
    found = counts_of(reference, prediction)
    apart = distances_of(reference, prediction, spacing_mm or (1.0,) * reference.ndim, tolerance=TOLERANCE_MM)
    matches = match_lesions(reference, prediction)
    lesions = matches.counted()
    said = {
        "Dice": found.dice, "IoU": found.iou, "volume difference": found.relative_volume_difference,
        "sensitivity": found.sensitivity, "precision": found.precision,
        "surface Dice": apart.dice, "mean distance": apart.mean, "RMS distance": apart.rms,
        "95 % distance": apart.most, "largest distance": apart.maximum,
        "lesion F1": lesions.f1, "lesion sensitivity": lesions.sensitivity, "false lesions": float(lesions.made_up),
        LESIONS: float(lesions.there),
    }  # fmt: skip
    if spacing_mm is not None and reference.ndim == 3:
        ml = math.prod(spacing_mm) / 1000 if voxel_ml is None else voxel_ml
        said |= by_size(matches, ml)
        said |= {f"reference {ML}": found.reference * ml, f"predicted {ML}": found.prediction * ml}
        said |= {
            f"{whose} {AXIS}": longest_axes(mask, spacing_mm)[0]
            for whose, mask in (("reference", reference), ("predicted", prediction))
        }
    return said


def by_size(matches: LesionMatches, ml: float) -> dict[str, float]:
    """F1 of lesions by their size, where a voxel has so many millilitres; NaN where none of a size is there or said."""
    made = {}
    for name, (least, below) in SIZED.items():
        voxels = (math.pi / 6000 * size**3 / ml for size in (least, below))
        found = matches.counted(*voxels)
        made[name] = found.f1 if found.there or found.made_up else math.nan
    return made


def figures_by_structure(
    labels: NDArray[np.integer],
    masks: NDArray[np.bool_],
    plan: SegmentationPlan,
    volume: Volume,
) -> dict[str, dict[str, float]]:
    """Figures of the plan's structures in an image: labels (*size) of a mask, and what was outlined in it.

    masks  (structures, *size)
    """
    counted = None if plan.unlabelled is None else labels != plan.unlabelled
    made = {}
    for one, mask in zip(plan.structures, masks, strict=True):
        truth = np.isin(labels, one.labels)
        made[one.name] = figures_of(truth, mask, volume.spacing_mm, voxel_ml=volume.voxel_ml, counted=counted)
        if one.name in plan.cells:
            made[one.name] |= cell_figures(truth, mask, counted=counted)
    return made


def cell_figures(
    reference: NDArray[np.bool_], prediction: NDArray[np.bool_], *, counted: NDArray[np.bool_] | None = None
) -> dict[str, float]:
    """How far one image (H, W) is parted into other cells than the other: see `metrics.membranes`.

    counted  pixels that somebody looked at; others are membrane in both

    Rand and information errors have no meaning where the reference has no cell. Raises GeometryError for volumes.
    """
    if counted is not None:
        reference, prediction = reference & counted, prediction & counted
    there = reference.any()
    return {
        "pixel error": pixel_error(reference, prediction),
        "Rand error": 1 - rand_scores(reference, prediction).f if there else math.nan,
        "information error": 1 - information_scores(reference, prediction).f if there else math.nan,
        "warping error": warping_error(reference, prediction),
    }


def dice_by_structure(
    labels: NDArray[np.integer], masks: NDArray[np.bool_], plan: SegmentationPlan
) -> NDArray[np.float64]:
    """Dice coefficients alone of the plan's structures, in the order in which it has them."""
    counted = ... if plan.unlabelled is None else labels != plan.unlabelled
    return np.array(
        [
            counts_of(np.isin(labels, one.labels)[counted], mask[counted]).dice
            for one, mask in zip(plan.structures, masks, strict=True)
        ]
    )


def judged(
    cases: Sequence[OutlinedCase],
    *,
    side: Side,
    unit: Unit = "patient",
    length: str = "mm",
    synthetic: bool = False,
    notes: Sequence[str] = (),
) -> SegmentationJudgement:
    """Means over cases by structure, with intervals by patient, the mean of the structures, and volumes."""
    structures = tuple(cases[0].figures) if cases else ()
    patients = [case.patient for case in cases]
    table: dict[str, dict[str, Estimate]] = {}
    for name in structures:
        names = dict.fromkeys(figure for case in cases for figure in case.figures[name])
        if not any(case.figures[name].get(LESIONS, 0) > 1 for case in cases):
            names = {figure: None for figure in names if figure not in SIZED}  # an organ, of which each has one
        table[name] = {
            figure: mean_of([case.figures[name].get(figure, math.nan) for case in cases], patients, figure)
            for figure in names
        }
    if len(structures) > 1:
        table[MEAN] = {
            figure: mean_of(
                [float(np.mean([case.figures[name][figure] for name in structures])) for case in cases],
                patients,
                figure,
            )
            for figure in AVERAGED
        }
    volumes, diameters = (
        {name: found for name in structures if (found := agreement_of(cases, name, what)) is not None}
        for what in (ML, AXIS)
    )
    return SegmentationJudgement(side, unit, length, table, tuple(cases), volumes, diameters, synthetic, tuple(notes))


def mean_of(values: Sequence[float], patients: Sequence[str], figure: str) -> Estimate:
    """The mean of one value per case, by patient, over the cases where it has a meaning."""
    known = [(value, patient) for value, patient in zip(values, patients, strict=True) if math.isfinite(value)]
    if not known:
        return Estimate.missing("no case where it has a meaning", n=len(values))
    return clustered_mean(
        [value for value, _ in known], [patient for _, patient in known], scale=SCALES.get(figure, "identity")
    )


def agreement_of(cases: Sequence[OutlinedCase], name: str, what: str) -> Agreement | None:
    """Bias and limits of agreement of a structure's volumes, or axes (Bland and Altman 1986); None without millimetres.

    what  "ml" or "long axis"
    """
    figures = [case.figures[name] for case in cases]
    if len(figures) < 2 or any(f"predicted {what}" not in one for one in figures):
        return None
    given = ([one[f"{whose} {what}"] for one in figures] for whose in ("predicted", "reference"))
    predicted, reference, patients = *given, [case.patient for case in cases]
    low, high = limits_of_agreement(predicted, reference, patients)
    return Agreement(bias(predicted, reference, patients), low.value, high.value)
