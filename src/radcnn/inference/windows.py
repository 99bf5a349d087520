"""Sliding windows: a volume of any size through a network of one size, finished slab by finished slab.

Windows lie on a grid, so the sum of their weights is a product of one sum per axis. Weights are divided by it before
anything is computed: one multiply-add per voxel and window is all that is added to the network's time, and no map of
weights is kept. Windows go level by level along the first axis. What no later level reaches is handed out and its
memory is used again, so that beside the volume only as many slices of logits are held as one window has.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from radcnn.core.errors import GeometryError, SettingsError
from radcnn.inference.reach import Reach

Compute = Callable[[Tensor], Tensor]
SIGMA = 1 / 8  # of the window, per axis: Isensee et al. 2021, nnU-Net, Nature Methods 18:203


@dataclass(frozen=True, eq=False)
class Span:
    """A window along one axis.

    start    first voxel; negative where the volume is padded
    low, high  voxels of the volume that this window says something about
    weights  (high - low,); at every voxel those of all windows add up to 1
    """

    start: int
    low: int
    high: int
    weights: Tensor


@dataclass(frozen=True, eq=False)
class Slab:
    """Finished logits (K, high - low, ...) of the slices low to high; overwritten when the next slab is asked for."""

    low: int
    high: int
    logits: Tensor


def slabs(
    volume: NDArray[np.generic],
    compute: Compute,
    *,
    window: Sequence[int],
    overlap: float | int = 0.5,
    batch: int = 2,
    reach: Reach | None = None,
) -> Iterator[Slab]:
    """Logits of a volume, slab by slab along its first spatial axis, in order and without a gap.

    volume   (C, *size), an array or a memory map, 2D or 3D; mirrored at its edges where a window does not fit
    compute  logits (B, K, *window) for images (B, C, *window) in float32
    window   voxels per axis
    overlap  of neighbouring windows: a share of the window below 1, or whole voxels
    batch    windows per call; the last call of a level may have fewer
    reach    None: windows are blended with Gaussian weights. How far the network sees: only the part of each window is
             kept that sees no edge of it. The result is then that of one pass over the whole (padded) volume, and
             `overlap` is not used. Layers that take statistics of a whole image (instance, group normalisation) see
             the window instead.

    Raises GeometryError when the volume has no voxels or the wrong rank, SettingsError when window and overlap (or
    reach) leave no step.
    """
    size = tuple(volume.shape[1:])
    if volume.ndim not in (3, 4) or len(window) != len(size) or 0 in volume.shape:
        raise GeometryError(f"a window of {tuple(window)} needs a volume (C, *size) with voxels, got {volume.shape}")
    if batch < 1:
        raise SettingsError(f"batch must be at least 1, got {batch}")
    lay = [
        _blended(n, w, overlap) if reach is None else _kept(n, w, reach.before[i], reach.after[i], reach.stride[i])
        for i, (n, w) in enumerate(zip(size, window, strict=True))
    ]
    return _slabs(volume, compute, tuple(window), lay, batch)


def blended_places(size: Sequence[int], window: Sequence[int], overlap: float | int) -> list[tuple[Span, ...]]:
    """Every window of `slabs` without a reach, a span for each axis: for those who need them one by one."""
    return list(product(*(_blended(n, w, overlap) for n, w in zip(size, window, strict=True))))


def _slabs(
    volume: NDArray[np.generic], compute: Compute, window: tuple[int, ...], lay: list[list[Span]], batch: int
) -> Iterator[Slab]:
    levels, *others = lay
    depth = max(level.high - level.low for level in levels)
    held: Tensor | None = None
    for level, following in zip(levels, (*levels[1:], None), strict=True):
        places = [(level, *place) for place in product(*others)]
        for first in range(0, len(places), batch):
            some = places[first : first + batch]
            images = np.stack([_read(volume, window, place) for place in some])
            logits = compute(torch.from_numpy(images))
            if logits.shape[2:] != window or len(logits) != len(some):
                raise GeometryError(f"logits of windows {images.shape} must have their size, got {tuple(logits.shape)}")
            if held is None:
                held = torch.zeros(logits.shape[1], depth, *volume.shape[2:])
            for place, found in zip(some, logits, strict=True):
                _add(held, found, place)
        assert held is not None
        end = following.low if following is not None else level.high
        for low, high in _pieces(level.low, end, depth):
            piece = held[:, low % depth : low % depth + high - low]
            yield Slab(low, high, piece)
            piece.zero_()


def _pieces(low: int, high: int, depth: int) -> list[tuple[int, int]]:
    """Slices low to high, cut where the ring of `depth` slices begins anew."""
    cut = (low // depth + 1) * depth
    return [(low, high)] if high <= cut else [(low, cut), (cut, high)]


def _add(held: Tensor, logits: Tensor, place: tuple[Span, ...]) -> None:
    """Add the weighted logits (K, *window) of one window in one pass over them."""
    first, *others = place
    weights = others[0].weights
    for span in others[1:]:
        weights = weights[:, None] * span.weights
    inside = tuple(slice(s.low - s.start, s.high - s.start) for s in others)
    to = tuple(slice(s.low, s.high) for s in others)
    depth = held.shape[1]
    for low, high in _pieces(first.low, first.high, depth):
        along = first.weights[low - first.low : high - first.low]
        found = logits[(slice(None), slice(low - first.start, high - first.start), *inside)]
        whole = along.reshape(-1, *(1,) * weights.ndim) * weights
        held[(slice(None), slice(low % depth, low % depth + high - low), *to)].addcmul_(found, whole)


def _read(volume: NDArray[np.generic], window: tuple[int, ...], place: tuple[Span, ...]) -> NDArray[np.float32]:
    """One window (C, *window) of the volume, mirrored where it goes past an edge."""
    starts = [span.start for span in place]
    ends = [start + w for start, w in zip(starts, window, strict=True)]
    beyond = [(max(0, -a), max(0, b - n)) for a, b, n in zip(starts, ends, volume.shape[1:], strict=True)]
    block = volume[(slice(None), *(slice(max(0, a), b) for a, b in zip(starts, ends, strict=True)))]
    found = np.asarray(block, dtype=np.float32)
    return np.pad(found, ((0, 0), *beyond), mode="reflect") if any(map(any, beyond)) else found


def _blended(length: int, window: int, overlap: float | int) -> list[Span]:
    """Evenly spread windows with Gaussian weights."""
    step = window - overlap if overlap >= 1 else math.floor(window * (1 - overlap))
    if overlap < 0 or step < 1:
        raise SettingsError(f"overlap must leave a step within a window of {window}, got {overlap}")
    if length <= window:
        starts = [-((window - length) // 2)]
    else:
        starts = np.linspace(0, length - window, math.ceil((length - window) / step) + 1).round().astype(int).tolist()
    offset = torch.arange(window, dtype=torch.float64) - (window - 1) / 2
    bell = torch.exp(-0.5 * (offset / (window * SIGMA)) ** 2)
    total = torch.zeros(length, dtype=torch.float64)
    ranges = [(start, max(0, start), min(length, start + window)) for start in starts]
    for start, low, high in ranges:
        total[low:high] += bell[low - start : high - start]
    return [Span(s, low, high, (bell[low - s : high - s] / total[low:high]).float()) for s, low, high in ranges]


def _kept(length: int, window: int, before: int, after: int, stride: int) -> list[Span]:
    """Windows of which the part is kept that sees none of their edges but the volume's own.

    They start at multiples of the stride, so that every pooling meets the voxels it meets in a pass over the whole.
    """
    more = max(0, math.ceil((length - window) / stride))
    padded = window + more * stride
    pad = (padded - length) // 2
    step = (window - before - after) // stride * stride
    if more and step < 1:
        raise SettingsError(
            f"a network that sees {before} and {after} voxels to either side keeps nothing of a window of {window}; "
            f"take at least {before + after + stride}"
        )
    starts = [*range(0, more * stride, max(step, 1)), more * stride] if more else [0]
    edges = [0, *(start + before for start in starts[1:]), padded]
    spans = []
    for start, low, high in zip(starts, edges[:-1], edges[1:], strict=True):
        low, high = min(max(low - pad, 0), length), min(max(high - pad, 0), length)
        spans.append(Span(start - pad, low, high, torch.ones(high - low)))
    return [span for span in spans if span.high > span.low]


def windowed_logits(volume: NDArray[np.generic], compute: Compute, **settings: object) -> NDArray[np.float32]:
    """All logits (K, *size) of a volume; settings as for `slabs`."""
    parts = [slab.logits.numpy().copy() for slab in slabs(volume, compute, **settings)]  # type: ignore[arg-type]
    return np.concatenate(parts, axis=1)


def windowed_labels(volume: NDArray[np.generic], compute: Compute, **settings: object) -> NDArray[np.uint8]:
    """The label (*size) with the largest logit; with one output, 1 where it is above 0. Settings as for `slabs`."""
    labels = np.zeros(volume.shape[1:], dtype=np.uint8)
    for slab in slabs(volume, compute, **settings):  # type: ignore[arg-type]
        if len(slab.logits) > 256:
            raise SettingsError(f"labels are stored in one byte: at most 256 outputs, got {len(slab.logits)}")
        into = torch.from_numpy(labels[slab.low : slab.high])
        if len(slab.logits) == 1:
            into.copy_(slab.logits[0] > 0)
        else:
            for logits, chosen in zip(slab.logits.unbind(1), into, strict=True):
                write_largest(logits, chosen)
    return labels


def write_largest(logits: Tensor, labels: Tensor) -> None:
    """Write argmax over the first axis of logits (K, ...) into labels, which are 0; one vectorised pass per output.

    torch's argmax takes one voxel after the other here and 20 times as long.
    """
    most = logits[0].clone()
    for label in range(1, len(logits)):
        labels.masked_fill_(logits[label] > most, label)
        torch.maximum(most, logits[label], out=most)
