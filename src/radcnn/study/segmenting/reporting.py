"""The page of a segmentation's run: failures first, contours of the worst cases, everything told."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from radcnn.core.files import write_text
from radcnn.core.volume import Volume
from radcnn.evaluation.segmentation import OutlinedCase, SegmentationJudgement
from radcnn.inference.bundle import write_model_card
from radcnn.inference.segmented import of_fold, segmented
from radcnn.inference.segmenter import load_segmenter
from radcnn.learning.execution import logits_of
from radcnn.plan.segmentation import SegmentationPlan
from radcnn.plan.stored import load_segmentation_plan
from radcnn.reports.model_card import segmentation_card
from radcnn.reports.segmentation import Contoured, SegmentationStory, render_segmentation
from radcnn.study.folder import RunFolder, read_record
from radcnn.study.folds import out_of_fold
from radcnn.study.listener import Listener
from radcnn.study.open_study import OpenStudy
from radcnn.study.segmenting.cases import segmenting_execution
from radcnn.study.segmenting.judging import case_of
from radcnn.study.telling_images import told_of_images

WORST = 3  # cases that are pictured, beside the one in the middle and the best
LEAST = 480  # pixels of the longer side of a picture, so that a contour is a line
LOW = 0.5  # a Dice below which a structure is told among the failures
MOST_FAILURES = 12
COLOURS = (
    "#e69f00",
    "#56b4e9",
    "#009e73",
    "#f0e442",
    "#d55e00",
    "#cc79a7",
)  # Okabe and Ito 2008, light enough on black
OUTLINED_LIMITS = (
    "A contour may be wrong where an image looks like none that was learned from: look at every one before it is used.",
    "Figures say how near masks are to those of these annotators, not whether these were right.",
)


def report_segmentation(
    folder: RunFolder, opened: OpenStudy, judged: SegmentationJudgement, listener: Listener
) -> Path:
    """Write report.html and the model card of the bundle; returns the page's path."""
    plan = load_segmentation_plan(folder.plan)
    limits = (*OUTLINED_LIMITS, *_chosen(folder))
    told = SegmentationStory(
        title=f"segmentation: {opened.settings.data.stem}",
        task=f"outlines of {', '.join(one.name for one in plan.structures)}",
        judged=judged,
        contoured=_contoured(folder, opened, judged, listener),
        failures=failures(judged),
        colours=tuple((one.name, COLOURS[k % len(COLOURS)]) for k, one in enumerate(plan.structures)),
        synthetic=judged.synthetic,
        **told_of_images(folder, opened, plan, side=judged.side, noun="case", limits=limits),
    )
    write_text(folder.report, render_segmentation(told))
    words = "radcnn predict BUNDLE IMAGE_OR_FOLDER --out FOLDER"
    write_model_card(folder.bundle, segmentation_card(told, predict=(words,)))
    return folder.report


def _chosen(folder: RunFolder) -> tuple[str, ...]:
    """What was chosen on the tuning set after training, and what that gained there."""
    said = read_record(folder).get("chosen_on_tuning")
    words = said.get("because", ()) if isinstance(said, dict) else ()
    return tuple(f"Chosen on the tuning set: {word}." for word in words)


def failures(judged: SegmentationJudgement) -> tuple[str, ...]:
    """Structures that were missed, made up or mostly wrong, the worst first."""
    said: list[tuple[float, str]] = []
    for case in judged.cases:
        for name, figures in case.figures.items():
            if np.isnan(figures["sensitivity"]) and figures["Dice"] == 0:
                said.append((-2, f"case {case.case}: {name} was made up"))
            elif figures["sensitivity"] == 0:
                said.append((-1, f"case {case.case}: {name} was missed"))
            elif figures["Dice"] < LOW:
                said.append((figures["Dice"], f"case {case.case}: {name} has a Dice of {figures['Dice']:.2f}"))
    said.sort()
    more = len(said) - MOST_FAILURES
    told = [sentence for _, sentence in said[:MOST_FAILURES]]
    return (*told, f"and {more} more") if more > 0 else tuple(told)


def _contoured(
    folder: RunFolder, opened: OpenStudy, judged: SegmentationJudgement, listener: Listener
) -> tuple[Contoured, ...]:
    """Pictures of the worst cases, the one in the middle and the best."""
    segmenter, networks = load_segmenter(folder.bundle)
    plan = segmenter.segmentation
    execution = segmenting_execution(plan)
    for network in networks:
        execution.place(network)
    looks = out_of_fold(opened, plan.training) if judged.side == "tuning" else {}
    ordered = sorted(judged.cases, key=_dice)
    last = len(ordered) - 1
    ranks = {k: "Worst" if k == 0 else f"Number {k + 1} from the worst" for k in range(min(WORST, len(ordered)))}
    ranks.setdefault(last // 2, "In the middle")
    ranks.setdefault(last, "Best")
    made = []
    for done, (k, rank) in enumerate(sorted(ranks.items()), start=1):
        case = ordered[k]
        row = int(case.case) - 1
        volume, labels = case_of(opened.cohort.cases[row])
        found = segmented(
            of_fold(networks, plan, looks.get(row)), volume, plan, logits_of=lambda n, x: logits_of(n, x, execution)
        )
        made.append(_pictured(case, rank, volume, labels, found, plan))
        listener.progress("picturing cases", done, len(ranks))
    return tuple(made)


def _dice(case: OutlinedCase) -> float:
    return float(np.mean([figures["Dice"] for figures in case.figures.values()]))


def _pictured(
    case: OutlinedCase, rank: str, volume: Volume, labels: NDArray[np.integer], found: NDArray[np.bool_],
    plan: SegmentationPlan,
) -> Contoured:  # fmt: skip
    """The slice where prediction and reference differ most, with their contours."""
    references = np.stack([np.isin(labels, one.labels) for one in plan.structures])
    flat = volume.rank == 2
    masks = [mask[:, None] if flat else mask for mask in (references, found)]
    values = volume.voxels.mean(axis=0) if volume.channels > 1 else volume.voxels[0]
    slices = values[None] if flat else values
    apart = (masks[0] != masks[1]).sum(axis=(0, 2, 3))
    there = masks[0].sum(axis=(0, 2, 3))
    k = int(np.argmax(apart)) if apart.any() else int(np.argmax(there))
    plain = grey_levels(slices[k].astype(np.float32), volume.units)
    said = ", ".join(f"{name} {figures['Dice']:.2f}" for name, figures in case.figures.items())
    place = "" if flat else f"; slice {k + 1} of {len(slices)}"
    return Contoured(
        int(case.case), rank, f"Dice: {said}{place}.", _png(enlarged(plain)),
        _png(with_contours(plain, masks[0][:, k], masks[1][:, k])),
    )  # fmt: skip


def grey_levels(values: NDArray[np.float32], units: str) -> NDArray[np.uint8]:
    """A slice in 8 bits: HU in a soft-tissue window, other values between their percentiles."""
    low, high = (-160.0, 240.0) if units == "HU" else np.percentile(values, (0.5, 99.5))
    width = max(float(high - low), 1e-6)
    return np.round(255 * np.clip((values - low) / width, 0, 1)).astype(np.uint8)


def enlarged(image: NDArray) -> NDArray:
    """Pixels repeated until the longer side has 480."""
    many = max(1, -(-LEAST // max(image.shape[-2:])))
    return image.repeat(many, axis=-2).repeat(many, axis=-1)


def with_contours(
    plain: NDArray[np.uint8], references: NDArray[np.bool_], found: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """A slice in colour with the contours of references (S, rows, columns), dashed, and of predictions."""
    picture = np.repeat(enlarged(plain)[..., None], 3, axis=-1)
    for k, mask in enumerate(found):
        colour = tuple(int(COLOURS[k % len(COLOURS)][i : i + 2], 16) for i in (1, 3, 5))
        picture[_edge(enlarged(mask), 2)] = colour
    rows, columns = np.indices(picture.shape[:2])
    dashes = ((rows + columns) // 5) % 2 == 0
    for mask in references:
        edge = _edge(enlarged(mask), 1)
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


def _png(image: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG", optimize=True)
    return file.getvalue()
