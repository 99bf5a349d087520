"""A patch that turns answers wherever it lies: learned over random places, sizes and turns.

Brown et al. 2017, Adversarial Patch, NIPS workshop (expectation over transformation, Athalye et al. 2018). In
radiology: a sticker, a marker, an implant. Cubes in volumes, turned about the axis of the slices.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from radcnn.attacks.answers import Aim, per_image
from radcnn.core.chance import torch_generator


@dataclass(frozen=True)
class PatchSettings:
    """steps of `batch` images each; the first step's length, as a share of the image's values; how it is laid.

    zoom    its sides are this much shorter or longer
    degrees it is turned by up to this, either way
    """

    steps: int = 120
    batch: int = 32
    rate: float = 0.1
    zoom: tuple[float, float] = (0.9, 1.1)
    degrees: float = 20.0


PATCH = PatchSettings()


def patch_side(area: float, size: torch.Size) -> int:
    """Voxels a side of a square (cube) patch that covers a share `area` of an image of this size.

    >>> patch_side(0.05, torch.Size((28, 28)))
    6
    """
    return max(1, min(min(size), round((area * math.prod(size)) ** (1 / len(size)))))


def learned_patch(
    network: nn.Module,
    images: Tensor,
    aim: Aim,
    *,
    low: Tensor,
    high: Tensor,
    area: float,
    settings: PatchSettings = PATCH,
    seed: int = 0,
) -> Tensor:
    """A patch (C, *side) that turns the answers to images (B, C, *size), of values 0..1 between each image's ends.

    low, high  (B,) what values each image can have
    area       its share of the image
    """
    dice = torch_generator(seed, "attack", "patch", f"{area:g}")
    side = patch_side(area, images.shape[2:])
    patch = torch.rand((images.shape[1], *(side,) * (images.ndim - 2)), generator=dice)
    for step in range(settings.steps):
        rows = torch.randint(len(images), (settings.batch,), generator=dice)
        with torch.enable_grad():
            held = patch.clone().requires_grad_()
            shown = with_patch(images[rows], held, low=low[rows], high=high[rows], settings=settings, dice=dice)
            cost = aim.of(rows).cost(network(shown), "cross-entropy").mean()
            (slope,) = torch.autograd.grad(cost, held)
        length = settings.rate * (1 - step / settings.steps)
        patch = (patch - length * slope.sign()).clamp(0, 1)
    return patch


def with_patch(
    images: Tensor, patch: Tensor, *, low: Tensor, high: Tensor, dice: torch.Generator, settings: PatchSettings = PATCH
) -> Tensor:
    """Images (B, C, *size) with the patch at random places within them, zoomed and turned at random."""
    count, size = len(images), images.shape[2:]
    draw = torch.rand((count, len(size) + 2), generator=dice)
    zoom = settings.zoom[0] + draw[:, 0] * (settings.zoom[1] - settings.zoom[0])
    angle = math.radians(settings.degrees) * (2 * draw[:, 1] - 1)
    reach = patch.shape[-1] / 2 * zoom
    lines = torch.meshgrid(*(torch.arange(n, dtype=torch.float32) for n in size), indexing="ij")
    offsets = []
    for axis, line in enumerate(lines):
        room = (size[axis] - 1) / 2 - (size[axis] - patch.shape[-1]) / 2 * (2 * draw[:, 2 + axis] - 1)
        offsets.append((line[None] - _each(room, line)) / _each(reach, line))
    turned = _turned(offsets, angle)
    inside = torch.stack([one.abs() <= 1 for one in turned]).all(0)[:, None]
    grid = torch.stack(turned[::-1], dim=-1)  # columns first, as grid_sample counts
    laid = F.grid_sample(
        patch.expand(count, *patch.shape), grid, mode="bilinear", padding_mode="border", align_corners=False
    )
    values = per_image(low, images) + laid.clamp(0, 1) * per_image(high - low, images)
    return torch.where(inside, values.to(images.dtype), images)


def _each(values: Tensor, line: Tensor) -> Tensor:
    return values.reshape(-1, *(1,) * line.ndim)


def _turned(offsets: list[Tensor], angle: Tensor) -> list[Tensor]:
    """Offsets from the patch's centre, turned within rows and columns."""
    rows, columns = offsets[-2:]
    turn = angle.reshape(-1, *(1,) * (rows.ndim - 1))
    cos, sin = turn.cos(), turn.sin()
    return [*offsets[:-2], cos * rows - sin * columns, sin * rows + cos * columns]
