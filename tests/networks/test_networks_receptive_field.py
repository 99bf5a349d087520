"""Sizes and receptive fields of single layers and of networks with branches."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from radcnn.core.errors import SettingsError
from radcnn.networks.build import build
from radcnn.networks.layers import average_pool
from radcnn.networks.receptive_field import Field, Window, after, output_size
from radcnn.networks.trace import trace


@pytest.mark.parametrize(
    "window",
    [
        Window(3),
        Window(3, padding=1),
        Window(7, 2, 3),
        Window(2, 2),
        Window(3, 2, 1, 2),
        Window(5, 3),
        Window(2, 2, transposed=True),
        Window(4, 2, 1, transposed=True),
        Window(3, 2, 0, 2, transposed=True),
    ],
)
@pytest.mark.parametrize("length", [9, 12, 28])
def test_the_size_formula_agrees_with_torch(window: Window, length: int) -> None:
    kind = nn.ConvTranspose1d if window.transposed else nn.Conv1d
    layer = kind(1, 1, window.kernel, int(window.stride), int(window.padding), dilation=window.dilation)
    assert layer(torch.zeros(1, 1, length)).shape[2] == output_size(length, window)


def test_a_window_larger_than_the_image_is_refused() -> None:
    with pytest.raises(SettingsError, match="a window of 5 does not fit 3 voxels"):
        output_size(3, Window(5))


def test_strides_multiply_what_later_kernels_add() -> None:
    assert after([Window(3), Window(3)]).size == 5
    assert after([Window(3, stride=2), Window(3)]).size == 7
    assert after([Window(2, stride=2), Window(3, dilation=2)]).size == 10


def test_padding_moves_the_field_and_does_not_widen_it() -> None:
    assert after([Window(5, padding=2)]) == Field(-2, 2, 1)
    assert after([Window(5)]) == Field(0, 4, 1)


def test_fields_join_to_what_either_path_sees() -> None:
    assert Field(-1, 1).joined(Field(-3, 0)) == Field(-3, 1, 1)


def positive(network: nn.Module) -> nn.Module:
    """The network with positive weights and means for maxima, so that a gradient is zero only where nothing is seen."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(0.5)
    for module in network.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.MaxPool2d):
                setattr(module, name, average_pool(2, child.kernel_size, stride=child.stride, padding=child.padding))
    return network.double().eval()


@pytest.mark.parametrize(
    ("name", "options", "layer"),
    [
        ("resnet18", {"base_width": 2}, "layer2.0.relu"),
        ("resnet18", {"base_width": 2, "stem": "small"}, "layer3.1.relu"),
        ("resnet18", {"base_width": 2, "stem": "pooled"}, "layer3.1.relu"),
        ("resnet50", {"base_width": 2}, "layer1.1.relu"),
        ("googlenet", {"base_width": 4, "stem": "small", "branch3_kernel": 5}, "inception3b.concatenate"),
        ("googlenet", {"base_width": 4}, "inception3a.branch4.0"),
        ("densenet121", {"growth_rate": 2, "initial_width": 2, "stem": "small"}, "features.denseblock1.concatenate"),
        ("densenet121", {"growth_rate": 2, "initial_width": 2}, "features.transition1.pool"),
        ("chain", {"kernels": [2, 2, 2], "stride": [1, 2, 1], "pooling": ["max", "none", "average"]}, "features.pool3"),
        ("vgg11", {"base_width": 2, "head": "gap"}, "features.7"),
    ],
)
def test_the_field_at_a_branching_layer_is_where_its_gradient_is_not_zero(
    name: str, options: dict[str, object], layer: str
) -> None:
    side = 128
    network = positive(build(name, channels=1, outputs=1, options=options, seed=0))
    step = next(step for step in reversed(trace(network, (side, side), 1)) if step.name == layer)
    assert step.fields is not None
    seen: list[torch.Tensor] = []
    hook = network.get_submodule(layer).register_forward_hook(lambda module, given, out: seen.append(out))
    image = torch.ones(1, 1, side, side, dtype=torch.float64, requires_grad=True)
    network(image)
    hook.remove()
    unit = seen[-1].shape[2] // 2
    (gradient,) = torch.autograd.grad(seen[-1][0, :, unit, unit].sum(), image)
    rows = torch.nonzero(gradient[0, 0].sum(dim=1))
    field = step.fields[0]
    expected = (max(0, int(field.low + unit * field.jump)), min(side - 1, int(field.high + unit * field.jump)))
    assert (int(rows.min()), int(rows.max())) == expected
    assert field.size < side


class Functional(nn.Module):
    """A network of somebody else's, which joins its branches outside any layer."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(1, 2, 3, padding="same")
        self.norm = nn.InstanceNorm2d(2)
        self.pool = nn.MaxPool2d(1, return_indices=True)
        self.two = nn.ConvTranspose2d(2, 3, 2, stride=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps, _ = self.pool(self.norm(self.one(x)))
        return self.two(maps + maps)


def test_a_field_that_cannot_be_followed_is_unknown_and_costs_are_still_counted() -> None:
    network = Functional()
    one, norm, pool, two = trace(network, (8, 8), 1)
    assert one.fields == norm.fields == pool.fields == (Field(-1, 1, 1), Field(-1, 1, 1))
    assert two.fields is None
    assert (one.multiply_accumulates, two.multiply_accumulates) == (64 * 2 * 9, 64 * 2 * 3 * 4)


def test_tracing_leaves_a_network_as_it_was() -> None:
    network = build("resnet18", channels=1, outputs=2, options={"base_width": 4}, seed=1)
    network.layer2.eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    trace(network, (20, 20), 1)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert network.training
    assert not network.layer2.training
    assert not any(module._forward_hooks for module in network.modules())
