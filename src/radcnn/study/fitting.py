"""Fitting networks that make images: a run begun, its events heard, its history written; the same for every kind."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path

from radcnn.core.errors import InputError
from radcnn.learning.events import EpochEnded, Event, StepEnded, StoppedEarly
from radcnn.networks.image_network import ImageNetwork
from radcnn.plan.cost import Cost
from radcnn.plan.resources import FLOAT, LIBRARIES, SMALL_FILES, STARTING, WORK_SPACE, Resources
from radcnn.plan.restoration import RestorationPlan
from radcnn.plan.segmentation import SegmentationPlan
from radcnn.plan.stored import plan_hash
from radcnn.study.clearance import cleared_for_training
from radcnn.study.environment import environment
from radcnn.study.folder import RunFolder, read_record
from radcnn.study.found import write_outcomes
from radcnn.study.going_on import begin_record, how_to_go_on, say_if_slow, write_history
from radcnn.study.listener import Listener
from radcnn.study.open_study import OpenStudy
from radcnn.study.settings import StudySettings

ImagePlan = RestorationPlan | SegmentationPlan
IN_CHECKPOINT, IN_MEMORY = 5, 6  # copies of the weights: with moments, averages and the weights to keep; with gradients


def begin_images(
    run: RunFolder,
    opened: OpenStudy,
    settings: StudySettings,
    plan: ImagePlan,
    needed: Resources,
    said: str,
    go_on: Callable[[], None],
    listener: Listener,
    *,
    in_spite: bool,
) -> None:
    """Check, record and train a new run of a plan.

    said      the plan in words
    go_on     trains from where the run stands
    in_spite  of errors in the data, which are then told and stand in the run's report
    """
    found = cleared_for_training(opened, plan, settings, needed, listener, in_spite=in_spite)
    with how_to_go_on(run, opened.folder.path):
        listener.say(said)
        begin_record(run, opened, plan, settings)
        write_outcomes(run.findings, found)
        go_on()


def fitted(
    run: RunFolder, plan: ImagePlan, items: Iterable[Event | ImageNetwork], monitor: str, listener: Listener
) -> list[ImageNetwork]:
    """The networks of a training whose events are told; its history is written."""
    listener.watch(monitor)
    networks: list[ImageNetwork] = []
    minutes, warned = float(read_record(run)["minutes"]), False
    for item in items:
        if isinstance(item, StepEnded | EpochEnded | StoppedEarly):
            listener.event(item)
        else:
            networks.append(item)
        if isinstance(item, EpochEnded) and not warned:
            warned = say_if_slow(item, networks_of(plan), minutes, listener)
    write_history(run)
    return networks


def networks_of(plan: ImagePlan) -> int:
    """How many networks a plan trains: its members or folds, in each stage of a cascade."""
    return plan.training.networks * (len(plan.stages) if isinstance(plan, SegmentationPlan) else 1)


def cost_of_images(
    opened: OpenStudy, plan: ImagePlan, patch: Cost, step_seconds: float, *, bytes_of_voxel: int
) -> Resources:
    """Minutes of training, peak memory with the libraries, and disk for prepared cases and what a run leaves.

    patch           what one patch costs
    step_seconds    of a step of one network, or of one in each stage of a cascade
    bytes_of_voxel  of a prepared case
    """
    steps = plan.steps * plan.training.epochs * plan.training.networks
    voxels = math.prod(int(n) for n in opened.fingerprint.size.median)
    weights = FLOAT * patch.weights
    kept = networks_of(plan) * weights * (IN_CHECKPOINT + 1) + SMALL_FILES
    memory = LIBRARIES + WORK_SPACE[plan.dims] + patch.training_bytes(plan.training.batch) + weights * IN_MEMORY
    cases = bytes_of_voxel * len(opened.cohort) * voxels
    return Resources((STARTING + steps * step_seconds) / 60, memory, 0, cases, kept, weights * IN_CHECKPOINT)


def provenance_of(plan: ImagePlan, opened: OpenStudy) -> tuple[tuple[str, str], ...]:
    """Where a bundle came from; nothing about patients."""
    facts = {"plan": plan_hash(plan), "split": opened.split.hash, "seed": str(plan.seed), **environment()}
    return tuple(facts.items())


def refuse_no_plan(path: Path) -> None:
    """Raise InputError where a stored plan is asked for that is not there."""
    if not path.is_file():
        raise InputError(f"there is no plan in {path}; a run keeps its own in RUN/plan.json")
