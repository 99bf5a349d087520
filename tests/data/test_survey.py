"""The survey reads each image once, keeps little of it, and says right what it keeps."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from planted_copies import radiograph, saved
from radcnn.core.case import Case, Source
from radcnn.core.errors import ReadError
from radcnn.core.target import Target
from radcnn.core.volume import Volume
from radcnn.data.cohort import Cohort, CohortSettings, gather
from radcnn.data.survey import look_at, survey
from radcnn.data.survey.edges import EDGE_NAMES, FRAME_CELLS
from radcnn.data.survey.look import orientation_of
from radcnn.data.survey.thumbnails import MOST_SLICES, SIDE

survey_module = sys.modules["radcnn.data.survey.survey"]


def look_of(
    voxels: np.ndarray,
    folder: Path,
    *,
    spacing: tuple[float, ...] | None = None,
    units: str = "arbitrary",
):
    np.savez(folder / "one.npz", image=voxels)
    made = Volume(voxels, None, units) if spacing is None else Volume.from_spacing(voxels, spacing, units)
    return look_at(Source(folder / "one.npz"), made)


def test_every_image_is_read_once_however_many_cases_show_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = saved(tmp_path, [radiograph(k, side=32) for k in range(5)])
    regions = [
        replace(case, id=f"{case.id}/{k}", centre_mm=(float(k), 0.0, 0.0)) for case in made.cases for k in (0, 1)
    ]
    read: list[str] = []
    real = survey_module.read_noted
    monkeypatch.setattr(
        survey_module,
        "read_noted",
        lambda source: read.append(source.path.name) or real(source),
    )
    told: list[tuple[int, int]] = []
    looks = survey(
        replace(made, cases=tuple(regions)),
        workers=2,
        told=lambda done, of: told.append((done, of)),
    )
    assert sorted(read) == [f"{k}.png" for k in range(5)]
    assert len(looks) == 10
    assert all(looks[2 * k] is looks[2 * k + 1] for k in range(5))
    assert told == [(k, 5) for k in range(1, 6)]


def test_one_and_many_workers_see_the_same(tmp_path: Path) -> None:
    made = saved(tmp_path, [radiograph(k, side=40) for k in range(30)])
    one, many = survey(made, workers=1), survey(made, workers=4)
    assert all(np.array_equal(a.planes, b.planes) and a.pixels == b.pixels for a, b in zip(one, many, strict=True))


def test_only_a_few_images_are_in_memory_ahead_of_the_one_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = saved(tmp_path, [radiograph(0, side=16)] * 60)
    begun, most, real, done = [0], [0], survey_module.look_at, [0]

    def looked(source: Source, volume: Volume, findings: tuple = ()):
        begun[0] += 1
        most[0] = max(most[0], begun[0] - done[0])
        return real(source, volume, findings)

    monkeypatch.setattr(survey_module, "look_at", looked)
    survey(made, workers=2, told=lambda n, of: done.__setitem__(0, n))
    assert most[0] <= 2 * survey_module.AHEAD + 2


def test_an_unreadable_image_is_named_by_its_case(tmp_path: Path) -> None:
    made = saved(tmp_path, [radiograph(k, side=16) for k in range(3)])
    (tmp_path / "1.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    with pytest.raises(ReadError, match=r"case c1: 1\.png"):
        survey(made, workers=2)


def test_a_look_takes_a_few_kibibytes(tmp_path: Path) -> None:
    (look,) = survey(saved(tmp_path, [radiograph(0, side=224)]), workers=1)
    assert look.memory_bytes < 4096
    assert look.planes.shape == (1, 2, SIDE, SIDE)
    assert look.edges.shape == (len(EDGE_NAMES),)
    assert look.frame.shape == (2, FRAME_CELLS)


def test_grey_values_are_those_of_all_voxels(tmp_path: Path) -> None:
    image = radiograph(1, side=60)
    (look,) = survey(saved(tmp_path, [image]), workers=1)
    found = look.intensities
    assert found.mean == pytest.approx(image.mean())
    assert found.sd == pytest.approx(image.std())
    assert (found.minimum, found.maximum) == (image.min(), image.max())
    assert found.at_minimum == pytest.approx(np.mean(image == image.min()))
    assert found.histogram.sum() == pytest.approx(1, abs=1e-5)
    wanted = np.percentile(image, (0.5, 5, 25, 50, 75, 95, 99.5), method="inverted_cdf")
    assert found.percentiles == tuple(wanted.tolist())  # values that occur, none between them
    assert (look.dtype, look.bits, look.units, look.form) == ("uint8", 8, "grey", "png")


def test_numbers_of_other_types_are_measured_alike(tmp_path: Path) -> None:
    hu = np.random.default_rng(0).normal(0, 300, (1, 20, 30, 30)).round().astype(np.float32)
    look = look_of(hu, tmp_path, spacing=(2.0, 0.5, 0.5), units="HU")
    assert look.intensities.mean == pytest.approx(hu.mean(), abs=1e-3)
    assert look.intensities.sd == pytest.approx(hu.std(), rel=1e-5)
    assert look.intensities.histogram[8] == pytest.approx(np.mean((hu >= 0) & (hu < 128)), abs=0.001)
    assert (look.rank, look.size, look.spacing_mm) == (3, (20, 30, 30), (2.0, 0.5, 0.5))
    twelve = look_of(np.array([[[0, 4095], [7, 2048]]], np.uint16), tmp_path)
    assert (twelve.bits, twelve.dtype) == (12, "uint16")
    assert look_of(np.array([[[-1024, 1023], [7, 48]]], np.int16), tmp_path).bits == 11


def test_a_volume_keeps_slices_at_even_distances(tmp_path: Path) -> None:
    volume = np.random.default_rng(0).integers(0, 1000, (1, 200, 12, 12)).astype(np.int16)
    look = look_of(volume, tmp_path)
    assert len(look.slices) == len(look.planes) == MOST_SLICES
    assert look.slices[0] < 3
    assert look.slices[-1] > 196
    assert set(np.diff(look.slices)) <= {3, 4}
    assert look_of(volume[:, :5], tmp_path).slices == (0, 1, 2, 3, 4)


def test_the_hash_knows_pixels_and_not_containers(tmp_path: Path) -> None:
    image = radiograph(2, side=32)
    Image.fromarray(image).save(tmp_path / "a.png")
    Image.fromarray(image).save(tmp_path / "b.tif")
    Image.fromarray(np.stack([image] * 3, axis=-1)).save(tmp_path / "c.png")
    np.savez(tmp_path / "d.npz", image=image.astype(np.float32))
    np.savez(tmp_path / "e.npz", image=image.astype(np.uint16))
    np.savez(tmp_path / "f.npz", image=image.astype(np.float32) + 0.25)
    names = ["a.png", "b.tif", "c.png", "d.npz", "e.npz", "f.npz"]
    cases = tuple(
        Case(
            name,
            name,
            Source(tmp_path / name, "image" if name.endswith("npz") else None),
            (0.0,),
        )
        for name in names
    )
    looks = survey(Cohort(cases, Target("binary", ("y",), ("0", "1")), "patient", 2), workers=1)
    assert len({look.pixels for look in looks[:5]}) == 1
    assert looks[5].pixels != looks[0].pixels


def test_a_mask_is_plain_and_hashed_in_all_its_forms(tmp_path: Path) -> None:
    mask = np.zeros((1, 9, 12, 12), np.uint8)
    mask[0, 2:5, 3:9, 4:6] = 255
    look = look_of(mask, tmp_path)
    assert look.plain
    for turned in (
        mask[:, ::-1],
        mask[..., ::-1],
        np.swapaxes(mask, 2, 3),
        mask[:, ::-1, ::-1, ::-1],
    ):
        assert look_of(np.ascontiguousarray(turned), tmp_path).pixels == look.pixels
    other = mask.copy()
    other[0, 5, 5, 5] = 255
    assert look_of(other, tmp_path).pixels != look.pixels


def test_a_marker_shows_in_its_cell_of_the_frame(tmp_path: Path) -> None:
    plain = radiograph(3, side=96)
    marked = plain.copy()
    marked[2:6, 88:92] = 255
    a, b = (look_of(image[None], tmp_path) for image in (plain, marked))
    moved = np.abs(b.frame - a.frame).max(axis=0)
    assert moved.argmax() in (14, 15)
    assert moved.max() > 0.3
    assert np.median(moved) < 0.02
    assert np.array_equal(a.planes.shape, b.planes.shape)


def test_edges_do_not_repeat_brightness(tmp_path: Path) -> None:
    image = radiograph(4, side=64).astype(np.float32)
    a, b = look_of(image[None], tmp_path), look_of((3 * image + 100)[None], tmp_path)
    assert np.abs(a.edges - b.edges).max() < 1e-3
    assert np.abs(a.frame - b.frame).max() < 1e-3


def test_orientation_is_told_in_letters_of_the_patient() -> None:
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = -5, 0.7, -0.7, 1
    assert orientation_of(Volume(np.zeros((1, 2, 3, 4)), affine)) == "IPR"
    assert orientation_of(Volume(np.zeros((1, 3, 4)), affine)) == "PR"
    assert orientation_of(Volume(np.zeros((1, 3, 4)), None)) == ""


def test_a_tiny_image_and_a_constant_one_are_surveyed(tmp_path: Path) -> None:
    for image in (
        np.zeros((1, 5, 7), np.uint8),
        np.full((1, 3, 40), 7.0, np.float32),
        np.ones((1, 1, 1), np.uint8),
    ):
        look = look_of(image, tmp_path)
        assert look.plain
        assert np.isfinite(look.edges).all()
        assert np.isfinite(look.frame).all()
        assert np.isfinite(look.intensities.histogram).all()


def test_real_sets_of_all_kinds_are_surveyed(real_data: Path) -> None:
    for path, rank in (
        ("medmnist/adrenalmnist3d.npz", 3),
        ("medmnist/pneumoniamnist.npz", 2),
    ):
        made = gather(CohortSettings(real_data / path), salt="s")
        some = replace(made, cases=made.cases[:40])
        looks = survey(some, workers=2)
        assert {look.rank for look in looks} == {rank}
        assert all(look.plain for look in looks) == (rank == 3)
