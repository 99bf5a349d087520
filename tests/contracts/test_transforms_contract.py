"""The contract every entry of TRANSFORMS keeps, in 2D and 3D, down to axes of one voxel."""

from __future__ import annotations

import dataclasses
import json

import pytest
import torch

from radcnn.core.chance import torch_generator
from radcnn.transforms.augmentation import Augmentation
from radcnn.transforms.catalogue import TRANSFORMS
from radcnn.transforms.drawing import Transform
from radcnn.transforms.pipeline import Pipeline
from radcnn.transforms.spatial import Flip, Spatial

SHAPES = [(5, 1, 12, 15), (3, 3, 9, 8), (4, 1, 6, 7, 8), (3, 1, 1, 9, 9), (3, 2, 1, 1), (2, 1, 7, 1), (1, 1, 1, 1, 1)]


@pytest.fixture(params=sorted(TRANSFORMS))
def transform(request) -> Transform:
    kind = TRANSFORMS[request.param]
    return kind(laterality="free") if kind is Flip else kind()


def draw(transform, shape, *path):
    return transform.sample(torch_generator(21, "contract", *path), shape)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_shape_goes_in_and_comes_out(transform, shape):
    batch = torch.randn(shape, generator=torch_generator(0, "voxels"))
    made = transform.apply(batch, draw(transform, shape))
    assert made.shape == batch.shape
    assert made.dtype == batch.dtype
    assert torch.isfinite(made).all()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_constant_stays_constant_unless_values_are_meant_to_change(transform, shape):
    if type(transform).__name__ in ("Brightness", "Noise"):
        return  # these change values by their nature
    batch = torch.full(shape, 0.6)
    assert torch.allclose(transform.apply(batch, draw(transform, shape)), batch, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES[:4], ids=str)
def test_what_was_drawn_is_plain_tensors_with_one_row_per_sample(transform, shape):
    drawn = draw(transform, shape)
    assert drawn
    assert all(isinstance(tensor, torch.Tensor) and len(tensor) == shape[0] for tensor in drawn.values())


@pytest.mark.parametrize("shape", SHAPES[:4], ids=str)
def test_the_same_draw_replays_bit_for_bit_and_seeds_matter(transform, shape):
    batch = torch.randn(shape, generator=torch_generator(0, "voxels"))
    drawn = draw(transform, shape)
    first = transform.apply(batch, drawn)
    assert torch.equal(first, transform.apply(batch, drawn))
    again = draw(transform, shape)
    assert all(torch.equal(drawn[key], again[key]) for key in drawn)
    others = [draw(transform, shape, i) for i in range(3)]
    assert any(not torch.equal(drawn[key], other[key]) for other in others for key in drawn)


@pytest.mark.parametrize("shape", SHAPES[:4], ids=str)
def test_the_input_is_never_changed_and_p_0_is_the_identity(transform, shape):
    batch = torch.randn(shape, generator=torch_generator(0, "voxels"))
    kept = batch.clone()
    transform.apply(batch, draw(transform, shape))
    assert torch.equal(batch, kept)
    nobody = dataclasses.replace(transform, p=0.0)
    assert torch.equal(nobody.apply(batch, draw(nobody, shape)), batch)


def test_settings_are_frozen_and_survive_json(transform):
    with pytest.raises(dataclasses.FrozenInstanceError):
        transform.p = 0.1
    augmentation = Augmentation((transform,))
    assert Augmentation.from_json(json.loads(json.dumps(augmentation.as_json()))) == augmentation


@pytest.mark.parametrize("shape", SHAPES[:4], ids=str)
def test_alone_and_in_a_pipeline_are_the_same(transform, shape):
    batch = torch.randn(shape, generator=torch_generator(0, "voxels"))
    pipeline = Pipeline(Augmentation((transform,)))
    drawn = pipeline.sample(torch_generator(3, "p"), shape)
    own = {key.split(".")[2]: tensor for key, tensor in drawn.items()}
    assert torch.equal(pipeline.apply(batch, drawn), transform.apply(batch, own))


def test_only_spatial_ones_move_points(transform):
    pipeline = Pipeline(Augmentation((transform,)))
    drawn = pipeline.sample(torch_generator(3, "q"), (8, 1, 16, 16))
    points = torch.tensor([3.0, 5.0]).expand(8, 1, 2)
    moved = pipeline.apply_together(torch.rand(8, 1, 16, 16), drawn, points=points).points
    assert torch.allclose(moved, points, atol=1e-5) is not isinstance(transform, Spatial)


def test_the_class_says_what_it_does(transform):
    assert type(transform).__doc__
    assert isinstance(transform, Transform)
