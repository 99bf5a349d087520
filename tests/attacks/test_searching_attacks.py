"""Attacks without slopes, patches, one change for all, and the checks of gradient masking."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from radcnn.attacks.answers import Aim, Answers
from radcnn.attacks.masking import masking_signs, stronger
from radcnn.attacks.one_pixel import Evolution, one_pixel
from radcnn.attacks.patch import PatchSettings, learned_patch, patch_side, with_patch
from radcnn.attacks.query import square
from radcnn.attacks.universal import UniversalSettings, changed, learned_change
from radcnn.core.chance import torch_generator

YES = Answers("binary")


class Brightest(nn.Module):
    """Yes where any voxel is above .9: one pixel turns a no, as one bright spot would."""

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, 1)."""
        return 50 * (images.flatten(1).amax(1, keepdim=True) - 0.9)


class Mean(nn.Module):
    """Yes where an image is bright on average."""

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, 1)."""
        return 20 * (images.flatten(1).mean(1, keepdim=True) - 0.5)


class Rounded(nn.Module):
    """The same, of values in steps: its slopes are zero everywhere, and say nothing."""

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, 1)."""
        return Mean()((images * 8).round() / 8 + 0 * images)


def grey(size: tuple[int, ...], n: int = 6) -> Tensor:
    return 0.4 + 0.05 * torch.rand((n, 1, *size), generator=torch_generator(0, "grey"))


@pytest.mark.parametrize("size", [(9, 9), (5, 6, 7)])
@pytest.mark.parametrize("aimed", [False, True])
def test_one_pixel_turns_what_hangs_on_one_pixel_and_changes_no_more(size: tuple[int, ...], aimed: bool) -> None:
    x, one = grey(size, 3), torch.ones(3)
    quick = Evolution(candidates=30, generations=10)
    given = {"low": 0 * one, "high": one, "evolution": quick}
    aim = Aim(YES, 0 * one, one if aimed else None)
    found = one_pixel(Brightest(), x, aim, **given)
    assert (Brightest()(found) > 0).all()
    assert ((found != x).flatten(1).sum(1) == 1).all()
    assert found.max() <= 1
    assert torch.equal(found, one_pixel(Brightest(), x, aim, **given))


def test_more_pixels_change_more_places_and_an_evolution_gets_on() -> None:
    x, one = grey((6, 6), 2), torch.ones(2)
    given = {"low": 0 * one, "high": one, "pixels": 3}
    found = one_pixel(Mean(), x, Aim(YES, 0 * one), **given, evolution=Evolution(20, 1))
    later = one_pixel(Mean(), x, Aim(YES, 0 * one), **given, evolution=Evolution(20, 30))
    assert ((found != x).flatten(1).sum(1) <= 3).all()
    assert (Mean()(later) > Mean()(found)).all()


@pytest.mark.parametrize("size", [(12, 12), (6, 6, 6)])
def test_the_square_attack_stays_within_its_budget_and_gets_there_without_slopes(size: tuple[int, ...]) -> None:
    x, one = grey(size), torch.ones(6)
    found = square(Mean(), x, Aim(YES, 0 * one), epsilon=0.12 * one, low=0 * one, high=one, queries=200)
    assert (found - x).abs().max() <= 0.12 + 1e-6
    assert (Mean()(found) > 0).float().mean() > 0.9


@pytest.mark.parametrize("size", [(20, 16), (8, 10, 12)])
def test_a_patch_covers_its_share_and_nothing_else(size: tuple[int, ...]) -> None:
    x, one = grey(size, 40), torch.ones(40)
    side = patch_side(0.1, torch.Size(size))
    patch = torch.ones((1, *(side,) * len(size)))
    still = PatchSettings(zoom=(1.0, 1.0), degrees=0.0)
    shown = with_patch(x, patch, low=0 * one, high=2 * one, dice=torch_generator(0, "lay"), settings=still)
    covered = (shown != x).flatten(1).sum(1).double()
    assert covered.min() > 0.5 * side ** len(size)
    assert abs(covered.mean() / side ** len(size) - 1) < 0.12
    assert torch.allclose(shown[shown != x], torch.tensor(2.0))
    assert shown.max() <= 2


def test_a_learned_patch_turns_images_it_was_not_learned_on() -> None:
    x, one = grey((16, 16), 24), torch.ones(12)
    settings = PatchSettings(steps=30, batch=8)
    patch = learned_patch(Mean(), x[:12], Aim(YES, 0 * one, one), low=0 * one, high=one, area=0.25, settings=settings)
    assert patch.min() >= 0
    assert patch.max() <= 1
    dice = torch_generator(0, "lay")
    shown = with_patch(x[12:], patch, low=0 * one, high=one, dice=dice, settings=settings)
    noise = with_patch(x[12:], torch.rand(patch.shape, generator=dice), low=0 * one, high=one, dice=dice)
    assert (Mean()(shown) > 0).float().mean() > 0.9
    assert (Mean()(noise) > 0).float().mean() < 0.1


def test_one_change_turns_images_it_was_not_learned_on() -> None:
    x, one = grey((8, 8), 24), torch.ones(12)
    given = {"epsilon": 0.12 * one, "low": 0 * one, "high": one}
    settings = UniversalSettings(steps=20, batch=8)
    change = learned_change(Mean(), x[:12], Aim(YES, 0 * one), **given, settings=settings)
    found = changed(x[12:], change, **given)
    assert (found - x[12:]).abs().max() <= 0.12 + 1e-6
    assert (Mean()(found) > 0).all()


def signs(network: nn.Module) -> dict[str, bool]:
    x, one = grey((8, 8), 12), torch.ones(12)
    found = masking_signs(network, x, Aim(YES, 0 * one), epsilon=0.12 * one, low=0 * one, high=one, queries=150)
    return {sign.check: sign.found for sign in found}


def test_an_honest_network_shows_no_sign_of_masking() -> None:
    assert not any(signs(Mean()).values())


def test_slopes_that_look_away_are_found_out() -> None:
    found = signs(Rounded())
    assert found["black box"]
    assert found["bound"]


def test_a_difference_that_chance_makes_is_none() -> None:
    first = torch.tensor([1, 1, 1, 0, 0, 0, 1, 0]).bool()
    second = torch.tensor([0, 1, 1, 0, 1, 0, 1, 0]).bool()
    assert not stronger(first, second)
    assert not stronger(second, first)
