"""Training of a study in which structures are outlined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from radcnn.core.case import Side
from radcnn.core.cores import available_cores, vector_bits
from radcnn.core.errors import SettingsError
from radcnn.core.files import write_json
from radcnn.data.findings import counted
from radcnn.data.store import StoredCase
from radcnn.inference.segmenter import Segmenter, save_segmenter
from radcnn.learning.masked import train_segmenting_networks
from radcnn.plan.resources import Resources
from radcnn.plan.rules_patches import patch_cost, step_seconds
from radcnn.plan.rules_segmentation import propose_segmentation
from radcnn.plan.segmentation import SegmentationPlan
from radcnn.plan.stored import load_segmentation_plan
from radcnn.study.fitting import begin_images, cost_of_images, fitted, provenance_of, refuse_no_plan
from radcnn.study.folder import RunFolder, read_record
from radcnn.study.folds import out_of_fold, rotated_rows
from radcnn.study.listener import Listener
from radcnn.study.open_study import OpenStudy
from radcnn.study.planning import refuse_untrusted, settled
from radcnn.study.segmenting.cases import masked_of_study, segmentation_facts, segmenting_execution
from radcnn.study.segmenting.choosing import chosen_on_tuning
from radcnn.study.settings import StudySettings
from radcnn.tasks.segmentation import segmentation_of

LEARNED: tuple[Side, ...] = ("training", "tuning")  # sides whose masks the networks see
Cases = list[StoredCase]
VALUE, LABEL = 4, 1  # bytes of a stored voxel and of its label


def begin_segmenting(
    run: RunFolder,
    opened: OpenStudy,
    settings: StudySettings,
    options: Mapping[str, Any],
    *,
    plan: Path | str | None,
    workers: int,
    listener: Listener,
    in_spite: bool,
) -> None:
    """A new run, trained; `in_spite` of errors in the data, which are then told and stand in the run's report."""
    chosen = _stored(Path(plan), opened) if plan is not None else segmentation_plan(opened, settings, options)
    begin_images(
        run, opened, settings, chosen, segmentation_cost(opened, chosen), _said(chosen),
        lambda: go_on_segmenting(run, opened, workers, listener), listener, in_spite=in_spite,
    )  # fmt: skip


def segmentation_plan(opened: OpenStudy, settings: StudySettings, options: Mapping[str, Any]) -> SegmentationPlan:
    """What the rules and the settings decide; reasons of what was given for this run say so."""
    facts = segmentation_facts(settings, opened)
    return settled(
        settings, options, lambda precision: propose_segmentation(replace(facts, precision=precision)),
        lambda plan: (plan.network, plan.patch, plan.seen, plan.training.batch),
    )  # fmt: skip


def go_on_segmenting(run: RunFolder, opened: OpenStudy, workers: int, listener: Listener) -> None:
    """Train from where the run stands to the end, and write the bundle."""
    plan = load_segmentation_plan(run.plan)
    # a damaged test case is to be found before the minutes are spent; no network sees it
    masked_of_study(opened, plan, opened.rows("test"), listener, "test cases")
    sides = {side: opened.rows(side) for side in LEARNED}
    prepared = [
        [masked_of_study(opened, stage, rows, listener, f"{side} cases", taught=True) for side, rows in sides.items()]
        for stage in plan.stages
    ]
    place = {int(row): i for i, row in enumerate(np.concatenate(list(sides.values())))}
    rotated = rotated_rows(opened, plan.training)

    def pairs(cases: Sequence[StoredCase]) -> list[tuple[Cases, Cases]]:
        return [tuple([cases[place[int(row)]] for row in rows] for rows in pair) for pair in rotated]  # type: ignore[misc]

    execution = segmenting_execution(plan, workers)
    items = chain.from_iterable(
        train_segmenting_networks(
            stage, pairs([case for side in both for case in side.cases]), " ".join(side.digest for side in both),
            run.checkpoints, execution, first=k * plan.training.networks,
        )
        for k, (stage, both) in enumerate(zip(plan.stages, prepared, strict=True))
    )  # fmt: skip
    networks = fitted(run, plan, items, segmentation_of(plan.stages[0]).monitor_name, listener)
    looks = [(opened.cohort.cases[row].as_taught(), fold) for row, fold in out_of_fold(opened, plan.training).items()]
    settled, sizes = chosen_on_tuning(plan, looks, networks, execution, listener)
    settings = opened.settings
    segmenter = Segmenter(settled, len(networks), settings.hu, settings.synthetic, provenance_of(plan, opened), sizes)
    save_segmenter(run.bundle, segmenter, networks)
    refined = {**settled.refined, **{f"within {name}": value for name, value in settled.refined_within.items()}}
    chosen = {"refine": settled.refine, "refined": refined, "largest": settled.largest}
    words = [f"{one.setting}: {one.value} ({one.sentence})" for one in settled.reasons[len(plan.reasons) :]]
    said = {"chosen_on_tuning": {**chosen, "filled": settled.filled, "because": words}}
    write_json(run.record, {**read_record(run), "status": "trained", **said})


def segmentation_cost(opened: OpenStudy, plan: SegmentationPlan) -> Resources:
    """Minutes of training, peak memory with the libraries, and disk for prepared cases and what a run leaves."""
    seconds = sum(step_seconds(stage, available_cores(), vector_bits()) for stage in plan.stages)
    return cost_of_images(opened, plan, patch_cost(plan), seconds, bytes_of_voxel=VALUE * plan.channels + LABEL)


def _said(plan: SegmentationPlan) -> str:
    steps = plan.steps * plan.training.epochs
    folds = f" in {plan.training.folds} folds" if plan.training.folds else ""
    return (
        f"plan: {plan.network.name} outlines {', '.join(one.name for one in plan.structures)}{folds}; "
        f"{counted(steps, 'step')} of {counted(plan.training.batch, 'patch', 'patches')}, "
        f"{' x '.join(map(str, plan.patch))} each"
    )


def _stored(path: Path, opened: OpenStudy) -> SegmentationPlan:
    """The plan in a run's plan.json, as it stands; raises SettingsError where it does not fit the study."""
    refuse_no_plan(path)
    plan = load_segmentation_plan(path)
    facts = segmentation_facts(opened.settings, opened)
    if plan.units != facts.units or plan.channels != facts.fingerprint.channels or plan.dims > facts.fingerprint.rank:
        raise SettingsError(
            f"the plan in {path} is for images in {plan.units} of {counted(plan.channels, 'channel')} and {plan.dims} "
            f"axes or more, and this study's are in {facts.units}, of {facts.fingerprint.channels} and "
            f"{facts.fingerprint.rank}; leave --plan out"
        )
    refuse_untrusted(plan, f"the plan in {path}")
    return plan
