"""What excites a map of a layer: the strongest places over many images, and what of each image led there.

Zeiler & Fergus 2014, Visualizing and Understanding Convolutional Networks, ECCV (arXiv:1311.2901), section 2: from one
value of a map back to the image through transposed filters, rectifiers that pass on what is above 0, and poolings that
put a value back where it came from (their switches, which are how a maximum is differentiated).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from radcnn.core.errors import SettingsError
from radcnn.explanation.cells import fields_of
from radcnn.explanation.layers import named_layer
from radcnn.explanation.rectifiers import Rectified
from radcnn.metrics.clustered import Floats
from radcnn.networks.trace import Fields

STRONGEST = 9  # as the paper shows
AT_ONCE = 16

Box = tuple[tuple[int, int], ...]


@dataclass(frozen=True, eq=False)
class Strongest:
    """The strongest place of a map in one image.

    image    its number among the images
    value    of the map there
    cell     where in the map, per axis
    box      first voxel and the one after the last, per axis, of what that cell sees of the image
    pattern  (C, *size) what of the image led there, of either sign; 0 outside the box
    """

    image: int
    value: float
    cell: tuple[int, ...]
    box: Box
    pattern: Tensor


def strongest(
    network: nn.Module, layer: str, index: int, images: Tensor, *, count: int = STRONGEST, at_once: int = AT_ONCE
) -> tuple[Strongest, ...]:
    """The images (B, C, *size) in which a map of a layer is highest, one place of each, from the strongest down.

    layer  its name, see `layers.layers_of`
    index  which of its maps, from 0
    count  at most; images in which the map is nowhere above 0 are no examples and are left out

    Raises SettingsError for a layer or a map that does not exist.
    """
    return strongest_of(network, layer, (index,), images, count=count, at_once=at_once)[0]


def strongest_of(
    network: nn.Module, layer: str, indices: Sequence[int], images: Tensor, *, count: int = STRONGEST,
    at_once: int = AT_ONCE,
) -> tuple[tuple[Strongest, ...], ...]:  # fmt: skip
    """`strongest` of several maps of a layer, for which the images pass through the network once."""
    found = named_layer(network, layer, images[:1])
    for index in indices:
        if not 0 <= index < found.maps:
            raise SettingsError(f"map of layer {layer!r} must be 0 to {found.maps - 1}, got {index}")
    sees = fields_of(network, layer, tuple(images.shape[1:]), found.size)
    values, cells = highest(network, layer, images, at_once)
    made = []
    for index in indices:
        order = np.argsort(-values[:, index], kind="stable")[:count]
        chosen = [int(k) for k in order if values[k, index] > 0]
        places = {k: tuple(int(at) for at in np.unravel_index(int(cells[k, index]), found.size)) for k in chosen}
        parts = [chosen[k : k + at_once] for k in range(0, len(chosen), at_once)]
        patterns = [projected(network, layer, index, images[some], [places[k] for k in some]) for some in parts]
        ordered = zip(chosen, [one for part in patterns for one in part], strict=True)
        size = tuple(images.shape[2:])
        made.append(
            tuple(
                Strongest(k, float(values[k, index]), places[k], seen_by(sees, places[k], size), pattern)
                for k, pattern in ordered
            )
        )
    return tuple(made)


def projected(network: nn.Module, layer: str, index: int, images: Tensor, cells: Sequence[tuple[int, ...]]) -> Tensor:
    """What of each image led to one value of a map, the deconvolution of that value alone: (B, C, *size).

    cells  one place in the map for each image
    """
    with torch.inference_mode(False), torch.enable_grad():
        shown = images.detach().clone().requires_grad_()
        with Rectified("deconvnet"):
            maps = _given_by(network, layer, shown)
        values = torch.stack([maps[(case, index, *cell)] for case, cell in enumerate(cells)])
        (pattern,) = torch.autograd.grad(values, shown, grad_outputs=values.detach())
    return pattern


def seen_by(fields: Fields | None, cell: tuple[int, ...], size: tuple[int, ...]) -> Box:
    """The voxels that a cell of a layer sees, as far as they lie in the image; all of it where that is not known."""
    if fields is None:
        return tuple((0, n) for n in size)
    box = []
    for place, field, n in zip(cell, fields, size, strict=True):
        low, high = field.low + place * field.jump, field.high + place * field.jump
        box.append((max(0, int(np.floor(low))), min(n, int(np.ceil(high)) + 1)))
    return tuple(box)


def highest(network: nn.Module, layer: str, images: Tensor, at_once: int = AT_ONCE) -> tuple[Floats, NDArray[np.intp]]:
    """The highest value of each map of a layer in each image, (B, maps), and in which of its cells, counted flat."""
    values, cells = [], []
    with torch.inference_mode():
        for some in images.split(at_once):
            value, place = _given_by(network, layer, some).flatten(2).max(2)
            values.append(value.double().cpu().numpy())
            cells.append(place.cpu().numpy().astype(np.intp))
    return np.concatenate(values), np.concatenate(cells)


def _given_by(network: nn.Module, layer: str, images: Tensor) -> Tensor:
    """What a layer gives (B, K, *cells), before what stands behind it may write into it."""
    made: list[Tensor] = []
    handle = network.get_submodule(layer).register_forward_hook(lambda _, __, given: made.append(given.clone()))
    try:
        network(images)
    finally:
        handle.remove()
    return made[-1]
