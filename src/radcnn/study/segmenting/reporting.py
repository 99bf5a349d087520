"""The page of a segmentation's run: failures first, contours of the worst cases, everything told."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from radcnn.core.files import write_text
from radcnn.evaluation.segmentation import OutlinedCase, SegmentationJudgement
from radcnn.inference.bundle import write_model_card
from radcnn.inference.segmented import of_fold, segmented
from radcnn.inference.segmenter import load_segmenter
from radcnn.learning.execution import logits_of
from radcnn.plan.stored import load_segmentation_plan
from radcnn.reports.fragment import Fragment
from radcnn.reports.model_card import segmentation_card
from radcnn.reports.segmentation import Contoured, SegmentationStory, render_segmentation
from radcnn.study.folder import RunFolder, read_record
from radcnn.study.folds import out_of_fold
from radcnn.study.listener import Listener
from radcnn.study.open_study import OpenStudy
from radcnn.study.segmenting.cases import segmenting_execution
from radcnn.study.segmenting.judging import case_of
from radcnn.study.segmenting.picturing import COLOURS, pictured
from radcnn.study.telling_images import told_of_images

WORST = 3  # cases that are pictured, beside the one in the middle and the best
LOW = 0.5  # a Dice below which a structure is told among the failures
MOST_FAILURES = 12
OUTLINED_LIMITS = (
    "A contour may be wrong where an image looks like none that was learned from: look at every one before it is used.",
    "Figures say how near masks are to those of these annotators, not whether these were right.",
)


def report_segmentation(
    folder: RunFolder,
    opened: OpenStudy,
    judged: SegmentationJudgement,
    listener: Listener,
    *,
    stress: tuple[Fragment, ...] = (),
) -> Path:
    """Write report.html and the model card of the bundle; returns the page's path.

    stress  what stress tests of this model came to
    """
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
        stress=stress,
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
        made.append(pictured(case, rank, volume, labels, found, plan))
        listener.progress("picturing cases", done, len(ranks))
    return tuple(made)


def _dice(case: OutlinedCase) -> float:
    return float(np.mean([figures["Dice"] for figures in case.figures.values()]))
