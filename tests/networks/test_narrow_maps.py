"""In bfloat16 autocast, convolutions wider than their maps are computed in float32, forward and backward."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from radcnn.networks.narrow_maps import full_where_narrow

CASES = [
    (nn.Conv2d(3, 4, 3, padding=1), (2, 3, 2, 2), True),
    (nn.Conv2d(3, 4, 3, stride=2, padding=1), (2, 3, 1, 1), True),
    (nn.Conv2d(3, 4, (1, 5), padding=(0, 2)), (2, 3, 8, 4), True),
    (nn.Conv2d(3, 4, 3, padding=1), (2, 3, 3, 3), False),
    (nn.Conv3d(3, 4, 3, padding=1), (2, 3, 8, 8, 2), True),
    (nn.Conv3d(3, 4, 3, padding=1, bias=False), (2, 3, 3, 4, 5), False),
    (nn.Conv3d(3, 4, 1), (2, 3, 1, 1, 1), False),
    (nn.Conv1d(3, 4, 3, padding=1), (2, 3, 2), True),
]


@pytest.mark.parametrize(("layer", "shape", "narrow"), CASES)
def test_only_convolutions_wider_than_their_maps_stay_in_float32(
    layer: nn.Module, shape: tuple[int, ...], narrow: bool
) -> None:
    images = torch.rand(shape, generator=torch.Generator().manual_seed(1))

    def gradients(made: torch.Tensor) -> list[torch.Tensor]:
        return list(torch.autograd.grad(made.float().square().sum(), list(layer.parameters())))

    with torch.autocast("cpu", torch.bfloat16), full_where_narrow(images):
        made = layer(images.bfloat16())
    full = layer(images.bfloat16().float())
    assert made.dtype == (torch.float32 if narrow else torch.bfloat16)
    if narrow:
        assert torch.equal(made, full)
        assert all(map(torch.equal, gradients(made), gradients(full)))
    else:
        assert torch.allclose(made.float(), full, atol=0.02)


def test_nothing_changes_without_autocast() -> None:
    layer, images = nn.Conv2d(3, 4, 3, padding=1), torch.rand(2, 3, 2, 2)
    with full_where_narrow(images):
        made = layer(images)
    assert torch.equal(made, layer(images))
