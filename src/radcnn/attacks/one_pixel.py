"""A few pixels (voxels) changed, found by differential evolution: no slopes are asked for.

Su, Vargas and Sakurai 2019, One Pixel Attack for Fooling Deep Neural Networks, IEEE TEVC: 400 candidates of (place,
value) for each pixel, 100 generations, F = 0.5, no crossover; a child replaces its parent where it is better.

A pixel's value stays within what the image's values can be. In CT a single voxel of another tissue is still no small
change: the figure says how few places an answer hangs on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from radcnn.attacks.answers import Aim
from radcnn.core.chance import torch_generator


@dataclass(frozen=True)
class Evolution:
    """candidates, generations and F of differential evolution; the paper's, which may be made fewer."""

    candidates: int = 400
    generations: int = 100
    factor: float = 0.5


PAPER = Evolution()


def one_pixel(
    network: nn.Module,
    images: Tensor,
    aim: Aim,
    *,
    low: Tensor,
    high: Tensor,
    pixels: int = 1,
    evolution: Evolution = PAPER,
    seed: int = 0,
) -> Tensor:
    """Images (B, C, *size) with at most `pixels` places changed, each the best that was found.

    low, high  (B,) what values each image can have

    A search ends once the image is fooled. Memory is that of `candidates` images at a time.
    """
    found = images.clone()
    with torch.no_grad():
        for row in range(len(images)):
            ends = float(low[row]), float(high[row])
            found[row] = _evolved(network, images[row], aim.of(torch.tensor([row])), ends, pixels, evolution, seed, row)
    return found


def _evolved(
    network: nn.Module, image: Tensor, aim: Aim, ends: tuple[float, float], pixels: int, evolution: Evolution,
    seed: int, row: int,
) -> Tensor:  # fmt: skip
    """The fittest candidate of the last generation; genes (N, pixels, rank + C) are shares of places and values."""
    dice = torch_generator(seed, "attack", "one pixel", row)
    count, rank = evolution.candidates, image.ndim - 1
    everyone = aim.of(torch.zeros(count, dtype=torch.long))
    genes = torch.rand((count, pixels, rank + len(image)), generator=dice)
    left, fooled = _fitness(network, _painted(image, genes, ends), everyone)
    for _ in range(evolution.generations):
        if fooled.any():
            break
        parents = torch.stack([torch.randperm(count, generator=dice) for _ in range(3)])
        children = genes[parents[0]] + evolution.factor * (genes[parents[1]] - genes[parents[2]])
        children = children.clamp(0, 1)
        now, turned = _fitness(network, _painted(image, children, ends), everyone)
        better = now < left
        genes[better], left[better], fooled = children[better], now[better], (fooled & ~better) | (turned & better)
    best = int(left.argmin())
    return _painted(image, genes[best : best + 1], ends)[0]


def _painted(image: Tensor, genes: Tensor, ends: tuple[float, float]) -> Tensor:
    """Images (N, C, *size) with the candidates' pixels set."""
    size = torch.tensor(image.shape[1:])
    made = image.expand(len(genes), *image.shape).clone()
    rank = len(size)
    places = torch.minimum((genes[..., :rank] * size).long(), size - 1)
    values = ends[0] + genes[..., rank:] * (ends[1] - ends[0])
    who = torch.arange(len(genes))
    for pixel in range(genes.shape[1]):
        index: tuple[Any, ...] = (who, slice(None), *(places[:, pixel, axis] for axis in range(rank)))
        made[index] = values[:, pixel].to(image.dtype)
    return made


def _fitness(network: nn.Module, images: Tensor, aim: Aim) -> tuple[Tensor, Tensor]:
    parts = [network(part) for part in images.split(max(1, (1 << 21) // images[0, 0].numel()))]
    logits = torch.cat(parts)
    return aim.left(logits), aim.fooled(logits)
