"""Attacks of a batch that is learned from: within the budget and the image's own values, uphill, repeatable."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from radcnn.attacks.hardening import TrainingAttack, against_loss, own_range
from radcnn.core.chance import torch_generator

NETWORK = nn.Sequential(nn.Flatten(), nn.Linear(64, 12), nn.ReLU(), nn.Linear(12, 1))
LABELS = torch.tensor([0.0, 1.0, 1.0, 0.0])[:, None]
EPSILON = torch.tensor([0.0, 0.1, 0.2, 0.3])


@pytest.fixture(autouse=True)
def weights() -> None:
    chance = torch_generator(0, "hardening")
    for one in NETWORK.parameters():
        one.data.normal_(0, 0.3, generator=chance)


def loss_of(images: torch.Tensor) -> torch.Tensor:
    return nn.functional.binary_cross_entropy_with_logits(NETWORK(images), LABELS)


def attacked(images: torch.Tensor, attack: TrainingAttack, seed: int = 0) -> torch.Tensor:
    stream = torch_generator(seed, "start")
    return against_loss(loss_of, images, epsilon=EPSILON, attack=attack, steps=5, stream=stream)


@pytest.mark.parametrize("attack", ["fgsm", "pgd"])
def test_images_are_made_worse_within_budget_and_their_own_values(attack: TrainingAttack) -> None:
    images = torch.rand(4, 1, 8, 8, generator=torch_generator(0, "images"))
    worse = attacked(images, attack)
    assert ((worse - images).abs().flatten(1).amax(1) <= EPSILON + 1e-6).all()
    assert torch.equal(worse[0], images[0]), "no budget, no change"
    low, high = own_range(images)
    assert (worse.flatten(1).amin(1) >= low).all()
    assert (worse.flatten(1).amax(1) <= high).all()
    assert loss_of(worse) > loss_of(images) + 0.02
    assert not worse.requires_grad


def test_the_same_stream_makes_the_same_images_and_another_one_others() -> None:
    images = torch.rand(4, 1, 8, 8, generator=torch_generator(0, "images"))
    assert torch.equal(attacked(images, "pgd"), attacked(images, "pgd"))
    assert not torch.equal(attacked(images, "fgsm"), attacked(images, "fgsm", seed=1))


def test_no_slope_is_left_in_the_weights() -> None:
    attacked(torch.rand(4, 1, 8, 8, generator=torch_generator(0, "images")), "pgd")
    assert all(one.grad is None for one in NETWORK.parameters())
