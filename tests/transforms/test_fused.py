"""The compiled pass computes what torch computes voxel by voxel, for every kind of chain, size and edge."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from radcnn.core.chance import torch_generator
from radcnn.transforms.augmentation import Augmentation
from radcnn.transforms.elastic import Elastic
from radcnn.transforms.fused import read_batch, read_into
from radcnn.transforms.pipeline import Pipeline
from radcnn.transforms.spatial import Flip, Rotate, Scale, Translate
from radcnn.transforms.steps import Step
from radcnn.transforms.warp import interpolate, pull_back

AFFINE = (Rotate(degrees=40), Scale(factor=(0.6, 1.6)), Translate(fraction=0.3))
CHAINS = {
    "affine": AFFINE,
    "elastic": (Elastic(points=3, sd=0.05),),
    "affine, then elastic": (*AFFINE, Elastic(points=4, sd=0.04)),
    "elastic, then affine": (Elastic(points=4, sd=0.04), *AFFINE),
    "affine, elastic, affine": (Rotate(degrees=20), Elastic(points=3, sd=0.05), Scale(factor=(0.5, 0.9))),
    "flips alone": (Flip(axes=(-1, -2), laterality="free"),),
}
SIZES = ((17, 23), (1, 40), (9, 12, 15), (1, 20, 18), (6, 1, 30), (2, 2, 2))


def steps_of(chain, batch, seed=3):
    pipeline = Pipeline(Augmentation(chain))
    drawn = pipeline.sample(torch_generator(seed, "fused"), batch.shape)
    return pipeline._steps(drawn, tuple(batch.shape[2:]))


@pytest.mark.parametrize(("name", "size", "padding"), list(itertools.product(CHAINS, SIZES, ("border", "zeros"))))
def test_the_compiled_pass_agrees_with_torch(name, size, padding):
    batch = torch.rand((3, 2, *size), generator=torch.Generator().manual_seed(1))
    steps = steps_of(CHAINS[name], batch)
    ours = read_batch(batch, steps, padding=padding, nearest=False)
    reference = interpolate(batch, pull_back(steps, batch), padding, nearest=False)
    assert ours.shape == reference.shape
    assert float((ours - reference).abs().max()) < 1e-4


@pytest.mark.parametrize(("name", "size"), list(itertools.product(CHAINS, SIZES)))
def test_in_bfloat16_it_agrees_but_for_the_last_rounding(name, size):
    batch = torch.rand((2, 1, *size), generator=torch.Generator().manual_seed(4)).to(torch.bfloat16)
    steps = steps_of(CHAINS[name], batch)
    ours = read_batch(batch, steps, padding="zeros", nearest=False)
    reference = interpolate(batch.float(), pull_back(steps, batch), "zeros", nearest=False)
    assert ours.dtype == torch.bfloat16
    assert float((ours.float() - reference).abs().max()) <= 2**-8, "half a step of 8 bits below 1, and the rest"


@pytest.mark.parametrize(("name", "size"), list(itertools.product(CHAINS, SIZES)))
def test_masks_are_read_at_the_nearest_voxel(name, size):
    mask = torch.randint(0, 5, (3, 1, *size), generator=torch.Generator().manual_seed(2)).to(torch.uint8)
    steps = steps_of(CHAINS[name], mask)
    ours = read_batch(mask, steps, padding="zeros", nearest=True)
    reference = interpolate(mask, pull_back(steps, mask), "zeros", nearest=True)
    assert ours.dtype == torch.uint8
    assert float((ours != reference).float().mean()) < 0.02, "but for places half way between two voxels"


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64, torch.int16])
def test_a_batch_keeps_its_type(dtype):
    batch = (100 * torch.rand((2, 1, 12, 14))).to(dtype)
    steps = steps_of(AFFINE, batch)
    ours = read_batch(batch, steps, padding="border", nearest=False)
    reference = interpolate(batch, pull_back(steps, batch), "border", nearest=False)
    assert ours.dtype == dtype
    assert float((ours.float() - reference.float()).abs().max()) <= 1.0


def test_a_large_image_read_about_a_centre_is_its_cut_out_part():
    whole = np.random.default_rng(0).normal(size=(1, 30, 31, 32)).astype(np.float32)
    out = np.empty((1, 8, 9, 10), np.float32)
    read_into(out, whole, [], 0, padding="zeros", nearest=False, centre=(13.5, 14.0, 19.5))
    assert np.array_equal(out, whole[:, 10:18, 10:19, 15:25])


def test_codes_are_read_through_their_palette():
    rng = np.random.default_rng(1)
    codes, palette = rng.integers(0, 256, (1, 9, 10, 11)).astype(np.uint8), rng.normal(size=256).astype(np.float32)
    steps = steps_of(AFFINE, torch.zeros((1, 1, 9, 10, 11)))
    asked = {"padding": "border", "nearest": False}
    by_codes, by_values = np.empty(codes.shape, np.float32), np.empty(codes.shape, np.float32)
    read_into(by_codes, codes, steps, 0, palette=palette, **asked)
    read_into(by_values, palette[codes], steps, 0, **asked)
    assert np.array_equal(by_codes, by_values)


def test_the_number_of_threads_changes_no_voxel():
    whole = np.random.default_rng(2).normal(size=(1, 40, 41, 42)).astype(np.float32)
    steps = steps_of(CHAINS["affine, then elastic"], torch.zeros((1, 1, 36, 36, 36)))
    results = []
    for threads in (1, 2, 5):
        out = np.empty((1, 36, 36, 36), np.float32)
        read_into(out, whole, steps, 0, padding="border", nearest=False, threads=threads)
        results.append(out)
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])


@pytest.mark.parametrize("signs", list(itertools.product((1.0, -1.0), repeat=3)))
@pytest.mark.parametrize("centre", [(13.5, 14.0, 19.5), (3.5, 4.0, 4.5), (26.0, 14.0, 19.5), (13.7, 14.0, 19.5)])
def test_what_is_only_cut_out_and_mirrored_equals_the_interpolated(signs, centre):
    rng = np.random.default_rng(3)
    codes = rng.integers(0, 200, (1, 30, 31, 32)).astype(np.uint8)
    palette = rng.normal(size=256).astype(np.float32)
    turn = [Step(torch.diag(torch.tensor([*signs, 1.0], dtype=torch.float64))[None])]
    nearly = [Step(torch.diag(torch.tensor([*signs, 1.0], dtype=torch.float64))[None] * (1 + 1e-12))]
    asked = {"padding": "zeros", "centre": centre}
    ours, reference = np.empty((2, 1, 8, 9, 10), np.float32)
    read_into(ours, codes, turn, 0, nearest=False, palette=palette, **asked)
    read_into(reference, codes, nearly, 0, nearest=False, palette=palette, **asked)
    assert np.allclose(ours, reference, atol=1e-4)
    labels, expected = np.empty((2, 1, 8, 9, 10), np.uint8)
    if centre[0] != 13.7:
        read_into(labels, codes, turn, 0, nearest=True, **asked)
        read_into(expected, codes, nearly, 0, nearest=True, **asked)
        assert np.array_equal(labels, expected)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("signs", list(itertools.product((1.0, -1.0), repeat=3)))
@pytest.mark.parametrize("palette", ["uneven", "even", "of tenths", "with -0.0", "long"])
def test_what_is_cut_out_holds_the_very_values_of_the_palette(kind, signs, palette):
    values = {
        "uneven": np.random.default_rng(4).normal(size=200),
        "even": np.arange(200) - 1024.0,
        "of tenths": np.arange(200) / 10,
        "with -0.0": -np.arange(200.0),
        "long": np.arange(3000.0),
    }[palette].astype(np.float32)
    codes = np.random.default_rng(5).integers(0, 200, (2, 12, 13, 14)).astype(kind)
    turn = [Step(torch.diag(torch.tensor([*signs, 1.0], dtype=torch.float64))[None])]
    out = np.empty((2, 6, 7, 9), np.float32)
    read_into(out, codes, turn, 0, nearest=False, palette=values, padding="zeros", centre=(3.5, 5.0, 8.0))
    mirrored = tuple(slice(None, None, int(sign)) for sign in signs)
    expected = values[codes[:, 1:7, 2:9, 4:13]][(slice(None), *mirrored)]
    assert np.array_equal(out.view(np.uint32), expected.view(np.uint32))


@pytest.mark.parametrize("padding", ["border", "zeros"])
def test_far_outside_the_image_the_padding_is_read(padding):
    batch = 1 + torch.rand((1, 1, 6, 7, 8), generator=torch.Generator().manual_seed(3))
    away = torch.eye(4, dtype=torch.float64)[None].clone()
    away[0, :3, 3] = torch.tensor([5.5, -30.0, 7.25])
    steps = [Step(away)]
    ours = read_batch(batch, steps, padding=padding, nearest=False)
    assert torch.allclose(ours, interpolate(batch, pull_back(steps, batch), padding, nearest=False), atol=1e-4)
    assert bool((ours == 0).all()) == (padding == "zeros")
