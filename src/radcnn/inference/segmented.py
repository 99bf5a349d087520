"""Structures outlined by a network, on the image's own grid: slices or volumes, window by window, then back.

Beside the image only a slab of logits and, in half precision, those of the network's grid are held; of large volumes
the latter lie on the disk.
"""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from radcnn.core.errors import GeometryError, StorageError
from radcnn.core.volume import Volume
from radcnn.data.masks.lattice import grid_of, placement, three
from radcnn.data.prepared.masked import MaskedGrid
from radcnn.inference.refining.choice import refined
from radcnn.inference.windows import Slab, slabs, write_largest
from radcnn.metrics.components import box_of, components
from radcnn.networks.image_network import ImageNetwork, mirrored
from radcnn.plan.segmentation import SegmentationPlan
from radcnn.transforms.labels_on_grid import labels_on_grid, require_finite
from radcnn.transforms.resampling import lines_by_spacing
from radcnn.transforms.views import test_time_views
from radcnn.transforms.weights import Line

LogitsOf = Callable[[ImageNetwork, Tensor], Tensor]
Told = Callable[[int, int], None]
AT_ONCE = 1 << 18  # pixels of slices that are computed together
TILES = {2: 512, 3: 64}  # voxels of a side that a network without padding labels at once, by the number of axes
EXPECTED_AT_ONCE = 1 << 22  # logits whose probabilities are in memory together
IN_MEMORY = 256 << 20  # bytes of logits; what is more lies on the disk
LARGEST_LOGIT = 6e4  # half precision ends at 65,504


def grid_of_plan(plan: SegmentationPlan) -> MaskedGrid:
    """The grid that the plan's network looks at."""
    return MaskedGrid(
        plan.channels, plan.spacing_mm, plan.intensity, plan.values, plan.unlabelled, plan.region, plan.plane
    )


def segmented(
    networks: Sequence[ImageNetwork],
    volume: Volume,
    plan: SegmentationPlan,
    *,
    logits_of: LogitsOf,
    told: Told | None = None,
) -> NDArray[np.bool_]:
    """Which voxels of an image belong to each structure: (structures, *its size); see `outlined`."""
    return outlined(networks, volume, plan, logits_of=logits_of, told=told, expecting=False).masks


@dataclass(frozen=True, eq=False)
class Outlined:
    """Structures of an image.

    masks     (structures, *its size)
    expected  the Dice coefficient of each that the networks themselves expect, see `Seen.expected_dice`; empty where
              nobody asked
    """

    masks: NDArray[np.bool_]
    expected: tuple[float, ...]


def outlined(
    networks: Sequence[ImageNetwork],
    volume: Volume,
    plan: SegmentationPlan,
    *,
    logits_of: LogitsOf,
    told: Told | None = None,
    expecting: bool = True,
) -> Outlined:
    """The structures of an image, and how sure the networks are of them.

    networks   of all stages of the plan, those of the first one first
    logits_of  how a network is run, such as `learning.execution.logits_of`
    told       hears how much is done
    expecting  whether the Dice that the networks expect is asked for

    Raises GeometryError for an image of too few axes, or of unknown spacing where the plan needs one; InputError for
    another number of channels, and where what a network says is not finite; StorageError where the folder of temporary
    files has no room for the logits.
    """
    if volume.rank < plan.dims:
        raise GeometryError("this network outlines structures in volumes, got a 2D image; give a series or a volume")
    names = [one.name for one in plan.structures]
    masks, expected = np.zeros((len(names), *volume.size), bool), dict.fromkeys(names, math.nan)
    region: NDArray[np.bool_] | None = None
    for stage, part in by_stage(networks, plan):
        own = [masks[names.index(one.name)] for one in stage.structures]
        with on_network_grid(part, volume, stage, logits_of=logits_of, told=told, region=region) as seen:
            seen.outline(stage, own)
            if expecting:
                expected.update(zip((one.name for one in stage.structures), seen.expected_dice(stage), strict=True))
        region = own[0]
    return Outlined(masks, tuple(expected.values()) if expecting else ())


def by_stage(
    networks: Sequence[ImageNetwork], plan: SegmentationPlan
) -> Iterator[tuple[SegmentationPlan, Sequence[ImageNetwork]]]:
    """The plans of networks that look one after the other, each with its networks."""
    each = len(networks) // len(plan.stages)
    for k, stage in enumerate(plan.stages):
        yield stage, networks[k * each : (k + 1) * each]


def of_fold(networks: Sequence[ImageNetwork], plan: SegmentationPlan, fold: int | None) -> Sequence[ImageNetwork]:
    """The networks of one fold, one in each stage; all where that is None."""
    if fold is None:
        return networks
    return [part[fold] for _, part in by_stage(networks, plan)]


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
        _add_all(networks, placed.voxels[box], logits[box], plan, logits_of, told)
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


def _add_all(
    networks: Sequence[ImageNetwork],
    image: NDArray[np.float32],
    into: NDArray[np.float16],
    plan: SegmentationPlan,
    logits_of: LogitsOf,
    told: Told | None,
) -> None:
    """Add the mean of what networks say of an image (C, *size), over the plan's views, to logits (K, *size)."""
    looks = list(product(networks if image.size else (), test_time_views(plan.training.views, dims=plan.dims)))
    for done, (network, view) in enumerate(looks, start=1):
        patch = (*plan.patch[:-2], *reversed(plan.patch[-2:])) if view.swapped else plan.patch
        _add(network, view.of_array(image), view.of_array(into), patch, plan, logits_of, 1 / len(looks))
        if told is not None:
            told(done, len(looks))


def _add(
    network: ImageNetwork,
    image: NDArray[np.float32],
    into: NDArray[np.float16],
    patch: tuple[int, ...],
    plan: SegmentationPlan,
    logits_of: LogitsOf,
    share: float,
) -> None:
    """Add a share of what a network says of an image (C, *size) to logits (K, *size)."""

    def compute(batch: Tensor) -> Tensor:
        with torch.inference_mode():
            return logits_of(network, batch).float().cpu()

    def put(at: tuple[slice, ...], found: Tensor) -> None:
        require_finite(bool(found.sum().isfinite()) or bool(found.isfinite().all()))
        into[(slice(None), *at)] += (share * found).clamp(-LARGEST_LOGIT, LARGEST_LOGIT).numpy().astype(np.float16)

    bare = network.margins == (0, 0)
    if plan.dims == 3:
        for slab in slabs(image, compute, window=patch, overlap=plan.overlap) if bare else tiled(network, image):
            put((slice(slab.low, slab.high),), slab.logits)
        return
    volume, into = (image[:, None], into[:, None]) if image.ndim == 3 else (image, into)
    side = patch if bare else (TILES[2],) * 2
    whole = all(n <= most for n, most in zip(volume.shape[2:], side, strict=True))
    count = volume.shape[1]
    many = max(1, AT_ONCE // math.prod(volume.shape[2:])) if whole else 1
    for first in range(0, count, many):
        rows = np.arange(first, min(first + many, count))
        beside = np.clip(rows[:, None] + np.arange(-plan.neighbours, plan.neighbours + 1), 0, count - 1)
        # (rows, beside, C, H, W), slices outermost, as training has them
        images = volume[:, beside].transpose(1, 2, 0, 3, 4).reshape(len(rows), -1, *volume.shape[2:])
        if whole:
            found = _on_whole(network, torch.from_numpy(images), compute) if bare else compute(torch.from_numpy(images))
            put((slice(first, first + len(rows)),), found.transpose(0, 1))
        else:
            one = images[0]
            for slab in slabs(one, compute, window=patch, overlap=plan.overlap) if bare else tiled(network, one):
                put((slice(first, first + 1), slice(slab.low, slab.high)), slab.logits[:, None])


def _on_whole(network: ImageNetwork, images: Tensor, compute: Callable[[Tensor], Tensor]) -> Tensor:
    """Logits of whole images (B, C, H, W), mirrored on both sides up to what the network can halve.

    Zeros on one side, as the network itself would fill them up, are a dark or grey band that it was never taught.
    """
    size, multiples = images.shape[2:], network.multiples or (network.multiple,) * (images.ndim - 2)
    missing = [-n % multiple for n, multiple in zip(size, multiples, strict=True)]
    made = compute(mirrored(images, [(more // 2, more - more // 2) for more in missing]))
    for axis, (length, more) in enumerate(zip(size, missing, strict=True), start=2):
        made = made.narrow(axis, more // 2, length)
    return made


def tiled(network: ImageNetwork, image: NDArray[np.float32]) -> Iterator[Slab]:
    """Logits (K, *size) of an image (C, *size) by a network without padding, tile beside tile, in float32.

    The overlap-tile strategy of Ronneberger et al. 2015: every tile sees its surroundings, the image is mirrored beyond
    its edges, and the result is that of the whole image.
    """
    size, (before, after) = image.shape[1:], network.margins
    lost, device = before + after, next(network.parameters()).device
    sizes = [network.needed(n) - lost for n in size]
    tiles = [min(network.needed(TILES[len(size)]) - lost, n) for n in sizes]
    beyond = [(before, made + lost - before - had) for made, had in zip(sizes, size, strict=True)]
    padded = mirrored(torch.from_numpy(np.ascontiguousarray(image))[None], beyond)
    made: Tensor | None = None
    with torch.inference_mode():
        for place in product(*(_starts(n, tile, network.multiple) for n, tile in zip(sizes, tiles, strict=True))):
            spans = [slice(start, start + tile) for start, tile in zip(place, tiles, strict=True)]
            seen = padded[(slice(None), slice(None), *(slice(span.start, span.stop + lost) for span in spans))]
            found = network.maps(seen.to(device))[0].float().cpu()
            if made is None:
                made = found.new_empty(len(found), *sizes)
            made[(slice(None), *spans)] = found
    assert made is not None
    yield Slab(0, size[0], made[(slice(None), *(slice(0, n) for n in size))])


def _starts(length: int, tile: int, step: int) -> list[int]:
    """Where tiles begin: at multiples of a step, so that each halving meets the voxels that it meets in the whole."""
    stride = max(step, tile // step * step)
    return sorted({min(start, length - tile) for start in range(0, length, stride)})


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


def tidy(masks: Iterable[NDArray[np.bool_]], plan: SegmentationPlan) -> None:
    """Bring masks to the plan's rules, in place: of some only the largest component, of some without holes."""
    for mask, one in zip(masks, plan.structures, strict=True):
        if one.name in plan.largest:
            mask[...] = largest_component(mask)
        if one.name in plan.filled:
            mask[...] = without_holes(mask)


def largest_component(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Of a mask the component with the most voxels.

    >>> largest_component(np.array([[1, 1, 0, 1]]) > 0).tolist()
    [[True, True, False, False]]
    """
    box = box_of(mask)
    found = components(mask[box])
    if len(found.sizes) < 2:
        return mask
    kept = np.zeros_like(mask)
    kept[box] = found.labels == 1 + int(np.argmax(found.sizes))
    return kept


def without_holes(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A mask with what it encloses on all sides."""
    from scipy import ndimage

    box = box_of(mask)  # what lies beyond it is enclosed by nothing
    filled = mask.copy()
    if filled[box].size:
        filled[box] = ndimage.binary_fill_holes(mask[box])
    return filled
