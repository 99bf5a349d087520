"""Batch normalisation settled on training images as they are."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from radcnn.core.chance import generator
from radcnn.learning.batches import Cases
from radcnn.learning.execution import Execution
from radcnn.learning.settling import settle


def cases(n: int = 40) -> Cases:
    dice = generator(0, "settling")
    return Cases(dice.normal(3.0, 2.0, (n, 1, 6, 6)).astype(np.float32), np.zeros((n, 1)))


def network() -> nn.Module:
    layers = nn.Sequential(nn.BatchNorm2d(1, momentum=0.3), nn.Dropout(0.5), nn.Flatten(), nn.Linear(36, 1))
    layers[0].running_mean.fill_(77.0)
    return layers


def test_statistics_become_those_of_the_training_images() -> None:
    data, net = cases(), network()
    rows = np.arange(30)
    settle(net, data, rows, Execution(channels_last=False), batch=30)
    assert torch.allclose(net[0].running_mean, torch.tensor([data.images[rows].mean()]), atol=1e-5)
    assert torch.allclose(net[0].running_var, torch.tensor([data.images[rows].var(ddof=1)]), atol=1e-4)


def test_the_network_is_left_in_evaluation_mode_with_its_own_momentum_and_weights() -> None:
    data, net = cases(), network()
    before = net[3].weight.clone()
    settle(net, data, np.arange(40), Execution(channels_last=False))
    assert not any(layer.training for layer in net.modules())
    assert net[0].momentum == 0.3
    assert torch.equal(net[3].weight, before)


def test_chance_is_not_touched_and_twice_gives_the_same() -> None:
    data, net = cases(), network()
    state = torch.random.get_rng_state()
    settle(net, data, np.arange(40), Execution(channels_last=False))
    first = net[0].running_mean.clone()
    settle(net, data, np.arange(40), Execution(channels_last=False))
    assert torch.equal(net[0].running_mean, first)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_networks_without_batch_normalisation_and_single_cases_are_left_alone() -> None:
    settle(nn.Sequential(nn.Flatten(), nn.Linear(36, 1)), cases(), np.arange(4), Execution(channels_last=False))
    net = network()
    settle(net, cases(), np.arange(1), Execution(channels_last=False))
    assert float(net[0].running_mean) == 77.0
