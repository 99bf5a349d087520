"""Judging outlined structures: one unit of length for all cases of a side, and notes that say which."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from radcnn.core.case import Case, Source
from radcnn.core.volume import Volume
from radcnn.data.nifti import write_nifti
from radcnn.inference.segmented import Outlined
from radcnn.learning.execution import Execution
from radcnn.plan.segmentation import SegmentationPlan, Structure
from radcnn.plan.settings import NetworkPlan, TrainingPlan
from radcnn.study.listener import SILENCE
from radcnn.study.segmenting import judging
from radcnn.study.segmenting.judging import notes_on, outlined_cases

PLAN = SegmentationPlan(
    NetworkPlan("unet2d"), TrainingPlan(epochs=1, batch=1), (Structure("organ", (1,)),), (8, 8)
)  # fmt: skip


def cube() -> np.ndarray:
    made = np.zeros((6, 10, 10), np.uint8)
    made[1:5, 2:8, 2:8] = 1
    return made


def cases(folder: Path) -> list[Case]:
    """One of 3 x 2 x 2 mm, and one whose voxels nobody knows the size of."""
    image = np.zeros((1, 6, 10, 10), np.int16)
    write_nifti(Volume(image, np.diag([3.0, 2.0, 2.0, 1.0]), "HU"), folder / "a.nii")
    write_nifti(Volume(cube()[None], np.diag([3.0, 2.0, 2.0, 1.0]), "mask"), folder / "a_mask.nii")
    np.savez(folder / "b.npz", image=image[0], mask=cube())
    return [
        Case("1", "p1", Source(folder / "a.nii"), (0.0,), mask=Source(folder / "a_mask.nii")),
        Case("2", "p2", Source(folder / "b.npz", "image"), (0.0,), mask=Source(folder / "b.npz", "mask")),
    ]


@pytest.mark.parametrize("in_mm", [True, False])
def test_all_cases_of_a_side_have_one_unit_of_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_mm: bool
) -> None:
    made = Outlined(np.roll(cube(), 1, axis=1)[None] > 0, (0.9,))
    monkeypatch.setattr(judging, "outlined", lambda *asked, **more: made)
    opened: Any = SimpleNamespace(cohort=SimpleNamespace(cases=cases(tmp_path)))
    looks = {0: None} if in_mm else {0: None, 1: None}
    found = outlined_cases(opened, looks, [], PLAN, Execution("cpu"), SILENCE, "outlining", in_mm=in_mm)
    largest = [case.figures["organ"]["largest distance"] for case in found]
    assert largest == ([2.0] if in_mm else [1.0, 1.0])
    assert ["predicted ml" in case.figures["organ"] for case in found] == [in_mm] * len(found)


def test_the_unit_is_said_where_it_is_not_mm() -> None:
    none, some, all_ = (notes_on(PLAN, side="test", unknown=n, of=50, scribbles=False) for n in (0, 1, 50))
    assert not any("voxels" in note for note in none)
    assert some[1].startswith("The size of the voxels of 1 of 50 cases is not known, so all distances are in voxels")
    assert all_[1] == "The size of the voxels is not known, so distances are in voxels; they say nothing in mm."
