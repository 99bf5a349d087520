"""The building blocks of the review's Figs 3-6: convolution, padding, activation, pooling, and what they respect."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from radcnn.core.chance import generator, torch_generator
from radcnn.networks.build import build
from radcnn.networks.layers import (
    ACTIVATIONS,
    activation,
    average_pool,
    convolution,
    global_average,
    groups_of,
    max_pool,
    normalisation,
)


def naive_convolution(
    image: np.ndarray, kernels: np.ndarray, bias: np.ndarray, stride: int, padding: int
) -> np.ndarray:
    """The definition, as loops: slide, multiply, add; the kernel is not flipped."""
    dims = image.ndim - 1
    image = np.pad(image, [(0, 0)] + [(padding, padding)] * dims)
    sides = [(n - k) // stride + 1 for n, k in zip(image.shape[1:], kernels.shape[2:], strict=True)]
    out = np.zeros((len(kernels), *sides))
    for kernel, place in itertools.product(range(len(kernels)), itertools.product(*map(range, sides))):
        total = bias[kernel]
        for offset in np.ndindex(*kernels.shape[1:]):
            at = tuple(i * stride + o for i, o in zip(place, offset[1:], strict=True))
            total += kernels[(kernel, *offset)] * image[(offset[0], *at)]
        out[(kernel, *place)] = total
    return out


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize(("size", "stride", "padding"), [(3, 1, 0), (3, 1, 1), (3, 2, 1), (2, 2, 0), (1, 1, 0)])
def test_convolution_equals_the_naive_loop(dims: int, size: int, stride: int, padding: int) -> None:
    random = generator(0, "naive", dims, size, stride)
    # small integers are exact in float64 in any order of summation, so the two must agree to the bit
    image = random.integers(-9, 10, (2, *(5,) * dims)).astype(float)
    layer = convolution(dims, 2, 3, size, stride=stride, padding=padding).double()
    kernels, bias = (random.integers(-9, 10, tuple(p.shape)).astype(float) for p in (layer.weight, layer.bias))
    layer.load_state_dict({"weight": torch.from_numpy(kernels), "bias": torch.from_numpy(bias)})
    ours = layer(torch.from_numpy(image)[None])[0].detach().numpy()
    assert np.array_equal(ours, naive_convolution(image, kernels, bias, stride, padding))


def test_a_3x3_kernel_on_5x5_gives_3x3_and_zero_padding_keeps_5x5() -> None:
    image = torch.zeros(1, 1, 5, 5)
    assert convolution(2, 1, 1, 3)(image).shape == (1, 1, 3, 3)
    assert convolution(2, 1, 1, 3, padding=1)(image).shape == (1, 1, 5, 5)


def test_figure_3_edge_and_outline_kernels_answer_edges_of_their_direction() -> None:
    image = torch.zeros(1, 1, 28, 28)
    image[..., 8:20, 8:20] = 1
    horizontal = torch.tensor([[1.0, 1, 1], [0, 0, 0], [-1, -1, -1]])
    outline = torch.full((3, 3), -1.0)
    outline[1, 1] = 8
    layer = convolution(2, 1, 3, 3, bias=False)
    layer.load_state_dict({"weight": torch.stack([horizontal, horizontal.T, outline])[:, None]})
    rows, columns, edges = layer(image)[0].detach()
    assert rows.shape == (26, 26)
    assert rows[:, 13].abs().max() == 3
    assert rows[13].abs().max() == 0
    assert torch.equal(columns, rows.T)
    assert edges[13, 13] == 0
    assert edges[7, 7] > 0


def test_figure_6_max_pooling_halves_26_to_13_and_keeps_the_largest() -> None:
    pool = max_pool(2, 2, stride=2)
    assert pool(torch.zeros(1, 3, 26, 26)).shape == (1, 3, 13, 13)
    square = torch.tensor([[1.0, 5, 2, 0], [3, 4, 1, 7], [0, 0, 9, 8], [6, 1, 2, 3]])[None, None]
    assert torch.equal(pool(square)[0, 0], torch.tensor([[5.0, 7], [6, 9]]))


@pytest.mark.parametrize("dims", [2, 3])
def test_switches_of_max_pooling_put_each_maximum_back_in_its_place(dims: int) -> None:
    image = torch.rand(1, 2, *(6,) * dims, generator=torch_generator(0, "switches"))
    pool = max_pool(dims, 2, stride=2)
    pool.return_indices = True
    largest, switches = pool(image)
    unpool = F.max_unpool2d if dims == 2 else F.max_unpool3d
    back = unpool(largest, switches, 2, 2)
    kept = back != 0
    assert int(kept.sum()) == largest.numel()
    assert torch.equal(back[kept], image[kept])


@pytest.mark.parametrize("dims", [2, 3])
def test_average_pooling_is_the_mean_of_each_window(dims: int) -> None:
    image = torch.rand(1, 2, *(4,) * dims, generator=torch_generator(0, "means"))
    pooled = average_pool(dims, 2, stride=2)(image)
    corner = image[(0, 0, *(slice(0, 2),) * dims)]
    assert pooled[(0, 0, *(0,) * dims)] == pytest.approx(float(corner.mean()))
    assert torch.allclose(global_average(dims)(image).flatten(), image.flatten(2).mean(dim=2).flatten())


FORMULAS = {
    "relu": lambda x: max(0.0, x),
    "leaky_relu": lambda x: x if x > 0 else 0.01 * x,
    "prelu": lambda x: x if x > 0 else 0.25 * x,
    "swish": lambda x: x / (1 + math.exp(-x)),
    "tanh": math.tanh,
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "identity": lambda x: x,
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_follow_their_formula(name: str) -> None:
    values = [-2.5, -0.1, 0.0, 0.3, 4.0]
    out = activation(name)(torch.tensor(values))
    assert out.tolist() == pytest.approx([FORMULAS[name](x) for x in values], abs=1e-6)


@pytest.mark.parametrize("kind", ["batch", "group", "instance"])
@pytest.mark.parametrize("dims", [2, 3])
def test_normalisations_give_mean_0_and_variance_1_over_their_own_axes(kind: str, dims: int) -> None:
    x = 3 + 5 * torch.randn(4, 8, *(6,) * dims, generator=torch_generator(1, "norm"))
    y = normalisation(kind, dims, 8)(x)
    parts = {"batch": y.transpose(0, 1).flatten(1), "group": y.reshape(16, -1), "instance": y.reshape(32, -1)}[kind]
    assert torch.allclose(parts.mean(dim=1), torch.zeros(len(parts)), atol=1e-5)
    assert torch.allclose(parts.var(dim=1, unbiased=False), torch.ones(len(parts)), atol=1e-4)


@pytest.mark.parametrize("channels", [1, 2, 3, 7, 8, 12, 48, 64, 100, 2048])
def test_groups_divide_the_channels_and_never_hold_one_alone(channels: int) -> None:
    groups = groups_of(channels)
    assert channels % groups == 0
    assert groups <= 32
    assert channels == 1 or channels // groups >= 2


def shifted_digit(by: int) -> Tensor:
    image = torch.zeros(1, 1, 32, 32)
    image[..., 8 : 8 + 6, 8 + by : 8 + by + 3] = torch.rand(6, 3, generator=torch_generator(3, "digit"))
    return image


def test_convolution_is_equivariant_to_translation_and_gap_makes_the_network_invariant() -> None:
    options = {"kernels": [4, 8], "pooling": "none"}
    network = build("chain", channels=1, outputs=3, options=options, seed=5).eval()
    still, moved = (network.features(shifted_digit(by)) for by in (0, 5))
    assert torch.allclose(torch.roll(still, 5, dims=3), moved, atol=1e-6)
    assert not torch.allclose(still, moved, atol=1e-3)
    assert torch.allclose(network(shifted_digit(0)), network(shifted_digit(5)), atol=1e-5)


def test_with_pooling_invariance_is_exact_for_shifts_by_its_stride_and_only_approximate_for_others() -> None:
    network = build("chain", channels=1, outputs=3, options={"kernels": [4, 8]}, seed=5).eval()
    with torch.no_grad():
        still, odd, whole = (network(shifted_digit(by)) for by in (0, 1, 4))
    assert torch.allclose(still, whole, atol=1e-5)
    change = float((still - odd).abs().max())
    assert 1e-4 < change < float(still.abs().max())


@pytest.mark.parametrize("name", ["chain", "resnet18"])
def test_the_same_weights_take_images_of_two_sizes(name: str) -> None:
    network = build(name, channels=1, outputs=3, seed=0).eval()
    with torch.no_grad():
        assert network(torch.zeros(1, 1, 28, 28)).shape == network(torch.zeros(1, 1, 45, 61)).shape == (1, 3)


def test_a_layer_named_identity_changes_nothing() -> None:
    assert isinstance(activation("identity"), nn.Identity)
