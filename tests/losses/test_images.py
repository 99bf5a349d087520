"""The loss between images: the figure that is reported, and its gradient."""

from __future__ import annotations

import pytest
import torch

from radcnn.core.errors import SettingsError
from radcnn.losses.images import ssim_loss
from radcnn.metrics.fidelity import ssim


def pair(*size: int, offset: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(2, 1, *size, dtype=torch.float64, generator=generator) + offset
    return target + 0.1 * torch.randn(target.shape, dtype=torch.float64, generator=generator), target


@pytest.mark.parametrize("size", [(24, 31), (14, 15, 16)])
@pytest.mark.parametrize("offset", [0.0, 40.0])
def test_dissimilarity_is_one_less_the_similarity_that_is_reported(size, offset):
    x, y = pair(*size, offset=offset)
    found = [ssim(a[0].numpy(), b[0].numpy(), data_range=1.0) for a, b in zip(x, y, strict=True)]
    loss = ssim_loss(x, y, data_range=1.0)
    assert float(loss) == pytest.approx(1 - sum(found) / 2, abs=1e-9)
    single = ssim_loss(x.float(), y.float(), data_range=1.0)
    assert float(single) == pytest.approx(float(loss), abs=1e-3)


def test_its_gradient_is_right_and_leads_to_the_target():
    x, y = pair(12, 13)

    def loss(images: torch.Tensor) -> torch.Tensor:
        return ssim_loss(images, y, data_range=1.0)

    assert torch.autograd.gradcheck(loss, x.requires_grad_(), fast_mode=True)
    step = torch.autograd.grad(loss(x), x)[0]
    with torch.no_grad():
        assert float(loss(x - 1e-2 * step / step.norm())) < float(loss(x))


def test_what_means_nothing_is_refused():
    x, y = pair(10, 30)
    with pytest.raises(SettingsError, match="at least 11 pixels"):
        ssim_loss(x, y, data_range=1.0)
    with pytest.raises(SettingsError, match="data range must be positive, got 0"):
        ssim_loss(*pair(12, 12), data_range=0)
