"""Patches of images with masks: the same for any number of workers, about structures, and learned from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from radcnn.data.store import StoredCase
from radcnn.data.store.places import UNLABELLED, class_places
from radcnn.learning.borders import border_weights
from radcnn.learning.events import EpochEnded
from radcnn.learning.execution import Execution
from radcnn.learning.masked import MaskLesson, shrunk, signed_distance, train_segmenting_networks
from radcnn.plan.segmentation import SegmentationPlan, Structure
from radcnn.plan.settings import NetworkPlan, TrainingPlan
from radcnn.tasks.segmentation import segmentation_of
from radcnn.transforms.augmentation import Augmentation
from radcnn.transforms.spatial import Rotate

SMALL = NetworkPlan("modern_unet", {"kernels": [8, 16], "supervised": 0})


def case(seed: int, size: tuple[int, ...] = (3, 40, 36)) -> StoredCase:
    """A bright ball in noise, and a few voxels that nobody looked at."""
    chance = np.random.default_rng(seed)
    at = np.indices(size[-2:]) - np.array([12 + 3 * seed, 14 + 2 * seed])[:, None, None]
    inside = np.broadcast_to((at**2).sum(0) < 50, size)
    mask = inside.astype(np.uint8, order="C")
    mask[..., -2:, :] = UNLABELLED
    image = (inside + 0.3 * chance.standard_normal(size)).astype(np.float32, order="C")
    return StoredCase(image[None], None, mask, class_places(mask))


def planned(**more: object) -> SegmentationPlan:
    training = TrainingPlan(epochs=4, batch=4, learning_rate=3e-3)
    asked: dict[str, object] = {"patch": (16, 16), "steps": 25, "seed": 1, **more}
    return SegmentationPlan(SMALL, training, (Structure("ball", (1,)),), **asked)  # type: ignore[arg-type]


def lesson(plan: SegmentationPlan, margins: tuple[int, int] = (0, 0)) -> MaskLesson:
    return MaskLesson(0, [case(0), case(1)], [case(2)], "digest", plan, margins)


def test_batches_are_the_same_for_any_number_of_workers() -> None:
    one = lesson(planned(augmentation=Augmentation((Rotate(degrees=20),)), border=10.0))
    for first, second in zip(one.batches(0, 0), one.batches(0, 2), strict=True):
        assert torch.equal(first.images, second.images)
        assert torch.equal(first.masks, second.masks)
        assert first.weights is not None
        assert second.weights is not None
        assert torch.equal(first.weights, second.weights)


def test_patches_lie_about_structures_as_often_as_asked() -> None:
    for share, least in ((0.0, 0), (1.0, 90)):
        masks = torch.cat([batch.masks for batch in lesson(planned(foreground=share)).batches(0, 1)])
        assert masks.shape == (100, 16, 16)
        assert int((masks == 1).flatten(1).any(1).sum()) >= least


def test_slices_beside_are_channels_and_margins_are_seen_but_not_judged() -> None:
    batch = next(iter(lesson(planned(neighbours=1)).batches(0, 1)))
    assert batch.images.shape == (4, 3, 16, 16)
    batch = next(iter(lesson(planned(), margins=(5, 4)).batches(0, 1)))
    assert (batch.images.shape, batch.masks.shape) == ((4, 1, 25, 25), (4, 16, 16))
    inner = batch.images[:, 0, 5:21, 5:21]
    assert float(inner[batch.masks == 1].mean()) > 0.7 > 0.3 > float(inner[batch.masks == 0].mean())


def test_nothing_is_taught_beyond_the_image() -> None:
    turned = planned(augmentation=Augmentation((Rotate(degrees=180),)), patch=(48, 48), foreground=0.0)
    masks = torch.cat([batch.masks for batch in lesson(turned).batches(0, 1)])
    labelled = (masks != UNLABELLED).flatten(1).float().sum(1)
    assert float(labelled.max()) <= 40 * 36 + 20  # what the image has, and no more
    assert float(labelled.min()) > 0


@pytest.mark.parametrize("size", [(3, 40, 36), (40, 36)])
def test_a_small_network_finds_the_ball(size: tuple[int, ...], tmp_path: Path) -> None:
    plan = planned(steps=80, patch=(24, 24))
    cases = [case(seed, size) for seed in range(3)]
    *events, network = train_segmenting_networks(plan, [(cases[:2], cases[2:])], "d", tmp_path, Execution(workers=0))
    last = [event for event in events if isinstance(event, EpochEnded)][-1]
    assert last.tuning_figure > 0.9
    assert network.training is False  # type: ignore[union-attr]


def test_a_network_without_padding_learns_from_true_voxels_about_a_patch(tmp_path: Path) -> None:
    plan = planned(patch=(20, 20), border=10.0, steps=3)
    valid = SegmentationPlan(
        NetworkPlan("unet2015", {"kernels": [4, 8], "dropout": 0.0}), plan.training, plan.structures, (20, 20),
        steps=3, loss="ce", border=10.0,
    )  # fmt: skip
    *events, network = train_segmenting_networks(valid, [([case(0)], [case(1)])], "d", tmp_path, Execution(workers=0))
    assert len(events) == 4 * 4
    assert network(torch.zeros(1, 1, 33, 21)).shape == (1, 2, 33, 21)  # type: ignore[operator]


def test_a_gap_between_cells_weighs_more_the_narrower_it_is() -> None:
    cells = np.zeros((20, 60), bool)
    cells[2:18, 2:20] = cells[2:18, 22:40] = cells[2:18, 46:58] = True
    weights = border_weights(cells, first=10.0, sigma=5.0)
    narrow, wide = weights[10, 20], weights[10, 42]
    assert narrow > wide > weights[0, 59] > 0
    share = cells.mean()
    assert np.allclose(weights[cells], 0.5 / share)
    assert np.isclose(narrow - 0.5 / (1 - share), 10 * np.exp(-((1 + 2) ** 2) / 50))


def test_distances_to_a_border_are_negative_inside() -> None:
    mask = np.zeros((5, 5), bool)
    mask[1:4, 1:4] = True
    found = signed_distance(mask, (1.0, 1.0))
    assert (found[2, 2], found[1, 1], found[0, 2], found[0, 0]) == (-1, 0, 1, np.float32(np.sqrt(2)))
    assert not signed_distance(np.zeros((3, 3), bool), (1.0, 1.0)).any()
    long = signed_distance(mask, (3.0, 1.0))
    assert (long[0, 2], long[2, 0], long[2, 1]) == (3, 1, 0)


def test_the_boundary_loss_is_no_larger_than_what_stands_beside_it() -> None:
    one = lesson(planned(loss="dice+ce+boundary", patch=(40, 36)))
    batch = next(iter(one.batches(0, 1)))
    assert batch.distances is not None
    assert 0.1 < float(batch.distances.abs().max()) < 2


@pytest.mark.parametrize("dims", [2, 3])
def test_coarser_truth_is_the_share_of_voxels_and_lies_where_it_lay(dims: int) -> None:
    mask = torch.zeros(1, *(8,) * dims, dtype=torch.uint8)
    mask[0, ..., 3] = 1  # a membrane, one voxel thick
    mask[0, ..., 7] = UNLABELLED
    truth, counted = segmentation_of(planned()).truth(mask)
    coarse, seen = shrunk(truth, counted, (4,) * dims)
    column = (0, *(0,) * (dims - 1))
    assert coarse[0, 1][column[1:]].tolist() == [0.0, 0.5, 0.0, 0.0]
    assert seen[0, 0][column[1:]].tolist() == [1.0, 1.0, 1.0, 0.5]
    torch.testing.assert_close(coarse.sum(1), torch.ones_like(coarse[:, 0]))
