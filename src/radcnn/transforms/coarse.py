"""LowResolution: the image as a scan of thicker slices and larger pixels would have shown it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from radcnn.core.errors import SettingsError
from radcnn.transforms.drawing import Drawn, Shape, acts, check_probability, check_range, uniform, where_acting


@dataclass(frozen=True, kw_only=True)
class LowResolution:
    """Fewer voxels per axis, each the nearest of the old ones, and back by linear interpolation (Isensee 2021).

    zoom  the share of voxels per axis that is kept, uniform in low..high; axes of one voxel are left alone
    """

    zoom: tuple[float, float] = (0.5, 1.0)
    p: float = 0.25

    def __post_init__(self) -> None:
        check_probability(self.p, "low_resolution")
        check_range(self.zoom, "zoom of low_resolution")
        if self.zoom[1] > 1:
            raise SettingsError(f"zoom of low_resolution must not exceed 1, got {self.zoom[1]:g}")

    def sample(self, generator: torch.Generator, shape: Shape) -> Drawn:
        acting = acts(generator, shape[0], self.p)
        return {"zoom": torch.where(acting, uniform(generator, (shape[0],), *self.zoom), 1.0)}

    def apply(self, batch: Tensor, drawn: Drawn) -> Tensor:
        """The batch (B, C, *spatial), coarser."""
        size = tuple(batch.shape[2:])

        def coarsen(samples: Tensor, rows: Tensor) -> Tensor:
            zooms = drawn["zoom"][rows].tolist()
            return torch.cat([self._one(one[None], zoom, size) for one, zoom in zip(samples, zooms, strict=True)])

        return where_acting(batch, drawn["zoom"] < 1, coarsen)

    def _one(self, sample: Tensor, zoom: float, size: tuple[int, ...]) -> Tensor:
        fewer = tuple(max(1, round(n * zoom)) for n in size)
        values = F.interpolate(sample.to(torch.float32), size=fewer, mode="nearest-exact")
        mode = "bilinear" if len(size) == 2 else "trilinear"
        return F.interpolate(values, size=size, mode=mode, align_corners=False).to(sample.dtype)
