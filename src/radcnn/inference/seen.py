"""What networks say of an image on the grid that they look at, and the masks that this becomes on the image's own.

Beside the image only a slab of logits and, in half precision, those of the network's grid are held; of large volumes
the latter lie on the disk.
"""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from radcnn.core.errors import StorageError
from radcnn.core.volume import Volume
from radcnn.data.masks.lattice import grid_of, placement, three
from radcnn.data.prepared.masked import MaskedGrid
from radcnn.inference.looking import LogitsOf, Told, look
from radcnn.inference.refining.choice import refined
from radcnn.inference.tidying import tidy
from radcnn.inference.windows import write_largest
from radcnn.metrics.components import box_of
from radcnn.networks.image_network import ImageNetwork
from radcnn.plan.segmentation import SegmentationPlan
from radcnn.transforms.labels_on_grid import labels_on_grid
from radcnn.transforms.resampling import lines_by_spacing
from radcnn.transforms.weights import Line

EXPECTED_AT_ONCE = 1 << 22  # logits whose probabilities are in memory together
IN_MEMORY = 256 << 20  # bytes of logits; what is more lies on the disk


def grid_of_plan(plan: SegmentationPlan) -> MaskedGrid:
    """The grid that the plan's network looks at."""
    return MaskedGrid(
        plan.channels, plan.spacing_mm, plan.intensity, plan.values, plan.unlabelled, plan.region, plan.plane
    )


@dataclass(frozen=True, eq=False)
class Seen:
    """What networks say of an image, before anything is decided.

    volume  the image as it came
    region  which of its voxels may belong to a structure at all, (*its size), or None for all
    image   the same on the grid that the networks look at; None where no refinement needs it
    logits  (K, *size) on that grid
    asked   where on that grid `region` is, or None for everywhere
    """

    volume: Volume
    image: Volume | None
    logits: NDArray[np.float16]
    region: NDArray[np.bool_] | None = None
    asked: NDArray[np.bool_] | None = None

    def masks(self, plan: SegmentationPlan) -> NDArray[np.bool_]:
        """Which voxels of the image belong to each structure: (structures, *its size), by the plan's rules."""
        masks = np.zeros((len(plan.structures), *self.volume.size), bool)
        self.outline(plan, list(masks))
        return masks

    def outline(self, plan: SegmentationPlan, masks: Sequence[NDArray[np.bool_]]) -> None:
        """Write the same into masks (*the image's size), one for each structure."""
        logits: NDArray[np.floating] = self.logits
        if plan.refine != "none" and plan.refined:
            assert self.image is not None, "kept for it"
            spacing = self.image.spacing_mm or (1.0,) * self.image.rank
            logits = refined(self.logits, self.image.voxels[0], spacing, plan)
        _write_on_own_grid(logits, self.volume, plan, masks)
        if self.region is not None:
            for mask in masks:
                mask &= self.region
        tidy(masks, plan)

    def expected_dice(self, plan: SegmentationPlan) -> list[float]:
        """The Dice of each structure that the networks expect: 2 sum(p m) / (sum(p) + sum(m)), on their own grid.

        p are their probabilities and m is where the structure is the likeliest. NaN where nothing is outlined. Networks
        are too sure of themselves; but of two images the one with the lower value is likelier to be wrong.
        """
        both, likely, made = np.zeros((3, len(plan.structures)))
        step = max(1, EXPECTED_AT_ONCE // max(1, math.prod(self.logits.shape) // self.logits.shape[1]))
        for low in range(0, self.logits.shape[1], step):
            part = torch.from_numpy(np.asarray(self.logits[:, low : low + step], np.float32))
            if plan.exclusive:
                labels = torch.zeros(part.shape[1:], dtype=torch.uint8)
                write_largest(part, labels)
                p, chosen = part.softmax(0)[1:], [labels == k for k in range(1, len(part))]
            else:
                p, chosen = part.sigmoid(), list((part > 0).unbind(0))
            if self.asked is not None:
                asked = torch.from_numpy(self.asked[low : low + step])
                p, chosen = p * asked, [m & asked for m in chosen]
            for k, m in enumerate(chosen):
                both[k] += float((p[k] * m).sum(dtype=torch.float64))
                likely[k] += float(p[k].sum(dtype=torch.float64))
                made[k] += int(torch.count_nonzero(m))
        return np.where(made > 0, 2 * both / np.maximum(likely + made, 1e-9), np.nan).tolist()


@contextmanager
def on_network_grid(
    networks: Sequence[ImageNetwork],
    volume: Volume,
    plan: SegmentationPlan,
    *,
    logits_of: LogitsOf,
    told: Told | None = None,
    region: NDArray[np.bool_] | None = None,
) -> Iterator[Seen]:
    """The mean of what the networks say, on the grid that they look at, while the block lasts.

    region  voxels of the image that may belong to a structure; the networks look about them alone
    """
    placed = grid_of_plan(plan).image(volume)
    asked = None if region is None else _on_grid(region, volume, plan)
    box = (slice(None), *_about(asked, placed.size, plan))
    with _room((plan.outputs, *placed.size)) as logits:
        look(networks, placed.voxels[box], logits[box], plan, logits_of, told)
        kept = placed if plan.refine != "none" else None
        del placed  # of a large volume gigabytes, which nobody needs while masks are made
        yield Seen(volume, kept, logits, region, asked)


def _on_grid(region: NDArray[np.bool_], volume: Volume, plan: SegmentationPlan) -> NDArray[np.bool_]:
    """A region of an image on the networks' grid."""
    mask = Volume(region[None].astype(np.uint8), volume.affine, "mask", volume.frame)
    there: NDArray[np.bool_] = grid_of_plan(plan).placed(mask).voxels[0] > 0
    return there


def _about(there: NDArray[np.bool_] | None, size: Sequence[int], plan: SegmentationPlan) -> tuple[slice, ...]:
    """The part of a grid that shows a region, with half a patch about it and the slices that a network sees beside one.

    Empty for none, all where that is None.
    """
    if there is None:
        return (slice(None),) * len(size)
    if not there.any():
        return (slice(0, 0),) * there.ndim
    more = (plan.neighbours,) * (there.ndim - plan.dims) + tuple(-(-side // 2) for side in plan.patch)
    return tuple(
        slice(max(0, along.start - beyond), along.stop + beyond)
        for along, beyond in zip(box_of(there), more, strict=True)
    )


@contextmanager
def _room(shape: tuple[int, ...]) -> Iterator[NDArray[np.float16]]:
    """Zeros in half precision, in memory or, where there are many, in a file that is removed at the end."""
    needed = 2 * math.prod(shape)
    if needed <= IN_MEMORY:
        yield np.zeros(shape, np.float16)
        return
    where = tempfile.gettempdir()
    free = shutil.disk_usage(where).free
    if needed > free:
        raise StorageError(
            f"the logits of this image need {needed / 2**30:.1f} GiB of temporary files, but {where} has "
            f"{free / 2**30:.1f} GiB free; free some space, or let TMPDIR name a folder on another disk"
        )
    with tempfile.TemporaryDirectory(prefix="radcnn-logits-") as folder:
        yield np.memmap(Path(folder, "logits"), np.float16, "w+", shape=shape)


def _write_on_own_grid(
    logits: NDArray[np.floating], volume: Volume, plan: SegmentationPlan, masks: Sequence[NDArray[np.bool_]]
) -> None:
    """Write masks (*size) on the grid of an image, one for each structure, of logits on the network's."""
    grid = grid_of_plan(plan)
    upright = grid.upright(volume)
    spacing = grid.spacing_of(upright)
    lines = None if spacing is None else tuple(line.inverse() for line in lines_by_spacing(upright, spacing))
    shaped = [mask.reshape(three(volume.size)) for mask in masks]
    where = None
    if volume.rank == 3 and volume.frame == "patient":
        where = placement("the mask", grid_of(upright), grid_of(volume))
    groups = [logits] if plan.exclusive else [logits[k : k + 1] for k in range(plan.outputs)]
    for group, part in enumerate(groups):
        labels = _labels(part, lines).reshape(three(upright.size))
        for k in range(len(plan.structures)) if plan.exclusive else (group,):
            found = labels == (k + 1 if plan.exclusive else 1)
            if where is None:
                shaped[k][...] = found
            else:
                where.view(shaped[k], three(upright.size))[...] = found


def _labels(logits: NDArray[np.floating], lines: tuple[Line, ...] | None) -> NDArray[np.integer]:
    """The largest of several logits, or whether a single one is above 0, at every voxel."""
    if lines is not None:
        both = logits if len(logits) > 1 else np.concatenate([np.zeros_like(logits), logits])
        found: NDArray[np.integer] = labels_on_grid(both, lines)
        return found
    if len(logits) == 1:
        return (logits[0] > 0).astype(np.uint8)
    most, labels = logits[0].copy(), np.zeros(logits.shape[1:], np.uint8)
    for k in range(1, len(logits)):
        larger = logits[k] > most
        labels[larger] = k
        np.maximum(most, logits[k], out=most)
    return labels
