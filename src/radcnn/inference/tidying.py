"""Masks by the plan's rules: of some structures only the largest component, of some without holes."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from radcnn.metrics.components import box_of, components
from radcnn.plan.segmentation import SegmentationPlan


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
