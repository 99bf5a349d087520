"""Before a training: what all checks come to for this plan on this machine, and whether an error stands in its way."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from math import prod

import numpy as np

from radcnn.core.cores import available_cores
from radcnn.data.findings import Finding
from radcnn.data.mask_print import print_findings, read_mask_print
from radcnn.data.npz import open_npz
from radcnn.data.outcome import Outcome
from radcnn.learning.execution import available_memory
from radcnn.plan.resources import Load, Resources, resources
from radcnn.plan.settings import Plan
from radcnn.plan.stored import AnyPlan
from radcnn.study.checks import CHECKS_OF_A_RUN, Planned, outcomes
from radcnn.study.found import known_outcomes
from radcnn.study.listener import Listener
from radcnn.study.muting import findings_of, refuse_standing
from radcnn.study.open_study import OpenStudy
from radcnn.study.settings import StudySettings
from radcnn.tasks import planned_task

FLOAT = 4  # bytes


def cleared_for_training(
    opened: OpenStudy,
    plan: AnyPlan,
    settings: StudySettings,
    needed: Resources,
    listener: Listener,
    *,
    in_spite: bool = False,
) -> tuple[Outcome, ...]:
    """What all checks come to, before a training; looks at the data only where they were not looked at before.

    Raises FindingsError while an error stands that nobody muted, InputError where it is one of cost alone. `in_spite`
    goes on in spite of errors in the data, and says them.
    """
    said = {*opened.findings, *_of_masks(opened)}
    of_data = known_outcomes(opened, listener)
    of_run = outcomes(CHECKS_OF_A_RUN, planned(opened, plan, settings, needed))
    found = (*of_data, *of_run)
    refuse_standing(of_run if in_spite else found, settings.mute, opened.folder.path)
    for one in findings_of(found):
        if one.severity != "info" and one not in said:
            listener.say(f"{one}{muted_words(one, settings.mute)}")
    return found


def _of_masks(opened: OpenStudy) -> tuple[Finding, ...]:
    """What was said of the masks' labels when the study was made."""
    return print_findings(read_mask_print(opened.folder.masks)) if opened.settings.outlines else ()


def muted_words(found: Finding, mute: Mapping[str, str]) -> str:
    """What is said behind a finding that was muted; empty for one that was not.

    >>> muted_words(Finding("RC061", "error", "..."), {"RC061": "markers are masked later"})
    ' [muted: markers are masked later]'
    """
    if found.code not in mute:
        return ""
    return f" [muted: {mute[found.code]}]" if mute[found.code] else " [muted]"


def planned(opened: OpenStudy, plan: AnyPlan, settings: StudySettings, needed: Resources) -> Planned:
    """What the checks of a run look at, on this machine and its disk as they are now."""
    free = shutil.disk_usage(opened.folder.path).free
    return Planned(opened, plan, settings.minutes, needed, free + needed.ready_bytes, available_memory())


def predicted_cost(opened: OpenStudy, plan: Plan) -> Resources:
    """Minutes of training, peak memory with the libraries, and disk for prepared cases and what a run leaves."""
    training, tuning, test = (len(opened.rows(side)) for side in ("training", "tuning", "test"))
    image = FLOAT * opened.fingerprint.channels * prod(int(n) for n in opened.fingerprint.size.maximum)
    ready = opened.ready(plan.preparation)
    load = Load(
        training, tuning, test, image_bytes=image, stored_bytes=_stacks(opened), native=_native(opened, plan),
        ready=ready.cases, ready_bytes=ready.bytes,
    )  # fmt: skip
    return resources(plan, load, outputs=planned_task(plan.target, plan.task).outputs, cores=available_cores())


def _native(opened: OpenStudy, plan: Plan) -> bool:
    """Whether images of 8 bits are prepared voxel by voxel, at their own size."""
    found, preparation = opened.fingerprint, plan.preparation
    own_size = found.same_size and tuple(map(int, found.size.maximum)) == preparation.size
    whole = preparation.spacing_mm is None and preparation.region_mm is None and preparation.planes == "own"
    return found.stored_uint8 and own_size and whole and preparation.channels in (1, found.channels)


def _stacks(opened: OpenStudy) -> int:
    """Bytes of the npz stacks of the cohort, unpacked."""
    used = {(case.source.path, case.source.array) for case in opened.cohort.cases if case.source.item is not None}
    total = 0
    for path in {path for path, array in used if array is not None}:
        for stack in open_npz(path).stacks:
            if (path, stack.array) in used:
                total += stack.n * prod(stack.size) * stack.channels * np.dtype(stack.dtype).itemsize
    return total
