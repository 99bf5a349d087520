"""Mixup: a training image is a mixture of two, and so is its loss (Zhang et al. 2018)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def mix(
    images: Tensor, targets: Tensor, alpha: float, stream: torch.Generator
) -> tuple[Tensor, list[tuple[float, Tensor]]]:
    """Images x' = s x + (1-s) x[perm] with s ~ Beta(alpha, alpha), one s per batch, s >= 1/2.

    images (B, C, *size), targets (B, T). Returns the mixed images and the (share, targets) pairs whose losses add up.
    alpha = 0 leaves the batch as it is.
    """
    if alpha <= 0:
        return images, [(1.0, targets)]
    seed = int(torch.randint(0, 2**31 - 1, (1,), generator=stream))
    share = float(np.random.default_rng(seed).beta(alpha, alpha))
    share = max(share, 1 - share)
    order = torch.randperm(len(images), generator=stream)
    return torch.lerp(images[order], images, share), [(share, targets), (1 - share, targets[order])]
