"""The loss between images that torch does not have: structural dissimilarity. (MSE and L1 are torch's own.)"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from radcnn.core.errors import SettingsError

SIGMA, REACH = 1.5, 5  # the Gaussian window of 11 pixels of Wang et al. 2004 (doi:10.1109/TIP.2003.819861)
K = (0.01, 0.03)


def ssim_loss(images: Tensor, targets: Tensor, *, data_range: float) -> Tensor:
    """1 - the mean structural similarity of images and targets (B, C, H, W) or (B, C, D, H, W), a scalar.

    As `metrics.fidelity.ssim` measures it; data_range is in the images' unit.

    Raises SettingsError for a data range of 0 or less, or images of fewer than 11 pixels along an axis.

    >>> x = torch.rand(1, 1, 16, 16)
    >>> float(ssim_loss(x, x, data_range=1.0).abs()) < 1e-6
    True
    """
    if not data_range > 0:
        raise SettingsError(f"the data range must be positive, got {data_range:g}")
    if min(images.shape[2:]) < 2 * REACH + 1:
        raise SettingsError(f"SSIM needs patches of at least {2 * REACH + 1} pixels, got {tuple(images.shape[2:])}")
    x, y = images.flatten(0, 1)[:, None], targets.flatten(0, 1)[:, None]
    # about the mean of the pair, or single precision would lose small variances to large means
    middle = y.mean(dim=tuple(range(1, y.ndim)), keepdim=True)
    u, v = x - middle, y - middle
    first, second = _local(u), _local(v)
    spread_1, spread_2 = _local(u * u) - first**2, _local(v * v) - second**2
    together = _local(u * v) - first * second
    c1, c2 = ((k * data_range) ** 2 for k in K)
    mean_1, mean_2 = first + middle, second + middle
    above = (2 * mean_1 * mean_2 + c1) * (2 * together + c2)
    below = (mean_1**2 + mean_2**2 + c1) * (spread_1 + spread_2 + c2)
    return 1 - (above / below).mean()


def _local(values: Tensor) -> Tensor:
    """Gaussian means over windows that lie within the image, one axis after the other: (N, 1, ...)."""
    at = torch.arange(-REACH, REACH + 1, dtype=values.dtype, device=values.device)
    line = torch.exp(-(at**2) / (2 * SIGMA**2))
    line = line / line.sum()
    convolve = F.conv2d if values.ndim == 4 else F.conv3d
    for axis in range(2, values.ndim):
        shape = [1] * values.ndim
        shape[axis] = len(line)
        values = convolve(values, line.reshape(shape))
    return values
