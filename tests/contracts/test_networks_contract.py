"""What every entry of NETWORKS must do, in 2D and 3D, with one channel and three."""

from __future__ import annotations

import itertools
from functools import cache

import pytest
import torch
from torch import Tensor, nn

from radcnn.core.chance import torch_generator
from radcnn.networks import NETWORKS, Network, build, smallest_size

# widths that keep the battery quick; the depth of each network stays its own
NARROW: dict[str, dict[str, object]] = {
    "chain": {"kernels": [4, 6], "norm": "batch", "dense": [5]},
    "alexnet": {"base_width": 4, "dense_width": 16},
    "vgg": {"base_width": 2, "dense_width": 16},
    "googlenet": {"base_width": 8, "auxiliary": True},
    "resnet": {"base_width": 4},
    "densenet": {"growth_rate": 2, "initial_width": 4},
}
OUTPUTS = 3
CASES = [(n, d, c) for (n, c), d in itertools.product(zip(NETWORKS, itertools.cycle([1, 3]), strict=False), (2, 3))]


def made(name: str, dims: int, channels: int = 1, seed: int = 0) -> Network:
    options = next(value for family, value in NARROW.items() if name.startswith(family))
    return build(name, channels=channels, outputs=OUTPUTS, dims=dims, options=options, seed=seed)


@cache
def smallest(name: str, dims: int) -> int:
    return smallest_size(made(name, dims), dims=dims, channels=1)


def images(name: str, dims: int, channels: int, count: int = 2) -> Tensor:
    """Noise of the smallest size the network takes, or a little more, so that the last maps hold several voxels."""
    side = max(16, smallest(name, dims))
    return torch.randn(count, channels, *(side,) * dims, generator=torch_generator(0, "contract", name))


@pytest.mark.parametrize(("name", "dims", "channels"), CASES)
def test_a_network_gives_finite_logits_from_its_features_and_keeps_its_head_where_it_says(
    name: str, dims: int, channels: int
) -> None:
    network, x = made(name, dims, channels).eval(), images(name, dims, channels)
    given: list[Tensor] = []
    network.head.register_forward_hook(lambda layer, inputs, out: given.append(out))
    with torch.no_grad():
        logits, maps = network(x), network.features(x)
    assert logits.shape == (2, OUTPUTS)
    assert torch.isfinite(logits).all()
    assert logits is given[0]
    assert (maps.ndim, maps.shape[0]) == (2 + dims, 2)
    assert f"{network.head_name}.weight" in network.state_dict()
    assert network.head.out_features == OUTPUTS


@pytest.mark.parametrize(("name", "dims", "channels"), CASES)
def test_a_gradient_reaches_every_parameter(name: str, dims: int, channels: int) -> None:
    network, x = made(name, dims, channels), images(name, dims, channels)
    for module in network.modules():
        for child_name, child in module.named_children():
            if isinstance(child, nn.ReLU):  # a unit that is dead by chance has no gradient, by definition
                setattr(module, child_name, nn.LeakyReLU(0.1))
        if isinstance(module, nn.Dropout | nn.modules.batchnorm._BatchNorm):
            module.eval()
    sum((out * torch.arange(1, OUTPUTS + 1)).sum() for out in network.with_auxiliary(x)).backward()
    untouched = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
    assert untouched == []
    assert all(torch.isfinite(p.grad).all() for p in network.parameters())


@pytest.mark.parametrize("name", NETWORKS)
def test_auxiliary_heads_give_logits_of_their_own_and_change_none_by_leaving(name: str) -> None:
    network, x = made(name, 2).eval(), images(name, 2, 1)
    with torch.no_grad():
        logits, *others = network.with_auxiliary(x)
        assert len(others) == len(network.auxiliary)
        assert all(other.shape == logits.shape for other in others)
        spare = sum(p.numel() for part in network.auxiliary for p in network.get_submodule(part).parameters())
        before = sum(p.numel() for p in network.parameters())
        network.leave_out_auxiliary()
        assert network.auxiliary == ()
        assert sum(p.numel() for p in network.parameters()) == before - spare
        assert torch.equal(network(x), logits)
        assert [torch.equal(one, logits) for one in network.with_auxiliary(x)] == [True]


@pytest.mark.parametrize("name", NETWORKS)
def test_same_seed_same_weights_another_seed_others(name: str) -> None:
    one, two, other = (made(name, 2, seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(value, two[key]) for key, value in one.items())
    assert any(not torch.equal(value, other[key]) for key, value in one.items())
    assert all(torch.isfinite(value).all() for value in one.values())


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("dims", [2, 3])
def test_a_network_judges_each_case_alone_and_survives_its_state_dict(name: str, dims: int) -> None:
    network, x = made(name, dims).eval(), images(name, dims, 1, count=3)
    twin = made(name, dims, seed=9).eval()
    twin.load_state_dict(network.state_dict())
    with torch.no_grad():
        together = network(x)
        assert torch.allclose(network(x[1:2]), together[1:2], rtol=1e-4, atol=1e-5)
        assert torch.equal(twin(x), together)


@pytest.mark.parametrize("name", NETWORKS)
def test_images_and_volumes_share_names_and_kernel_shapes(name: str) -> None:
    flat, volume = (made(name, dims).state_dict() for dims in (2, 3))
    assert list(flat) == list(volume)
    for key, value in flat.items():
        if value.ndim == 4:
            assert volume[key].shape == (*value.shape[:2], value.shape[2], *value.shape[2:])


@pytest.mark.parametrize("name", NETWORKS)
def test_an_entry_says_where_it_was_described(name: str) -> None:
    assert any(character.isdigit() for character in NETWORKS[name].paper)
