"""What logits mean for an attack: which answer they give, how far it is from being turned, and the loss.

Labels are class indices (B,), or 0/1 per label (B, T) of a multi-label target, NaN where a label is not known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Goal = Literal["margin", "cross-entropy"]


@dataclass(frozen=True)
class Answers:
    """How a network answers.

    kind        "binary" (one logit), "multiclass" (one per class) or "multilabel" (one per label)
    thresholds  logits from which on an answer is positive: one, or one per label; all 0 (a probability of .5) if empty

    >>> Answers("binary").answered(torch.tensor([[-1.0], [2.0]])).tolist()
    [0, 1]
    """

    kind: Literal["binary", "multiclass", "multilabel"]
    thresholds: tuple[float, ...] = ()

    def answered(self, logits: Tensor) -> Tensor:
        """The answers to logits (B, outputs): class indices (B,), or 0/1 (B, T)."""
        if self.kind == "multiclass":
            return logits.argmax(1)
        positive = (self._above(logits) >= 0).long()
        return positive[:, 0] if self.kind == "binary" else positive

    def right(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Whether each answer is the label (B,); of several labels whether all that are known are."""
        if self.kind != "multilabel":
            return self.answered(logits) == labels.long()
        return ((self.answered(logits) == labels) | labels.isnan()).all(1)

    def margin(self, logits: Tensor, labels: Tensor) -> Tensor:
        """How far each answer is from being wrong (B,), in logits: positive where it is right.

        multiclass  the label's logit minus the largest of the others
        binary      the logit's distance from its threshold, towards the label
        multilabel  the least of these over the labels that are known
        """
        if self.kind == "multiclass":
            own = F.one_hot(labels.long(), logits.shape[1]).bool()
            return logits.masked_fill(~own, 0).sum(1) - logits.masked_fill(own, -torch.inf).amax(1)
        signed = self._above(logits) * (2 * self._columns(labels, logits) - 1)
        return signed.nan_to_num(nan=torch.inf).amin(1)

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The cross-entropy of each image (B,), from the thresholds on; of several labels the mean over the known."""
        if self.kind == "multiclass":
            return F.cross_entropy(logits, labels.long(), reduction="none")
        wanted = self._columns(labels, logits)
        known = ~wanted.isnan()
        each = F.binary_cross_entropy_with_logits(self._above(logits), wanted.nan_to_num(), reduction="none")
        return (each * known).sum(1) / known.sum(1).clamp(min=1)

    def _above(self, logits: Tensor) -> Tensor:
        return logits - logits.new_tensor(self.thresholds) if self.thresholds else logits

    @staticmethod
    def _columns(labels: Tensor, logits: Tensor) -> Tensor:
        return (labels[:, None] if labels.ndim == 1 else labels).to(logits.dtype)


@dataclass(frozen=True, eq=False)
class Aim:
    """What an attack is to reach on some images: any wrong answer, or the answer `towards` (as labels are)."""

    answers: Answers
    labels: Tensor
    towards: Tensor | None = None

    def of(self, rows: Tensor) -> Aim:
        """The aim on some of the images."""
        return Aim(self.answers, self.labels[rows], None if self.towards is None else self.towards[rows])

    def left(self, logits: Tensor) -> Tensor:
        """How far each image is from being fooled (B,), in logits; below 0 once it is."""
        if self.towards is None:
            return self.answers.margin(logits, self.labels)
        return -self.answers.margin(logits, self.towards)

    def fooled(self, logits: Tensor) -> Tensor:
        """Whether each image is fooled (B,)."""
        if self.towards is None:
            return ~self.answers.right(logits, self.labels)
        return self.answers.right(logits, self.towards)

    def cost(self, logits: Tensor, goal: Goal) -> Tensor:
        """What falls as the attack gets on (B,): what is left, or the cross-entropy towards the aim."""
        if goal == "margin":
            return self.left(logits)
        if self.towards is None:
            return -self.answers.loss(logits, self.labels)
        return self.answers.loss(logits, self.towards)


def sloped(network: nn.Module, images: Tensor, aim: Aim, goal: Goal) -> tuple[Tensor, Tensor]:
    """Logits (B, outputs) of images (B, C, *size), and the slope of the cost at each image, of the images' shape."""
    with torch.inference_mode(False), torch.enable_grad():
        held = images.detach().clone().requires_grad_()
        logits = network(held)
        cost = aim.cost(logits, goal)
        # an image of which no label is known has nothing to turn, and an infinite margin
        (slope,) = torch.autograd.grad(cost.nan_to_num(posinf=0.0).sum(), held)
    return logits.detach(), slope


def per_image(values: Tensor, images: Tensor) -> Tensor:
    """Values (B,) so that they are one for each of images (B, C, *size)."""
    return values.to(images.dtype).reshape(-1, *(1,) * (images.ndim - 1))


def bounds(images: Tensor, epsilon: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """The least and greatest values an attack may give each voxel: within epsilon (B,) of it and within low..high (B,).

    A voxel that lies outside low..high already (padding) may stay as it is.
    """
    eps = per_image(epsilon, images)
    least = torch.maximum(images - eps, torch.minimum(per_image(low, images), images))
    most = torch.minimum(images + eps, torch.maximum(per_image(high, images), images))
    return least, most
