"""First weights: their spread, and that a seed and a name are all they depend on."""

from __future__ import annotations

import math

import pytest
import torch

from radcnn.core.chance import torch_generator
from radcnn.networks.build import build
from radcnn.networks.initialisation import drawn

SHAPE = torch.Size([64, 32, 3, 3])  # fan in 288, fan out 576
SPREADS = {
    "he": math.sqrt(2 / 288),
    "he_fan_out": math.sqrt(2 / 576),
    "glorot": math.sqrt(2 / (288 + 576)),
    "normal": 0.01,
    "uniform": 1 / math.sqrt(3 * 288),
}


@pytest.mark.parametrize("scheme", SPREADS)
def test_each_scheme_has_mean_0_and_its_standard_deviation(scheme: str) -> None:
    weight = drawn(scheme, SHAPE, torch_generator(0, "spread"))
    n = weight.numel()
    assert abs(float(weight.mean())) < 4 * SPREADS[scheme] / math.sqrt(n)
    assert float(weight.std()) == pytest.approx(SPREADS[scheme], rel=4 / math.sqrt(2 * n))


@pytest.mark.parametrize("scheme", ["glorot", "uniform"])
def test_uniform_schemes_stay_within_their_limit(scheme: str) -> None:
    weight = drawn(scheme, SHAPE, torch_generator(0, "limit"))
    assert float(weight.abs().max()) <= SPREADS[scheme] * math.sqrt(3) * (1 + 1e-6)


def test_he_keeps_the_second_moment_through_a_deep_relu_chain() -> None:
    options = {"kernels": [64] * 8, "pooling": "none"}
    network = build("chain", channels=64, outputs=2, options=options, seed=0).eval()
    x = torch.randn(1, 64, 24, 24, generator=torch_generator(0, "deep")).relu() * math.sqrt(2)
    with torch.no_grad():
        ratio = network.features(x)[..., 8:16, 8:16].square().mean() / x.square().mean()
    assert 0.3 < float(ratio) < 3


def test_same_seed_same_weights_building_twice_and_another_seed_other_weights() -> None:
    one, two, three = (build("chain", channels=1, outputs=2, seed=seed).state_dict() for seed in (4, 4, 5))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["features.conv1.weight"], three["features.conv1.weight"])


def test_building_with_a_seed_leaves_torchs_own_generator_alone() -> None:
    before = torch.random.get_rng_state()
    build("chain", channels=1, outputs=2, seed=4)
    assert torch.equal(before, torch.random.get_rng_state())


def test_without_a_seed_weights_follow_torchs_own_generator() -> None:
    built = []
    with torch.random.fork_rng():
        for _ in range(2):
            torch.manual_seed(8)
            built.append(build("chain", channels=1, outputs=2).features[0].weight)
        other = build("chain", channels=1, outputs=2).features[0].weight
    assert torch.equal(*built)
    assert not torch.equal(built[0], other)


def test_another_head_leaves_all_other_weights_as_they_were() -> None:
    two, nine = (build("chain", channels=1, outputs=outputs, seed=4).state_dict() for outputs in (2, 9))
    assert all(torch.equal(two[name], nine[name]) for name in two if "output" not in name)


def test_zero_init_residual_makes_each_block_the_identity_of_positive_maps() -> None:
    network = build("resnet50", channels=1, outputs=2, options={"base_width": 4, "zero_init_residual": True}, seed=0)
    network.eval()
    x = torch.rand(2, 16, 5, 5, generator=torch_generator(0, "identity"))
    assert torch.allclose(network.layer1[1](x), x)
    assert torch.equal(network.bn1.weight, torch.ones(4))


def test_biases_start_at_zero_and_prelu_at_a_quarter() -> None:
    network = build("chain", channels=1, outputs=2, options={"activation": "prelu"}, seed=0)
    assert not network.features.conv1.bias.any()
    assert network.features.activation1.weight.tolist() == [0.25]
