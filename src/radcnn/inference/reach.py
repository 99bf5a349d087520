"""How far the maps of a network see: what a window must have beyond the part of it that is kept."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import nn

from radcnn.core.errors import SettingsError
from radcnn.networks.trace import trace


@dataclass(frozen=True)
class Reach:
    """Per axis: voxels that an output voxel sees before and after itself, and the coarsest step of the maps between.

    Windows that start at multiples of `stride` are pooled as the whole volume is.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]
    stride: tuple[int, ...]


def reach_of(network: nn.Module, size: tuple[int, ...], channels: int) -> Reach:
    """The reach of a network whose output has the size of its input.

    size  any size (voxels per axis) that passes through it

    Raises SettingsError when the output has another size, or when the way there is not made of layers alone (a function
    such as torch.cat between them): give its Reach then.

    >>> reach_of(nn.Sequential(nn.Conv2d(1, 2, 5, padding=2), nn.Conv2d(2, 3, 3, padding=1)), (8, 8), 1)
    Reach(before=(3, 3), after=(3, 3), stride=(1, 1))
    """
    steps = trace(network, size, channels)
    last = steps[-1]
    if last.output[1:] != size:
        raise SettingsError(f"windows need a network whose output has the size of its input, got {last.output[1:]}")
    fields = [step.fields for step in steps]
    known = [found for found in fields if found is not None]
    if len(known) < len(fields):
        raise SettingsError("how far this network sees is not known from its layers; give its Reach")
    axes = range(len(size))
    return Reach(
        tuple(math.ceil(-known[-1][i].low) for i in axes),
        tuple(math.ceil(known[-1][i].high) for i in axes),
        tuple(math.lcm(*(math.ceil(found[i].jump) for found in known)) for i in axes),
    )
