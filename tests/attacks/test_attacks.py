"""Attacks stay within their budget and the image's values, and reach what they must."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from radcnn.attacks.answers import Aim, Answers
from radcnn.attacks.fgsm import fgsm
from radcnn.attacks.pgd import PgdSettings, pgd
from radcnn.core.chance import torch_generator

ATTACKS = {"fgsm": fgsm, "pgd": pgd}
KINDS = {"binary": 1, "multiclass": 3, "multilabel": 2}
SIZES = {"2D": (8, 8), "3D": (6, 6, 6)}


def network(outputs: int, dims: int, *, seed: int = 0) -> nn.Module:
    """A small network of two layers with random weights."""
    torch.manual_seed(seed)
    conv, pool = (nn.Conv2d, nn.AdaptiveAvgPool2d) if dims == 2 else (nn.Conv3d, nn.AdaptiveAvgPool3d)
    made = nn.Sequential(
        conv(1, 6, 3), nn.GELU(), conv(6, 6, 3), nn.Tanh(), pool(1), nn.Flatten(), nn.Linear(6, outputs)
    )
    return made.eval().requires_grad_(False)


def images(size: tuple[int, ...], n: int = 12) -> Tensor:
    return torch.rand((n, 1, *size), generator=torch_generator(0, "images"))


def labels(kind: str, model: nn.Module, x: Tensor) -> Tensor:
    """What the network itself answers: every image is right."""
    return Answers(kind).answered(model(x)).float()  # type: ignore[arg-type]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_stays_within_its_budget_and_the_values_of_each_image(attack: str, kind: str, size: str) -> None:
    model, x = network(KINDS[kind], len(SIZES[size])), images(SIZES[size])
    epsilon = torch.linspace(0, 0.2, len(x))
    low, high = torch.full((len(x),), 0.1), torch.full((len(x),), 0.9)
    found = ATTACKS[attack](model, x, Aim(Answers(kind), labels(kind, model, x)), epsilon=epsilon, low=low, high=high)  # type: ignore[arg-type]
    apart = (found - x).abs().flatten(1).amax(1)
    assert (apart <= epsilon + 1e-6).all()
    assert torch.equal(found[0], x[0])
    assert found[x >= 0.1].min() >= 0.1 - 1e-6
    assert found[x <= 0.9].max() <= 0.9 + 1e-6
    assert (found[x < 0.1] >= x.min()).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("aimed", [False, True])
def test_pgd_fools_every_image_that_fgsm_fools_and_leaves_less_on_each(kind: str, aimed: bool) -> None:
    model, x = network(KINDS[kind], 2), images((8, 8), 40)
    answers, y = Answers(kind), labels(kind, model, x)  # type: ignore[arg-type]
    wanted = (y + 1) % 3 if kind == "multiclass" else 1 - y
    towards = wanted if aimed else None
    one = torch.ones(len(x))
    given = {"epsilon": 0.03 * one, "low": 0 * one, "high": one}
    quick, searched = (model(attack(model, x, Aim(answers, y, towards), **given)) for attack in (fgsm, pgd))
    right = answers.right(quick, y), answers.right(searched, y)
    if aimed:
        right = ~answers.right(quick, wanted), ~answers.right(searched, wanted)
    assert not (right[1] & ~right[0]).any()
    assert right[1].sum() <= right[0].sum()


def test_pgd_is_the_same_with_the_same_seed_and_whichever_images_were_fooled_before() -> None:
    model, x = network(1, 2), images((8, 8))
    y, one = labels("binary", model, x), torch.ones(len(x))
    given, aim = {"epsilon": 1e-4 * one, "low": 0 * one, "high": one}, Aim(Answers("binary"), y)
    random = PgdSettings(steps=2, starts=2, from_fgsm=False)
    first, again = (pgd(model, x, aim, **given, settings=random, seed=3) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, pgd(model, x, aim, **given, settings=random, seed=4))


def test_a_margin_says_how_far_an_answer_is_from_being_wrong() -> None:
    several = Answers("multiclass")
    logits = torch.tensor([[3.0, 1.0, 0.0], [0.0, 1.0, 5.0]])
    assert several.margin(logits, torch.tensor([0.0, 1.0])).tolist() == [2.0, -4.0]
    yes = Answers("binary", (1.0,))
    assert yes.margin(torch.tensor([[3.0], [3.0], [0.5]]), torch.tensor([1.0, 0.0, 0.0])).tolist() == [2.0, -2.0, 0.5]
    both = Answers("multilabel")
    unknown = torch.tensor([[1.0, torch.nan], [0.0, 1.0]])
    assert both.margin(torch.tensor([[2.0, -9.0], [-3.0, 1.0]]), unknown).tolist() == [2.0, 1.0]
    assert both.right(torch.tensor([[2.0, -9.0], [3.0, 1.0]]), unknown).tolist() == [True, False]


def test_an_image_of_which_no_label_is_known_is_left_alone() -> None:
    model, x = network(2, 2), images((8, 8), 2)
    one = torch.ones(2)
    y = torch.full((2, 2), torch.nan)
    found = pgd(model, x, Aim(Answers("multilabel"), y), epsilon=0.1 * one, low=0 * one, high=one)
    assert torch.isfinite(found).all()


def test_what_is_certain_beyond_float32_still_has_a_slope_for_pgd() -> None:
    """Cross-entropy of an answer that is certain has no slope left; its margin has."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 1, bias=False)).requires_grad_(False)
    model[1].weight.fill_(1e5)
    x, one = torch.full((1, 1, 2, 2), 0.05), torch.ones(1)
    given, aim = {"epsilon": 0.1 * one, "low": -one, "high": one}, Aim(Answers("binary"), one)
    assert torch.equal(fgsm(model, x, aim, **given), x)
    assert pgd(model, x, aim, **given).max() < 0
