"""Batches of random patches of stored cases, image and mask together, the same for any number of workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from radcnn.core.chance import generator, torch_generator
from radcnn.core.errors import SettingsError
from radcnn.data.store import StoredCase
from radcnn.learning.batches import ahead
from radcnn.transforms.pipeline import Pipeline

Holders = Mapping[int, tuple[int, ...]]  # classes, and the numbers of the cases that have them
FOREGROUND = 1 / 3  # of the patches lie about a labelled voxel: Isensee et al. 2021


def patch_batches(
    cases: Sequence[StoredCase],
    pipeline: Pipeline,
    *,
    size: tuple[int, ...],
    batch: int,
    steps: int,
    seed: int,
    path: tuple[str | int, ...] = (),
    foreground: float = FOREGROUND,
    workers: int = 1,
) -> Iterator[tuple[Tensor, Tensor]]:
    """`steps` batches of images (B, C, *size) float32 and masks (B, *size) of random cases at random places.

    foreground  share of patches about a voxel of a class, in one of the cases that have it: a rare class is seen as
                often as a common one; others are about any voxel of any case

    Every patch has its own stream of chance. Only what a patch shows is read from the disk, so that memory does not
    grow with the number of cases. Raises SettingsError where there is no case or a case has no mask.
    """
    if not cases:
        raise SettingsError("patches need at least one case")
    if any(case.mask is None for case in cases):
        raise SettingsError("patches of image and mask need a mask in every case")

    holders = holders_of(cases)

    def make(index: int) -> tuple[Tensor, Tensor]:
        found = [_patch(cases, holders, pipeline, size, seed, (*path, index, row), foreground) for row in range(batch)]
        return torch.cat([image for image, _ in found]), torch.cat([mask for _, mask in found])

    return ahead(make, steps, workers)


def _patch(
    cases: Sequence[StoredCase],
    holders: Holders,
    pipeline: Pipeline,
    size: tuple[int, ...],
    seed: int,
    path: tuple[str | int, ...],
    foreground: float,
) -> tuple[Tensor, Tensor]:
    chance = generator(seed, "patch", *path)
    case, centre = drawn_place(cases, holders, lambda _: size, chance, foreground)
    drawn = pipeline.sample(torch_generator(seed, "augment", *path), (1, case.image.shape[0], *size))
    moved = pipeline.apply_to_patch(case.image, drawn, centre=centre, size=size, mask=case.mask, palette=case.palette)
    assert moved.mask is not None
    return moved.image, moved.mask


def holders_of(cases: Sequence[StoredCase]) -> Holders:
    """For each class the numbers of the cases that have it, in the order of the classes."""
    found: dict[int, list[int]] = {}
    for number, case in enumerate(cases):
        for label in case.places:
            found.setdefault(label, []).append(number)
    return {label: tuple(found[label]) for label in sorted(found)}


def drawn_place(
    cases: Sequence[StoredCase],
    holders: Holders,
    size_in: Callable[[StoredCase], tuple[int, ...]],
    chance: np.random.Generator,
    foreground: float,
) -> tuple[StoredCase, tuple[float, ...]]:
    """A case, and where a patch of it is cut: the index of its middle, such that it lies in the case wherever it fits.

    size_in     the patch's size in a case; of one slice: about a class every slice that has it is as likely
    foreground  share of patches that lie about a voxel of a class, each class as often as the others
    """
    if holders and chance.random() < foreground:
        label = list(holders)[int(chance.integers(len(holders)))]
        case = cases[holders[label][int(chance.integers(len(holders[label])))]]
        size, places = size_in(case), case.places[label]
        if size[0] == 1 and len(size) == 3:
            places = _of_one_slice(places, case.size, chance)
        flat = int(places[int(chance.integers(len(places)))])
        about = tuple(int(index) for index in np.unravel_index(flat, case.size))
    else:
        case = cases[int(chance.integers(len(cases)))]
        size, about = size_in(case), tuple(int(chance.integers(length)) for length in case.size)
    starts = (
        min(max(index - asked // 2, 0), length - asked) if length >= asked else (length - asked) // 2
        for index, asked, length in zip(about, size, case.size, strict=True)
    )
    return case, tuple(start + (asked - 1) / 2 for start, asked in zip(starts, size, strict=True))


def _of_one_slice(places: NDArray[np.uint32], size: tuple[int, ...], chance: np.random.Generator) -> NDArray[np.uint32]:
    """Those of the flat, sorted places of a volume that lie in one of its slices, each slice as likely."""
    slices = places // np.uint32(size[1] * size[2])
    starts = np.flatnonzero(np.diff(slices, prepend=np.uint32(1 << 31)))
    k = int(chance.integers(len(starts)))
    return places[starts[k] : starts[k + 1] if k + 1 < len(starts) else len(places)]
