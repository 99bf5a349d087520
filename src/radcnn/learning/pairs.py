"""A lesson of pairs: patches of an image and of its reference, cut at the same place, turned and mirrored alike.

Noise is the subject here: nothing is interpolated, so that the grain of a patch is that of its image. Only what a patch
shows is read from the disk (Chen et al. 2017, doi:10.1364/BOE.8.000679, cut theirs beforehand).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from radcnn.core.chance import derived_seed, generator
from radcnn.data.store import StoredCase
from radcnn.data.store.codes import decoded
from radcnn.learning.batches import ahead
from radcnn.learning.events import Event
from radcnn.learning.execution import Execution, logits_of
from radcnn.learning.lesson import Measured
from radcnn.learning.loop import fit
from radcnn.learning.patch_lesson import PatchLesson
from radcnn.learning.settling import settle_on
from radcnn.networks.image_network import ImageNetwork
from radcnn.networks.image_networks import build_image_network
from radcnn.plan.restoration import RestorationPlan
from radcnn.tasks.restoration import Restoration, restoration_of

JUDGED = 64 * 64**2  # voxels on which an epoch is judged, the same for all epochs
TRIES, FLAT = 4, 0.1  # a patch whose reference shows less than this of the scale's unit, as air does, is drawn again
SETTLED = 2  # times as many are what batch normalisation is settled on

Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True, eq=False)
class PairLesson(PatchLesson[RestorationPlan]):
    """What one network learns from; a `learning.lesson.Lesson`.

    training, tuning  pairs, each as a case of two channels: the image and its reference, (2, *size)
    """

    nothing: ClassVar[str] = "a restoration needs at least one pair to learn from"

    @cached_property
    def task(self) -> Restoration:
        """What is taught."""
        return restoration_of(self.whole)

    @property
    def _judged(self) -> int:
        return self.judged(JUDGED)

    def batches(self, epoch: int, workers: int) -> Iterator[Batch]:
        path = ("network", self.index, "epoch", epoch)
        return ahead(lambda step: self._batch(self.training, self.plan.batch, (*path, step)), self.steps, workers)

    def loss(self, network: nn.Module, batch: Batch, epoch: int, step: int, execution: Execution) -> Tensor:  # noqa: ARG002
        images, references = batch
        return self.task.loss(logits_of(network, images, execution), references.to(execution.device))

    def settle(self, network: nn.Module, execution: Execution) -> None:
        each = max(2, self.plan.batch)
        parts = (self._batch(self.training, each, ("settled", k))[0] for k in range(-(-SETTLED * self._judged // each)))
        settle_on(network, parts, execution)

    @torch.no_grad()
    def measure(self, network: nn.Module, which: Measured, execution: Execution) -> tuple[float, float] | None:
        pairs = self.tuning if which == "tuning" else self.training
        if not pairs:
            return None
        network.eval()
        outputs, references = [], []
        for k in range(-(-self._judged // self.plan.batch)):
            images, wanted = self._batch(pairs, self.plan.batch, ("judged", which, k))
            outputs.append(logits_of(network, images, execution).cpu())
            references.append(wanted)
        made, wanted = torch.cat(outputs), torch.cat(references)
        return float(self.task.loss(made, wanted)), self.task.monitor(made, wanted)

    def _batch(self, pairs: Sequence[StoredCase], count: int, path: tuple[str | int, ...]) -> Batch:
        """Images (B, channels, *patch) and references (B, 1, *patch), in the network's numbers."""
        found = [self._patch(pairs, generator(self.seed, "pairs", *path, row)) for row in range(count)]
        values = torch.from_numpy(np.stack(found))
        made = self.task.encode(values)
        return made[:, :-1].contiguous(), made[:, -1:].contiguous()

    def _patch(self, pairs: Sequence[StoredCase], chance: np.random.Generator) -> NDArray[np.float32]:
        """A random patch (channels + 1, *patch) of a random pair, the reference last."""
        for _ in range(TRIES):
            found = cut_pair(pairs[int(chance.integers(len(pairs)))], self.whole, chance)
            if float(np.ptp(found[-1])) > FLAT * self.whole.scale.unit:
                break
        return turned(found, chance, self.whole.dims) if self.whole.symmetries else found


def cut_pair(pair: StoredCase, plan: RestorationPlan, chance: np.random.Generator) -> NDArray[np.float32]:
    """A patch at a random place of a pair: the channels that the network sees, then the reference."""
    codes = pair.image if pair.image.ndim == 4 else pair.image[:, None]
    if plan.dims == 2:
        k, last = int(chance.integers(codes.shape[1])), codes.shape[1] - 1
        window = _window(codes.shape[2:], plan.patch, chance)
        beside = range(k - plan.neighbours, k + plan.neighbours + 1)
        seen = [codes[0, min(max(s, 0), last)][window] for s in beside]
        found = np.stack([*seen, codes[1, k][window]])
    else:
        found = codes[(slice(None), *_window(codes.shape[1:], plan.patch, chance))]
    values = decoded(np.ascontiguousarray(found), pair.palette)
    missing = [(0, asked - has) for asked, has in zip(plan.patch, values.shape[1:], strict=True)]
    return np.pad(values, [(0, 0), *missing], mode="edge") if any(more for _, more in missing) else values


def _window(size: tuple[int, ...], patch: tuple[int, ...], chance: np.random.Generator) -> tuple[slice, ...]:
    starts = [int(chance.integers(max(0, n - p) + 1)) for n, p in zip(size, patch, strict=True)]
    return tuple(slice(start, start + p) for start, p in zip(starts, patch, strict=True))


def turned(patch: NDArray[np.float32], chance: np.random.Generator, dims: int) -> NDArray[np.float32]:
    """One of the symmetries of a square, or of a square prism, at random; of other patches those that fit."""
    for axis in range(1, patch.ndim):
        if chance.random() < 0.5:
            patch = np.flip(patch, axis)
    if chance.random() < 0.5 and patch.shape[-1] == patch.shape[-2]:
        patch = np.swapaxes(patch, -1, -2)
    assert patch.ndim == dims + 1
    return np.ascontiguousarray(patch)


def first_image_network(plan: RestorationPlan, index: int) -> ImageNetwork:
    """Network number `index` of the plan with its first weights."""
    return build_image_network(
        plan.network.name, channels=plan.channels, dims=plan.dims, options=plan.network.options,
        seed=derived_seed(plan.seed, "weights", index),
    )  # fmt: skip


def train_image_networks(
    plan: RestorationPlan,
    training: Sequence[StoredCase],
    tuning: Sequence[StoredCase],
    digest: str,
    checkpoints: Path,
    execution: Execution,
) -> Iterator[Event | ImageNetwork]:
    """Train every member of the plan; yields its events, and each network when it is done."""
    for index in range(plan.training.members):
        network = first_image_network(plan, index)
        yield from fit(
            PairLesson(index, training, tuning, digest, plan), network, checkpoints / f"network-{index}", execution
        )
        yield network.eval()
