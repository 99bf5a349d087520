"""A lesson of images with masks: patches about structures, turned and bent together, each as often as it needs.

Only what a patch shows is read from the disk. A network of slices learns from patches of slices, in their own plane.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from radcnn.core.chance import derived_seed, generator, torch_generator
from radcnn.data.store import StoredCase
from radcnn.data.store.places import UNLABELLED
from radcnn.learning.batches import ahead
from radcnn.learning.borders import border_weights
from radcnn.learning.events import Event
from radcnn.learning.execution import Execution, training_logits
from radcnn.learning.lesson import Measured
from radcnn.learning.loop import fit
from radcnn.learning.patch_lesson import PatchLesson
from radcnn.learning.patches import Holders, drawn_place, holders_of
from radcnn.learning.settling import settle_on
from radcnn.metrics.distance import distance_transform
from radcnn.networks.image_network import ImageNetwork
from radcnn.networks.image_networks import build_image_network
from radcnn.plan.segmentation import SIGMA, SegmentationPlan
from radcnn.tasks.segmentation import Segmentation, segmentation_of
from radcnn.transforms.augmentation import Augmentation
from radcnn.transforms.pipeline import Pipeline

JUDGED = 1 << 20  # voxels on which an epoch is judged, the same for all epochs
SETTLED = 16  # patches that batch normalisation is settled on
COARSER = 0.5  # weight of an answer at half of the resolution beside one of the whole: Isensee et al. 2021

NOTHING = Pipeline(Augmentation())


@dataclass(frozen=True, eq=False)
class Batch:
    """Images (B, C, *size), stored masks (B, *size), and what the loss asks of them beside."""

    images: Tensor
    masks: Tensor
    weights: Tensor | None = None
    distances: Tensor | None = None


@dataclass(frozen=True, eq=False)
class MaskLesson(PatchLesson[SegmentationPlan]):
    """What one network learns from; a `learning.lesson.Lesson`.

    training, tuning  prepared images with their masks
    margins           voxels that the network takes from a patch before and after each axis: images are cut larger
    """

    nothing: ClassVar[str] = "a segmentation needs at least one image with its mask to learn from"
    margins: tuple[int, int] = (0, 0)

    @cached_property
    def task(self) -> Segmentation:
        """What is taught."""
        return segmentation_of(self.whole)

    @property
    def _judged(self) -> int:
        return self.judged(JUDGED)

    def batches(self, epoch: int, workers: int) -> Iterator[Batch]:
        path = ("network", self.index, "epoch", epoch)
        pipeline = Pipeline(self.whole.augmentation)

        def make(step: int) -> Batch:
            return self._batch(self.training, pipeline, self.plan.batch, (*path, step))

        return ahead(make, self.steps, workers)

    def loss(self, network: nn.Module, batch: Batch, epoch: int, step: int, execution: Execution) -> Tensor:  # noqa: ARG002
        device = execution.device
        first, *coarser = training_logits(network, batch.images, execution)
        truth, counted = self.task.truth(batch.masks.to(device))
        weights, distances = (one if one is None else one.to(device) for one in (batch.weights, batch.distances))
        total, parts = self.task.loss_of_truth(first, truth, counted, weights=weights, distances=distances), 1.0
        for level, logits in enumerate(coarser, start=1):
            at_level = shrunk(truth, counted, logits.shape[2:])
            total = total + COARSER**level * self.task.loss_of_truth(logits, *at_level)
            parts += COARSER**level
        return total / parts

    def settle(self, network: nn.Module, execution: Execution) -> None:
        each = max(2, self.plan.batch)
        parts = (self._batch(self.training, NOTHING, each, ("settled", k)).images for k in range(-(-SETTLED // each)))
        settle_on(network, parts, execution)

    @torch.no_grad()
    def measure(self, network: nn.Module, which: Measured, execution: Execution) -> tuple[float, float] | None:
        """Loss and overlap on the same patches of that side at every epoch; None where it has no case."""
        cases = self.tuning if which == "tuning" else self.training
        if not cases:
            return None
        network.eval()
        outputs, masks, total, count = [], [], 0.0, 0
        for k in range(-(-self._judged // self.plan.batch)):
            batch = self._batch(cases, NOTHING, self.plan.batch, ("judged", which, k))
            logits = training_logits(network, batch.images, execution)[0].cpu()
            total += float(self.task.loss(logits, batch.masks, weights=batch.weights, distances=batch.distances))
            outputs.append(self.task.decode(logits))
            masks.append(batch.masks)
            count += 1
        return total / count, self.task.overlap(torch.cat(outputs), torch.cat(masks))

    def _batch(self, cases: Sequence[StoredCase], pipeline: Pipeline, count: int, path: tuple[str | int, ...]) -> Batch:
        found = [self._patch(cases, pipeline, (*path, row)) for row in range(count)]
        images, masks = (torch.cat([one[k] for one in found]) for k in (0, 1))
        return Batch(images, masks, self._weights(masks), self._distances(masks))

    def _patch(
        self, cases: Sequence[StoredCase], pipeline: Pipeline, path: tuple[str | int, ...]
    ) -> tuple[Tensor, Tensor]:
        """An image (1, C, *size and margins) and a stored mask (1, *size) about a random place of a random case."""
        plan = self.whole
        chance = generator(self.seed, "masked", *path)
        holders = self._holders[cases is self.tuning]
        case, centre = drawn_place(cases, holders, self._size_in, chance, plan.foreground)
        image, mask = case.image, case.mask
        assert mask is not None
        if len(centre) > plan.dims:
            k = round(centre[0])
            beside = np.clip(np.arange(k - plan.neighbours, k + plan.neighbours + 1), 0, len(mask) - 1)
            image = image[:, k] if plan.neighbours == 0 else np.concatenate([image[:, s] for s in beside])
            mask, centre = mask[k], centre[1:]
        before, after = self.margins
        size = tuple(n + before + after for n in plan.patch)
        drawn = pipeline.sample(torch_generator(self.seed, "augment", *path), (1, image.shape[0], *size))
        middle = [at + (after - before) / 2 for at in centre]
        moved = pipeline.apply_to_patch(
            image, drawn, centre=middle, size=size, mask=mask, palette=case.palette, beyond=UNLABELLED
        )
        assert moved.mask is not None
        inner = moved.mask[(slice(None), *(slice(before, before + n) for n in plan.patch))]
        return moved.image, inner

    @cached_property
    def _holders(self) -> tuple[Holders, Holders]:
        """Which of the training and of the tuning cases have each class."""
        return holders_of(self.training), holders_of(self.tuning)

    def _size_in(self, case: StoredCase) -> tuple[int, ...]:
        """A patch in a case: of a volume, a network of slices sees one of them."""
        return (1, *self.whole.patch) if len(case.size) > self.whole.dims else self.whole.patch

    def _weights(self, masks: Tensor) -> Tensor | None:
        """U-Net's weights of the voxels (B, 1, *size), where they were asked for."""
        if not self.whole.border:
            return None
        found = [
            border_weights((mask > 0) & (mask < UNLABELLED), first=self.whole.border, sigma=SIGMA)
            for mask in masks.numpy()
        ]
        return torch.from_numpy(np.stack(found))[:, None]

    def _distances(self, masks: Tensor) -> Tensor | None:
        """Signed distances (B, K, *size) to the true borders, negative inside, where the loss asks for them.

        In half diagonals of the patch: in voxels they would drown whatever stands beside them.
        """
        if "boundary" not in self.whole.terms:
            return None
        truth, _ = self.task.truth(masks)
        steps = self.whole.augmentation.spacing_mm or (1.0,) * self.whole.dims
        unit = math.dist((0.0,) * len(steps), [n * mm for n, mm in zip(self.whole.patch, steps, strict=True)]) / 2
        each = [[signed_distance(one, steps) / unit for one in case] for case in truth.bool().numpy()]
        return torch.from_numpy(np.stack(each).astype(np.float32))


def signed_distance(mask: NDArray[np.bool_], steps: Sequence[float]) -> NDArray[np.float32]:
    """How far voxels are from the border of a mask, in the unit of `steps`, the distances of their centres.

    Positive outside, 0 in the outermost voxels inside and negative further in; 0 where nothing or everything is inside.
    """
    if not mask.any() or mask.all():
        return np.zeros(mask.shape, np.float32)
    outside, inside = (distance_transform(one, tuple(steps), threads=1) for one in (~mask, mask))
    return np.where(mask, min(steps) - inside, outside).astype(np.float32)


def shrunk(truth: Tensor, counted: Tensor, size: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Truth (B, K, *n) and what is counted (B, 1, *n) at a coarser resolution: shares of the voxels that are counted.

    One voxel of each window instead would lie half a voxel off, and lose what is thinner than a window.
    """
    pool: Callable[..., Tensor] = functional.adaptive_avg_pool2d if truth.ndim == 4 else functional.adaptive_avg_pool3d
    seen = pool(counted, tuple(size))
    return pool(truth * counted, tuple(size)) / seen.clamp_min(torch.finfo(seen.dtype).tiny), seen


def first_segmenting_network(plan: SegmentationPlan, index: int) -> ImageNetwork:
    """Network number `index` of the plan with its first weights."""
    options = dict(plan.network.options)
    return build_image_network(
        plan.network.name, channels=plan.seen, outputs=plan.outputs, dims=plan.dims, options=options,
        seed=derived_seed(plan.seed, "weights", index),
    )  # fmt: skip


def train_segmenting_networks(
    plan: SegmentationPlan,
    pairs: Sequence[tuple[Sequence[StoredCase], Sequence[StoredCase]]],
    digest: str,
    checkpoints: Path,
    execution: Execution,
    *,
    first: int = 0,
) -> Iterator[Event | ImageNetwork]:
    """Train every network of the plan; yields its events, and each network when it is done.

    pairs  what each network learns from and is tuned on: members share them, folds rotate
    first  number of the first one: those of a cascade's second stage come after those of its first
    """
    for index, (training, tuning) in enumerate(pairs, start=first):
        network = first_segmenting_network(plan, index)
        lesson = MaskLesson(index, training, tuning, digest, plan, network.margins)
        yield from fit(lesson, network, checkpoints / f"network-{index}", execution)
        network.leave_out_auxiliary()
        yield network.eval()
