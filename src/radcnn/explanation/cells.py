"""Where the cells of a layer's maps lie on the image: about the middle of what each of them sees.

A convolution of stride 2 with padding sees about voxels 0, 2, 4, ..., and a pooling of 2 about 0.5, 2.5, 4.5: after
five such layers cells lie up to 15.5 voxels from where stretching the map over the image would put them. Unpadded
layers and poolings that round up move them the other way. Here each cell lies at the centre of its receptive field
(`networks.trace`), and between cells values are interpolated linearly.
"""

from __future__ import annotations

import string
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from radcnn.networks.trace import Fields, trace
from radcnn.transforms.weights import Line


def fields_of(network: nn.Module, layer: str, shape: tuple[int, ...], cells: tuple[int, ...]) -> Fields | None:
    """What the cells of a layer see of an image of shape (C, *size), per axis: cell 0, and how far cells are apart.

    layer  its name; "" for the last layer whose maps have so many cells
    cells  of its maps, per axis

    None where a network hides it, as functions outside any layer do.
    """
    steps = [
        step
        for step in trace(network, shape[1:], shape[0])
        if (not layer or step.name == layer or step.name.startswith(f"{layer}.")) and step.output[1:] == cells
    ]
    return steps[-1].fields if steps else None


def cells_of(network: nn.Module, layer: str, images: Tensor, cells: tuple[int, ...]) -> tuple[Line, ...] | None:
    """Where the cells of a layer lie on images (B, C, *size): cell i of an axis at input voxel start + step i.

    None where that is hidden, where each cell sees the whole image (gates that weigh maps by their means do that), or
    where cells tile the image, as `grown` has them.

    >>> network = nn.Sequential(nn.Conv2d(1, 2, 3, stride=2, padding=1), nn.MaxPool2d(2))
    >>> cells_of(network, "0", torch.zeros(1, 1, 8, 8), (4, 4))[0]
    Line(length=8, count=4, start=0.0, step=2.0)
    >>> cells_of(network, "1", torch.zeros(1, 1, 8, 8), (2, 2))[0]
    Line(length=8, count=2, start=1.0, step=4.0)
    """
    fields = fields_of(network, layer, tuple(images.shape[1:]), cells)
    if fields is None:
        return None
    size = images.shape[2:]
    lines = tuple(
        Line(n, k, (field.low + field.high) / 2, float(field.jump))
        for n, k, field in zip(size, cells, fields, strict=True)
    )
    tiled = all(one.step * one.count == one.length and one.start == (one.step - 1) / 2 for one in lines)
    return lines if not tiled and all(map(_within, lines)) else None


def _within(line: Line) -> bool:
    """Whether cells lie on the image, or not farther from it than one step."""
    last = line.start + line.step * (line.count - 1)
    return line.start >= -line.step and last <= line.length - 1 + line.step


def grown(maps: Tensor, size: tuple[int, ...]) -> Tensor:
    """Maps (B, *cells) whose cells tile the image, on its voxels (B, *size): cells are areas, not points.

    >>> grown(torch.tensor([[[0.0, 1.0]]]), (1, 4)).tolist()
    [[[0.0, 0.25, 0.75, 1.0]]]
    """
    mode = "bilinear" if len(size) == 2 else "trilinear"
    return functional.interpolate(maps[:, None], size=size, mode=mode, align_corners=False)[:, 0]


def placed(maps: Tensor, lines: Sequence[Line]) -> Tensor:
    """Maps (B, *cells) on the voxels of the image, (B, *size): linear between cells, constant beyond the outer ones.

    >>> placed(torch.tensor([[0.0, 2.0]]), [Line(length=6, count=2, start=1.0, step=2.0)]).tolist()
    [[0.0, 0.0, 1.0, 2.0, 2.0, 2.0]]
    """
    weights = [torch.from_numpy(_between(line)).to(maps) for line in lines]
    old, new = string.ascii_lowercase[: len(weights)], string.ascii_uppercase[: len(weights)]
    terms = ",".join(f"{n}{o}" for n, o in zip(new, old, strict=True))
    made: Tensor = torch.einsum(f"z{old},{terms}->z{new}", maps, *weights)
    return made


def _between(line: Line) -> NDArray[np.float32]:
    """Weights (length, count) of cells at each voxel of an axis."""
    at = np.clip((np.arange(line.length) - line.start) / line.step, 0, line.count - 1)
    lower = np.minimum(np.floor(at).astype(np.intp), max(line.count - 2, 0))
    upper = np.minimum(lower + 1, line.count - 1)
    share = (at - lower).astype(np.float32)
    made = np.zeros((line.length, line.count), np.float32)
    rows = np.arange(line.length)
    np.add.at(made, (rows, lower), 1 - share)
    np.add.at(made, (rows, upper), share)
    return made
