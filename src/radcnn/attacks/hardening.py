"""Attacks of a batch that a network learns from: one step or a few, from a random start, against the loss it learns by.

fgsm   one step of 1.25 of the budget from a random place within it, projected back: Wong, Rice and Kolter 2020 (Fast is
       better than free, ICLR), who found that without the random start training comes to depend on the one step and
       fails against several ("catastrophic overfitting")
pgd    a few steps from a random place: Madry et al. 2018 (Towards Deep Learning Models Resistant to Adversarial
       Attacks, ICLR)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from radcnn.attacks.answers import bounds, per_image

TrainingAttack = Literal["fgsm", "pgd"]
ONE_STEP = 1.25  # of the budget, as in Wong et al.
STEPS_REACH = 2.5  # times the budget that all steps together reach: across it and back, as in Madry et al.


def against_loss(
    loss_of: Callable[[Tensor], Tensor],
    images: Tensor,
    *,
    epsilon: Tensor,
    attack: TrainingAttack,
    steps: int,
    stream: torch.Generator,
) -> Tensor:
    """Images (B, C, *size) changed by at most `epsilon` (B,) so that their loss rises; within each image's own values.

    loss_of  the loss (a scalar) of images, whose slope at one image depends on others only through the network
    steps    of pgd
    stream   draws the places that the steps start from

    >>> images = torch.tensor([[[[0.0, 0.5], [0.5, 1.0]]]])
    >>> worse = against_loss(lambda x: x.sum(), images, epsilon=torch.tensor([0.1]), attack="pgd", steps=5,
    ...                      stream=torch.Generator().manual_seed(0))
    >>> worse.flatten().tolist()
    [0.10000000149011612, 0.6000000238418579, 0.6000000238418579, 1.0]
    """
    least, most = bounds(images, epsilon, *own_range(images))
    share = torch.rand(images.shape, generator=stream, dtype=images.dtype).to(images.device)
    place = least + share * (most - least)
    count, length = (1, ONE_STEP) if attack == "fgsm" else (steps, STEPS_REACH / steps)
    step = length * per_image(epsilon, images)
    for _ in range(count):
        place = torch.clamp(place + step * _slope(loss_of, place).sign(), least, most)
    return place


def own_range(images: Tensor) -> tuple[Tensor, Tensor]:
    """The least and greatest value (B,) of each of images (B, C, *size)."""
    flat = images.flatten(1)
    return flat.amin(1), flat.amax(1)


def _slope(loss_of: Callable[[Tensor], Tensor], place: Tensor) -> Tensor:
    with torch.enable_grad():
        held = place.detach().requires_grad_()
        (slope,) = torch.autograd.grad(loss_of(held), held)
    return slope
