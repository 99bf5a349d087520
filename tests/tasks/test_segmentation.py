"""Structures in masks: what counts as truth, what is left out, how logits are read."""

from __future__ import annotations

import pytest
import torch

from radcnn.core.errors import SettingsError
from radcnn.data.store.places import UNLABELLED
from radcnn.plan.segmentation import SegmentationPlan, Structure
from radcnn.plan.settings import NetworkPlan, TrainingPlan
from radcnn.tasks.segmentation import segmentation_of

ORGANS = (Structure("liver", (1, 3)), Structure("kidney", (2,)))
REGIONS = (Structure("whole tumour", (1, 2, 4)), Structure("core", (1, 4)))


def planned(structures: tuple[Structure, ...] = ORGANS, **more: object) -> SegmentationPlan:
    return SegmentationPlan(
        NetworkPlan("modern_unet"), TrainingPlan(epochs=1, batch=2), structures, (8, 8), **more,  # type: ignore[arg-type]
    )  # fmt: skip


def test_labels_make_structures_and_unlabelled_voxels_do_not_count() -> None:
    plan = planned()
    assert (plan.values, plan.exclusive, plan.outputs) == ((0, 1, 2, 3), True, 3)
    task = segmentation_of(plan)
    truth, counted = task.truth(torch.tensor([[[0, 1, 2, 3, UNLABELLED]]], dtype=torch.uint8))
    assert truth[0, :, 0].tolist() == [[1, 0, 0, 0, 0], [0, 1, 0, 1, 0], [0, 0, 1, 0, 0]]
    assert counted[0, 0, 0].tolist() == [1, 1, 1, 1, 0]


def test_regions_overlap() -> None:
    plan = planned(REGIONS)
    assert (plan.values, plan.exclusive, plan.outputs) == ((0, 1, 2, 4), False, 2)
    task = segmentation_of(plan)
    truth, _ = task.truth(torch.tensor([[[0, 1, 2, 3]]], dtype=torch.uint8))
    assert truth[0, :, 0].tolist() == [[0, 1, 1, 1], [0, 1, 0, 1]]
    assert task.decode(torch.tensor([[[[1.0, -1.0]], [[1.0, 2.0]]]])).tolist() == [[[[True, False]], [[True, True]]]]


def test_the_largest_logit_wins_where_structures_exclude_each_other() -> None:
    task = segmentation_of(planned())
    made = task.decode(torch.tensor([[[3.0, 0, 0]], [[0.0, 2, 1]], [[0.0, 1, 2]]])[None, :, 0])
    assert made[0].tolist() == [[False, True, False], [False, False, True]]


def test_overlap_is_dice_over_all_voxels_that_were_looked_at() -> None:
    task = segmentation_of(planned())
    masks = torch.tensor([[[1, 1, 2, UNLABELLED]]], dtype=torch.uint8)
    made = torch.tensor([[[[True, False, False, True]], [[False, True, True, False]]]])
    assert task.overlap(made, masks) == pytest.approx((2 / 3 + 2 / 3) / 2)
    assert task.overlap(torch.zeros_like(made), torch.zeros_like(masks)) == 1


@pytest.mark.parametrize("loss", ["ce", "dice+ce", "vdice", "tversky+focal", "dice+boundary"])
@pytest.mark.parametrize("structures", [ORGANS, REGIONS])
def test_every_loss_falls_when_it_is_descended(loss: str, structures: tuple[Structure, ...]) -> None:
    task = segmentation_of(planned(structures, loss=loss))
    chance = torch.Generator().manual_seed(0)
    masks = torch.randint(4, (2, 6, 6), generator=chance).to(torch.uint8)
    logits = torch.zeros(2, task.outputs, 6, 6, requires_grad=True)
    distances = torch.randn(2, task.outputs, 6, 6, generator=chance) if "boundary" in loss else None
    before = task.loss(logits, masks, distances=distances)
    before.backward()
    assert logits.grad is not None
    after = task.loss(logits.detach() - 5 * logits.grad, masks, distances=distances)
    assert float(after.detach()) < float(before.detach())


def test_plans_that_make_no_sense_are_refused() -> None:
    for match, structures, more in (
        ("did you mean dice", ORGANS, {"loss": "dise"}),
        ("says nothing of what is not there", ORGANS, {"loss": "boundary"}),
        ("names of their own", (ORGANS[0], ORGANS[0]), {}),
        ("nobody looked here", ORGANS, {"unlabelled": 3}),
        ("did you mean liver", ORGANS, {"largest": ("livre",)}),
        ("0 for volumes", ORGANS, {"neighbours": -1}),
    ):
        with pytest.raises(SettingsError, match=match):
            planned(structures, **more)
    with pytest.raises(SettingsError, match="0, which is background"):
        Structure("air", (0,))
