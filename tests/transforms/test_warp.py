"""Composition: k spatial transforms are one coordinate map and one resampling, without a second blur."""

from __future__ import annotations

import math

import pytest
import torch

from radcnn.core.chance import torch_generator
from radcnn.transforms.augmentation import Augmentation
from radcnn.transforms.elastic import Elastic
from radcnn.transforms.pipeline import Pipeline
from radcnn.transforms.spatial import Crop, Flip, Grid, Rotate, Scale, Translate
from radcnn.transforms.splines import displacement
from radcnn.transforms.steps import Step
from radcnn.transforms.warp import composed_matrix, move_boxes, move_points, pull_back, resample

CHAIN = (Flip(axes=(-1, -2), laterality="free"), Translate(), Rotate(degrees=20), Scale(), Crop(area=(0.7, 1.0)))


def generator(*path):
    return torch_generator(5, "warp", *path)


def wave(places: torch.Tensor) -> torch.Tensor:
    """An analytic image at centred voxel places (..., d); fine enough that every interpolation blurs it visibly."""
    return torch.sin(places @ torch.tensor([0.55, 0.31, 0.43][: places.shape[-1]], dtype=torch.float64) + 0.4)


def regular(size):
    axes = [torch.arange(n, dtype=torch.float64) - (n - 1) / 2 for n in size]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), -1)


def read_at(chain, drawn, size, places):
    """Where the chain reads, computed one transform after the other from what was drawn (B, N, d)."""
    for place in reversed(range(len(chain))):
        own = {k.split(".")[2]: v for k, v in drawn.items() if k.startswith(f"{place}.")}
        step = chain[place].step(own, Grid(size))
        if step.matrix is not None:
            places = places @ step.matrix[:, :-1, :-1].mT + step.matrix[:, None, :-1, -1]
        else:
            grid = (
                (places * 2 / torch.tensor(size)).flip(-1).reshape(len(places), *[1] * (len(size) - 1), -1, len(size))
            )
            shift = torch.nn.functional.grid_sample(
                step.displacement.double(), grid, padding_mode="border", align_corners=False
            )
            places = places + shift.flatten(2).mT
    return places


@pytest.mark.parametrize(
    ("chain", "size"),
    [
        (CHAIN, (40, 56)),
        ((*CHAIN, Elastic()), (40, 56)),
        ((Elastic(), *CHAIN), (40, 56)),
        ((CHAIN[1], Elastic(), CHAIN[2], Elastic(points=3), CHAIN[3]), (40, 56)),
        ((Flip(axes=(-1, -3), laterality="free"), Translate(), Rotate(degrees=20), Scale()), (20, 22, 26)),
        ((Rotate(degrees=12), Elastic(), Translate()), (20, 22, 26)),
    ],
    ids=["2D", "2D elastic last", "2D elastic first", "2D elastic inside", "3D", "3D elastic inside"],
)
def test_a_chain_equals_its_coordinate_map_and_blurs_only_once(chain, size):
    batch = wave(regular(size)).float().expand(6, 1, *size)
    pipeline = Pipeline(Augmentation(chain))
    drawn = pipeline.sample(generator(), batch.shape)
    composed = pipeline.apply(batch, drawn)[:, 0].flatten(1).double()
    places = read_at(chain, drawn, size, regular(size).reshape(1, -1, len(size)).expand(6, -1, -1))
    half = torch.tensor(size) / 2 - 2
    inside = (places.abs() < half).all(-1)
    error = (composed - wave(places))[inside].abs()
    one_after_the_other = batch
    for place, transform in enumerate(chain):
        own = {k.split(".")[2]: v for k, v in drawn.items() if k.startswith(f"{place}.")}
        one_after_the_other = transform.apply(one_after_the_other, own)
    repeated = (one_after_the_other[:, 0].flatten(1) - wave(places))[inside].abs()
    bound = 0.55**2 / 8 + 0.31**2 / 8 + (0.43**2 / 8 if len(size) == 3 else 0)  # of linear interpolation: h^2 |f''| / 8
    assert error.max() < bound * 1.1
    assert error.mean() < 0.7 * repeated.mean()


def test_the_grid_is_the_composed_map():
    size = (11, 17)
    steps = [t.step(t.sample(generator(i), (3, 1, *size)), Grid(size)) for i, t in enumerate(CHAIN)]
    grid = pull_back(steps, torch.zeros(3, 1, *size))
    places = regular(size).reshape(-1, 2)
    matrix = composed_matrix(steps)
    expected = places @ matrix[:, :2, :2].mT + matrix[:, None, :2, 2]
    found = grid.reshape(3, -1, 2).flip(-1) * torch.tensor(size) / 2
    assert torch.allclose(found.double(), expected, atol=1e-4)


@pytest.mark.parametrize("size", [(33, 41), (15, 17, 19)])
def test_points_move_by_the_inverse_of_the_pull_back(size):
    d = len(size)
    chain = (Rotate(degrees=20), Elastic(points=3), Translate(), Scale())
    shape = (4, 1, *size)
    steps = [t.step(t.sample(generator("points", i), shape), Grid(size)) for i, t in enumerate(chain)]
    middle = (torch.tensor(size, dtype=torch.float64) - 1) / 2
    points = middle + 0.25 * (torch.rand(4, 5, d, generator=generator("p"), dtype=torch.float64) - 0.5) * middle
    moved = move_points(points, steps, size)
    back = moved - middle
    for step in reversed(steps):
        if step.matrix is not None:
            back = back @ step.matrix[:, :d, :d].mT + step.matrix[:, None, :d, d]
        else:
            grid = (back * 2 / torch.tensor(size)).flip(-1).reshape(4, *[1] * (d - 1), 5, d)
            back = (
                back
                + torch.nn.functional.grid_sample(
                    step.displacement.double(), grid, padding_mode="border", align_corners=False
                )
                .flatten(2)
                .mT
            )
    assert torch.allclose(back + middle, points, atol=1e-6)


def test_boxes_become_the_boxes_around_their_moved_corners():
    angle = {"angle": torch.full((1, 1), math.pi / 2, dtype=torch.float64)}
    step = Rotate().step(angle, Grid((9, 9)))
    boxes = torch.tensor([[[1.0, 2.0, 3.0, 7.0]]])
    assert torch.allclose(move_boxes(boxes, [step], (9, 9)), torch.tensor([[[1.0, 1.0, 6.0, 3.0]]]), atol=1e-5)


def test_a_3d_box_follows_a_flip():
    step = Flip(axes=(-3,), laterality="free", p=1.0)
    step = step.step(step.sample(generator(), (1, 1, 5, 6, 7)), Grid((5, 6, 7)))
    boxes = torch.tensor([[[0.0, 1.0, 2.0, 1.0, 3.0, 4.0]]])
    assert torch.equal(move_boxes(boxes, [step], (5, 6, 7)), torch.tensor([[[3.0, 1.0, 2.0, 4.0, 3.0, 4.0]]]))


def test_zeros_and_border_padding_differ_only_outside():
    batch = torch.ones(1, 1, 10, 10)
    step = Step(torch.tensor([[[1.0, 0, 4], [0, 1, 0], [0, 0, 1]]], dtype=torch.float64))
    assert torch.equal(resample(batch, [step], padding="border"), batch)
    zeros = resample(batch, [step], padding="zeros")[0, 0]
    assert torch.allclose(zeros[:6], torch.tensor(1.0))
    assert not zeros[6:].any()


def test_mirrored_still_and_moving_samples_live_in_one_batch():
    batch = torch.rand(4, 2, 8, 8, generator=generator())
    matrices = torch.eye(3, dtype=torch.float64).repeat(4, 1, 1)
    matrices[1, 0, 0] = -1
    matrices[2, :2, 2] = 0.5
    moved = resample(batch, [Step(matrices)], padding="border")
    assert torch.equal(moved[0], batch[0])
    assert torch.equal(moved[3], batch[3])
    assert torch.equal(moved[1], batch[1].flip(1))
    assert torch.allclose(moved[2, :, 0, 0], batch[2, :, :2, :2].mean((1, 2)), atol=1e-5)


def test_an_elastic_step_alone_is_its_displacement():
    control = torch.zeros(1, 2, 3, 3)
    control[:, 1] = 2.0  # everything reads two columns further
    ramp = torch.arange(12.0).expand(1, 1, 12, 12)
    moved = resample(ramp, [Step(displacement=displacement(control, (12, 12)))], padding="border")
    assert torch.allclose(moved[0, 0, :, :10], ramp[0, 0, :, :10] + 2, atol=1e-4)
