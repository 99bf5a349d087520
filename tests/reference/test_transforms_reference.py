"""Transforms against scipy.ndimage and torch: the same numbers by somebody else's code."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import ndimage
from scipy.interpolate import CubicSpline

from radcnn.core.chance import torch_generator
from radcnn.core.volume import Volume
from radcnn.transforms.augmentation import Augmentation
from radcnn.transforms.elastic import Elastic
from radcnn.transforms.noise import gaussian_blur
from radcnn.transforms.pipeline import Pipeline
from radcnn.transforms.resampling import resample
from radcnn.transforms.spatial import Crop, Flip, Grid, Rotate, Scale, Translate
from radcnn.transforms.splines import displacement
from radcnn.transforms.warp import composed_matrix

CHAIN = (Flip(axes=(-1,), laterality="free"), Translate(), Rotate(degrees=20), Scale(), Crop())


@pytest.mark.parametrize(
    ("old", "new"), [((32, 48), (16, 12)), ((30, 60), (10, 15)), ((16, 20), (40, 33)), ((7, 9), (7, 9))]
)
def test_whole_ratios_and_enlargements_equal_torch_antialias(old, new):
    image = np.random.default_rng(0).normal(size=(2, *old)).astype(np.float32)
    ours = resample(Volume(image, None), size=new).voxels
    theirs = F.interpolate(
        torch.from_numpy(image)[None], size=new, mode="bilinear", antialias=True, align_corners=False
    )
    assert np.abs(ours - theirs[0].numpy()).max() < 1e-5


def test_other_ratios_stay_near_torch_antialias():
    # ours keeps ramps exact by a correction of the first moment, torch does not: they differ by a few percent of a step
    rows, columns = np.meshgrid(np.arange(90), np.arange(101), indexing="ij")
    image = np.sin(rows / 9 + columns / 13).astype(np.float32)[None]
    ours = resample(Volume(image, None), size=(38, 41)).voxels
    theirs = F.interpolate(torch.from_numpy(image)[None], size=(38, 41), mode="bilinear", antialias=True)[0].numpy()
    assert np.abs(ours - theirs).max() < 0.01


def test_enlarging_in_3d_equals_torch_trilinear():
    image = np.random.default_rng(0).normal(size=(1, 5, 7, 9)).astype(np.float32)
    ours = resample(Volume(image, None), size=(11, 12, 20)).voxels
    theirs = F.interpolate(torch.from_numpy(image)[None], size=(11, 12, 20), mode="trilinear", align_corners=False)
    assert np.abs(ours - theirs[0].numpy()).max() < 1e-5


def test_nearest_equals_torch_nearest_exact():
    labels = np.random.default_rng(0).integers(0, 9, (1, 13, 10)).astype(np.float32)
    ours = resample(Volume(labels, None, "mask"), size=(29, 7)).voxels
    theirs = F.interpolate(torch.from_numpy(labels)[None], size=(29, 7), mode="nearest-exact")[0].numpy()
    assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("size", [(24, 31), (11, 13, 17)])
@pytest.mark.parametrize("mode", ["image", "mask"])
def test_an_affine_chain_equals_scipy_affine_transform(size, mode):
    d, shape = len(size), (4, 1, *size)
    batch = torch.rand(shape, generator=torch_generator(0, "ref"))
    pipeline = Pipeline(Augmentation(CHAIN))
    drawn = pipeline.sample(torch_generator(1, "ref"), shape)
    steps = [
        t.step({k.split(".")[2]: v for k, v in drawn.items() if k[0] == str(i)}, Grid(size))
        for i, t in enumerate(CHAIN)
    ]
    matrices = composed_matrix(steps).numpy()
    middle = (np.array(size) - 1) / 2
    made = pipeline.apply_together(batch, drawn, mask=(batch > 0.5))
    for i in range(4):
        linear = matrices[i, :d, :d]
        offset = middle - linear @ middle + matrices[i, :d, d]
        source = batch[i, 0].numpy() if mode == "image" else (batch[i, 0] > 0.5).numpy().astype(np.float32)
        theirs = ndimage.affine_transform(source, linear, offset, order=1 if mode == "image" else 0, mode="nearest")
        if mode == "image":
            assert np.abs(made.image[i, 0].numpy() - theirs).max() < 2e-4
        else:  # a sample half-way between two voxels may fall to either side
            assert np.mean(made.mask[i, 0].numpy() != theirs) < 0.01


@pytest.mark.parametrize("size", [(24, 31), (11, 13, 17)])
def test_an_elastic_map_equals_scipy_map_coordinates(size):
    shape = (2, 1, *size)
    elastic = Elastic(points=3, sd=0.04)
    drawn = elastic.sample(torch_generator(2, "ref"), shape)
    batch = torch.rand(shape, generator=torch_generator(3, "ref"))
    made = elastic.apply(batch, drawn)
    field = displacement(drawn["control"], size).numpy()
    index = np.stack(np.meshgrid(*[np.arange(n) for n in size], indexing="ij"))
    for i in range(2):
        theirs = ndimage.map_coordinates(batch[i, 0].numpy(), index + field[i], order=1, mode="nearest")
        assert np.abs(made[i, 0].numpy() - theirs).max() < 2e-4


def test_an_elastic_field_equals_scipy_cubic_splines():
    control = torch.randn(1, 2, 4, 4, generator=torch_generator(4, "ref"))
    ours = displacement(control, (20, 30))[0, 0].numpy()
    along = CubicSpline(np.linspace(0, 19, 4), control[0, 0].numpy(), bc_type="natural")(np.arange(20))
    theirs = CubicSpline(np.linspace(0, 29, 4), along, axis=1, bc_type="natural")(np.arange(30))
    assert np.abs(ours - theirs).max() < 1e-5


@pytest.mark.parametrize("size", [(20, 23), (9, 10, 11)])
def test_blur_equals_scipy_gaussian_filter(size):
    batch = torch.rand((2, 1, *size), generator=torch_generator(5, "ref"))
    ours = gaussian_blur(batch, torch.tensor([0.7, 1.3]), 4)
    for i, sigma in enumerate((0.7, 1.3)):
        theirs = ndimage.gaussian_filter(batch[i, 0].numpy(), sigma, mode="nearest", radius=4)
        assert np.abs(ours[i, 0].numpy() - theirs).max() < 1e-5


def test_a_rotation_equals_scipy_rotate():
    batch = torch.rand(1, 1, 21, 21, generator=torch_generator(6, "ref"))
    ours = Rotate().apply(batch, {"angle": torch.deg2rad(torch.tensor([[17.0]], dtype=torch.float64))})
    theirs = ndimage.rotate(batch[0, 0].numpy(), 17.0, reshape=False, order=1, mode="nearest")
    assert np.abs(ours[0, 0].numpy() - theirs).max() < 2e-4
