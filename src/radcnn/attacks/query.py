"""A black-box attack: only answers are asked for, no slopes; squares of the budget's full height, tried at random.

Andriushchenko et al. 2020, Square Attack, ECCV (the Linf version). Cubes in volumes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from radcnn.attacks.answers import Aim, bounds, per_image
from radcnn.core.chance import torch_generator

FIRST_SHARE = 0.8  # of the image, that the first square covers
HALVED_AT = (0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)  # shares of the queries at which the area is halved


def square(
    network: nn.Module,
    images: Tensor,
    aim: Aim,
    *,
    epsilon: Tensor,
    low: Tensor,
    high: Tensor,
    queries: int = 500,
    seed: int = 0,
) -> Tensor:
    """Images (B, C, *size) within `epsilon`, found by at most `queries` questions each.

    Arguments as of `fgsm`. Every voxel of a square is moved by plus or minus the whole budget; a try is kept where less
    is left of the answer. The paper allows 5,000 to 10,000 queries.
    """
    least, most = bounds(images, epsilon, low, high)
    dice = torch_generator(seed, "attack", "square")
    best = _kept(_stripes(images, epsilon, dice), least, most)
    with torch.no_grad():
        logits = network(best)
        left, fooled = aim.left(logits), aim.fooled(logits)
        for query in range(1, queries):
            # drawn for the whole batch, so that which images are fooled changes no other's squares
            side = square_side(query / queries, images.shape[2:])
            where = [torch.randint(n - side + 1, (len(images),), generator=dice) for n in images.shape[2:]]
            signs = torch.randint(2, images.shape[:2], generator=dice).to(images.dtype) * 2 - 1
            rows = (~fooled).nonzero()[:, 0]
            if not len(rows):
                break
            tried = _moved(best, images, rows, [at[rows] for at in where], side, signs[rows], epsilon)
            tried = _kept(tried, least[rows], most[rows])
            mine = aim.of(rows)
            logits = network(tried)
            now, turned = mine.left(logits), mine.fooled(logits)
            better = (now < left[rows]) | turned
            best[rows[better]], left[rows[better]] = tried[better], now[better]
            fooled[rows] |= turned
    return best


def square_side(progress: float, size: torch.Size) -> int:
    """Voxels a side of the square tried after this share of the queries: its area is halved on the paper's schedule.

    >>> [square_side(at, torch.Size((28, 28))) for at in (0.0, 0.01, 0.5)]
    [25, 13, 2]
    """
    halved = sum(progress > at for at in HALVED_AT)
    share = FIRST_SHARE / 2**halved
    return max(1, min(min(size), round(share ** (1 / len(size)) * min(size))))


def _kept(images: Tensor, least: Tensor, most: Tensor) -> Tensor:
    return torch.clamp(images, least, most)


def _stripes(images: Tensor, epsilon: Tensor, dice: torch.Generator) -> Tensor:
    """The paper's beginning: each column up or down by the whole budget."""
    shape = (*images.shape[:2], *(1,) * (images.ndim - 3), images.shape[-1])
    signs = torch.randint(2, shape, generator=dice).to(images.dtype) * 2 - 1
    return images + per_image(epsilon, images) * signs


def _moved(
    best: Tensor, images: Tensor, rows: Tensor, where: list[Tensor], side: int, signs: Tensor, epsilon: Tensor
) -> Tensor:
    """The best images of these rows, with a square of each set to the clean image plus or minus the budget."""
    inside = torch.ones((len(rows), 1, *(1,) * len(where)), dtype=torch.bool)
    for axis, at in enumerate(where):
        n = images.shape[2 + axis]
        line = torch.arange(n)[None]
        band = (line >= at[:, None]) & (line < at[:, None] + side)
        inside = inside & band.reshape(len(rows), 1, *(n if k == axis else 1 for k in range(len(where))))
    shift = per_image(epsilon[rows], images) * signs.reshape(*signs.shape, *(1,) * len(where))
    return torch.where(inside, images[rows] + shift, best[rows])
