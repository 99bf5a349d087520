"""Pictures of outlined cases: as radiologists hang them, to scale, in the window that the network sees."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from radcnn.core.volume import Volume
from radcnn.evaluation.segmentation import OutlinedCase
from radcnn.plan.segmentation import SegmentationPlan, Structure
from radcnn.plan.settings import NetworkPlan, TrainingPlan
from radcnn.reports.segmentation import Contoured
from radcnn.study.segmenting.picturing import edges, pictured
from radcnn.transforms.intensity import Intensity
from radcnn.transforms.orientation import Plane, towards_patient_axes

PLAN = SegmentationPlan(
    NetworkPlan("unet2d"), TrainingPlan(epochs=1, batch=1), (Structure("organ", (1,)),), (8, 8),
    intensity=Intensity("window", -1000.0, 400.0),
)  # fmt: skip
CASE = OutlinedCase("7", "p", {"organ": {"Dice": 0.5}})


def body(spacing: tuple[float, float, float]) -> Volume:
    """Of lung, in the patient's axes; a bright ball of 20 mm lies to the right, to the front and near the head."""
    size = tuple(round(120 / step) for step in spacing)
    at = np.stack(np.meshgrid(*(np.arange(n) * step for n, step in zip(size, spacing, strict=True)), indexing="ij"))
    ball = np.linalg.norm(at - np.reshape([90.0, 30.0, 40.0], (3, 1, 1, 1)), axis=0) < 20
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = *spacing, 1
    return Volume(np.where(ball, 400, -1000).astype(np.int16)[None], affine, "HU")


def listed(volume: Volume, axes: tuple[int, ...], backward: tuple[int, ...]) -> Volume:
    """The same voxels in another order of files."""
    assert volume.affine is not None
    change = np.zeros((4, 4))
    change[3, 3] = 1
    for new, old in enumerate(axes):
        change[old, new] = -1 if new in backward else 1
        change[old, 3] = volume.size[old] - 1 if new in backward else 0
    voxels = volume.voxels.transpose(0, *(a + 1 for a in axes))
    return Volume(np.flip(voxels, [a + 1 for a in backward]), volume.affine @ change, volume.units)


def picture(volume: Volume, plane: Plane = "axial", plan: SegmentationPlan = PLAN) -> Contoured:
    ball = volume.voxels[0] > 0
    return pictured(CASE, "Worst", volume, ball.astype(np.uint8), ~ball[None] & False, replace(plan, plane=plane))


def grey(png: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(png)))


def centre_and_size(png: bytes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of the ball, in shares of the picture's rows and columns; letters at the edges are smaller."""
    found = np.argwhere(grey(png)[30:-30, 30:-30] > 250) + 30
    size = np.array(grey(png).shape[:2])
    return found.mean(axis=0) / size, np.ptp(found, axis=0) / size


ORDERS = [((0, 1, 2), ()), ((0, 1, 2), (1, 2)), ((2, 1, 0), (0, 1)), ((1, 2, 0), (0,))]


@pytest.mark.parametrize(("axes", "backward"), ORDERS, ids=["as it is", "RAS", "sagittal", "turned"])
@pytest.mark.parametrize(
    ("plane", "middle", "letters"),
    [
        ("axial", (30 / 120, 40 / 120), ("R", "L", "A", "P")),
        ("sagittal", (30 / 120, 30 / 120), ("A", "P", "H", "F")),
        ("coronal", (30 / 120, 40 / 120), ("R", "L", "H", "F")),
    ],
)
def test_the_patients_right_is_on_the_left_in_whatever_order_a_file_lists_its_voxels(
    axes: tuple[int, ...],
    backward: tuple[int, ...],
    plane: Plane,
    middle: tuple[float, float],
    letters: tuple[str, ...],
) -> None:
    volume = listed(body((4.0, 2.0, 1.0)), axes, backward)
    made = picture(volume, plane)
    centre, size = centre_and_size(made.plain)
    assert centre == pytest.approx(middle, abs=0.03)
    assert size == pytest.approx((1 / 3, 1 / 3), abs=0.05), "it is round, whatever the spacing"
    assert edges(towards_patient_axes(volume, plane)) == letters
    assert grey(made.contours).shape[:2] == grey(made.plain).shape
    assert max(grey(made.plain).shape) >= 480


def test_a_picture_has_the_size_of_the_patient_and_says_where_it_lies() -> None:
    volume = listed(body((5.0, 0.5, 0.5)), (0, 1, 2), (0,))
    made = picture(Volume(volume.voxels[:, :, :120], volume.affine, "HU"), "sagittal")
    rows, columns = grey(made.plain).shape
    assert rows / columns == pytest.approx(120 / 60, rel=0.01)
    assert made.sentence.startswith("Dice: organ 0.50; sagittal slice ")
    assert "of 240 from the right; -1000 to 400 HU from black to white." in made.sentence


def test_a_nodule_is_shown_in_the_window_of_its_network() -> None:
    volume = body((4.0, 2.0, 2.0))
    half = volume.with_voxels(np.full(volume.voxels.shape, -650, np.int16))
    assert set(np.unique(grey(picture(half).plain)[40:200, 40:200])) == {64}
    plain = replace(PLAN, intensity=Intensity("zscore"))
    assert "-160 to 240 HU" in picture(volume, plan=plain).sentence


def test_what_has_no_place_is_shown_as_it_is_and_without_letters() -> None:
    image = Volume(np.arange(60, dtype=np.float32).reshape(1, 6, 10), None, "grey")
    labels = np.zeros((6, 10), np.uint8)
    labels[2:4, 3:6] = 1
    made = pictured(
        CASE, "Best", image, labels, labels[None] > 0, replace(PLAN, intensity=Intensity("zscore"), units="grey")
    )
    assert edges(image) is None
    assert made.sentence == "Dice: organ 0.50."
    assert grey(made.plain).shape == (288, 480)
    assert np.array_equal(grey(made.plain)[::48, ::48], np.sort(grey(made.plain)[::48, ::48].ravel()).reshape(6, 10))
    oblique = np.eye(4)
    oblique[:3, :3] = np.array([[0, 0, 0.8], [0, 1, 0.6], [1, 0, 0]])
    assert edges(Volume(np.zeros((1, 2, 2, 2)), oblique)) == ("RA", "LP", "A", "P")
