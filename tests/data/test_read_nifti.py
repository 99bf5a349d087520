"""NIfTI keeps every voxel at its place in the patient; what it leaves unclear is refused."""

from __future__ import annotations

import gzip
import itertools
import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray

from radcnn.core.case import Source
from radcnn.core.errors import ReadError
from radcnn.core.volume import Volume
from radcnn.data.grid import GridFacts
from radcnn.data.gridded.reading import read_grid
from radcnn.data.gridded.voxels import grid_into
from radcnn.data.nifti import nifti_facts, write_nifti
from radcnn.data.nifti.placing import lps
from radcnn.data.read import read
from written_nifti import write_nifti_bytes

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


def test_a_big_endian_file_is_read_in_native_order(tmp_path: Path) -> None:
    array = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    image = nibabel.Nifti1Image(array, np.eye(4), nibabel.Nifti1Header(endianness=">"))
    image.header.set_data_dtype(np.int16)
    nibabel.save(image, tmp_path / "a.nii")
    volume = read(tmp_path / "a.nii")
    assert volume.voxels.dtype.isnative
    assert np.array_equal(volume.voxels[0], array.transpose())


def test_lengths_in_metres_and_micrometres_become_millimetres(tmp_path: Path) -> None:
    for unit, factor in (("meter", 1000.0), ("micron", 0.001), ("mm", 1.0)):
        image = nibabel.Nifti1Image(np.zeros((2, 3, 4), np.uint8), np.diag([2.0, 2.0, 4.0, 1.0]))
        image.header.set_xyzt_units(unit)
        nibabel.save(image, tmp_path / f"{unit}.nii")
        assert read(tmp_path / f"{unit}.nii").spacing_mm == (4 * factor, 2 * factor, 2 * factor)


def test_nan_voxels_are_refused_with_their_number(tmp_path: Path) -> None:
    array = np.zeros((2, 3, 4), np.float32)
    array[0, 0, :3] = np.nan
    nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), tmp_path / "hole.nii")
    with pytest.raises(ReadError, match=r"hole\.nii holds 3 NaN voxels of 24"):
        read(tmp_path / "hole.nii")


def test_one_time_point_of_a_4d_file_is_named_by_its_number(tmp_path: Path) -> None:
    array = GENERATOR.integers(-1000, 1000, (4, 5, 6, 3)).astype(">i2")
    for name in ("a.nii", "a.nii.gz"):
        nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), tmp_path / name)
        for item in range(3):
            volume = read(tmp_path / name, item=item)
            assert np.array_equal(volume.voxels[0], array[..., item].transpose())
        with pytest.raises(ReadError, match=r"a\.nii.* holds 3 frames .*item 0 to 2\), or save each frame as a file"):
            read(tmp_path / name)
        for item in (3, -1):
            with pytest.raises(ReadError, match=rf"holds 3 frames, counted from 0; there is no item {item}"):
                read(tmp_path / name, item=item)


def test_a_single_time_point_need_not_be_named(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 5, 6, 1), np.int16), np.eye(4)), tmp_path / "a.nii")
    assert read(tmp_path / "a.nii").size == (6, 5, 4)
    assert read(tmp_path / "a.nii", item=0).size == (6, 5, 4)
    with pytest.raises(ReadError, match="holds 1 frame, counted from 0; there is no item 1"):
        read(tmp_path / "a.nii", item=1)


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 6)])
@pytest.mark.parametrize("letters", ["RGB", "RGBA"])
def test_colours_become_channels(tmp_path: Path, shape: tuple[int, ...], letters: str) -> None:
    stored = GENERATOR.integers(0, 256, (*shape, len(letters))).astype(np.uint8)
    stored[..., 3:] = 255
    colour = stored.view([(letter, "u1") for letter in letters])[..., 0]
    nibabel.save(nibabel.Nifti1Image(colour, np.eye(4)), tmp_path / "a.nii.gz")
    volume = read(tmp_path / "a.nii.gz")
    assert (volume.units, volume.rank) == ("rgb", len(shape))
    for channel in range(3):
        assert np.array_equal(volume.voxels[channel], stored[..., channel].transpose())


def test_scaled_values_are_those_of_float64_rounded_once(tmp_path: Path) -> None:
    for stored, slope, inter, dtype in (
        (np.int16, 0.1, -1024.0, np.float32),
        (np.uint8, -2.0, 3.0, np.float32),
        (np.int16, 1.0, -1024.0, np.float32),
        (np.float32, 0.5, 3.0, np.float32),
        (np.int16, 0.001, 1e5, np.float64),  # float32 has steps of 0.008 there
        (np.int32, 1.0, -1024.0, np.float64),
        (np.uint64, 0.5, 0.0, np.float64),
        (np.float64, 0.5, 3.0, np.float64),
    ):
        array = GENERATOR.integers(0, 120, (50, 40, 60)).astype(stored)
        write_nifti_bytes(tmp_path / "a.nii", array, version=2, scl_slope=slope, scl_inter=inter)
        volume = read(tmp_path / "a.nii")
        assert volume.voxels.dtype == dtype, (stored, slope)
        expected = (array.transpose().astype(np.float64) * slope + inter).astype(dtype)
        assert np.array_equal(volume.voxels[0], expected)
        assert len(np.unique(volume.voxels)) == len(np.unique(array))


@pytest.mark.parametrize("slope", [0.0, np.nan])
def test_a_slope_of_zero_or_of_nan_scales_nothing(tmp_path: Path, slope: float) -> None:
    array = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    write_nifti_bytes(tmp_path / "a.nii", array, scl_slope=slope, scl_inter=7)
    volume = read(tmp_path / "a.nii")
    assert volume.voxels.dtype == np.int16
    assert np.array_equal(volume.voxels[0], array.transpose())


def test_axes_that_are_not_at_right_angles_are_kept_exactly_and_told(tmp_path: Path) -> None:
    tilted = np.array([[1, 0, 0], [0, 1, 0.3], [0, 0, 2.0]])
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 5, 6), np.uint8), turned(tilted)), tmp_path / "a.nii")
    found = read_grid(Source(tmp_path / "a.nii"), "nifti")
    assert [f.code for f in found.findings] == ["RC035", "RC038"]
    assert found.findings[0].sentence.startswith("the axes of a.nii are not at right angles (off by up to 8.5 degrees)")
    assert np.array_equal(found.volume.affine, lps(nibabel.load(tmp_path / "a.nii").affine))


def test_an_atlas_a_contradicted_spacing_and_an_unsaid_unit_are_told(tmp_path: Path) -> None:
    write_nifti_bytes(tmp_path / "a.nii", np.zeros((4, 5, 6), np.uint8), sform_code=4, pixdim=[1] * 8)
    findings = read_grid(Source(tmp_path / "a.nii"), "nifti").findings
    assert [f.code for f in findings] == ["RC036", "RC037"]
    assert findings[0].sentence == "a.nii lies in the space of the MNI atlas, not in that of its scanner"
    assert "1 x 1 x 1 mm in pixdim and 0.5 x 0.5 x 2 mm in its sform" in findings[1].sentence


def test_a_short_padding_after_the_voxels_is_told(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(np.zeros((4, 5, 6), np.uint8), np.eye(4))
    content = image.to_bytes() + b"\0" * 100
    (tmp_path / "a.nii").write_bytes(content)
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(content))
    for name in ("a.nii", "a.nii.gz"):
        told = [str(f) for f in read_grid(Source(tmp_path / name), "nifti").findings if f.code == "RC039"]
        assert len(told) == 1
        assert told[0].startswith(f"RC039 warning: {name} holds 100 bytes after its voxels, which were not read;")


def test_extensions_of_others_are_passed_over(tmp_path: Path) -> None:
    array = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    image = nibabel.Nifti1Image(array, np.eye(4))
    for code, content in (
        (2, b"DICOM"),
        (4, b"<AFNI/>" * 99),
        (6, b'{"radcnn": {"affine": 3}}'),
        (6, b"radcnn" + b"[" * 3000),
    ):
        image.header.extensions.append(nibabel.nifti1.Nifti1Extension(code, content))
    nibabel.save(image, tmp_path / "a.nii.gz")
    assert np.array_equal(read(tmp_path / "a.nii.gz").voxels[0], array.transpose())


def test_a_gzip_file_of_several_members_is_one_image(tmp_path: Path) -> None:
    array = GENERATOR.integers(0, 9, (40, 50, 60)).astype(np.uint8)
    content = nibabel.Nifti1Image(array, np.eye(4)).to_bytes()
    cuts = [0, 100, 352, 5000, 5000, len(content)]
    members = b"".join(gzip.compress(content[a:b]) for a, b in itertools.pairwise(cuts))
    (tmp_path / "a.nii.gz").write_bytes(members + b"\0" * 50)
    assert np.array_equal(read(tmp_path / "a.nii.gz").voxels[0], array.transpose())


def test_the_facts_of_a_file_pass_through_json(tmp_path: Path) -> None:
    write_nifti(Volume(np.zeros((1, 2, 3, 4), np.int16), np.diag([2.7, 0.7, 0.7, 1.0])), tmp_path / "a.nii.gz")
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 5), np.uint8), np.eye(4)), tmp_path / "b.nii")
    for name in ("a.nii.gz", "b.nii"):
        facts = nifti_facts(tmp_path / name)
        again = GridFacts.from_json(json.loads(json.dumps(facts.as_json())))
        assert again == facts
        room = np.ones(again.shape, again.dtype)
        grid_into(tmp_path / name, again, room)
        assert not room.any()
