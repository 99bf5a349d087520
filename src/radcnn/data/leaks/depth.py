"""Two volumes laid upon each other through their depth: one picture slab by slab, not only on the mean of all slices.

The means over slices of two patients can agree, where the shape of the body is most of what is left in them; vessels
and noise of a tenth of the slices do not. Copies may have their slices in reverse, in other number, or some cut off.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from radcnn.data.leaks.verify import Ends, Floats, agreement, likeness_to
from radcnn.data.survey.thumbnails import areas

LAYERS, PIXELS = 64, 128  # of a volume that is compared, at most: along its depth, and per axis of a slice
SLABS = (0.25, 0.5, 0.75)  # middles of the slabs of the part that are looked for, as shares of its depth
THICK = 0.1  # of the depth
REACH = 0.13  # of the depth: how far off its share of the depth a slab may lie where slices were cut off
STEP = 0.02  # of the depth, or half a layer where that is more


def layers(volume: NDArray) -> Floats:
    """A volume (D, H, W) as at most (LAYERS, PIXELS, PIXELS), by means over equal parts."""
    depth, height, width = (min(most, n) for most, n in zip((LAYERS, PIXELS, PIXELS), volume.shape, strict=True))
    down, across = areas(volume.shape[1], height), areas(volume.shape[2], width).T
    made = np.zeros((depth, height, width), np.float32)
    for slice_, weights in zip(volume, areas(len(volume), depth).T, strict=True):
        small = down @ slice_.astype(np.float32) @ across
        for layer in np.flatnonzero(weights).tolist():
            made[layer] += weights[layer] * small
    return made


class InDepth(NamedTuple):
    """Medians over slabs of two volumes: how they agree, and how their weakest structures do."""

    figure: float
    weakest: float


def agreement_in_depth(whole: Floats, part: Floats, form: int, ends: Ends) -> InDepth:
    """The median agreement of three slabs of `part` with the slabs of `whole` that show them, both from `layers`.

    form, ends  how the part was turned and where in the whole its slices lie, from the means over all slices
    """
    found = []
    for middle in SLABS:
        shown = _slab(part, middle)
        alike = likeness_to(shown, form, ends)
        likely = max((_slab(whole, place) for place in _places(middle, len(whole))), key=alike)
        found.append(agreement(likely, shown, form, (ends,)))
    figure, least = np.median([(slab.figure, slab.weakest) for slab in found], axis=0)
    return InDepth(float(figure), float(least))


def _places(middle: float, depth: int) -> Iterator[float]:
    """Where in the whole, as shares of its depth, the slab about `middle` may lie; slices run this way or the other."""
    steps = int(np.ceil(REACH / max(STEP, 0.5 / depth)))
    for base in (middle, 1 - middle):
        yield from (base + REACH * k / steps for k in range(-steps, steps + 1))


def _slab(stack: Floats, middle: float) -> Floats:
    """The mean of layers (n, h, w) about a share of the depth: THICK of it, one layer at least."""
    n = len(stack)
    thick = max(THICK * n, 1.0)
    first = min(max(middle * n - thick / 2, 0.0), n - thick)
    layer = np.arange(n)
    weights = np.clip(np.minimum(first + thick, layer + 1) - np.maximum(first, layer), 0.0, 1.0).astype(np.float32)
    made: Floats = np.tensordot(weights / weights.sum(), stack, 1)
    return made
