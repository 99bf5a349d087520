"""The mean of what networks say of an image on their own grid: whole slices, windows of volumes, tiles of the U-Net."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from radcnn.inference.windows import Slab, slabs
from radcnn.networks.image_network import ImageNetwork, mirrored
from radcnn.plan.segmentation import SegmentationPlan
from radcnn.transforms.labels_on_grid import require_finite
from radcnn.transforms.views import test_time_views

LogitsOf = Callable[[ImageNetwork, Tensor], Tensor]
Told = Callable[[int, int], None]
AT_ONCE = 1 << 18  # pixels of slices that are computed together
TILES = {2: 512, 3: 64}  # voxels of a side that a network without padding labels at once, by the number of axes
LARGEST_LOGIT = 6e4  # half precision ends at 65,504


def look(
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
