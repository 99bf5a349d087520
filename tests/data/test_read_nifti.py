"""NIfTI keeps every voxel at its place in the patient; what it leaves unclear is refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray

from radcnn.core.errors import GeometryError, InputError, ReadError, StorageError
from radcnn.core.volume import Volume
from radcnn.data import nifti
from radcnn.data.nifti import write_nifti
from radcnn.data.read import read

GENERATOR = np.random.default_rng(7)


def turned(axes: NDArray, origin: tuple[float, float, float] = (-10.0, 20.0, 30.0)) -> NDArray:
    affine = np.eye(4)
    affine[:3, :3] = axes
    affine[:3, 3] = origin
    return affine


def rotation(degrees: float) -> NDArray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    about_x = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    about_z = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    return about_z @ about_x


AFFINES = {
    "RAS": turned(np.diag([0.7, 0.8, 2.5])),
    "LPS": turned(np.diag([-0.7, -0.8, 2.5])),
    "sagittal": turned(np.array([[0, 0, 3.0], [-0.5, 0, 0], [0, -0.6, 0]])),
    "oblique": turned(rotation(25) @ np.diag([0.7, 0.8, 2.5])),
}


@pytest.mark.parametrize("name", AFFINES)
@pytest.mark.parametrize("form", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_every_voxel_keeps_its_world_coordinates(tmp_path: Path, name: str, form: type, ending: str) -> None:
    array = GENERATOR.integers(-1000, 1000, (4, 5, 6)).astype(np.int16)
    image = form(array, AFFINES[name])
    nibabel.save(image, tmp_path / f"a{ending}")
    volume = read(tmp_path / f"a{ending}")
    assert volume.size == (6, 5, 4)
    assert volume.voxels.dtype == np.int16
    stored = nibabel.load(tmp_path / f"a{ending}").affine
    for i, j, k in [(0, 0, 0), (3, 0, 0), (0, 4, 0), (0, 0, 5), (2, 3, 4)]:
        assert volume.voxels[0, k, j, i] == array[i, j, k]
        ras = stored @ (i, j, k, 1)
        assert np.allclose(volume.world((k, j, i)), ras[:3] * (-1, -1, 1), atol=1e-12)
    assert (volume.frame, volume.units) == ("patient", "arbitrary")


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.int64, np.float32, np.float64])
@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_what_is_written_comes_back_bit_for_bit(tmp_path: Path, dtype: type, ending: str) -> None:
    voxels = GENERATOR.normal(0, 100, (1, 3, 4, 5)).astype(dtype)
    affine = np.eye(4)
    affine[:3, :3] = rotation(31)[:, [2, 1, 0]] * (2.5, 0.5, 0.25)
    affine[:3, 3] = (12.5, -300.25, 77)
    volume = Volume(voxels, affine.astype(np.float32).astype(np.float64), "HU")
    write_nifti(volume, tmp_path / f"a{ending}")
    back = read(tmp_path / f"a{ending}")
    assert back.voxels.dtype == dtype
    assert np.array_equal(back.voxels, voxels)
    assert np.array_equal(back.affine, volume.affine)


@pytest.mark.parametrize("spacing", [(5.0, 0.7, 0.8), (0.7, 0.8)])
def test_a_volume_of_known_spacing_and_unknown_place_comes_back_as_such(
    tmp_path: Path, spacing: tuple[float, ...]
) -> None:
    volume = Volume.from_spacing(np.ones((1, 2, 3, 4)[: len(spacing) + 1], np.uint8), spacing)
    write_nifti(volume, tmp_path / "a.nii.gz")
    back = read(tmp_path / "a.nii.gz")
    assert (back.frame, back.spacing_mm, back.rank) == ("image", spacing, len(spacing))
    assert np.array_equal(back.affine, volume.affine)


def test_the_same_volume_gives_the_same_bytes(tmp_path: Path) -> None:
    volume = Volume.from_spacing(np.ones((1, 2, 3, 4), np.uint8), (1, 1, 1))
    write_nifti(volume, tmp_path / "a.nii.gz")
    write_nifti(volume, tmp_path / "b.nii.gz")
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


def test_scaling_is_applied_and_gives_float32(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(np.linspace(-1000, 700, 24).reshape(2, 3, 4), np.eye(4))
    image.header.set_data_dtype(np.int16)
    nibabel.save(image, tmp_path / "a.nii")
    proxy = nibabel.load(tmp_path / "a.nii").dataobj
    assert proxy.slope != 1
    volume = read(tmp_path / "a.nii")
    assert volume.voxels.dtype == np.float32
    expected = proxy.get_unscaled().transpose() * np.float64(proxy.slope) + np.float64(proxy.inter)
    assert np.allclose(volume.voxels[0], expected, rtol=1e-6, atol=1e-4)


def test_a_big_endian_file_is_read_in_native_order(tmp_path: Path) -> None:
    array = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    image = nibabel.Nifti1Image(array, np.eye(4), nibabel.Nifti1Header(endianness=">"))
    image.header.set_data_dtype(np.int16)
    nibabel.save(image, tmp_path / "a.nii")
    volume = read(tmp_path / "a.nii")
    assert volume.voxels.dtype.isnative
    assert np.array_equal(volume.voxels[0], array.transpose())


def test_one_frame_of_a_4d_file_is_squeezed_and_several_are_refused(tmp_path: Path) -> None:
    for frames in (1, 3):
        array = np.zeros((4, 5, 6, frames), np.int16)
        nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), tmp_path / f"{frames}.nii")
    assert read(tmp_path / "1.nii").size == (6, 5, 4)
    with pytest.raises(ReadError, match=r"3\.nii holds 3 frames .*save each frame as a file"):
        read(tmp_path / "3.nii")


def test_lengths_in_metres_and_micrometres_become_millimetres(tmp_path: Path) -> None:
    for unit, factor in (("meter", 1000.0), ("micron", 0.001), ("mm", 1.0)):
        image = nibabel.Nifti1Image(np.zeros((2, 3, 4), np.uint8), np.diag([2.0, 2.0, 4.0, 1.0]))
        image.header.set_xyzt_units(unit)
        nibabel.save(image, tmp_path / f"{unit}.nii")
        assert read(tmp_path / f"{unit}.nii").spacing_mm == (4 * factor, 2 * factor, 2 * factor)


def test_an_sform_and_a_qform_that_disagree_are_refused_with_the_distance(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(np.zeros((11, 5, 6), np.uint8), np.eye(4))
    image.set_sform(np.eye(4), 1)
    image.set_qform(np.diag([1, 1, 1.5, 1]), 1)
    nibabel.save(image, tmp_path / "two.nii")
    with pytest.raises(GeometryError, match=r"two\.nii says twice where it lies.*differ by up to 2\.5 mm"):
        read(tmp_path / "two.nii")


def test_bombs_pairs_colours_and_damage_are_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = nibabel.Nifti1Image(np.zeros((20, 20, 20), np.float32), np.eye(4))
    nibabel.save(image, tmp_path / "a.nii.gz")
    content = (tmp_path / "a.nii.gz").read_bytes()
    (tmp_path / "cut.nii.gz").write_bytes(content[:-30])
    with pytest.raises(ReadError, match=r"cut\.nii\.gz is damaged or truncated"):
        read(tmp_path / "cut.nii.gz")
    (tmp_path / "cut.nii").write_bytes(gzip.decompress(content)[:-30])
    with pytest.raises(ReadError, match=r"cut\.nii is damaged or truncated"):
        read(tmp_path / "cut.nii")
    colour = np.zeros((2, 3, 4), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.save(nibabel.Nifti1Image(colour, np.eye(4)), tmp_path / "colour.nii")
    with pytest.raises(ReadError, match=r"colour\.nii holds .* voxels; only whole and floating"):
        read(tmp_path / "colour.nii")
    nibabel.save(nibabel.Nifti1Pair(np.zeros((2, 3, 4), np.uint8), np.eye(4)), tmp_path / "pair.hdr")
    with pytest.raises(ReadError, match=r"pair\.hdr keeps its voxels in a second file"):
        read(tmp_path / "pair.hdr")
    monkeypatch.setattr(nifti, "MAX_UNPACKED_BYTES", 1000)
    with pytest.raises(ReadError, match=r"a\.nii\.gz unpacks to .*crop or resample"):
        read(tmp_path / "a.nii.gz")


def test_what_nifti_cannot_say_is_not_written(tmp_path: Path) -> None:
    unknown = Volume(np.zeros((1, 2, 3, 4)), None)
    with pytest.raises(GeometryError, match="spacing of this image is unknown"):
        write_nifti(unknown, tmp_path / "a.nii")
    with pytest.raises(GeometryError, match="one channel, got 2"):
        write_nifti(Volume.from_spacing(np.zeros((2, 2, 3, 4)), (1, 1, 1)), tmp_path / "a.nii")
    placed = Volume.from_spacing(np.zeros((1, 2, 3, 4)), (1, 1, 1))
    with pytest.raises(InputError, match=r"must end in \.nii or \.nii\.gz"):
        write_nifti(placed, tmp_path / "a.img")
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StorageError):
        write_nifti(placed, tmp_path / "file" / "a.nii")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file"]


def test_nan_voxels_are_refused_with_their_number(tmp_path: Path) -> None:
    array = np.zeros((2, 3, 4), np.float32)
    array[0, 0, :3] = np.nan
    nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), tmp_path / "hole.nii")
    with pytest.raises(ReadError, match=r"hole\.nii holds 3 NaN voxels of 24"):
        read(tmp_path / "hole.nii")
