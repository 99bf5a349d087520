"""Attacks on a loss that is given: within the budget, never weaker than one step, and nothing at a budget of 0."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from radcnn.attacks.dense import Sloped, Within, climbed, sign_noise, stepped

torch.manual_seed(0)
NETWORK = nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.Tanh(), nn.Conv2d(6, 1, 3, padding=1)).requires_grad_(False)
IMAGE = torch.rand(1, 12, 12)
CLEAN = NETWORK(IMAGE[None])


def look(image: Tensor, progress: float) -> Sloped:
    held = image.clone().requires_grad_()
    loss = (NETWORK(held[None]) - CLEAN).square().mean() + 0.1 * held.sum()
    return Sloped(float(loss.detach()), torch.autograd.grad(loss, held)[0])


def first(within: Within) -> Tensor:
    return stepped(IMAGE, look(IMAGE, 1).slope, within)


@pytest.mark.parametrize("epsilon", [0.02, 0.3])
def test_attacks_stay_within_the_budget_and_the_values_of_the_image(epsilon: float) -> None:
    within = Within(epsilon, 0.0, 1.0)
    found = climbed(look, IMAGE, first(within), within).image
    for one in (found, first(within), sign_noise(IMAGE, within, seed=1)):
        assert float((one - IMAGE).abs().max()) <= epsilon + 1e-6
        assert float(one.min()) >= 0
        assert float(one.max()) <= 1


def test_many_steps_are_never_weaker_than_one_nor_at_a_larger_budget() -> None:
    before, harms = None, []
    for epsilon in (0.05, 0.1, 0.2):
        within = Within(epsilon, 0.0, 1.0)
        before = climbed(look, IMAGE, first(within), within, steps=4, before=before)
        assert before.harm >= look(first(within), 1).harm
        harms.append(before.harm)
    assert harms == sorted(harms)


def test_a_budget_of_0_changes_nothing() -> None:
    within = Within(0.0, 0.0, 1.0)
    assert torch.equal(climbed(look, IMAGE, first(within), within).image, IMAGE)
    assert torch.equal(sign_noise(IMAGE, within, seed=0), IMAGE)
