"""The images of a study with their masks, prepared; what their masks hold; and how this machine runs the networks."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from radcnn.core.cores import available_cores, vector_bits
from radcnn.core.errors import InputError
from radcnn.core.volume import Units
from radcnn.data.fingerprint import Fingerprint
from radcnn.data.mask_print import MaskPrint, read_mask_print
from radcnn.data.prepared.masked import prepare_masked
from radcnn.data.prepared.whole import PreparedWhole
from radcnn.inference.seen import grid_of_plan
from radcnn.learning.execution import Execution, available_device, keep_memory
from radcnn.plan.segmentation import SegmentationPlan
from radcnn.plan.segmentation_facts import SegmentationFacts
from radcnn.study.listener import Listener
from radcnn.study.open_study import OpenStudy
from radcnn.study.settings import StudySettings


def masked_of_study(
    opened: OpenStudy, plan: SegmentationPlan, rows: NDArray[np.intp], listener: Listener, what: str = "cases", *,
    taught: bool = False,
) -> PreparedWhole:  # fmt: skip
    """The images and masks of these rows on the plan's grid, from the study's cache where they are there.

    taught  the masks that training sees, where they are others than judge
    """
    cases = opened.cases(rows)
    return prepare_masked(
        [case.as_taught() for case in cases] if taught else cases, grid_of_plan(plan), opened.folder.cache,
        told=lambda done, of: listener.progress(f"preparing {what}", done, of), said=listener.say,
    )  # fmt: skip


def segmentation_facts(settings: StudySettings, opened: OpenStudy) -> SegmentationFacts:
    """What the rules of a segmentation's plan may look at; raises InputError where images have several units."""
    return facts_with_masks(settings, opened.fingerprint, read_mask_print(opened.folder.masks))


def facts_with_masks(settings: StudySettings, found: Fingerprint, masks: MaskPrint) -> SegmentationFacts:
    """The same of a study that is being made."""
    units = {"HU" if settings.hu and unit == "arbitrary" else unit for unit in found.units}
    if len(units) > 1:
        raise InputError(f"images are in {' and '.join(sorted(units))}; a segmentation needs one unit for all of them")
    unit: Units = units.pop()  # type: ignore[assignment]
    return SegmentationFacts(
        fingerprint=found, masks=masks, units=unit, minutes=settings.minutes, cores=available_cores(),
        vectors=vector_bits(), seed=settings.seed, structures=settings.structure, asked=settings.asked(),
    )  # fmt: skip


def refuse_absent(settings: StudySettings, masks: MaskPrint) -> None:
    """Raise InputError for a structure that was named and that no training mask holds: nothing could learn it."""
    for name, labels in settings.structure.items():
        if any(str(label) in masks.with_label for label in labels):
            continue
        if settings.segments:
            named = ", ".join(settings.segments[label - 1] for label in labels)
            raise InputError(f"no training mask has a segment that is called {named}, for the structure {name!r}")
        said, held = ", ".join(map(str, labels)), ", ".join(masks.with_label)
        raise InputError(f"no training mask holds the structure {name!r} (label {said}); they hold {held}")


def segmenting_execution(plan: SegmentationPlan, workers: int = 0) -> Execution:
    """How this machine runs the networks of a plan, in training and at prediction."""
    keep_memory()
    torch.set_num_threads(available_cores())
    low = plan.training.precision == "bfloat16"
    return Execution(
        device=available_device(), workers=workers, channels_last=plan.training.channels_last, bfloat16=low
    )
