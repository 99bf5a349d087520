"""A coarser image keeps its size and what is slow in it, and loses what is fine."""

import pytest
import torch

from radcnn.core.chance import torch_generator
from radcnn.core.errors import SettingsError
from radcnn.transforms.coarse import LowResolution
from radcnn.transforms.tones import Gamma

ALWAYS = LowResolution(zoom=(0.5, 0.5), p=1.0)


def coarser(batch, transform=ALWAYS):
    return transform.apply(batch, transform.sample(torch_generator(0, "coarse"), batch.shape))


def test_a_chequered_image_loses_its_pattern_and_a_ramp_keeps_its_slope():
    ramp = torch.arange(32.0).expand(1, 1, 32, 32)
    assert float((coarser(ramp) - ramp)[..., 2:-2].abs().max()) <= 1.0
    fine = (torch.arange(32) % 2).float().expand(1, 1, 32, 32)
    assert float(coarser(fine).std()) < 0.1 * float(fine.std())


def test_a_zoom_of_one_changes_nothing():
    batch = torch.rand(2, 1, 8, 9, 10)
    assert torch.equal(coarser(batch, LowResolution(zoom=(1.0, 1.0), p=1.0)), batch)


def test_a_zoom_above_one_is_refused():
    with pytest.raises(SettingsError, match="must not exceed 1"):
        LowResolution(zoom=(0.5, 1.2))


def test_inverted_gamma_is_gamma_of_the_negative():
    batch = torch.rand(3, 1, 9, 9)
    plain, inverted = Gamma(p=1.0), Gamma(p=1.0, invert=True)
    drawn = plain.sample(torch_generator(1, "gamma"), batch.shape)
    assert torch.allclose(inverted.apply(batch, drawn), -plain.apply(-batch, drawn), atol=1e-6)
