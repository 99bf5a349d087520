"""Losses of segmentation: by hand, against torch's own, gradients, and voxels that nobody labelled."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from radcnn.core.errors import SettingsError
from radcnn.losses.regions import (
    boundary_loss,
    dice_loss,
    focal_loss,
    soft_dice,
    tversky_loss,
    voxel_cross_entropy,
)

Loss = Callable[..., Tensor]
LOSSES: dict[str, Loss] = {
    "cross-entropy": voxel_cross_entropy,
    "dice": dice_loss,
    "squared dice": partial(dice_loss, squared=True, background=True),
    "dice of cases": partial(dice_loss, together=False),
    "tversky": tversky_loss,
    "focal": focal_loss,
}


def batch(exclusive: bool = True, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    chance = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, 3, 5, 6, dtype=torch.float64, generator=chance)
    if exclusive:
        truth = F.one_hot(torch.randint(3, (2, 5, 6), generator=chance), 3).movedim(-1, 1).double()
    else:
        truth = torch.randint(2, (2, 3, 5, 6), generator=chance).double()
    counted = (torch.rand(2, 1, 5, 6, generator=chance) < 0.7).double()
    return logits, truth, counted


@pytest.mark.parametrize("exclusive", [True, False])
@pytest.mark.parametrize("name", LOSSES)
def test_voxels_that_nobody_labelled_take_no_part(name: str, exclusive: bool) -> None:
    logits, truth, counted = batch(exclusive)
    loss = LOSSES[name]
    before = loss(logits, truth, counted, exclusive=exclusive)
    elsewhere = torch.where(counted > 0, logits, torch.randn_like(logits))
    other_truth = torch.where(counted > 0, truth, 1 - truth)
    assert torch.allclose(before, loss(elsewhere, other_truth, counted, exclusive=exclusive))
    logits.requires_grad_(True)
    loss(logits, truth, counted, exclusive=exclusive).backward()
    assert logits.grad is not None
    assert not logits.grad[(counted == 0).expand_as(logits)].any()
    assert torch.isfinite(loss(logits, truth, 0 * counted, exclusive=exclusive))


@pytest.mark.parametrize("exclusive", [True, False])
@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_right(name: str, exclusive: bool) -> None:
    logits, truth, counted = batch(exclusive)
    logits.requires_grad_(True)
    assert torch.autograd.gradcheck(lambda z: LOSSES[name](z, truth, counted, exclusive=exclusive), logits)


@pytest.mark.parametrize("exclusive", [True, False])
@pytest.mark.parametrize("name", LOSSES)
def test_a_network_that_knows_pays_nothing_and_one_that_errs_more(name: str, exclusive: bool) -> None:
    _, truth, counted = batch(exclusive)
    right, wrong = 40 * (truth - 0.5), -40 * (truth - 0.5)
    assert float(LOSSES[name](right, truth, counted, exclusive=exclusive)) == pytest.approx(0, abs=1e-4)
    assert float(LOSSES[name](wrong, truth, counted, exclusive=exclusive)) > 0.5


def test_cross_entropies_are_torchs() -> None:
    logits, truth, counted = batch()
    weights = torch.tensor([1.0, 2.0, 5.0], dtype=torch.float64)
    labels = torch.where(counted[:, 0] > 0, truth.argmax(1), torch.tensor(-1))
    expected = F.cross_entropy(logits, labels, weight=weights, ignore_index=-1)
    assert torch.allclose(voxel_cross_entropy(logits, truth, counted, class_weights=weights), expected)
    logits, truth, _ = batch(exclusive=False)
    expected = F.binary_cross_entropy_with_logits(logits, truth)
    assert torch.allclose(voxel_cross_entropy(logits, truth, torch.ones_like(truth[:, :1]), exclusive=False), expected)


def test_a_weight_for_each_voxel_is_that_of_unet() -> None:
    logits, truth, _ = batch()
    weights = torch.rand(2, 1, 5, 6, dtype=torch.float64)
    each = F.cross_entropy(logits, truth.argmax(1), reduction="none")
    assert torch.allclose(voxel_cross_entropy(logits, truth, weights), (each * weights[:, 0]).sum() / weights.sum())


def test_the_gradient_of_dice_is_the_one_that_vnet_prints() -> None:
    """dD/dp_j = 2 [g_j (sum p^2 + sum g^2) - 2 p_j sum p g] / (sum p^2 + sum g^2)^2 (Milletari et al. 2016)."""
    p = torch.rand(1, 1, 7, dtype=torch.float64, requires_grad=True)
    g = (torch.rand(1, 1, 7, dtype=torch.float64) < 0.5).double()
    soft_dice(p, g, squared=True).sum().backward()
    both, shared = (p**2).sum() + (g**2).sum(), (p * g).sum()
    printed = 2 * (g * both - 2 * p * shared) / both**2
    assert p.grad is not None
    assert torch.allclose(p.grad, printed, atol=1e-4)


def test_tversky_with_equal_costs_is_dice_and_focal_without_gamma_is_cross_entropy() -> None:
    logits, truth, counted = batch()
    same = tversky_loss(logits, truth, counted, alpha=0.5, beta=0.5)
    assert torch.allclose(same, dice_loss(logits, truth, counted), atol=1e-5)
    assert torch.allclose(focal_loss(logits, truth, counted, gamma=0.0), voxel_cross_entropy(logits, truth, counted))


def test_the_border_pulls_probabilities_inside() -> None:
    distances = torch.tensor([[[0.0, 0, 0, 0], [2.0, -1, -1, 2]]], dtype=torch.float64)
    truth = torch.tensor([[[1.0, 0, 0, 1], [0.0, 1, 1, 0]]], dtype=torch.float64)
    counted = torch.ones(1, 1, 4, dtype=torch.float64)
    logits = torch.zeros(1, 2, 4, dtype=torch.float64, requires_grad=True)
    loss = boundary_loss(logits, truth, counted, distances)
    assert math.isclose(float(loss.detach()), 0.5 * (2 - 1 - 1 + 2) / 4)
    loss.backward()
    assert logits.grad is not None
    assert (logits.grad[0, 1].sign() == distances[0, 1].sign()).all()


def test_costs_that_make_no_sense_are_refused() -> None:
    logits, truth, counted = batch()
    with pytest.raises(SettingsError, match="not both 0"):
        tversky_loss(logits, truth, counted, alpha=0.0, beta=0.0)
    with pytest.raises(SettingsError, match="gamma"):
        focal_loss(logits, truth, counted, gamma=-1.0)
