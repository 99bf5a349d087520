"""Judging a study in which structures are outlined: on the tuning set, or on the sealed test set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import Case, Side
from radcnn.core.errors import InputError, Stopped
from radcnn.core.volume import Volume
from radcnn.data import ledger
from radcnn.data.findings import counted
from radcnn.data.masks.read import image_and_mask
from radcnn.data.prepared.keys import naming
from radcnn.evaluation.segmentation import EXPECTED, OutlinedCase, SegmentationJudgement, figures_by_structure, judged
from radcnn.inference.bundle import verify
from radcnn.inference.segmented import of_fold, outlined
from radcnn.inference.segmenter import Segmenter, load_segmenter
from radcnn.learning.execution import Execution, logits_of
from radcnn.metrics.regression import rank_correlation
from radcnn.networks.image_network import ImageNetwork
from radcnn.plan.segmentation import SegmentationPlan
from radcnn.study.folder import RunFolder
from radcnn.study.folds import out_of_fold
from radcnn.study.listener import Listener
from radcnn.study.open_study import OpenStudy
from radcnn.study.segmenting.cases import masked_of_study, segmenting_execution

FEWEST_RANKED = 8  # cases, below which ranks say nothing
NOTE_PATCHY = "Voxels that nobody looked at take no part in any figure."


def judge_segmentation(
    folder: RunFolder, opened: OpenStudy, *, open_test: bool, reason: str, listener: Listener
) -> SegmentationJudgement:
    """All figures of a run on one side; the opening of the test side is in the ledger before a network sees it.

    Raises InputError where the side has no case, BundleError when the bundle was changed.
    """
    model = verify(folder.bundle)
    segmenter, networks = load_segmenter(folder.bundle)
    plan = segmenter.segmentation
    side: Side = "test" if open_test else "tuning"
    looks = dict.fromkeys(map(int, opened.rows("test")), None) if open_test else out_of_fold(opened, plan.training)
    rows = np.array(list(looks), np.intp)
    if not len(rows):
        raise InputError(f"no {side} case is in {opened.folder.path}, so there is nothing to judge it by")
    # one that cannot be read must cost no opening
    prepared = masked_of_study(opened, plan, rows, listener, f"{side} cases")
    unknown = sum(case.affine is None for case in prepared.cases)
    if open_test:
        count = ledger.open_test(opened.folder.ledger, opened.split, model=model, run=folder.name, reason=reason)
        listener.say(f"the test set was opened (time {count} for this split); this is in the ledger")
    execution = segmenting_execution(plan)
    for network in networks:
        execution.place(network)
    try:
        cases = outlined_cases(
            opened, looks, networks, plan, execution, listener, f"outlining {side} cases", in_mm=not unknown
        )
    except KeyboardInterrupt as stop:
        if open_test:
            raise Stopped("the test set was opened but not judged; the ledger keeps the opening") from stop
        raise
    notes = notes_on(plan, side=side, unknown=unknown, of=len(rows), scribbles=opened.settings.scribbles is not None)
    notes += notes_on_doubt(cases)
    return judged(
        cases, side=side, unit=opened.cohort.unit, length="voxels" if unknown else "mm", synthetic=segmenter.synthetic,
        notes=(*notes, *notes_on_intervals(segmenter, cases)) if open_test else notes,
    )  # fmt: skip


def outlined_cases(
    opened: OpenStudy,
    looks: Mapping[int, int | None],
    networks: Sequence[ImageNetwork],
    plan: SegmentationPlan,
    execution: Execution,
    listener: Listener,
    what: str,
    *,
    in_mm: bool,
) -> list[OutlinedCase]:
    """Figures of each case, called by its number in the study.

    looks  of each row of the cohort the fold whose networks look at it, or None for all
    in_mm  whether distances are in mm: of all cases, or of none
    """
    found = []
    for done, (row, fold) in enumerate(looks.items(), start=1):
        case = opened.cohort.cases[row]
        with naming(case):
            volume, labels = case_of(case)
            made = outlined(
                of_fold(networks, plan, fold), volume, plan, logits_of=lambda n, x: logits_of(n, x, execution)
            )
            known = volume if in_mm else replace(volume, affine=None)
            figures = figures_by_structure(labels, made.masks, plan, known)
        for name, expected in zip(figures, made.expected, strict=True):
            figures[name][EXPECTED] = expected
        found.append(OutlinedCase(str(row + 1), case.patient, figures))
        listener.progress(what, done, len(looks))
    return found


def case_of(case: Case) -> tuple[Volume, NDArray[np.integer]]:
    """The image of a case and the labels of its mask (*size), on the image's own grid."""
    volume, mask = image_and_mask(case)
    return volume, mask.volume.voxels[0]


def notes_on(plan: SegmentationPlan, *, side: str, unknown: int, of: int, scribbles: bool) -> tuple[str, ...]:
    """What a reader must know of the figures.

    unknown  of how many of the cases the size of the voxels is not known
    """
    notes = ["A structure that is missed, or made up, costs the worst value; one that is rightly not drawn the best."]
    if unknown:
        which = f"The size of the voxels{f' of {unknown} of {of} cases' if unknown < of else ''} is not known"
        whose = "all distances are in voxels, and no volumes are given" if unknown < of else "distances are in voxels"
        notes.append(f"{which}, so {whose}; they say nothing in mm.")
    if plan.training.folds and side == "tuning":
        many = plan.training.folds
        notes.append(
            f"Each case was outlined by the one network of {many} that had not seen it; new cases get their mean."
        )
    if scribbles:
        notes.append("Networks learned from scribbles, by which all was chosen; figures are by the full masks.")
    elif plan.unlabelled is not None:
        notes.append(NOTE_PATCHY)
    return tuple(notes)


def notes_on_doubt(cases: Sequence[OutlinedCase]) -> tuple[str, ...]:
    """Whether the Dice that networks expect tells which cases are the worse ones."""
    said = []
    for name in cases[0].figures:
        both = [
            (one[EXPECTED], one["Dice"], case.patient)
            for case in cases
            if np.isfinite((one := case.figures[name])[EXPECTED])
        ]
        if len(both) < FEWEST_RANKED:
            continue
        found = rank_correlation(*zip(*both, strict=True))
        said.append(f"{name}: the Dice that the networks expect has a rank correlation of {found} with the true one.")
    return tuple(said)


def notes_on_intervals(segmenter: Segmenter, cases: Sequence[OutlinedCase]) -> tuple[str, ...]:
    """In how many cases the interval that `predict` tells holds the true volume."""
    said = []
    for name, errors in segmenter.volume_errors.items():
        both = [
            (one["predicted ml"], one["reference ml"])
            for case in cases
            if "predicted ml" in (one := case.figures[name])
        ]
        held = sum(low <= true <= high for made, true in both for low, high in (errors.about(made),))
        if both:
            said.append(
                f"The {errors.level:.0%} interval that predict tells for the volume of {name} holds the true one in "
                f"{held} of {counted(len(both), 'case')}."
            )
    return tuple(said)
