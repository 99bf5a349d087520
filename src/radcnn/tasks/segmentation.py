"""Segmentation: a label for every voxel, by softmax over exclusive structures or a sigmoid for each region.

Table 2 of the review, voxel by voxel; its cross-entropy stands beside losses of whole structures (Dice and others).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from radcnn.data.store.places import UNLABELLED
from radcnn.losses.regions import (
    boundary_loss,
    dice_loss,
    focal_loss,
    probabilities,
    tversky_loss,
    voxel_cross_entropy,
)
from radcnn.plan.segmentation import SegmentationPlan

Term = Callable[[Tensor, Tensor, Tensor, bool], Tensor]
TERMS: dict[str, Term] = {
    "ce": lambda z, g, n, one: voxel_cross_entropy(z, g, n, exclusive=one),
    "dice": lambda z, g, n, one: dice_loss(z, g, (n > 0).to(z), exclusive=one),
    "vdice": lambda z, g, n, one: dice_loss(z, g, (n > 0).to(z), exclusive=one, squared=True),
    "tversky": lambda z, g, n, one: tversky_loss(z, g, (n > 0).to(z), exclusive=one),
    "focal": lambda z, g, n, one: focal_loss(z, g, n, exclusive=one),
}


@dataclass(frozen=True)
class Segmentation:
    """What a network that outlines structures is taught, and how its output is read.

    table      (values, outputs) 1 where a number of a stored mask belongs to an output
    exclusive  whether a voxel belongs to one structure at most
    terms      of the loss
    """

    table: tuple[tuple[int, ...], ...]
    exclusive: bool
    terms: tuple[str, ...]
    monitor_name: str = "Dice"

    @property
    def outputs(self) -> int:
        return len(self.table[0])

    def truth(self, masks: Tensor) -> tuple[Tensor, Tensor]:
        """Truth (B, K, *size) and what is counted (B, 1, *size) of stored masks (B, *size), both float32."""
        table = torch.tensor((*self.table, (0,) * self.outputs), dtype=torch.float32, device=masks.device)
        counted = masks != UNLABELLED
        index = torch.where(counted, masks.long(), len(self.table))
        return table[index].movedim(-1, 1), counted[:, None].float()

    def loss(
        self, logits: Tensor, masks: Tensor, *, weights: Tensor | None = None, distances: Tensor | None = None
    ) -> Tensor:
        """Scalar loss of logits (B, K, *size) against stored masks (B, *size).

        weights    (B, 1, *size) of voxels, for the cross-entropy
        distances  (B, K, *size) signed, to the true border; without them the boundary loss is left out
        """
        return self.loss_of_truth(logits, *self.truth(masks), weights=weights, distances=distances)

    def loss_of_truth(
        self, logits: Tensor, truth: Tensor, counted: Tensor, *, weights: Tensor | None = None,
        distances: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """The same against truth (B, K, *size), which may be shares, where counted (B, 1, *size) is above 0."""
        total = logits.new_zeros(())
        for term in self.terms:
            if term == "boundary":
                if distances is not None:
                    total = total + boundary_loss(logits, truth, counted, distances, exclusive=self.exclusive)
            else:
                many = counted * weights if weights is not None and term in ("ce", "focal") else counted
                total = total + TERMS[term](logits, truth, many, self.exclusive)
        return total

    def decode(self, logits: Tensor) -> Tensor:
        """Which structures each voxel belongs to: (B, structures, *size) bool of logits (B, K, *size)."""
        if self.exclusive:
            most = logits.argmax(dim=1, keepdim=True)
            return most == torch.arange(1, self.outputs, device=logits.device).view(1, -1, *(1,) * (logits.ndim - 2))
        return logits > 0

    def probabilities(self, logits: Tensor) -> Tensor:
        """Probabilities (B, K, *size)."""
        return probabilities(logits, exclusive=self.exclusive)

    def overlap(self, made: Tensor, masks: Tensor) -> float:
        """The mean Dice coefficient of the structures over all voxels together; one that neither has counts as 1.

        made  (B, structures, *size) bool, as `decode` gives it; masks are stored ones (B, *size)
        """
        truth, counted = self.truth(masks)
        wanted = (truth[:, 1:] if self.exclusive else truth).bool() & counted.bool()
        said = made & counted.bool()
        axes = (0, *range(2, made.ndim))
        both, each = 2 * (said & wanted).sum(axes).double(), said.sum(axes) + wanted.sum(axes)
        return float(torch.where(each > 0, both / each.clamp_min(1), torch.ones_like(both)).mean())


def segmentation_of(plan: SegmentationPlan) -> Segmentation:
    """The task of a plan."""
    rows = []
    for value in plan.values:
        belongs = tuple(int(value in one.labels) for one in plan.structures)
        rows.append((int(value == 0), *belongs) if plan.exclusive else belongs)
    return Segmentation(tuple(rows), plan.exclusive, plan.terms)
