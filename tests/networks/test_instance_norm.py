"""Instance normalisation where channels lie side by side: torch's numbers, its gradients, in its order."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from radcnn.kernels import instance_norm as loops
from radcnn.networks import instance_norm
from radcnn.networks.image_networks import build_image_network
from radcnn.networks.instance_norm import channels_side_by_side

LAYOUTS = {4: torch.channels_last, 5: torch.channels_last_3d}
SIZES = [(2, 24, 40, 36), (3, 5, 7, 9), (1, 16, 6, 10, 12), (2, 8, 33, 31)]


@pytest.fixture(autouse=True)
def _of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance_norm, "LEAST", 1)


def _maps(size: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    chance, apart = torch.Generator().manual_seed(0), (1, size[1], *(1,) * (len(size) - 2))
    drawn = torch.randn(size, generator=chance) * (0.3 + torch.rand(apart, generator=chance))
    drawn = drawn + 3 * torch.randn(apart, generator=chance)
    return drawn.to(dtype).contiguous(memory_format=LAYOUTS[len(size)])


def _norm(size: tuple[int, ...]) -> nn.Module:
    torch.manual_seed(1)
    made = (nn.InstanceNorm2d if len(size) == 4 else nn.InstanceNorm3d)(size[1], affine=True)
    nn.init.normal_(made.weight), nn.init.normal_(made.bias)
    return made


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("dtype", "far"), [(torch.float32, 1e-5), (torch.bfloat16, 1e-2)])
def test_numbers_and_gradients_are_those_of_the_definition(
    size: tuple[int, ...], dtype: torch.dtype, far: float
) -> None:
    norm, x = _norm(size), _maps(size, dtype)
    above = torch.randn(size, generator=torch.Generator().manual_seed(2)).to(dtype)
    exact = x.double().requires_grad_()
    weight, bias = (value.detach().double().requires_grad_() for value in (norm.weight, norm.bias))
    expected = functional.instance_norm(exact, weight=weight, bias=bias)
    expected.backward(above.double())
    ours = x.clone(memory_format=torch.preserve_format).requires_grad_()
    with channels_side_by_side(norm, x):
        made = norm(ours)
    assert type(made.grad_fn).__name__ == "_InstanceNormBackward"
    made.backward(above)
    assert made.is_contiguous(memory_format=LAYOUTS[len(size)])
    assert ours.grad is not None
    assert ours.grad.is_contiguous(memory_format=LAYOUTS[len(size)])
    for found, wanted in (
        (made, expected), (ours.grad, exact.grad), (norm.weight.grad, weight.grad), (norm.bias.grad, bias.grad),
    ):  # fmt: skip
        assert float((found.detach().double() - wanted).detach().abs().max()) <= far * float(
            wanted.detach().abs().max()
        )


def test_a_large_offset_costs_no_digits() -> None:
    norm = _norm((1, 4, 64, 64))
    x = (_maps((1, 4, 64, 64), torch.float32) + 1e4).contiguous(memory_format=torch.channels_last)
    with channels_side_by_side(norm, x):
        made = norm(x)
    expected = functional.instance_norm(x.double(), weight=norm.weight.double(), bias=norm.bias.double())
    torch.testing.assert_close(made.double(), expected, atol=1e-2, rtol=1e-2)


def test_the_number_of_threads_changes_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    norm, x = _norm((2, 24, 90, 90)), _maps((2, 24, 90, 90), torch.bfloat16)
    made = []
    for least in (1, 1 << 40):
        monkeypatch.setattr(loops, "ALONE", least)
        with channels_side_by_side(norm, x):
            made.append(norm(x))
    assert torch.equal(*made)


def test_other_orders_other_statistics_and_other_places_are_torchs() -> None:
    norm, x = _norm((2, 4, 8, 8)), _maps((2, 4, 8, 8), torch.float32)
    tracked = nn.InstanceNorm2d(4, affine=True, track_running_stats=True).eval()
    with channels_side_by_side(norm, x):
        for layer, given in ((norm, x.contiguous()), (norm, x.double()), (tracked, x)):
            made = layer.to(given.dtype)(given)
            assert type(made.grad_fn).__name__ != "_InstanceNormBackward"


def test_a_whole_network_learns_the_same() -> None:
    network = build_image_network("modern_unet", outputs=3, options={"kernels": [8, 16, 24], "supervised": 1}, seed=0)
    network = network.to(memory_format=torch.channels_last)
    images = torch.randn(3, 1, 36, 40, generator=torch.Generator().manual_seed(0))
    images = images.contiguous(memory_format=torch.channels_last)
    found = []
    for ours in (False, True):
        network.zero_grad()
        if ours:
            with channels_side_by_side(network, images):
                outputs = network.with_auxiliary(images)
        else:
            outputs = network.with_auxiliary(images)
        sum(one.square().mean() for one in outputs).backward()
        found.append([outputs[0].detach(), *(p.grad.clone() for p in network.parameters() if p.grad is not None)])
    for theirs, mine in zip(*found, strict=True):
        torch.testing.assert_close(mine, theirs, atol=2e-4 * float(theirs.abs().max()), rtol=1e-3)
