"""What recipes of segmentation share: volumes with masks in memory, networks taught on them, figures by patient."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from radcnn.core.cores import available_cores, vector_bits
from radcnn.core.errors import SettingsError
from radcnn.core.estimate import Estimate
from radcnn.core.volume import Volume
from radcnn.data.prepared.masked import coded
from radcnn.data.store import StoredCase
from radcnn.data.store.places import class_places
from radcnn.evaluation.segmentation import (
    OutlinedCase,
    SegmentationJudgement,
    dice_by_structure,
    figures_by_structure,
    judged,
)
from radcnn.inference.refining.choice import best_refinement
from radcnn.inference.seen import Seen, grid_of_plan, on_network_grid
from radcnn.inference.segmenter import Segmenter, save_segmenter
from radcnn.learning.events import EpochEnded, StepEnded, StoppedEarly
from radcnn.learning.execution import Execution, available_device, keep_memory, logits_of
from radcnn.learning.masked import train_segmenting_networks
from radcnn.learning.precision import bfloat16_trial
from radcnn.networks.image_network import ImageNetwork
from radcnn.plan.rules_patches import step_seconds
from radcnn.plan.rules_training import averaging_rule
from radcnn.plan.segmentation import Refinement, SegmentationPlan
from radcnn.study.listener import Listener

PATIENTS, LEAST_PATIENTS = 50, 12
TUNING, TEST = 0.12, 0.28  # shares of patients
EPOCHS = 20  # times that the tuning patches are looked at
MOST_STEPS = 40_000
WORTH_A_TRIAL = 1.0  # minutes of training from which on bfloat16 is tried
SHOWN = ("Dice", "surface Dice", "mean distance", "95 % distance", "volume difference")


@dataclass(frozen=True, eq=False)
class Masked:
    """A patient's volume, and its labels (*size) on the same grid."""

    patient: str
    volume: Volume
    labels: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Outliner:
    """Trained networks, ready to outline."""

    networks: Sequence[ImageNetwork]
    plan: SegmentationPlan
    execution: Execution

    def outline(self, volume: Volume, **changes: object) -> NDArray[np.bool_]:
        """Masks (structures, *size) on the volume's own grid, by the plan with these changes."""
        plan = replace(self.plan, **changes)  # type: ignore[arg-type]
        with self.seen(volume, plan) as seen:
            return seen.masks(plan)

    def seen(self, volume: Volume, plan: SegmentationPlan) -> AbstractContextManager[Seen]:
        """What the networks say of a volume for masks by this plan, while the block lasts."""
        return on_network_grid(self.networks, volume, plan, logits_of=lambda n, x: logits_of(n, x, self.execution))

    def refinement(self, refine: Refinement, tuning: Sequence[Masked], listener: Listener) -> dict[str, float]:
        """The settings of a refinement that give the highest mean Dice on tuning patients."""
        plan = replace(self.plan, refine=refine)

        def by_case() -> Iterator[Callable[[SegmentationPlan], float]]:
            for done, one in enumerate(tuning):
                listener.progress(f"trying settings of {refine}", done, len(tuning))
                with self.seen(one.volume, plan) as seen:
                    yield partial(_mean_dice, seen, one.labels)

        return dict(best_refinement(by_case(), plan).settings)


def _mean_dice(seen: Seen, labels: NDArray[np.integer], plan: SegmentationPlan) -> float:
    return float(np.mean(dice_by_structure(labels, seen.masks(plan), plan)))


def checked(images: int, minutes: float) -> None:
    """Raise SettingsError for too few patients, or no minutes."""
    if images < LEAST_PATIENTS:
        raise SettingsError(f"images must be at least {LEAST_PATIENTS} patients, got {images}")
    if not minutes > 0:
        raise SettingsError(f"minutes must be positive, got {minutes:g}")


def split(cases: Sequence[Masked]) -> tuple[list[Masked], list[Masked], list[Masked]]:
    """Training, tuning and test patients; they are drawn alike, so that their order is chance."""
    test, tuning = (max(least, round(share * len(cases))) for share, least in ((TEST, 4), (TUNING, 2)))
    first = len(cases) - test - tuning
    return list(cases[:first]), list(cases[first : first + tuning]), list(cases[first + tuning :])


def prepared(cases: Sequence[Masked], plan: SegmentationPlan) -> list[StoredCase]:
    """Volumes and masks on the plan's grid."""
    grid, made = grid_of_plan(plan), []
    for one in cases:
        mask = Volume(one.labels[None], one.volume.affine, "mask", one.volume.frame)
        stored = coded(grid.placed(mask).voxels[0], plan.values, plan.unlabelled)
        stored = np.ascontiguousarray(stored)
        image = np.ascontiguousarray(grid.image(one.volume).voxels, np.float32)
        made.append(StoredCase(image, None, stored, class_places(stored)))
    return made


def within(plan: SegmentationPlan, minutes: float, listener: Listener) -> SegmentationPlan:
    """The plan with as many steps as the minutes suffice for, in bfloat16 where that agrees and is faster."""
    made = _planned(plan, minutes)
    if minutes < WORTH_A_TRIAL:
        return made
    agreed, sentence = bfloat16_trial(made, available_device())
    listener.say(sentence)
    low = replace(plan, training=replace(plan.training, precision="bfloat16"))
    return _planned(low, minutes) if agreed else made


def _planned(plan: SegmentationPlan, minutes: float) -> SegmentationPlan:
    steps = max(EPOCHS, min(MOST_STEPS, int(60 * minutes / step_seconds(plan, available_cores(), vector_bits()))))
    averaging, _ = averaging_rule(steps)
    return replace(plan, training=replace(plan.training, epochs=EPOCHS, averaging=averaging), steps=steps // EPOCHS)


def teach_outliner(
    name: str, plan: SegmentationPlan, training: Sequence[Masked], tuning: Sequence[Masked], folder: Path,
    listener: Listener,
) -> Outliner:  # fmt: skip
    """Train the plan's networks on simulated volumes and keep them in folder/NAME as a bundle."""
    keep_memory()
    torch.set_num_threads(available_cores())
    low = plan.training.precision == "bfloat16"
    execution = Execution(device=available_device(), bfloat16=low)
    learned, tuned = prepared(training, plan), prepared(tuning, plan)
    whole = hashlib.sha256()
    for case in (*learned, *tuned):
        whole.update(case.image.tobytes())
        assert case.mask is not None
        whole.update(case.mask.tobytes())
    listener.watch("Dice")
    networks: list[ImageNetwork] = []
    pairs = [(learned, tuned)] * plan.training.networks
    checkpoints = folder / name / "checkpoints"
    for item in train_segmenting_networks(plan, pairs, whole.hexdigest(), checkpoints, execution):
        if isinstance(item, StepEnded | EpochEnded | StoppedEarly):
            listener.event(item)
        else:
            networks.append(item)
    save_segmenter(folder / name / "bundle", Segmenter(plan, len(networks), synthetic=True), networks)
    return Outliner(networks, plan, execution)


def judge(
    outline: Callable[[Volume], NDArray[np.bool_]], cases: Sequence[Masked], plan: SegmentationPlan
) -> SegmentationJudgement:
    """Figures of the plan's structures on these cases, by patient; `outline` gives their masks (structures, *size)."""
    found = []
    for one in cases:
        figures = figures_by_structure(one.labels, outline(one.volume), plan, one.volume)
        found.append(OutlinedCase(one.patient, one.patient, figures))
    return judged(found, side="test", synthetic=True)


def row_of(judgement: SegmentationJudgement, structure: str) -> dict[str, Estimate]:
    """The figures of one structure that a recipe's table shows."""
    return {name: judgement.table[structure][name] for name in SHOWN}
