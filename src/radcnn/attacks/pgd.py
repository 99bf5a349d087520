"""Projected gradient descent in a box of the budget: FGSM, iterated, with restarts; the best point seen is kept.

Madry et al. 2018, Towards Deep Learning Models Resistant to Adversarial Attacks, ICLR. The steps shrink, as Croce and
Hein 2020 (Reliable Evaluation of Adversarial Robustness, ICML) found to matter more than their number; the margin is
descended, whose slope does not vanish where a network is certain (Carlini and Wagner 2017).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from radcnn.attacks.answers import Aim, Goal, bounds, per_image, sloped
from radcnn.core.chance import torch_generator

LAST_STEP = 0.05  # the last step as a share of the first: small enough to end beside the best point


@dataclass(frozen=True)
class PgdSettings:
    """steps of each start; starts: the image itself, then random places within the budget; what is descended.

    from_fgsm  begin with the point of FGSM, so that the attack is never weaker than it; without it, every start is
               random, to compare the two
    stop       leave images alone once they are fooled; without it, they are pushed as far as the budget allows, to fool
               another network, too
    """

    steps: int = 20
    starts: int = 2
    goal: Goal = "margin"
    from_fgsm: bool = True
    stop: bool = True


PGD = PgdSettings()


def pgd(
    network: nn.Module,
    images: Tensor,
    aim: Aim,
    *,
    epsilon: Tensor,
    low: Tensor,
    high: Tensor,
    settings: PgdSettings = PGD,
    seed: int = 0,
) -> Tensor:
    """Images (B, C, *size) within `epsilon`, each the point at which its answer was nearest to being turned.

    Arguments as of `fgsm`. Images that are fooled are left alone from then on, which is what makes it fast. The first
    point tried is that of FGSM: where FGSM fools, this does.

    >>> network = nn.Sequential(nn.Flatten(), nn.Linear(4, 1, bias=False))
    >>> _ = nn.init.ones_(network[1].weight)
    >>> one = torch.ones(1)
    >>> from radcnn.attacks.answers import Answers
    >>> aim = Aim(Answers("binary"), one)
    >>> found = pgd(network, torch.full((1, 1, 2, 2), 0.05), aim, epsilon=0.1 * one, low=-one, high=one)
    >>> found.max().item() < 0
    True
    """
    best = _Best(images, torch.full((len(images),), torch.inf, dtype=images.dtype), torch.zeros(len(images)).bool())
    limits = bounds(images, epsilon, low, high)
    for start in range(settings.starts):
        rows = (~(best.fooled & settings.stop)).nonzero()[:, 0]
        if not len(rows):
            break
        least, most = limits[0][rows], limits[1][rows]
        eps, mine = epsilon[rows], aim.of(rows)
        if start == 0 and settings.from_fgsm:
            _, slope = sloped(network, images[rows], mine, "cross-entropy")
            place = torch.clamp(images[rows] - per_image(eps, images) * slope.sign(), least, most)
        else:
            # by row of the whole batch, so that which images were fooled before changes no other's start
            dice = torch_generator(seed, "attack", "pgd", start)
            share = torch.rand(images.shape, generator=dice, dtype=images.dtype)[rows]
            place = least + share * (most - least)
        _descend(network, place, rows, mine, eps, least, most, settings, best)
    return best.images


@dataclass(eq=False)
class _Best:
    """The best point of each image so far, what was left there, and whether it fools."""

    images: Tensor
    left: Tensor
    fooled: Tensor

    def __post_init__(self) -> None:
        self.images = self.images.clone()

    def keep(self, rows: Tensor, place: Tensor, logits: Tensor, aim: Aim) -> Tensor:
        """Keep what is better than before; which of the rows are fooled now."""
        left, fooled = aim.left(logits), aim.fooled(logits)
        better = (left < self.left[rows]) | (fooled & ~self.fooled[rows])
        better &= ~(self.fooled[rows] & ~fooled)
        self.images[rows[better]] = place[better]
        self.left[rows[better]] = left[better]
        self.fooled[rows] |= fooled
        return fooled


def _descend(
    network: nn.Module, place: Tensor, rows: Tensor, aim: Aim, eps: Tensor, least: Tensor, most: Tensor,
    settings: PgdSettings, best: _Best,
) -> None:  # fmt: skip
    """Steps from `place` down the cost, each kept where it is the best so far; fooled images take no further part."""
    for step in range(settings.steps):
        logits, slope = sloped(network, place, aim, settings.goal)
        going = (~(best.keep(rows, place, logits, aim) & settings.stop)).nonzero()[:, 0]
        if not len(going):
            return
        if len(going) < len(rows):
            place, slope, rows, aim, eps = place[going], slope[going], rows[going], aim.of(going), eps[going]
            least, most = least[going], most[going]
        length = per_image(eps * step_share(step, settings.steps), place)
        place = torch.clamp(place - length * slope.sign(), least, most)
    with torch.no_grad():
        best.keep(rows, place, network(place), aim)


def step_share(step: int, steps: int) -> float:
    """The length of a step as a share of the budget: all of it at first, falling as a cosine.

    On a chain and a resnet18 as many steps of a quarter, as its peers take them, turn fewer images, and a first step of
    half the budget leaves more of the answers.

    >>> [round(step_share(k, 4), 3) for k in range(4)]
    [1.0, 0.861, 0.525, 0.189]
    """
    falling = (1 + math.cos(math.pi * step / steps)) / 2
    return LAST_STEP + (1 - LAST_STEP) * falling
