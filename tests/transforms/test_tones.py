"""Gamma, brightness, contrast, noise and blur do what their formula says, to the share p of the samples."""

from __future__ import annotations

import math

import pytest
import torch

from radcnn.core.chance import torch_generator
from radcnn.transforms.noise import Blur, Noise, gaussian_blur
from radcnn.transforms.tones import Brightness, Contrast, Gamma


def generator(*path):
    return torch_generator(4, "tones", *path)


@pytest.fixture
def batch():
    return torch.rand(400, 1, 8, 8, generator=generator("batch")) * 3 - 1


def test_gamma_bends_between_the_extremes(batch):
    gamma = Gamma(gamma=(2.0, 2.0), p=1.0)
    made = gamma.apply(batch, gamma.sample(generator(), batch.shape))
    least, most = batch.amin((1, 2, 3), True), batch.amax((1, 2, 3), True)
    assert torch.allclose(made, least + (most - least) * ((batch - least) / (most - least)) ** 2, atol=1e-5)
    assert torch.allclose(made.amax((1, 2, 3)), most.flatten(), atol=1e-6)


def test_gamma_leaves_a_constant_sample():
    flat = torch.full((3, 1, 4, 4), 0.7)
    gamma = Gamma(p=1.0)
    assert torch.allclose(gamma.apply(flat, gamma.sample(generator(), flat.shape)), flat)


def test_brightness_adds_what_was_drawn(batch):
    brightness = Brightness(shift=0.2, p=1.0)
    drawn = brightness.sample(generator(), batch.shape)
    made = brightness.apply(batch, drawn)
    assert torch.allclose((made - batch).mean((1, 2, 3)).double(), drawn["shift"], atol=1e-5)
    assert drawn["shift"].abs().max() <= 0.2
    assert drawn["shift"].std().item() == pytest.approx(0.2 / math.sqrt(3), rel=0.1)


def test_contrast_keeps_the_mean_and_scales_the_sd(batch):
    contrast = Contrast(factor=(0.5, 2.0), p=1.0)
    drawn = contrast.sample(generator(), batch.shape)
    made = contrast.apply(batch, drawn)
    assert torch.allclose(made.mean((1, 2, 3)), batch.mean((1, 2, 3)), atol=1e-5)
    assert torch.allclose((made.std((1, 2, 3)) / batch.std((1, 2, 3))).double(), drawn["factor"], rtol=1e-4)


def test_noise_has_the_drawn_sd():
    batch = torch.zeros(200, 1, 32, 32)
    noise = Noise(sd=0.3, p=1.0)
    drawn = noise.sample(generator(), batch.shape)
    made = noise.apply(batch, drawn)
    assert torch.allclose(made.std((1, 2, 3)).double() / drawn["sd"], torch.ones(200, dtype=torch.float64), atol=0.15)
    assert drawn["sd"].mean().item() == pytest.approx(0.15, rel=0.1)


def test_blur_keeps_constants_and_has_the_drawn_width():
    flat = torch.full((3, 2, 9, 9), 0.4)
    blur = Blur(p=1.0)
    assert torch.allclose(blur.apply(flat, blur.sample(generator(), flat.shape)), flat, atol=1e-6)
    dot = torch.zeros(1, 1, 41, 41)
    dot[..., 20, 20] = 1
    soft = gaussian_blur(dot, torch.tensor([2.0]), 8)[0, 0]
    at = torch.arange(41.0) - 20
    assert soft.sum().item() == pytest.approx(1, abs=1e-5)
    assert (soft.sum(1) * at**2).sum().item() == pytest.approx(4.0, rel=0.01)


def test_blur_is_equal_along_every_axis_of_a_volume():
    dot = torch.zeros(1, 1, 9, 9, 9)
    dot[..., 4, 4, 4] = 1
    soft = gaussian_blur(dot, torch.tensor([0.8]), 3)[0, 0]
    assert torch.allclose(soft, soft.permute(1, 2, 0), atol=1e-7)
    assert torch.allclose(soft, soft.flip(0), atol=1e-7)


@pytest.mark.parametrize("kind", [Gamma, Brightness, Contrast, Noise, Blur])
def test_each_acts_on_a_share_p_and_passes_on_the_others_bit_for_bit(kind, batch):
    transform = kind(p=0.3)
    made = transform.apply(batch, transform.sample(generator("share"), batch.shape))
    untouched = (made == batch).flatten(1).all(1)
    assert untouched.double().mean().item() == pytest.approx(0.7, abs=0.08)
