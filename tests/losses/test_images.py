"""Losses between images: the figures that are reported, and their gradients."""

from __future__ import annotations

import pytest
import torch

from radcnn.core.errors import SettingsError
from radcnn.losses.images import absolute_difference, squared_difference, structural_dissimilarity
from radcnn.metrics.fidelity import rms_error, ssim


def pair(*size: int, offset: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(2, 1, *size, dtype=torch.float64, generator=generator) + offset
    return target + 0.1 * torch.randn(target.shape, dtype=torch.float64, generator=generator), target


@pytest.mark.parametrize("size", [(24, 31), (14, 15, 16)])
@pytest.mark.parametrize("offset", [0.0, 40.0])
def test_dissimilarity_is_one_less_the_similarity_that_is_reported(size, offset):
    x, y = pair(*size, offset=offset)
    found = [ssim(a[0].numpy(), b[0].numpy(), data_range=1.0) for a, b in zip(x, y, strict=True)]
    loss = structural_dissimilarity(x, y, data_range=1.0)
    assert float(loss) == pytest.approx(1 - sum(found) / 2, abs=1e-9)
    single = structural_dissimilarity(x.float(), y.float(), data_range=1.0)
    assert float(single) == pytest.approx(float(loss), abs=1e-3)


def test_squared_and_absolute_differences():
    x, y = pair(12, 12)
    assert float(squared_difference(x, y)) == pytest.approx(rms_error(x.numpy(), y.numpy()) ** 2)
    assert float(absolute_difference(y + 3, y)) == pytest.approx(3)


@pytest.mark.parametrize(
    "loss",
    [squared_difference, absolute_difference, lambda x, y: structural_dissimilarity(x, y, data_range=1.0)],
)
def test_gradients_are_right_and_lead_to_the_target(loss):
    x, y = pair(12, 13)
    assert torch.autograd.gradcheck(lambda v: loss(v, y), x.requires_grad_(), fast_mode=True)
    step = torch.autograd.grad(loss(x, y), x)[0]
    with torch.no_grad():
        assert float(loss(x - 1e-2 * step / step.norm(), y)) < float(loss(x, y))


def test_what_means_nothing_is_refused():
    x, y = pair(10, 30)
    with pytest.raises(SettingsError, match="at least 11 pixels"):
        structural_dissimilarity(x, y, data_range=1.0)
    with pytest.raises(SettingsError, match="data range must be positive, got 0"):
        structural_dissimilarity(*pair(12, 12), data_range=0)
