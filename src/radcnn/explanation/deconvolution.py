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
from radcnn.explanation.layers import given_by, named_layer
from radcnn.explanation.rectifiers import Rectified
from radcnn.metrics.clustered import Floats
from radcnn.networks.trace import Fields

STRONGEST = 9  # as the paper shows
AT_ONCE = 16

Box = tuple[tuple[int, int], ...]


@dataclass(frozen=True, eq=False)
class Peaks:
    """The highest value of each map of a layer in each image, and in which of its cells that is, both (B, maps).

    size  of its maps; cells are counted flat
    """

    values: Floats
    cells: NDArray[np.intp]
    size: tuple[int, ...]


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
    found = named_layer(network, layer, images[:1])
    if not 0 <= index < found.maps:
        raise SettingsError(f"map of layer {layer!r} must be 0 to {found.maps - 1}, got {index}")
    peaks = peaks_of(network, (layer,), images, at_once=at_once)[layer]
    return strongest_of(network, layer, (index,), images, peaks, count=count, at_once=at_once)[0]


def strongest_of(
    network: nn.Module, layer: str, indices: Sequence[int], images: Tensor, peaks: Peaks, *, count: int = STRONGEST,
    at_once: int = AT_ONCE,
) -> tuple[tuple[Strongest, ...], ...]:  # fmt: skip
    """`strongest` of several maps of a layer whose peaks in the images are known."""
    sees = fields_of(network, layer, tuple(images.shape[1:]), peaks.size)
    made = []
    for index in indices:
        values = peaks.values[:, index]
        chosen = [int(k) for k in np.argsort(-values, kind="stable")[:count] if values[k] > 0]
        flat = {k: int(peaks.cells[k, index]) for k in chosen}
        places = {k: tuple(int(at) for at in np.unravel_index(cell, peaks.size)) for k, cell in flat.items()}
        parts = [chosen[k : k + at_once] for k in range(0, len(chosen), at_once)]
        patterns = [projected(network, layer, index, images[some], [places[k] for k in some]) for some in parts]
        ordered = zip(chosen, [one for part in patterns for one in part], strict=True)
        size = tuple(images.shape[2:])
        made.append(
            tuple(
                Strongest(k, float(values[k]), places[k], seen_by(sees, places[k], size), pattern)
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
            maps = given_by(network, (layer,), shown)[layer]
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


def peaks_of(network: nn.Module, layers: Sequence[str], images: Tensor, *, at_once: int = AT_ONCE) -> dict[str, Peaks]:
    """Where each map of some layers is highest in images (B, C, *size), in one pass of these for all layers."""
    values: dict[str, list[Floats]] = {name: [] for name in layers}
    cells: dict[str, list[NDArray[np.intp]]] = {name: [] for name in layers}
    sizes: dict[str, tuple[int, ...]] = {}
    with torch.inference_mode():
        for some in images.split(at_once):
            for name, maps in given_by(network, layers, some).items():
                value, place = maps.flatten(2).max(2)
                values[name].append(value.double().cpu().numpy())
                cells[name].append(place.cpu().numpy().astype(np.intp))
                sizes[name] = tuple(maps.shape[2:])
    return {name: Peaks(np.concatenate(values[name]), np.concatenate(cells[name]), sizes[name]) for name in layers}
