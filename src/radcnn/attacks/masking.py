"""Is a network robust, or do its slopes only look away? The checks of gradient masking.

Athalye, Carlini and Wagner 2018, Obfuscated Gradients Give a False Sense of Security, ICML; Carlini et al. 2019, On
Evaluating Adversarial Robustness.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from scipy.special import betainc
from torch import Tensor, nn

from radcnn.attacks.answers import Aim
from radcnn.attacks.fgsm import fgsm
from radcnn.attacks.pgd import PgdSettings, pgd
from radcnn.attacks.query import square

CHANCE = 0.05  # of calling a difference between two attacks one that is none
ITERATED = PgdSettings(steps=20, starts=1, from_fgsm=False)  # FGSM as its first point would hide what is looked for
LONGER = 5  # times as many steps
UNBOUNDED = PgdSettings(steps=50, starts=3)


@dataclass(frozen=True)
class Sign:
    """One check.

    check     its name
    found     whether it speaks for masking (or for an attack that has not come to its end)
    sentence  what was compared, with counts
    """

    check: str
    found: bool
    sentence: str


def masking_signs(
    network: nn.Module,
    images: Tensor,
    aim: Aim,
    *,
    epsilon: Tensor,
    low: Tensor,
    high: Tensor,
    queries: int = 300,
    seed: int = 0,
) -> tuple[Sign, ...]:
    """Four checks on images (B, C, *size) that are right, at one budget; arguments as of `fgsm`.

    step       one step fools more images than twenty
    black box  an attack that sees only answers fools more than one that sees slopes
    bound      with no bound but the image's values, some image is not fooled
    steps      five times as many steps fool more: the curves are too favourable
    """
    given: dict[str, Any] = {"low": low, "high": high}

    def fooled(found: Tensor) -> Tensor:
        with torch.no_grad():
            return aim.fooled(network(found))

    one = fooled(fgsm(network, images, aim, epsilon=epsilon, **given))
    many = fooled(pgd(network, images, aim, epsilon=epsilon, settings=ITERATED, seed=seed, **given))
    longer = replace(ITERATED, steps=LONGER * ITERATED.steps)
    more = fooled(pgd(network, images, aim, epsilon=epsilon, settings=longer, seed=seed, **given))
    blind = fooled(square(network, images, aim, epsilon=epsilon, queries=queries, seed=seed, **given))
    free = fooled(pgd(network, images, aim, epsilon=high - low, settings=UNBOUNDED, seed=seed, **given))
    n = len(images)
    return (
        Sign("step", stronger(one, many), f"one step turns {_of(one, n)}, {ITERATED.steps} steps {_of(many, n)}"),
        Sign(
            "black box",
            stronger(blind, many),
            f"{queries} questions without slopes turn {_of(blind, n)}, slopes {_of(many, n)}",
        ),
        Sign("bound", not bool(free.all()), f"without a bound {_of(free, n)} are turned; it should be all"),
        Sign(
            "steps",
            stronger(more, many),
            f"{longer.steps} steps turn {_of(more, n)}, {ITERATED.steps} steps {_of(many, n)}",
        ),
    )


def stronger(first: Tensor, second: Tensor) -> bool:
    """Whether the first attack fools more images (B,) than the second, beyond chance: a sign test of those that differ.

    >>> stronger(torch.ones(8).bool(), torch.zeros(8).bool())
    True
    """
    only, other = int((first & ~second).sum()), int((second & ~first).sum())
    if only <= other:
        return False
    return float(betainc(only, other + 1, 0.5)) < CHANCE  # the chance of as many heads or more of a fair coin


def _of(fooled: Tensor, n: int) -> str:
    return f"{int(fooled.sum())} of {n}"
