"""What the rules of a segmentation may look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from radcnn.core.cores import VectorBits
from radcnn.core.volume import Units
from radcnn.data.fingerprint import Extent, Fingerprint
from radcnn.data.mask_print import MaskPrint
from radcnn.plan.facts import SPARE
from radcnn.plan.settings import Precision


@dataclass(frozen=True)
class SegmentationFacts:
    """What the rules may look at.

    units       of the images
    vectors     bits that a core computes with at once
    structures  that a person named, with their labels; empty: each label is one
    asked       settings that a person gave, by section ("network", "training", "segmentation", "augmentation")
    precision   what networks are computed in where none is asked for
    """

    fingerprint: Fingerprint
    masks: MaskPrint
    units: Units
    minutes: float
    cores: int
    vectors: VectorBits = 512
    seed: int = 0
    structures: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    asked: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    precision: Precision = "float32"

    @property
    def seconds(self) -> float:
        """Seconds that training may take."""
        return 60 * self.minutes * SPARE

    @property
    def size(self) -> tuple[int, ...]:
        """Voxels per axis of a usual image, its slices first."""
        return tuple(int(n) for n in (self.masks.size or self.fingerprint.size).median)

    @property
    def spacing(self) -> Extent | None:
        """Distances of voxel centres along the same axes, where all are known."""
        return self.masks.spacing_mm or self.fingerprint.spacing_mm
