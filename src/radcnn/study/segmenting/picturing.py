"""Slices of cases with contours for the report: as radiologists hang them, to scale, in the window of the network."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from radcnn.core.volume import Volume
from radcnn.evaluation.segmentation import OutlinedCase
from radcnn.plan.segmentation import SegmentationPlan
from radcnn.reports.segmentation import Contoured
from radcnn.transforms.orientation import Plane, towards_patient_axes

LEAST = 480  # pixels of the longer side of a picture, so that a contour is a line
MOST = 2048  # pixels of the longer side of a picture whose pixels are not square
SOFT_TISSUE = (-160.0, 240.0)  # HU, where the network has no window
MIDDLE = (0.5, 99.5)  # percentiles that black and white are, of other values
LETTERS = (("R", "L"), ("A", "P"), ("F", "H"))  # where x, y and z fall and rise
ASLANT = 0.35  # cosine with an axis of the patient, from which on its letter is told, too
LETTER = 18  # pixels
FROM: dict[Plane, str] = {"axial": "the feet", "sagittal": "the right", "coronal": "the front"}  # slices are counted
COLOURS = (
    "#e69f00",
    "#56b4e9",
    "#009e73",
    "#f0e442",
    "#d55e00",
    "#cc79a7",
)  # Okabe and Ito 2008, light enough on black


def pictured(
    case: OutlinedCase, rank: str, volume: Volume, labels: NDArray[np.integer], found: NDArray[np.bool_],
    plan: SegmentationPlan,
) -> Contoured:  # fmt: skip
    """The slice where prediction and reference differ most, with their contours."""
    upright = towards_patient_axes(volume, plan.plane)
    references = np.stack([np.isin(labels, one.labels) for one in plan.structures])
    flat = volume.rank == 2
    masks = [
        towards_patient_axes(volume.with_voxels(mask.astype(np.uint8)), plan.plane).voxels > 0
        for mask in (references, found)
    ]
    masks = [mask[:, None] if flat else mask for mask in masks]
    values = upright.voxels.mean(axis=0) if upright.channels > 1 else upright.voxels[0]
    slices = values[None] if flat else values
    apart = (masks[0] != masks[1]).sum(axis=(0, 2, 3))
    there = masks[0].sum(axis=(0, 2, 3))
    k = int(np.argmax(apart)) if apart.any() else int(np.argmax(there))
    window = window_of(plan)
    plain = to_scale(grey_levels(slices[k].astype(np.float32), window), upright)
    contours = with_contours(plain, *(to_scale(mask[:, k], upright) for mask in masks))
    said = ", ".join(f"{name} {figures['Dice']:.2f}" for name, figures in case.figures.items())
    place = "" if flat else f"; {_slice(k, len(slices), upright, plan.plane)}"
    shown = "" if window is None else f"; {window[0]:g} to {window[1]:g} {plan.units} from black to white"
    letters = edges(upright)
    return Contoured(
        int(case.case), rank, f"Dice: {said}{place}{shown}.", _png(plain, letters), _png(contours, letters)
    )


def window_of(plan: SegmentationPlan) -> tuple[float, float] | None:
    """Which values are black and white: those of the network's window, of other HU soft tissue's, else None."""
    low, high = plan.intensity.low, plan.intensity.high
    if plan.intensity.kind == "window" and low is not None and high is not None:
        return low, high
    return SOFT_TISSUE if plan.units == "HU" else None


def grey_levels(values: NDArray[np.float32], window: tuple[float, float] | None) -> NDArray[np.uint8]:
    """A slice in 8 bits, in a window or between its percentiles."""
    low, high = window or np.percentile(values, MIDDLE)
    width = max(float(high - low), 1e-6)
    return np.round(255 * np.clip((values - low) / width, 0, 1)).astype(np.uint8)


def to_scale(image: NDArray, volume: Volume) -> NDArray:
    """Rows and columns (..., rows, columns) of a volume's slice repeated, so that a millimetre is as long along both.

    The longer side has 480 pixels at least. Pixels of unknown size are taken for square.
    """
    spacing = np.array((1.0, 1.0) if volume.spacing_mm is None else volume.spacing_mm[-2:])
    lengths = spacing * image.shape[-2:]
    smallest = max(float(spacing.min()), float(lengths.max()) / MOST if np.ptp(spacing) > 0 else 0.0)
    pixel = smallest / max(1, -(-LEAST * smallest // float(lengths.max())))
    rows, columns = (
        np.minimum((np.arange(max(1, round(length / pixel))) + 0.5) * pixel / step, n - 1).astype(np.intp)
        for length, step, n in zip(lengths.tolist(), spacing.tolist(), image.shape[-2:], strict=True)
    )
    return image[..., rows[:, None], columns]


def edges(volume: Volume) -> tuple[str, str, str, str] | None:
    """What of the patient lies at the left, right, top and bottom of a slice; None where that is not known.

    >>> edges(towards_patient_axes(Volume(np.zeros((1, 2, 2, 2)), np.eye(4))))
    ('R', 'L', 'A', 'P')
    """
    if volume.frame != "patient" or volume.affine is None:
        return None
    down, right = (volume.affine[:3, axis] / np.linalg.norm(volume.affine[:3, axis]) for axis in (1, 2))
    return _letters(-right), _letters(right), _letters(-down), _letters(down)


def _letters(direction: NDArray[np.float64]) -> str:
    order = np.argsort(-np.abs(direction), kind="stable")
    return "".join(LETTERS[axis][int(direction[axis] > 0)] for axis in order if abs(direction[axis]) >= ASLANT)


def with_contours(
    plain: NDArray[np.uint8], references: NDArray[np.bool_], found: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """A slice in colour with the contours of references (S, rows, columns), dashed, and of predictions."""
    picture = np.repeat(plain[..., None], 3, axis=-1)
    for k, mask in enumerate(found):
        colour = tuple(int(COLOURS[k % len(COLOURS)][i : i + 2], 16) for i in (1, 3, 5))
        picture[_edge(mask, 2)] = colour
    rows, columns = np.indices(picture.shape[:2])
    dashes = ((rows + columns) // 5) % 2 == 0
    for mask in references:
        edge = _edge(mask, 1)
        picture[edge & dashes], picture[edge & ~dashes] = 255, 0
    return picture


def _edge(mask: NDArray[np.bool_], wide: int) -> NDArray[np.bool_]:
    """The pixels of a mask within some of its border."""
    inner = mask.copy()
    for _ in range(wide):
        padded = np.pad(inner, 1)
        inner = inner & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    edge: NDArray[np.bool_] = mask & ~inner
    return edge


def _slice(k: int, of: int, upright: Volume, plane: Plane) -> str:
    if upright.frame != "patient" or upright.affine is None:
        return f"slice {k + 1} of {of}"
    return f"{plane} slice {k + 1} of {of} from {FROM[plane]}"


def _png(image: NDArray[np.uint8], letters: tuple[str, str, str, str] | None) -> bytes:
    """A picture as PNG, with what lies at its edges."""
    picture = Image.fromarray(image)
    if letters is not None:
        draw, font = ImageDraw.Draw(picture), ImageFont.load_default(LETTER)
        white, black = ((255,) * 3, (0,) * 3) if image.ndim == 3 else (255, 0)
        far, low, inset = picture.width, picture.height, 4
        places = ((inset, low // 2, "lm"), (far - inset, low // 2, "rm"), (far // 2, inset, "ma"))
        for (x, y, anchor), letter in zip((*places, (far // 2, low - inset, "md")), letters, strict=True):
            draw.text((x, y), letter, white, font, anchor, stroke_width=2, stroke_fill=black)
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()
