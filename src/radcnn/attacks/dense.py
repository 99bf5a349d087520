"""Attacks on networks that make images: FGSM and PGD on a loss that is given, one image at a time.

What is attacked has no answer to turn, so that two things are told apart: the loss, whose slope is climbed, and the
harm, by which the worst point is kept (the overlap that is lost, or the error that is gained). A later point is only
taken where it does more harm, so that PGD is never weaker than FGSM, nor at a larger budget than at a smaller one.

Madry et al. 2018 and Goodfellow et al. 2015, as `attacks.pgd` and `attacks.fgsm`; for outlines SegPGD (Gu et al. 2022,
ECCV), whose weights of voxels change on the way: a loss is told how far the attack has got.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from radcnn.attacks.answers import bounds
from radcnn.attacks.pgd import step_share
from radcnn.core.chance import torch_generator

STEPS = 10


@dataclass(frozen=True, eq=False)
class Sloped:
    """What a network makes of one point: the harm that is done there, and the slope of the loss, of the image's shape.

    harm   by which points are compared; larger is worse for the network
    slope  of what the attack raises
    """

    harm: float
    slope: Tensor


Look = Callable[[Tensor, float], Sloped]
"""An image (C, *size), and how far the attack has got: 0 at its first step, towards 1 at its last; 1 alone for FGSM."""


@dataclass(frozen=True)
class Within:
    """What an attack on one image may do.

    epsilon    how far each voxel may be moved, in the image's values
    low, high  what its values can be
    """

    epsilon: float
    low: float
    high: float

    def ends(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """The least and greatest values of each voxel of an image (C, *size)."""
        least, most = bounds(image[None], *(image.new_tensor([one]) for one in (self.epsilon, self.low, self.high)))
        return least[0], most[0]


@dataclass(frozen=True, eq=False)
class Worst:
    """The worst point that was found, and its harm."""

    image: Tensor
    harm: float


def stepped(image: Tensor, slope: Tensor, within: Within) -> Tensor:
    """FGSM: the image (C, *size) one step of the whole budget up the slope at it.

    >>> stepped(torch.zeros(1, 2), torch.tensor([[3.0, -0.5]]), Within(0.1, -1, 1))
    tensor([[ 0.1000, -0.1000]])
    """
    least, most = within.ends(image)
    return torch.clamp(image + within.epsilon * slope.sign(), least, most)


def climbed(
    look: Look, image: Tensor, place: Tensor, within: Within, *, steps: int = STEPS, before: Worst | None = None
) -> Worst:
    """PGD: the point of the most harm on the way up the loss.

    place   where it begins: FGSM's point, so that it is never weaker
    before  what a smaller budget came to, which is kept where nothing worse is found
    steps   each a share of the budget that falls as a cosine, as in `attacks.pgd`

    >>> def look(x, progress):
    ...     return Sloped(float(x.sum()), torch.ones_like(x))
    >>> climbed(look, torch.zeros(1, 2), torch.zeros(1, 2), Within(0.1, -1, 1), steps=2).image
    tensor([[0.1000, 0.1000]])
    """
    least, most = within.ends(image)
    best = before
    for step in range(steps + 1):
        seen = look(place, min(step, steps - 1) / max(1, steps))
        if best is None or seen.harm > best.harm:
            best = Worst(place, seen.harm)
        if step < steps:
            length = within.epsilon * step_share(step, steps)
            place = torch.clamp(place + length * seen.slope.sign(), least, most)
    assert best is not None, "the first point was looked at"
    return best


def sign_noise(image: Tensor, within: Within, *, seed: int) -> Tensor:
    """The image with every voxel moved by the whole budget, up or down by chance: a change as large as FGSM's."""
    dice = torch_generator(seed, "attack", "sign noise")
    signs = torch.randint(2, image.shape, generator=dice).to(image.dtype) * 2 - 1
    least, most = within.ends(image)
    return torch.clamp(image + within.epsilon * signs, least, most)
