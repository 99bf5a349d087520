"""L-BFGS on problems whose smallest change is known."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from radcnn.attacks.answers import Aim, Answers
from radcnn.attacks.lbfgs import change_size, lbfgs
from radcnn.core.chance import torch_generator


def linear(weights: torch.Tensor, bias: torch.Tensor) -> nn.Module:
    made = nn.Sequential(nn.Flatten(), nn.Linear(weights.shape[1], len(weights)))
    made[1].weight.data, made[1].bias.data = weights, bias
    return made.requires_grad_(False)


def test_the_smallest_change_of_a_linear_answer_is_its_distance_from_the_hyperplane() -> None:
    dice = torch_generator(1, "plane")
    weights = torch.randn((1, 36), generator=dice)
    x = 0.5 + 0.05 * torch.randn((6, 1, 6, 6), generator=dice)
    model = linear(weights, -0.3 - weights.sum(1) / 2)
    y, one = Answers("binary").answered(model(x)).float(), torch.ones(6)
    found, turned = lbfgs(model, x, Aim(Answers("binary"), y), low=-2 * one, high=3 * one)
    distance = model(x)[:, 0].abs() / weights.norm() / 6  # sqrt(mean r^2) of 36 pixels
    assert turned.all()
    assert torch.allclose(change_size(found, x), distance, rtol=0.02)


def test_of_several_classes_the_nearest_boundary_is_found() -> None:
    dice = torch_generator(2, "planes")
    weights, x = torch.randn((4, 16), generator=dice), torch.rand((5, 1, 4, 4), generator=dice)
    model, one = linear(weights, torch.zeros(4)), torch.ones(5)
    y = model(x).argmax(1)
    found, turned = lbfgs(model, x, Aim(Answers("multiclass"), y.float()), low=-9 * one, high=9 * one)
    apart = torch.stack([weights[y] - weights[k] for k in range(4)], 1).norm(dim=2)
    gaps = (model(x).gather(1, y[:, None]) - model(x)) / apart
    nearest = gaps.nan_to_num(torch.inf).masked_fill(torch.nn.functional.one_hot(y, 4).bool(), torch.inf).amin(1) / 4
    assert turned.all()
    # cross-entropy leads towards all other classes at once, so that the nearest boundary is met aslant
    assert (change_size(found, x) >= nearest * 0.999).all()
    assert change_size(found, x).mean() < 1.6 * nearest.mean()


def test_a_box_too_small_leaves_the_image_as_it_is_and_says_so() -> None:
    model = linear(torch.ones((1, 4)), torch.tensor([100.0]))
    x, one = torch.full((1, 1, 2, 2), 0.5), torch.ones(1)
    found, turned = lbfgs(model, x, Aim(Answers("binary"), one), low=0 * one, high=one)
    assert not turned.any()
    assert torch.equal(found, x)


@pytest.mark.parametrize("wanted", [1.0, 2.0])
def test_a_wanted_answer_is_given(wanted: float) -> None:
    model = linear(torch.eye(3, 4), torch.zeros(3))
    x, one = torch.tensor([[[[0.9, 0.2], [0.1, 0.0]]]]), torch.ones(1)
    aim = Aim(Answers("multiclass"), 0 * one, wanted * one)
    found, turned = lbfgs(model, x, aim, low=0 * one, high=one)
    assert turned.all()
    assert model(found).argmax(1).tolist() == [int(wanted)]
