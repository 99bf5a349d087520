"""Batches of random patches of stored cases, image and mask together, the same for any number of workers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from radcnn.core.chance import generator, torch_generator
from radcnn.core.errors import SettingsError
from radcnn.data.store import StoredCase
from radcnn.learning.batches import ahead
from radcnn.transforms.pipeline import Pipeline

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

    foreground  share of patches about a voxel of a class that is drawn among those the case has, so that a rare class
                is seen as often as a common one; others are about any voxel of the case

    Every patch has its own stream of chance. Only what a patch shows is read from the disk, so that memory does not
    grow with the number of cases. Raises SettingsError where there is no case or a case has no mask.
    """
    if not cases:
        raise SettingsError("patches need at least one case")
    if any(case.mask is None for case in cases):
        raise SettingsError("patches of image and mask need a mask in every case")

    def make(index: int) -> tuple[Tensor, Tensor]:
        found = [_patch(cases, pipeline, size, seed, (*path, index, row), foreground) for row in range(batch)]
        return torch.cat([image for image, _ in found]), torch.cat([mask for _, mask in found])

    return ahead(make, steps, workers)


def _patch(
    cases: Sequence[StoredCase],
    pipeline: Pipeline,
    size: tuple[int, ...],
    seed: int,
    path: tuple[str | int, ...],
    foreground: float,
) -> tuple[Tensor, Tensor]:
    chance = generator(seed, "patch", *path)
    case = cases[int(chance.integers(len(cases)))]
    centre = drawn_centre(case, size, chance, foreground)
    drawn = pipeline.sample(torch_generator(seed, "augment", *path), (1, case.image.shape[0], *size))
    moved = pipeline.apply_to_patch(case.image, drawn, centre=centre, size=size, mask=case.mask, palette=case.palette)
    assert moved.mask is not None
    return moved.image, moved.mask


def drawn_centre(
    case: StoredCase, size: tuple[int, ...], chance: np.random.Generator, foreground: float
) -> tuple[float, ...]:
    """Where a patch is cut: the index of its middle, such that the patch lies in the case wherever it fits."""
    labels = sorted(case.places)
    if labels and chance.random() < foreground:
        places = case.places[labels[int(chance.integers(len(labels)))]]
        flat = int(places[int(chance.integers(len(places)))])
        about = tuple(int(index) for index in np.unravel_index(flat, case.size))
    else:
        about = tuple(int(chance.integers(length)) for length in case.size)
    starts = (
        min(max(index - asked // 2, 0), length - asked) if length >= asked else (length - asked) // 2
        for index, asked, length in zip(about, size, case.size, strict=True)
    )
    return tuple(start + (asked - 1) / 2 for start, asked in zip(starts, size, strict=True))
