"""Attacks on outlines and restored images, case by case: 2D and 3D, never weaker than one step, lesions planted."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from radcnn.core.volume import Volume
from radcnn.inference.segmented import segmented
from radcnn.networks.image_network import ImageNetwork
from radcnn.plan.restoration import RestorationPlan, Window
from radcnn.plan.segmentation import SegmentationPlan, Structure
from radcnn.plan.settings import NetworkPlan, TrainingPlan
from radcnn.robustness.dense import NOISE
from radcnn.study.listener import SILENCE
from radcnn.study.stressing.asked import Asked
from radcnn.study.stressing.dense import Trial, tried
from radcnn.study.stressing.hiding import hidden_lesions
from radcnn.study.stressing.outlined import Outlining
from radcnn.study.stressing.planted import SIDE, even_places, lesion_of, planted, squares
from radcnn.study.stressing.restored_case import Restoring
from radcnn.transforms.intensity import Intensity

SIZES = {2: (24, 20), 3: (6, 24, 20)}
BUDGETS = (10.0, 60.0)


class Bright(ImageNetwork):
    """Outlines what is brighter than the middle of the window, looked at over three voxels a side."""

    halo = 1

    def __init__(self, dims: int, outputs: int) -> None:
        super().__init__()
        self.dims, self.outputs, self.maps = dims, outputs, self._maps

    def _maps(self, x: Tensor) -> Tensor:
        pool: Any = torch.nn.functional.avg_pool2d if self.dims == 2 else torch.nn.functional.avg_pool3d
        near = (pool(x, 3, stride=1, padding=1) + x) / 2
        return torch.cat([0.5 - near, near - 0.5], 1) * 20 if self.outputs == 2 else near


def outlining(dims: Any) -> tuple[Outlining, Trial]:
    plan = SegmentationPlan(
        NetworkPlan("unet"), TrainingPlan(epochs=1, batch=1), (Structure("organ", (1,)),), (8,) * dims, dims=dims,
        intensity=Intensity("window", 0, 1000),
    )  # fmt: skip
    at = np.indices(SIZES[dims])
    labels = (sum((one - n / 2) ** 2 for one, n in zip(at, SIZES[dims], strict=True)) < 25).astype(np.uint8)
    values = 470.0 + 60.0 * labels + np.random.default_rng(0).normal(0, 8, labels.shape)
    volume = Volume(values[None].astype(np.int16), None, "HU")
    work = Outlining([Bright(dims, 2)], plan, volume, labels, labels)
    image = torch.from_numpy((volume.voxels / 1000).astype(np.float32))
    low, high = float(image.min()), float(image.max())
    return work, Trial(1, "p", image, low, high, 1e-3, 0.008, work.look, work.figures, work.seen)


@pytest.mark.parametrize("dims", [2, 3])
def test_outlines_fall_with_the_budget_and_never_less_than_by_one_step(dims: Any) -> None:
    work, trial = outlining(dims)
    clean = segmented(work.networks, work.volume, work.plan, logits_of=lambda n, x: n(x))
    assert np.array_equal(work.masks(trial.image), clean)
    found = tried(trial, Asked(("attacks",), budgets=BUDGETS)).figures
    dice = {name: [at["Dice, organ"] for at in rows] for name, rows in found.items()}
    assert dice["pgd"][0] > 0.9
    assert dice["pgd"][0] >= dice["pgd"][1] >= dice["pgd"][2]
    assert all(many <= one for many, one in zip(dice["pgd"], dice["fgsm"], strict=True))
    assert dice["pgd"][2] < dice[NOISE][2] - 0.2
    assert math.isnan(found["pgd"][0]["change / noise"])
    assert found["pgd"][1]["change / noise"] == pytest.approx(10 / 8, rel=0.3)


def restoring(dims: Any, size: tuple[int, ...], seed: int = 0) -> tuple[Restoring, Trial]:
    plan = RestorationPlan(
        NetworkPlan("unet"), TrainingPlan(1, 1), (8,) * dims, dims=dims, windows=(Window("all", 0, 1000),),
        units="arbitrary",
    )  # fmt: skip
    wanted = np.full(size, 500, np.float32)
    wanted[..., :4] = 0
    given = wanted + np.random.default_rng(seed).normal(0, 20, size).astype(np.float32)
    work = Restoring([Bright(dims, 1)], plan, given, wanted)
    return work, work.trial(seed + 1, f"p{seed}", 20.0)


@pytest.mark.parametrize(("dims", "size"), [(2, (40, 48)), (2, (3, 32, 48)), (3, (6, 32, 48))])
def test_errors_grow_with_the_budget_and_lesions_are_hidden(dims: Any, size: tuple[int, ...]) -> None:
    made = [restoring(dims, size, seed) for seed in range(6)]
    asked = Asked(("attacks",), budgets=BUDGETS)
    found = tried(made[0][1], asked).figures
    errors = {name: [at["RMSE"] for at in rows] for name, rows in found.items()}
    assert errors["pgd"][0] < errors["pgd"][1] < errors["pgd"][2]
    assert all(many >= one for many, one in zip(errors["pgd"], errors["fgsm"], strict=True))
    assert found["pgd"][2]["growth of the change"] > found[NOISE][2]["growth of the change"]
    lesion = lesion_of("arbitrary", "units", pixel_mm=None, noise=40.0, ball=dims == 3)
    works, trials = zip(*made, strict=True)
    by_attack = hidden_lesions(works, trials, lesion, asked, SILENCE)
    auc = [[at.figures["AUC in the restored image"] for at in one.points] for one in by_attack]
    if size == (40, 48):
        assert auc[0][0].value > 0.8
        assert auc[0][2].value == pytest.approx(0.5, abs=0.15)  # as if nothing had been planted
        assert auc[1][2].value > auc[0][2].value
    assert auc[0][0].value == auc[1][0].value or auc[0][0].undefined


def test_lesions_lie_in_the_middle_of_squares_of_tissue() -> None:
    reference = np.full((1, 45, 45), 40, np.float32)
    reference[:, :, :15] = -1000
    places = even_places(reference, "HU")
    assert [place[2] for place in places] == [22, 37, 22, 37]
    lesion = lesion_of("HU", "HU", pixel_mm=1.0, noise=math.nan, ball=False)
    seen = squares(planted(reference, places, lesion) - reference, places)
    assert seen.shape == (4, SIDE, SIDE)
    assert set(np.unique(seen)) == {-30.0, 0.0}
    assert seen[0, SIDE // 2, SIDE // 2] == -30
    assert 15 < (seen[0] < 0).sum() < 25
