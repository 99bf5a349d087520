"""One change for all images: where it turns answers to images it was not learned on, nobody needs to see them first.

Moosavi-Dezfooli et al. 2017, Universal Adversarial Perturbations, CVPR; learned by descent over batches (Shafahi et al.
2020, AAAI).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from radcnn.attacks.answers import Aim, bounds, per_image
from radcnn.core.chance import torch_generator


@dataclass(frozen=True)
class UniversalSettings:
    """steps of `batch` images each; the first step's length as a share of the budget."""

    steps: int = 120
    batch: int = 32
    rate: float = 0.25


UNIVERSAL = UniversalSettings()


def learned_change(
    network: nn.Module,
    images: Tensor,
    aim: Aim,
    *,
    epsilon: Tensor,
    low: Tensor,
    high: Tensor,
    settings: UniversalSettings = UNIVERSAL,
    seed: int = 0,
) -> Tensor:
    """A change (C, *size) of values -1..1, in budgets, that turns the answers to images (B, C, *size).

    Arguments as of `fgsm`.
    """
    dice = torch_generator(seed, "attack", "universal")
    change = torch.zeros(images.shape[1:])
    for step in range(settings.steps):
        rows = torch.randint(len(images), (settings.batch,), generator=dice)
        with torch.enable_grad():
            held = change.clone().requires_grad_()
            shown = changed(images[rows], held, epsilon=epsilon[rows], low=low[rows], high=high[rows])
            cost = aim.of(rows).cost(network(shown), "cross-entropy").mean()
            (slope,) = torch.autograd.grad(cost, held)
        length = settings.rate * (1 - step / settings.steps)
        change = (change - length * slope.sign()).clamp(-1, 1)
    return change


def changed(images: Tensor, change: Tensor, *, epsilon: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Images (B, C, *size) with a change (C, *size) of -1..1 budgets, within what their values can be."""
    least, most = bounds(images, epsilon, low, high)
    return torch.clamp(images + per_image(epsilon, images) * change, least, most)
