"""Figures of outlined structures: what a miss costs, what is averaged, and volumes in ml."""

from __future__ import annotations

import math

import numpy as np
import pytest

from radcnn.core.errors import GeometryError
from radcnn.core.volume import Volume
from radcnn.evaluation.segmentation import (
    MEAN,
    OutlinedCase,
    SegmentationJudgement,
    cell_figures,
    figures_by_structure,
    figures_of,
    judged,
)
from radcnn.plan.segmentation import SegmentationPlan, Structure
from radcnn.plan.settings import NetworkPlan, TrainingPlan

NOTHING = np.zeros((4, 10, 10), bool)


def cube(first: int = 2) -> np.ndarray:
    mask = NOTHING.copy()
    mask[1:3, first : first + 4, 3:7] = True
    return mask


def case(number: int, liver: tuple[np.ndarray, np.ndarray], kidney: tuple[np.ndarray, np.ndarray]) -> OutlinedCase:
    spacing = (5.0, 2.0, 2.0)
    figures = {"liver": figures_of(*liver, spacing), "kidney": figures_of(*kidney, spacing)}
    return OutlinedCase(str(number), f"patient {number}", figures)


def three() -> SegmentationJudgement:
    same = (cube(), cube())
    cases = [
        case(1, same, same),
        case(2, (cube(), cube(3)), (cube(), NOTHING)),  # the kidney is missed
        case(3, same, (NOTHING, NOTHING)),  # it was taken out, and nothing was drawn
    ]
    return judged(cases, side="test")


def test_a_missed_structure_lowers_the_mean_and_one_that_is_not_there_does_not() -> None:
    table = three().table
    assert table["kidney"]["Dice"].value == pytest.approx((1 + 0 + 1) / 3)
    assert table["kidney"]["Dice"].n == 3
    diagonal = math.sqrt(20**2 + 20**2 + 20**2)
    assert table["kidney"]["95 % distance"].value == pytest.approx(diagonal / 3)
    assert table["liver"]["Dice"].value == pytest.approx((1 + 0.75 + 1) / 3)
    assert table[MEAN]["Dice"].value == pytest.approx((1 + 0.375 + 1) / 3)


def test_figures_without_a_meaning_say_for_how_many_they_have_one() -> None:
    table = three().table
    assert table["kidney"]["sensitivity"].n == 2
    assert table["kidney"]["volume difference"].n == 3


def test_volumes_are_in_ml_with_limits_of_agreement() -> None:
    found = three()
    ml = 2 * 4 * 4 * 20 / 1000
    assert found.cases[0].figures["liver"]["reference ml"] == pytest.approx(ml)
    kidney = found.volumes["kidney"]
    assert kidney.bias.value == pytest.approx(-ml / 3)
    assert kidney.low < kidney.bias.value < kidney.high


def test_volumes_on_a_sheared_grid_are_those_between_its_axes() -> None:
    affine = np.array([[0, 0, 2.0, 0], [3.0, 2.0, 0, 0], [5.0, 0, 0, 0], [0, 0, 0, 1]])
    plan = SegmentationPlan(
        NetworkPlan("modern_unet"), TrainingPlan(epochs=1, batch=1), (Structure("liver", (1,)),), (8, 8)
    )
    volume = Volume(np.zeros((1, *NOTHING.shape)), affine)
    found = figures_by_structure(cube().astype(np.uint8), cube()[None], plan, volume)["liver"]
    assert found["reference ml"] == found["predicted ml"] == pytest.approx(2 * 4 * 4 * 20 / 1000)


def test_longest_diameters_are_in_mm_with_limits_of_agreement() -> None:
    found = three()
    figures = found.cases[1].figures
    assert figures["liver"]["reference long axis"] == pytest.approx(10.0, abs=1)  # 4 x 4 pixels of 2 mm
    assert figures["kidney"]["predicted long axis"] == 0
    kidney = found.diameters["kidney"]
    assert kidney.bias.value == pytest.approx(-figures["kidney"]["reference long axis"] / 3)
    assert kidney.low < kidney.bias.value < kidney.high


def test_lesions_are_told_by_size_where_a_case_has_several() -> None:
    spacing, there = (2.0, 2.0, 2.0), np.zeros((16, 40, 40), bool)
    there[2:5, 2:5, 2:5] = there[2:14, 20:32, 20:32] = True  # balls of as much volume: 7.4 and 29.8 mm
    found = there.copy()
    found[2:5, 2:5, 2:5] = False
    cases = [
        OutlinedCase(str(k), str(k), {"lesion": figures_of(there, said, spacing)})
        for k, said in enumerate((there, found))
    ]
    table = judged(cases, side="test").table["lesion"]
    assert table["F1 of lesions under 10 mm"].value == pytest.approx(0.5)
    assert table["F1 of lesions over 20 mm"].value == 1
    assert math.isnan(table["F1 of lesions of 10 to 20 mm"].value)
    assert table["lesions"].value == 2
    assert "F1 of lesions under 10 mm" not in three().table["liver"]  # of an organ each case has one


def test_without_millimetres_distances_are_in_voxels_and_there_are_no_millilitres() -> None:
    figures = figures_of(cube(), cube(3), None)
    assert figures["largest distance"] == 1
    assert "reference ml" not in figures
    found = judged([OutlinedCase("1", "a", {"x": figures}), OutlinedCase("2", "b", {"x": figures})], side="test")
    assert not found.volumes
    assert MEAN not in found.table


def test_voxels_that_nobody_looked_at_take_no_part() -> None:
    looked = np.ones_like(NOTHING)
    looked[:, 6:] = False
    assert figures_of(cube(), cube(3), (1.0, 1.0, 1.0), counted=looked)["precision"] == 1


def test_a_judgement_comes_back_from_json() -> None:
    found = three()
    again = SegmentationJudgement.from_json(found.as_json())
    assert again.table["liver"]["Dice"] == found.table["liver"]["Dice"]
    assert (again.structures, again.patients) == (("liver", "kidney"), 3)


def test_masks_of_other_sizes_are_refused() -> None:
    with pytest.raises(GeometryError, match="one size"):
        figures_of(cube(), cube()[:2], (1.0, 1.0, 1.0))


def test_cells_that_grow_together_cost_the_partition_and_hardly_a_pixel() -> None:
    cells = np.ones((20, 41), bool)
    cells[:, 20] = False
    joined = cells.copy()
    joined[10, 20] = True
    found = cell_figures(cells, joined)
    assert found["pixel error"] == found["warping error"] == 1 / cells.size
    assert found["Rand error"] > 0.3
    assert found["information error"] > 0.3
    assert set(cell_figures(cells, cells).values()) == {0.0}
    looked = np.ones_like(cells)
    looked[10, 20] = False
    assert set(cell_figures(cells, joined, counted=looked).values()) == {0.0}
    assert np.isnan(cell_figures(np.zeros_like(cells), cells)["Rand error"])


def organ(
    spacing: tuple[float, float, float], order: tuple[int, int, int] = (0, 1, 2), flip: bool = False
) -> list[np.ndarray]:
    """An organ of 58 mm and what somebody drew of it, some millimetres off, on a grid in any order."""
    at = [(np.arange(int(140 / step)) - (int(140 / step) - 1) / 2) * step for step in spacing]
    z, y, x = np.meshgrid(*at, indexing="ij", sparse=True)
    truth = (z / 42) ** 2 + (y / 50) ** 2 + (x / 58) ** 2 <= 1
    drawn = ((z - 3) / 47) ** 2 + ((y + 2.5) / 48) ** 2 + ((x - 2) / 62) ** 2 <= 1
    turned = [np.ascontiguousarray(mask.transpose(order)) for mask in (truth, drawn)]
    return [mask[::-1, :, ::-1] for mask in turned] if flip else turned


def test_one_anatomy_has_the_same_figures_at_two_spacings_and_in_two_orientations() -> None:
    first, second, order = (1.0, 0.8, 0.8), (0.8, 1.0, 0.9), (1, 2, 0)
    axial = figures_of(*organ(first), first)
    other = figures_of(*organ(second, order, flip=True), tuple(second[axis] for axis in order))
    names = {"Dice", "IoU", "surface Dice", "mean distance", "RMS distance", "95 % distance", "largest distance"}
    for name in (*names, "reference ml", "predicted ml"):
        assert other[name] == pytest.approx(axial[name], rel=0.01), name
    assert axial["mean distance"] == pytest.approx(2.9, abs=0.1)  # mm, and not voxels
