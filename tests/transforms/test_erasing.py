"""Random erasing has the paper's areas, aspects and probability, and fills as it says (Zhong 2017)."""

from __future__ import annotations

import pytest
import torch

from radcnn.core.chance import torch_generator
from radcnn.core.errors import SettingsError
from radcnn.transforms.erasing import RandomErasing


def generator(*path):
    return torch_generator(9, "erasing", *path)


def test_half_of_the_samples_lose_2_to_40_percent():
    shape = (3000, 1, 64, 64)
    drawn = RandomErasing(fill="zero").sample(generator(), shape)
    side = (drawn["high"] - drawn["low"]).double()
    erased = (side > 0).all(1)
    assert erased.double().mean().item() == pytest.approx(0.5, abs=0.03)
    share = side[erased].prod(1) / 64**2
    assert 0.015 < share.min() < 0.04
    assert 0.36 < share.max() < 0.42
    # uniform on 0.02..0.4, mean 0.21, less the large slim ones that do not fit
    assert share.mean().item() == pytest.approx(0.2, abs=0.02)
    aspect = side[erased, 0] / side[erased, 1]
    assert 0.25 < aspect.min() < 0.45
    assert 2.6 < aspect.max() < 3.9


def test_boxes_stay_inside_and_reach_every_place():
    drawn = RandomErasing(fill="zero", p=1.0).sample(generator(), (2000, 1, 20, 30))
    assert (drawn["low"] >= 0).all()
    assert (drawn["high"] <= torch.tensor([20, 30])).all()
    batch = torch.ones(2000, 1, 20, 30)
    hit = (RandomErasing(fill="zero", p=1.0).apply(batch, drawn) == 0).double().mean((0, 1))
    assert hit.min() > 0.001


def test_what_was_drawn_is_erased_and_nothing_else():
    batch = torch.rand(64, 2, 16, 16, generator=generator()) + 1
    erasing = RandomErasing(fill="zero")
    drawn = erasing.sample(generator("exact"), batch.shape)
    made = erasing.apply(batch, drawn)
    for i in range(64):
        expected = batch[i].clone()
        (top, left), (bottom, right) = drawn["low"][i].tolist(), drawn["high"][i].tolist()
        expected[:, top:bottom, left:right] = 0
        assert torch.equal(made[i], expected)


def test_random_filling_is_uniform_between_the_extremes_of_the_sample():
    batch = torch.zeros(50, 1, 32, 32)
    batch[:, :, :, ::2] = 10.0
    erasing = RandomErasing(p=1.0, area=(0.3, 0.4), aspect=(0.8, 1.2))
    drawn = erasing.sample(generator(), batch.shape)
    made = erasing.apply(batch, drawn)
    filled = made[(made != 0) & (made != 10)]
    assert filled.min() >= 0
    assert filled.max() <= 10
    assert filled.mean().item() == pytest.approx(5, abs=0.1)
    assert filled.std().item() == pytest.approx(10 / 12**0.5, rel=0.03)


def test_mean_filling_takes_the_mean_of_the_sample():
    batch = torch.rand(4, 1, 16, 16, generator=generator())
    erasing = RandomErasing(p=1.0, fill="mean")
    drawn = erasing.sample(generator("m"), batch.shape)
    made = erasing.apply(batch, drawn)
    for i in range(4):
        (top, left) = drawn["low"][i].tolist()
        assert made[i, 0, top, left].item() == pytest.approx(batch[i].mean().item(), abs=1e-6)


def test_boxes_in_3d_have_the_share_of_the_volume_and_span_single_slices():
    drawn = RandomErasing(fill="zero", p=1.0, area=(0.1, 0.1)).sample(generator(), (500, 1, 30, 30, 30))
    share = (drawn["high"] - drawn["low"]).double().prod(1) / 30**3
    assert share.mean().item() == pytest.approx(0.1, abs=0.01)
    flat = RandomErasing(fill="zero", p=1.0, area=(0.1, 0.1)).sample(generator(), (500, 1, 1, 30, 30))
    assert (flat["high"][:, 0] == 1).all()
    assert ((flat["high"] - flat["low"]).double().prod(1) / 900).mean().item() == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize("settings", [{"area": (0.0, 0.4)}, {"area": (0.1, 1.0)}, {"aspect": (2.0, 1.0)}, {"p": -0.1}])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(SettingsError, match="erasing"):
        RandomErasing(**settings)
