"""The moving average of weights, and mixtures of images, against arithmetic by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from radcnn.core.chance import torch_generator
from radcnn.learning.averaging import Averaged
from radcnn.learning.mixing import mix


def test_the_average_follows_the_weights_by_the_stated_decay() -> None:
    network = nn.Linear(1, 1)
    averaged = Averaged(network, 0.6)
    mean = network.weight.item()
    for step in range(12):
        with torch.no_grad():
            network.weight.fill_(float(step**2))
        decay = min(0.6, (1 + step) / (10 + step))
        mean = decay * mean + (1 - decay) * step**2
        averaged.update(network, step)
        assert averaged.network.weight.item() == pytest.approx(mean, rel=1e-5)


def test_early_weights_are_forgotten_first() -> None:
    network = nn.Linear(1, 1)
    averaged = Averaged(network, 0.9999)
    with torch.no_grad():
        network.weight.fill_(5.0)
    averaged.update(network, 0)
    assert averaged.network.weight.item() == pytest.approx(5.0, abs=0.61)  # nine tenths of the way in one step


def test_running_statistics_are_averaged_and_counters_copied() -> None:
    network = nn.BatchNorm1d(2)
    averaged = Averaged(network, 0.5)
    network(torch.randn(8, 2, generator=torch_generator(0)) + 3)
    averaged.update(network, 100)
    assert averaged.network.num_batches_tracked == 1
    assert torch.allclose(averaged.network.running_mean, network.running_mean / 2)


def test_the_average_is_a_network_of_its_own_without_gradients() -> None:
    network = nn.Linear(1, 1)
    averaged = Averaged(network, 0.5)
    assert averaged.network.weight is not network.weight
    assert not any(p.requires_grad for p in averaged.network.parameters())
    assert all(p.requires_grad for p in network.parameters())
    assert not averaged.network.training


def batch(n: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.eye(n)[:, None, :, None], torch.arange(n, dtype=torch.float32)[:, None]


def test_no_mixing_leaves_the_batch_alone() -> None:
    images, targets = batch()
    mixed, pairs = mix(images, targets, 0.0, torch_generator(0))
    assert mixed is images
    assert [(share, truth is targets) for share, truth in pairs] == [(1.0, True)]


@pytest.mark.parametrize("seed", range(5))
def test_an_image_is_mixed_like_its_targets(seed: int) -> None:
    images, targets = batch()
    mixed, [(share, own), (rest, others)] = mix(images, targets, 0.4, torch_generator(seed))
    assert share + rest == 1
    assert 0.5 <= share <= 1
    assert own is targets
    partner = others[:, 0].long()
    assert sorted(partner.tolist()) == list(range(6))
    assert torch.allclose(mixed, share * images + rest * images[partner], atol=1e-6)


def test_shares_follow_the_beta_distribution_folded_at_one_half() -> None:
    images, targets = batch(2)
    shares = [mix(images, targets, 0.3, torch_generator(0, i))[1][0][0] for i in range(400)]
    drawn = np.random.default_rng(0).beta(0.3, 0.3, 20_000)
    assert np.mean(shares) == pytest.approx(np.maximum(drawn, 1 - drawn).mean(), abs=0.03)


def test_the_same_stream_mixes_the_same() -> None:
    one, two = (mix(*batch(), 0.4, torch_generator(3))[0] for _ in range(2))
    assert torch.equal(one, two)
