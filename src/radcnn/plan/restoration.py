"""Every setting of a restoration, as one frozen tree: which network, trained on which patches, in which numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from radcnn.core.errors import SettingsError
from radcnn.core.volume import Units
from radcnn.networks.layers import Dims
from radcnn.plan.settings import NetworkPlan, Reason, TrainingPlan

ImageLoss = Literal["mse", "l1", "ssim"]
LEAST_OF_SSIM = 11  # pixels of its window


@dataclass(frozen=True)
class Scale:
    """What a network takes for a value, and gives for one: (value - low) / unit.

    low, unit  in the images' unit; for HU air is 0 and water 1
    """

    low: float = -1000.0
    unit: float = 1000.0

    def __post_init__(self) -> None:
        if not self.unit > 0:
            raise SettingsError(f"unit of the scale must be positive, got {self.unit:g}")


@dataclass(frozen=True)
class Window:
    """A range of values that is looked at: figures of it are of values clipped to it.

    >>> Window("soft tissue", -160, 240).width
    400.0
    """

    name: str
    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise SettingsError(f"window {self.name!r} must end above its beginning, got {self.low:g} to {self.high:g}")

    @property
    def width(self) -> float:
        """The data range of PSNR and SSIM."""
        return float(self.high - self.low)


LUNG, SOFT_TISSUE = Window("lung", -1350.0, 150.0), Window("soft tissue", -160.0, 240.0)


@dataclass(frozen=True)
class RestorationPlan:
    """Everything that decides the numbers of a restoration, besides the images.

    network, dims  a network of IMAGE_NETWORKS; 2 looks at slices, 3 at volumes
    patch       voxels per axis that are learned from at once; images that are smaller are continued at their edges
    neighbours  slices on each side that a network of slices sees beside the one it restores ("2.5D")
    steps       batches of an epoch
    symmetries  whether patches are also turned by quarters and mirrored; never interpolated, which would smooth noise
    loss        between what the network makes and the reference
    scale, units  of the images
    windows     in which figures are given
    """

    network: NetworkPlan
    training: TrainingPlan
    patch: tuple[int, ...]
    dims: Dims = 2
    neighbours: int = 0
    steps: int = 100
    symmetries: bool = True
    loss: ImageLoss = "l1"
    scale: Scale = Scale()
    units: Units = "HU"
    windows: tuple[Window, ...] = (LUNG, SOFT_TISSUE)
    seed: int = 0
    reasons: tuple[Reason, ...] = ()

    def __post_init__(self) -> None:
        if len(self.patch) != self.dims or min(self.patch) < 1:
            raise SettingsError(f"patch must be {self.dims} positive numbers, got {self.patch}")
        if self.neighbours < 0 or (self.neighbours and self.dims == 3):
            raise SettingsError(f"neighbours must be at least 0, and 0 for volumes, got {self.neighbours}")
        if self.steps < 1:
            raise SettingsError(f"steps of an epoch must be at least 1, got {self.steps}")
        if self.loss == "ssim" and min(self.patch) < LEAST_OF_SSIM:
            raise SettingsError(f"SSIM needs patches of at least {LEAST_OF_SSIM} voxels, got {self.patch}")
        self.training.refuse_adversarial("a restoration")
        if self.training.folds:
            raise SettingsError("a restoration is not trained in folds; leave training.folds out")

    @property
    def channels(self) -> int:
        """Channels that the network sees: the image, or its slice with those beside it."""
        return 1 + 2 * self.neighbours
