"""Restoration: from an image to another one of the same place: identity, with MSE, L1 or structural dissimilarity.

Table 2 of the review gives the pair for values; an image is many of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from radcnn.losses.images import ssim_loss
from radcnn.plan.restoration import ImageLoss, RestorationPlan, Scale


@dataclass(frozen=True)
class Restoration:
    """What a network that restores images is taught, and how its output is read.

    scale      the network's numbers
    loss_name  "mse", "l1" or "ssim"; SSIM's data range is one unit of the scale
    """

    scale: Scale
    loss_name: ImageLoss
    monitor_name: str = "PSNR"

    @property
    def outputs(self) -> int:
        return 1

    def encode(self, values: Tensor) -> Tensor:
        """Values in the images' unit as the network takes them."""
        return (values - self.scale.low) / self.scale.unit

    def decode(self, outputs: Tensor) -> Tensor:
        """What the network gives, in the images' unit."""
        return outputs * self.scale.unit + self.scale.low

    def loss(self, outputs: Tensor, references: Tensor) -> Tensor:
        """Scalar loss of outputs against references, both (B, 1, *size) in the network's numbers."""
        if self.loss_name == "ssim":
            return ssim_loss(outputs, references, data_range=1.0)
        return F.mse_loss(outputs, references) if self.loss_name == "mse" else F.l1_loss(outputs, references)

    def monitor(self, outputs: Tensor, references: Tensor) -> float:
        """PSNR in dB with a data range of one unit of the scale (1,000 HU), over all voxels together."""
        error = float((outputs.double() - references.double()).square().mean())
        return -10 * math.log10(error) if error > 0 else math.inf


def restoration_of(plan: RestorationPlan) -> Restoration:
    """The task of a plan."""
    return Restoration(plan.scale, plan.loss)


def encoded(values: NDArray, task: Restoration) -> Tensor:
    """An array in the images' unit as the network takes it, float32."""
    return task.encode(torch.from_numpy(values).float())
