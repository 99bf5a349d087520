"""The box about a patient in a CT: the table, what is loose and air lie outside, whatever the spacing."""

from __future__ import annotations

import numpy as np
import pytest

from radcnn.core.errors import GeometryError
from radcnn.core.volume import Volume
from radcnn.transforms.body import body_box
from radcnn.transforms.intensity import Intensity
from radcnn.transforms.preparation import Preparation, looked_at, prepare, prepare_volume

WHOLE_MM = (160.0, 420.0, 420.0)
BODY_MM = ((0.0, 160.0), (90.0, 300.0), (60.0, 370.0))  # along z, y and x, from the first corner


def trunk(spacing_mm: tuple[float, float, float], *, noise: float = 20.0, table_mm: float = 6.0) -> Volume:
    """An ellipse of fat and muscle with lungs and a bowel of air on a table, whose shell lies `table_mm` below."""
    size = [round(mm / step) for mm, step in zip(WHOLE_MM, spacing_mm, strict=True)]
    z, y, x = np.meshgrid(
        *[(np.arange(n) + 0.5) * step for n, step in zip(size, spacing_mm, strict=True)], indexing="ij", sparse=True
    )
    (_, _), (front, back), (right, left) = BODY_MM
    middle, beside = (front + back) / 2, (right + left) / 2
    within = ((y - middle) / ((back - front) / 2)) ** 2 + ((x - beside) / ((left - right) / 2)) ** 2
    air = np.zeros(size, bool)
    for lung in (-75.0, 75.0):
        air |= ((y - middle) / 60) ** 2 + ((x - beside - lung) / 55) ** 2 + ((z - 80) / 70) ** 2 < 1
    image = np.where((within < 1) & (z > -1), np.where(air, -850.0, np.where(within > 0.8, -90.0, 45.0)), -1000.0)
    top = back + table_mm
    shell = (np.abs(y - top - 2) < 2) | (np.abs(y - top - 40) < 2)
    image = np.where(shell & (np.abs(x - 210) < 200) & (z > -1), -150.0, image)
    image += np.random.default_rng(0).normal(0, noise, image.shape)
    return Volume.from_spacing(image[None].astype(np.float32), spacing_mm, units="HU")


@pytest.mark.parametrize("spacing_mm", [(2.0, 1.5, 1.5), (5.0, 0.9, 0.9), (4.0, 4.0, 4.0), (1.0, 3.0, 2.0)])
@pytest.mark.parametrize("table_mm", [0.0, 6.0, 15.0])
def test_the_box_is_about_the_body_within_two_steps(spacing_mm, table_mm):
    volume = trunk(spacing_mm, table_mm=table_mm)
    for part, (first, last), step in zip(body_box(volume), BODY_MM, spacing_mm, strict=True):
        widened = 4.0 + 4.0 + step  # a step of looking, and one of width
        assert first - widened <= part.start * step <= first + step
        assert last - step <= part.stop * step <= last + widened


def test_lungs_and_noise_do_not_tear_the_body_apart():
    quiet, loud = body_box(trunk((3.0, 1.5, 1.5), noise=0.0)), body_box(trunk((3.0, 1.5, 1.5), noise=150.0))
    assert all(abs(a.start - b.start) <= 6 and abs(a.stop - b.stop) <= 6 for a, b in zip(quiet, loud, strict=True))


def test_the_largest_part_is_the_body():
    voxels = np.full((1, 30, 80, 80), -1000.0, np.float32)
    voxels[:, :, 10:50, 10:50] = 0.0
    voxels[:, :, 60:75, 60:75] = 0.0
    box = body_box(Volume.from_spacing(voxels, (4.0, 4.0, 4.0), units="HU"))
    assert [(part.start, part.stop) for part in box] == [(0, 30), (9, 51), (9, 51)]


@pytest.mark.parametrize("value", [-1000.0, 50.0])
def test_nothing_but_air_or_nothing_but_body_is_the_whole_image(value):
    volume = Volume(np.full((1, 9, 10, 11), value, np.float32), None, "HU")
    assert body_box(volume) == (slice(0, 9), slice(0, 10), slice(0, 11))


def test_a_thin_thing_alone_is_not_lost():
    voxels = np.full((1, 12, 40, 40), -1000.0, np.float32)
    voxels[:, :, 20:22, 5:35] = 300.0
    rows = body_box(Volume.from_spacing(voxels, (4.0, 4.0, 4.0), units="HU"))[1]
    assert (rows.start, rows.stop) == (19, 23)


def test_one_voxel_and_one_slice_have_a_box():
    assert body_box(Volume(np.zeros((1, 1, 1, 1), np.float32), None, "HU")) == (slice(0, 1),) * 3
    image = np.full((1, 100, 100), -1000.0, np.float32)
    image[:, 30:70, 20:80] = 10.0
    rows, columns = body_box(Volume.from_spacing(image, (1.0, 1.0), units="HU"))
    assert rows.start <= 30
    assert rows.stop >= 70
    assert 10 <= columns.start <= 20
    assert 80 <= columns.stop <= 90


def test_a_scan_that_does_not_say_its_unit_is_taken_for_hu():
    volume = trunk((4.0, 2.0, 2.0))
    unsaid = Volume(volume.voxels, volume.affine, "arbitrary", volume.frame)
    assert body_box(unsaid) == body_box(volume), "a network of DICOM series predicts NIfTI files, too"


def test_other_units_are_refused():
    with pytest.raises(GeometryError, match=r"by its HU.*in grey.*preparation\.within image"):
        body_box(Volume(np.zeros((1, 4, 4), np.float32), None, "grey"))


def test_the_body_fills_what_the_network_is_given():
    volume = trunk((4.0, 2.0, 2.0))
    asked = Preparation(dims=3, size=(20, 40, 40), intensity=Intensity("window", -1000, 400), within="body")
    body, whole = prepare(volume, asked), prepare(volume, Preparation.from_json({**asked.as_json(), "within": "image"}))
    assert (body[0] > 0.5).mean() > 1.7 * (whole[0] > 0.5).mean()
    placed = prepare_volume(volume, asked)
    box = body_box(volume)
    extent = [n * mm for n, mm in zip(placed.size, placed.spacing_mm, strict=True)]
    assert np.allclose(extent, [(p.stop - p.start) * mm for p, mm in zip(box, volume.spacing_mm, strict=True)])
    first = placed.world((0, 0, 0)) - volume.world((0, 0, 0))
    corner = [(part.start - 0.5) * 2.0 + mm / 80 for part, mm in zip(box[1:], extent[1:], strict=True)]
    assert np.allclose(first[[1, 0]], corner)


def test_the_body_is_the_same_however_its_axes_are_stored():
    volume = trunk((4.0, 3.0, 3.0))
    patient = Volume(volume.voxels, volume.affine, "HU", "patient")
    affine = patient.affine @ np.array([[-1, 0, 0, 39], [0, -1, 0, 139], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    turned = Volume(patient.voxels[:, ::-1, ::-1].copy(), affine, "HU", "patient")
    asked = Preparation(dims=3, size=(16, 32, 32), intensity=Intensity("keep"), within="body")
    assert np.abs(prepare(patient, asked) - prepare(turned, asked)).mean() < 12  # steps may begin a voxel apart


def test_a_mask_lies_on_the_grid_of_its_image():
    volume = trunk((4.0, 2.0, 2.0))
    mask = volume.with_voxels((volume.voxels > -400).astype(np.uint8))
    mask = Volume(mask.voxels, mask.affine, "mask", mask.frame)
    asked = Preparation(dims=3, size=(20, 40, 40), intensity=Intensity("keep"), within="body")
    image = prepare_volume(volume, asked)
    moved = prepare_volume(mask, asked, box=looked_at(volume, asked))
    assert np.array_equal(image.affine, moved.affine)
    assert (moved.voxels > 0).mean() == pytest.approx((image.voxels > -400).mean(), abs=0.02)


def test_the_box_of_a_real_scan_leaves_the_table_out(real_data):
    from radcnn.data.read import read

    box = body_box(read(real_data / "ct_series"))
    rows = box[1]
    assert 150 <= rows.start <= 165, "just before the blanket"
    assert 415 <= rows.stop <= 432, "between the back and the table"
