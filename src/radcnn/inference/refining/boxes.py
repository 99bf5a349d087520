"""Which part of a grid a refinement looks at: a box about what is undecided, in parts where it would need much memory.

Where a structure is unlikely and every other one far away, no refinement draws it: see `margin_of_cut` and
`margin_of_field` for how far is far.
"""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import StorageError

SLAB = 1 << 22  # logits that are looked at together
IN_MEMORY = 256 << 20  # bytes of refined logits; what is more lies on the disk

Box = tuple[slice, ...]


def softmax(logits: NDArray) -> NDArray[np.float32]:
    """Probabilities (K, *size) of exclusive structures."""
    values = np.asarray(logits, np.float32)
    shifted = np.exp(values - values.max(axis=0, keepdims=True))
    made: NDArray[np.float32] = shifted / shifted.sum(axis=0, keepdims=True)
    return made


def undecided(logits: NDArray, shares: Sequence[float]) -> list[Box | None]:
    """For each share the box of voxels at which anything but background (the first logit) is likelier; None for none.

    logits  (K, *size), looked at slab by slab

    >>> logits = np.zeros((2, 5, 9))
    >>> logits[0] = 5
    >>> logits[0, 2, 3:6] = 0
    >>> undecided(logits, (0.01, 0.9))
    [(slice(2, 3, None), slice(3, 6, None)), None]
    """
    size = logits.shape[1:]
    along = [[np.zeros(n, bool) for n in size] for _ in shares]
    step = max(1, SLAB // max(1, math.prod(logits.shape) // size[0]))
    for low in range(0, size[0], step):
        likely = 1 - softmax(logits[:, low : low + step])[0]
        for share, seen in zip(shares, along, strict=True):
            there = likely > share
            for axis, line in enumerate(seen):
                others = tuple(other for other in range(there.ndim) if other != axis)
                line[slice(low, low + step) if axis == 0 else slice(None)] |= there.any(axis=others)
    return [_between(seen) for seen in along]


def _between(along: Sequence[NDArray[np.bool_]]) -> Box | None:
    if not along[0].any():
        return None
    ends = [np.flatnonzero(line)[[0, -1]].tolist() for line in along]
    return tuple(slice(first, last + 1) for first, last in ends)


def grown(box: Box, margin: Sequence[int], within: Box) -> Box:
    """A box with a margin, where there is room for it within another one.

    >>> grown((slice(2, 3), slice(3, 6)), (1, 9), (slice(0, 5), slice(1, 9)))
    (slice(1, 4, None), slice(1, 9, None))
    """
    return tuple(
        slice(max(one.start - beyond, around.start), min(one.stop + beyond, around.stop))
        for one, beyond, around in zip(box, margin, within, strict=True)
    )


def voxels_of(box: Box) -> int:
    """How many voxels a box has."""
    return math.prod(one.stop - one.start for one in box)


@dataclass(frozen=True)
class Part:
    """A part of a box: what a refinement looks at, and of that what is kept."""

    seen: Box
    kept: Box

    @property
    def inner(self) -> Box:
        """What is kept, counted from the first voxel that is seen."""
        return tuple(
            slice(one.start - around.start, one.stop - around.start)
            for one, around in zip(self.kept, self.seen, strict=True)
        )


def parts_of(box: Box, margin: Sequence[int], most: float) -> Iterator[Part]:
    """The box itself where it has at most so many voxels; else parts of it, which overlap by the margin.

    The margin of a part is at most half its length, so that parts of any memory come to an end.

    >>> [part.kept for part in parts_of((slice(0, 8), slice(0, 3)), (1, 1), 15)]
    [(slice(0, 4, None), slice(0, 3, None)), (slice(4, 8, None), slice(0, 3, None))]
    """
    waiting = [box]
    while waiting:
        kept = waiting.pop()
        lengths = [one.stop - one.start for one in kept]
        less = [min(beyond, -(-n // 2)) for beyond, n in zip(margin, lengths, strict=True)]
        seen = grown(kept, less, box)
        if voxels_of(seen) <= most or max(lengths) == 1:
            yield Part(seen, kept)
            continue
        axis = int(np.argmax(lengths))
        cuts = (kept[axis].start, kept[axis].start + -(-lengths[axis] // 2), kept[axis].stop)
        waiting += [(*kept[:axis], slice(*ends), *kept[axis + 1 :]) for ends in reversed(list(pairwise(cuts)))]


def room_like(logits: NDArray) -> NDArray[np.float16]:
    """Half precision of the size of logits, in memory or, where there are many, in a file without a name.

    Raises StorageError where the folder of temporary files has no room for it.
    """
    needed = 2 * logits.size
    if needed <= IN_MEMORY:
        return np.empty(logits.shape, np.float16)
    where = tempfile.gettempdir()
    if needed > (free := shutil.disk_usage(where).free):
        raise StorageError(
            f"refining this image needs {needed / 2**30:.1f} GiB of temporary files, but {where} has "
            f"{free / 2**30:.1f} GiB free; free some space, or let TMPDIR name a folder on another disk"
        )
    with tempfile.TemporaryFile(prefix="radcnn-refined-") as file:
        return np.memmap(file, np.float16, "w+", shape=logits.shape)
