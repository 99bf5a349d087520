"""Structures outlined by a network, on the image's own grid: slices or volumes, window by window, then back."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import GeometryError
from radcnn.core.volume import Volume
from radcnn.inference.looking import LogitsOf, Told
from radcnn.inference.seen import on_network_grid
from radcnn.networks.image_network import ImageNetwork
from radcnn.plan.segmentation import SegmentationPlan


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
