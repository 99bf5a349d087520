"""Slopes of a loss of everything that networks say of an image: through windows, slices and views, exactly.

What networks say of a whole image is a sum of pieces, one for each window or group of slices, network and view. Its
slope is made in two passes: first the sum, without slopes, then piece by piece the slope of what each adds to it. So
only one piece's maps are in memory at a time, and the slope is that of the blended whole, not of windows one by one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from radcnn.inference.looking import AT_ONCE
from radcnn.inference.windows import Span, blended_places
from radcnn.networks.image_network import ImageNetwork, mirrored
from radcnn.plan.restoration import RestorationPlan
from radcnn.plan.segmentation import SegmentationPlan
from radcnn.transforms.views import View, test_time_views

At = tuple[slice, ...]


@dataclass(frozen=True, eq=False)
class Piece:
    """What some network adds to a part of the whole.

    at    the part, in voxels (*size)
    adds  of an image (C, *size) what is added there, (K, *part)
    """

    at: At
    adds: Callable[[Tensor], Tensor]


def total(pieces: Sequence[Piece], image: Tensor, outputs: int) -> Tensor:
    """The sum of all pieces, (outputs, *size), without slopes."""
    made = image.new_zeros((outputs, *image.shape[1:]))
    with torch.no_grad():
        for piece in pieces:
            made[(slice(None), *piece.at)] += piece.adds(image)
    return made


def slope_through(pieces: Sequence[Piece], image: Tensor, upstream: Tensor) -> Tensor:
    """The slope at an image (C, *size) of a loss whose slope at the total is `upstream` (K, *size)."""
    slope = torch.zeros_like(image)
    for piece in pieces:
        with torch.inference_mode(False), torch.enable_grad():
            held = image.detach().clone().requires_grad_()
            (part,) = torch.autograd.grad(piece.adds(held), held, upstream[(slice(None), *piece.at)])
        slope += part
    return slope


def outlining_pieces(
    networks: Sequence[ImageNetwork], plan: SegmentationPlan, size: Sequence[int]
) -> tuple[Piece, ...]:
    """The pieces of what networks say of an image of that size on their grid, as `inference.looking` puts them.

    Their total is the mean logits (K, *size) over networks and test-time views. Networks without padding are given
    slices or volumes whole, which is what their tiles come to.
    """
    looks = list(product(networks, test_time_views(plan.training.views, dims=plan.dims)))
    return tuple(
        _viewed(piece, view, tuple(size), 1 / len(looks))
        for network, view in looks
        for piece in _pieces(network, plan, _seen_size(size, view), view)
    )


def restoring_pieces(networks: Sequence[ImageNetwork], plan: RestorationPlan, size: Sequence[int]) -> tuple[Piece, ...]:
    """The same of networks that restore images (1, *size), in the networks' numbers: slices or a volume at once."""
    found = []
    for network in networks:
        if plan.dims == 3:
            found.append(Piece(tuple(slice(0, n) for n in size), lambda image, n=network: n(image[None])[0]))  # type: ignore[misc]
            continue
        many = max(1, AT_ONCE // math.prod(size[-2:]))
        found += [
            slices_piece(network, plan.neighbours, first, many, tuple(size), lambda n, x: n(x)[:, :1])
            for first in range(0, math.prod(size[:-2]), many)
        ]
    return tuple(_viewed(one, View("identity"), tuple(size), 1 / len(networks)) for one in found)


def _seen_size(size: Sequence[int], view: View) -> tuple[int, ...]:
    return (*size[:-2], size[-1], size[-2]) if view.swapped else tuple(size)


def _viewed(piece: Piece, view: View, size: tuple[int, ...], share: float) -> Piece:
    """A piece of a view, as a piece of the image itself."""
    seen, at = _seen_size(size, view), list(piece.at)
    for axis in view.flips:
        at[axis] = slice(seen[axis] - at[axis].stop, seen[axis] - at[axis].start)
    if view.swapped:
        at[-1], at[-2] = at[-2], at[-1]
    return Piece(tuple(at), lambda image: share * view.undo(piece.adds(view.apply(image))))


def _pieces(network: ImageNetwork, plan: SegmentationPlan, size: tuple[int, ...], view: View) -> Iterator[Piece]:
    patch = (*plan.patch[:-2], *reversed(plan.patch[-2:])) if view.swapped else plan.patch
    bare = network.margins == (0, 0)
    if plan.dims == 3:
        if bare:
            yield from (_window(network, place, patch) for place in blended_places(size, patch, plan.overlap))
        else:
            yield Piece(tuple(slice(0, n) for n in size), lambda image: network(image[None])[0])
        return
    if bare and any(n > most for n, most in zip(size[-2:], patch, strict=True)):
        for row, place in product(range(math.prod(size[:-2])), blended_places(size[-2:], patch, plan.overlap)):
            yield _window_of_slice(plan.neighbours, row, _window(network, place, patch), len(size))
        return
    many = max(1, AT_ONCE // math.prod(size[-2:]))
    for first in range(0, math.prod(size[:-2]), many):
        yield slices_piece(network, plan.neighbours, first, many, size, _whole if bare else lambda n, x: n(x))


def slices_piece(
    network: ImageNetwork, neighbours: int, first: int, many: int, size: tuple[int, ...],
    made: Callable[[ImageNetwork, Tensor], Tensor],
) -> Piece:  # fmt: skip
    """What a network of slices says of some slices of an image, or of an image of one slice, each looked at whole."""
    last = min(first + many, math.prod(size[:-2]))
    plane = (slice(0, size[-2]), slice(0, size[-1]))

    def adds(image: Tensor) -> Tensor:
        found = made(network, beside(image, range(first, last), neighbours)).transpose(0, 1)
        return found if len(size) == 3 else found[:, 0]

    return Piece((slice(first, last), *plane) if len(size) == 3 else plane, adds)


def beside(image: Tensor, rows: range, neighbours: int) -> Tensor:
    """Slices (rows, beside x C, H, W) of an image (C, [slices,] H, W), each with those next to it, as training has."""
    volume = image[:, None] if image.ndim == 3 else image
    around = torch.arange(rows.start, rows.stop)[:, None] + torch.arange(-neighbours, neighbours + 1)
    some = volume[:, around.clamp(0, volume.shape[1] - 1)]  # (C, rows, beside, H, W)
    return some.permute(1, 2, 0, 3, 4).reshape(len(rows), -1, *volume.shape[2:])


def _window(network: ImageNetwork, place: tuple[Span, ...], window: Sequence[int]) -> Piece:
    """What one blended window adds, mirrored where it goes past an edge."""

    def adds(image: Tensor) -> Tensor:
        starts = [span.start for span in place]
        ends = [start + w for start, w in zip(starts, window, strict=True)]
        block = image[(slice(None), *(slice(max(0, a), b) for a, b in zip(starts, ends, strict=True)))]
        beyond = [(max(0, -a), max(0, b - n)) for a, b, n in zip(starts, ends, image.shape[1:], strict=True)]
        found = network(mirrored(block[None], beyond))[0]
        found = found[(slice(None), *(slice(s.low - s.start, s.high - s.start) for s in place))]
        for axis, span in enumerate(place, start=1):
            found = found * span.weights.view(-1, *(1,) * (found.ndim - axis - 1))
        return found

    return Piece(tuple(slice(span.low, span.high) for span in place), adds)


def _window_of_slice(neighbours: int, row: int, piece: Piece, rank: int) -> Piece:
    def adds(image: Tensor) -> Tensor:
        found = piece.adds(beside(image, range(row, row + 1), neighbours)[0])
        return found[:, None] if rank == 3 else found

    return Piece((slice(row, row + 1), *piece.at) if rank == 3 else piece.at, adds)


def _whole(network: ImageNetwork, images: Tensor) -> Tensor:
    """Outputs of whole slices (B, C, H, W), mirrored on both sides up to what the network can halve."""
    size, multiples = images.shape[2:], network.multiples or (network.multiple,) * (images.ndim - 2)
    missing = [-n % multiple for n, multiple in zip(size, multiples, strict=True)]
    made: Tensor = network(mirrored(images, [(more // 2, more - more // 2) for more in missing]))
    for axis, (length, more) in enumerate(zip(size, missing, strict=True), start=2):
        made = made.narrow(axis, more // 2, length)
    return made
