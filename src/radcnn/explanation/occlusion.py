"""Occlusion: how much the asked logit drops while a patch of the image is covered, patch by patch.

Zeiler & Fergus 2014, Visualizing and Understanding Convolutional Networks, ECCV (arXiv:1311.2901), section 4.2. It
needs nothing of the network but its answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor, nn

from radcnn.core.errors import SettingsError
from radcnn.explanation.asked import Classes, asked_of, logits_asked
from radcnn.explanation.fills import Fill, filling

AT_ONCE = 32  # images in one pass
PATCHES = {2: 8, 3: 4}  # usual patches along a side, by axes: half overlapping, 225 passes of an image, 343 of a volume

Sides = tuple[int, ...]


def occlusion(
    network: nn.Module,
    images: Tensor,
    classes: Classes,
    *,
    patch: Sequence[int] = (),
    step: Sequence[int] = (),
    fill: Fill = "darkest",
    at_once: int = AT_ONCE,
) -> Tensor:
    """The mean drop of the asked logit over the patches that cover a voxel: (B, *size), above 0 where it speaks for it.

    images   (B, C, *size)
    patch    voxels per axis; without it an eighth of each side of an image, a quarter of each of a volume
    step     voxels from one patch to the next; without it half of the patch. The last patch ends where the image ends
    fill     what a patch is filled with: see `fills.filling`
    at_once  images in one pass, of which the result does not depend

    Raises SettingsError where a patch does not fit, or a step leaves voxels uncovered.
    """
    size = tuple(images.shape[2:])
    sides, steps = patches_of(size, patch, step)
    corners = list(product(*(_starts(n, side, s) for n, side, s in zip(size, sides, steps, strict=True))))
    dropped, covered = torch.zeros(len(images), *size), torch.zeros(size)
    asked, values = asked_of(classes, len(images)), filling(images, fill)
    with torch.inference_mode():
        whole = logits_asked(network(images), asked)
        for first in range(0, len(corners), max(1, at_once // len(images))):
            some = [_box(corner, sides) for corner in corners[first : first + max(1, at_once // len(images))]]
            hidden = torch.cat([_covered(images, values, box) for box in some])
            drops = whole - logits_asked(network(hidden), asked.repeat(len(some))).view(len(some), -1)
            for box, drop in zip(some, drops, strict=True):
                dropped[(slice(None), *box)] += drop.to(dropped.device)[(..., *(None,) * len(size))]
                covered[box] += 1
    return dropped.clone() / covered


def patches_of(size: Sequence[int], patch: Sequence[int] = (), step: Sequence[int] = ()) -> tuple[Sides, Sides]:
    """The sides of patches and the steps between them, those that are not given among them; see `occlusion`.

    >>> patches_of((32, 48)), patches_of((16, 16, 16), (4, 4, 4))
    (((4, 6), (2, 3)), ((4, 4, 4), (2, 2, 2)))
    """
    sides = tuple(patch) or tuple(max(1, n // PATCHES[len(size)]) for n in size)
    steps = tuple(step) or tuple(max(1, side // 2) for side in sides)
    if len(sides) != len(size) or not all(1 <= side <= n for side, n in zip(sides, size, strict=True)):
        raise SettingsError(f"a patch must have 1 to {tuple(size)} voxels along the axes of the image, got {sides}")
    if len(steps) != len(size) or not all(1 <= s <= side for s, side in zip(steps, sides, strict=True)):
        raise SettingsError(f"a step between patches of {sides} voxels must be 1 to {sides}, got {steps}")
    return sides, steps


def _starts(length: int, side: int, step: int) -> list[int]:
    """Where patches begin along an axis; the last one ends with the image.

    >>> _starts(10, 4, 3), _starts(9, 4, 3)
    ([0, 3, 6], [0, 3, 5])
    """
    return sorted({*range(0, length - side + 1, step), length - side})


def _box(corner: Sequence[int], sides: Sequence[int]) -> tuple[slice, ...]:
    return tuple(slice(start, start + side) for start, side in zip(corner, sides, strict=True))


def _covered(images: Tensor, values: Tensor, box: tuple[slice, ...]) -> Tensor:
    hidden = images.clone()
    hidden[(slice(None), slice(None), *box)] = values
    return hidden
