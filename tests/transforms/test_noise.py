"""White noise: normal, white, the same field compiled and in torch, whatever the shape."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from radcnn.core.chance import torch_generator
from radcnn.transforms.noise import Noise, white_noise


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 1, 1, 7), (3, 2, 5, 9), (2, 1, 4, 6, 5)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_the_compiled_noise_is_that_of_torch(shape, dtype):
    batch = torch.rand(shape, generator=torch.Generator().manual_seed(0)).to(dtype)
    noise = Noise(sd=0.5, p=1.0)
    drawn = noise.sample(torch_generator(1), shape)
    expected = torch.stack(
        [
            image.double() + sd * white_noise(int(seed), tuple(shape[1:])).double()
            for image, sd, seed in zip(batch, drawn["sd"], drawn["seed"], strict=True)
        ]
    )
    made = noise.apply(batch, drawn)
    assert made.dtype == dtype
    assert torch.allclose(made.double(), expected, atol=1e-6 if dtype != torch.bfloat16 else 0.02)


def test_a_batch_that_is_no_block_of_memory_gets_the_same_noise():
    batch = torch.rand(2, 6, 8, 3).permute(0, 3, 1, 2)
    noise = Noise(p=1.0)
    drawn = noise.sample(torch_generator(2), batch.shape)
    assert torch.equal(noise.apply(batch, drawn), noise.apply(batch.contiguous(), drawn))


def test_noise_is_normal_and_white():
    field = white_noise(5, (64, 64, 64)).double()
    assert abs(field.mean()) < 4 / 512
    assert field.std().item() == pytest.approx(1, abs=0.01)
    assert stats.kstest(field.flatten().numpy()[:100_000], "norm").pvalue > 0.01
    assert stats.kurtosis(field.flatten()).item() == pytest.approx(0, abs=0.04)
    spectrum = torch.fft.fftn(field).abs().square() / field.numel()
    for axis in range(3):
        shares = spectrum.sum(tuple(set(range(3)) - {axis})) / spectrum.sum()
        assert np.allclose(shares, 1 / 64, rtol=0.15), "as much noise at every frequency"


def test_two_seeds_share_nothing():
    one, other = white_noise(1, (100_000,)), white_noise(2, (100_000,))
    assert abs(float(torch.corrcoef(torch.stack([one, other]))[0, 1])) < 5 / math.sqrt(100_000)
    assert len(torch.unique(one)) > 90_000
