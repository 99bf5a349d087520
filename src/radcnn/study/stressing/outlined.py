"""Attacks on networks that outline structures: on the prepared image, judged on the image's own grid.

The image is changed at the grid that the network looks at, after resampling and with the statistics of the clean image;
what it then says is brought back to the image's own grid and judged there by the plan's rules, as `evaluate` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from radcnn.attacks.dense import Sloped
from radcnn.core.errors import InputError
from radcnn.core.volume import Volume
from radcnn.data.prepared.keys import naming
from radcnn.data.store import StoredCase
from radcnn.evaluation.segmentation import MEAN, dice_by_structure
from radcnn.inference.bundle import verify
from radcnn.inference.looking import LARGEST_LOGIT
from radcnn.inference.seen import Seen, grid_of_plan
from radcnn.inference.segmented import of_fold
from radcnn.inference.segmenter import load_segmenter
from radcnn.inference.slopes import outlining_pieces, slope_through, total
from radcnn.losses.regions import voxel_cross_entropy
from radcnn.networks.image_network import ImageNetwork
from radcnn.plan.segmentation import SegmentationPlan
from radcnn.robustness.dense import DenseAttacked
from radcnn.study.folds import out_of_fold
from radcnn.study.open_study import OpenStudy
from radcnn.study.segmenting.cases import masked_of_study, segmenting_execution
from radcnn.study.segmenting.judging import case_of
from radcnn.study.stressing.dense import Trial, along_cases, noises_of, settled
from radcnn.study.stressing.image_pictures import Pictures, draw_outlines
from radcnn.study.stressing.image_request import Request, unit_words
from radcnn.tasks.segmentation import Segmentation, segmentation_of
from radcnn.transforms.intensity import linear_map

FAILED = 0.5  # a mean Dice without attack, below which a case had failed already
GRID = (
    "Images were changed at the grid that the network looks at; Dice is of masks on the image's own grid, by the run's "
    "own rules."
)
FOLDS = "Each case was attacked on the one network that had not seen it in training."


def outline_attacks(request: Request) -> DenseAttacked:
    """Attacks on what a run outlines in some cases of one side.

    The opening of the test side is in the ledger before a network sees it. Raises InputError for two networks of which
    one looks within what the other outlines.
    """
    folder, opened, asked = request.folder, request.opened, request.asked
    model = verify(folder.bundle)
    segmenter, networks = load_segmenter(folder.bundle)
    plan = segmenter.segmentation
    if plan.within:
        raise InputError(
            f"{folder.path} outlines structures within {plan.within} by a second network, and no slope leads through "
            "the first one's decision; attack a run without segmentation.within"
        )
    looks = dict.fromkeys(map(int, opened.rows("test"))) if request.open_test else out_of_fold(opened, plan.training)
    chosen = request.chosen(np.array(list(looks), np.intp))
    prepared = masked_of_study(opened, plan, chosen.rows, request.listener, f"{request.side} cases")
    noises = noises_of((case.values() for case in prepared.cases), asked)
    request.record(model)
    segmenting_execution(plan)  # as many cores as there are
    settled(networks)
    trials = [
        partial(_trial, opened, int(row), of_fold(networks, plan, looks[int(row)]), plan, stored, float(noise))
        for row, stored, noise in zip(chosen.rows, prepared.cases, noises, strict=True)
    ]
    main = main_figure(plan)
    pictures = Pictures(main, False, draw_outlines(main), f"attacks-{request.side}", request.place)
    table = along_cases(trials, asked, request.listener, kept=pictures.keep)
    failed = [case[0][main] < FAILED for case in next(iter(table.figures.values()))]
    folds = (FOLDS,) if plan.training.folds and not request.open_test else ()
    return request.result(
        "outlines", table.tries, table.curves(asked, main=main, share=0.5, failed=failed), units=plan.units,
        failed=sum(failed), main=main, axis=main, pictures=pictures.written(request.largest(unit_words(plan.units))),
        notes=(*chosen.notes, GRID, *request.notes(), *folds),
    )  # fmt: skip


def _trial(
    opened: OpenStudy, row: int, networks: Sequence[ImageNetwork], plan: SegmentationPlan, stored: StoredCase,
    noise: float,
) -> Trial:  # fmt: skip
    case = opened.cohort.cases[row]
    with naming(case):
        volume, labels = case_of(case)
    assert stored.mask is not None, "a segmentation's cases have masks"
    mapping = linear_map(plan.intensity, volume.voxels)
    low, high = mapping(np.array([volume.voxels.min(), volume.voxels.max()], np.float64)).tolist()
    work = Outlining(networks, plan, volume, labels, stored.mask)
    image = torch.from_numpy(stored.values().copy())
    return Trial(
        row + 1, case.patient, image, low, high, float(mapping.gain), noise, work.look, work.figures, work.seen
    )


def main_figure(plan: SegmentationPlan) -> str:
    """The Dice coefficient whose curve is drawn: of the one structure, or the mean of all."""
    return f"Dice, {plan.structures[0].name if len(plan.structures) == 1 else MEAN}"


@dataclass(frozen=True, eq=False)
class Outlining:
    """One image that is outlined.

    networks, plan  of the run; of folds the one that had not seen the image
    volume, labels  the image as it came, and its mask (*size) with stored numbers
    mask            its codes (*size) on the networks' grid
    """

    networks: Sequence[ImageNetwork]
    plan: SegmentationPlan
    volume: Volume
    labels: NDArray[np.integer]
    mask: NDArray[np.uint8]
    task: Segmentation = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "task", segmentation_of(self.plan))

    def logits(self, image: Tensor) -> Tensor:
        """What the networks say of an image (C, *size): (K, *size)."""
        return total(outlining_pieces(self.networks, self.plan, image.shape[1:]), image, self.plan.outputs)

    def masks(self, image: Tensor) -> NDArray[np.bool_]:
        """What is outlined, on the image's own grid: (structures, *its size)."""
        logits = self.logits(image).clamp(-LARGEST_LOGIT, LARGEST_LOGIT).numpy().astype(np.float16)
        kept = None
        if self.plan.refine != "none":
            kept = grid_of_plan(self.plan).placed(self.volume).with_voxels(image.numpy())
        return Seen(self.volume, kept, logits).masks(self.plan)

    def seen(self, image: Tensor) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """The true masks and those that the networks say, (structures, *size) on their own grid, for pictures."""
        truth, counted = self.task.truth(torch.from_numpy(self.mask.copy())[None])
        wanted = ((truth[:, 1:] if self.plan.exclusive else truth) * counted).bool()
        return wanted[0].numpy(), self.task.decode(self.logits(image)[None])[0].numpy()

    def figures(self, image: Tensor) -> dict[str, float]:
        """Dice of each structure, and their mean."""
        each = dice_by_structure(self.labels, self.masks(image), self.plan)
        found = {f"Dice, {one.name}": float(value) for one, value in zip(self.plan.structures, each, strict=True)}
        return found | ({f"Dice, {MEAN}": float(np.mean(each))} if len(each) > 1 else {})

    def look(self, image: Tensor, progress: float) -> Sloped:
        """The Dice that is lost on the networks' grid, and the slope of the cross-entropy of the whole mask there.

        Weights are SegPGD's: at first what is right, which there is more to gain from, at last all voxels alike.
        """
        pieces = outlining_pieces(self.networks, self.plan, image.shape[1:])
        logits = total(pieces, image, self.plan.outputs)[None]
        masks = torch.from_numpy(self.mask.copy())[None]
        truth, counted = self.task.truth(masks)
        made = self.task.decode(logits)
        wanted = truth[:, 1:] if self.plan.exclusive else truth
        right = (made == wanted.bool()).all(1, keepdim=True)
        weights = counted * torch.where(right, 1 - progress / 2, progress / 2)
        with torch.inference_mode(False), torch.enable_grad():
            held = logits.clone().requires_grad_()
            loss = voxel_cross_entropy(held, truth, weights, exclusive=self.plan.exclusive)
            (upstream,) = torch.autograd.grad(loss, held)
        return Sloped(-self.task.overlap(made, masks), slope_through(pieces, image, upstream[0]))
