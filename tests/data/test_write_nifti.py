"""A Volume written as NIfTI comes back with every voxel and every digit of its affine; other programs read the same."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from radcnn.core.errors import GeometryError, InputError, StorageError
from radcnn.core.volume import Units, Volume
from radcnn.data.nifti import nifti_facts, write_nifti
from radcnn.data.nifti.placing import lps
from radcnn.data.read import read

DTYPES = ["bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"]
FLOATS = ["float16", "float32", "float64"]
LENGTHS = st.floats(1e-3, 100.0)
PLACES = st.floats(-1e4, 1e4)


@st.composite
def affines(draw: st.DrawFn) -> NDArray:
    """Rotated, mirrored, sometimes sheared; half of them near or at half turns, where a qform has few digits."""
    angles = draw(
        st.lists(st.one_of(st.floats(-180, 180), st.sampled_from([0.0, 90.0, 180.0])), min_size=3, max_size=3)
    )
    axes = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    axes = axes @ np.diag(draw(st.lists(LENGTHS, min_size=3, max_size=3)))
    if draw(st.booleans()):
        axes[:, draw(st.integers(0, 2))] *= -1
    if draw(st.booleans()):
        axes[:, 0] += draw(st.floats(-0.5, 0.5)) * axes[:, 1]
    affine = np.eye(4)
    affine[:3, :3] = axes
    affine[:3, 3] = draw(st.lists(PLACES, min_size=3, max_size=3))
    return affine


@st.composite
def volumes(draw: st.DrawFn) -> Volume:
    dtype, units = draw(st.sampled_from([*DTYPES, *FLOATS])), "arbitrary"
    channels = draw(st.sampled_from([1, 1, 2, 3]))
    if dtype == "uint8" and channels == 3 and draw(st.booleans()):
        units = "rgb"
    elif dtype in DTYPES and draw(st.booleans()):
        units = "mask"
    shape = (channels, *draw(st.lists(st.integers(1, 4), min_size=2, max_size=3)))
    # any bits at all: extremes, NaN and infinities are kept as well
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    bits = np.random.default_rng(draw(st.integers(0, 1000))).integers(0, 256, size).astype(np.uint8)
    voxels = (bits % 2 if dtype == "bool" else bits).view(dtype).reshape(shape)
    if draw(st.booleans()):
        return Volume(voxels, draw(affines()), units, "patient")
    spacing = draw(st.lists(LENGTHS, min_size=len(shape) - 1, max_size=len(shape) - 1))
    return Volume.from_spacing(voxels, spacing, units)


@given(volume=volumes(), packed=st.booleans())
def test_what_is_written_comes_back_exactly(
    tmp_path_factory: pytest.TempPathFactory, volume: Volume, packed: bool
) -> None:
    path = tmp_path_factory.mktemp("n") / ("a.nii.gz" if packed else "a.nii")
    write_nifti(volume, path)
    back = read(path, allow_nonfinite=True)
    widened = {"bool": "uint8", "float16": "float32"}.get(volume.voxels.dtype.name, volume.voxels.dtype.name)
    assert back.voxels.dtype == widened
    assert np.array_equal(back.voxels.view(np.uint8), volume.voxels.astype(widened).view(np.uint8))
    assert np.array_equal(back.affine, volume.affine)
    assert (back.frame, back.units, back.rank) == (volume.frame, volume.units, volume.rank)


@given(affine=affines())
def test_nibabel_reads_the_same_place_to_the_rounding_of_float32(
    tmp_path_factory: pytest.TempPathFactory, affine: NDArray
) -> None:
    path = tmp_path_factory.mktemp("n") / "a.nii"
    write_nifti(Volume(np.arange(24, dtype=np.int16).reshape(1, 2, 3, 4), affine), path)
    theirs = nibabel.load(path)
    assert np.array_equal(np.asarray(theirs.dataobj), np.arange(24).reshape(2, 3, 4).transpose())
    assert np.allclose(theirs.affine, lps(affine), rtol=1e-7, atol=1e-7)
    assert type(theirs) is nibabel.Nifti1Image


def test_a_place_that_float32_keeps_needs_no_extension_of_ours(tmp_path: Path) -> None:
    exact = np.diag([2.5, 0.5, 0.25, 1.0])
    write_nifti(Volume(np.zeros((1, 2, 3, 4), np.uint8), exact), tmp_path / "exact.nii")
    assert nifti_facts(tmp_path / "exact.nii").offset == 352
    write_nifti(Volume(np.zeros((1, 2, 3, 4), np.uint8), np.diag([2.7, 0.5, 0.25, 1.0])), tmp_path / "digits.nii")
    assert nifti_facts(tmp_path / "digits.nii").offset > 352


def test_our_digits_are_void_once_another_program_moves_the_image(tmp_path: Path) -> None:
    affine = np.diag([2.7, 0.7, 0.7, 1.0])
    write_nifti(Volume(np.zeros((1, 2, 3, 4), np.uint8), affine), tmp_path / "a.nii")
    image = nibabel.load(tmp_path / "a.nii")
    nibabel.save(nibabel.Nifti1Image(np.asarray(image.dataobj), image.affine, image.header), tmp_path / "same.nii")
    assert np.array_equal(read(tmp_path / "same.nii").affine, affine)
    moved = image.affine.copy()
    moved[0, 3] += 5
    nibabel.save(nibabel.Nifti1Image(np.asarray(image.dataobj), moved, image.header), tmp_path / "moved.nii")
    assert np.array_equal(read(tmp_path / "moved.nii").affine, lps(moved))


def test_channels_that_are_not_colours_are_a_vector_to_other_programs(tmp_path: Path) -> None:
    voxels = np.arange(2 * 24, dtype=np.float32).reshape(2, 2, 3, 4)
    write_nifti(Volume.from_spacing(voxels, (3, 2, 1)), tmp_path / "a.nii")
    theirs = np.asarray(nibabel.load(tmp_path / "a.nii").dataobj)
    assert theirs.shape == (4, 3, 2, 1, 2)
    assert np.array_equal(theirs[..., 0, 1], voxels[1].transpose())


def test_an_axis_longer_than_nifti_1_counts_is_written_as_nifti_2(tmp_path: Path) -> None:
    voxels = np.arange(40_000, dtype=np.uint16).reshape(1, 1, 1, -1)
    write_nifti(Volume(voxels, np.diag([2.7, 0.7, 0.7, 1.0])), tmp_path / "long.nii.gz")
    assert type(nibabel.load(tmp_path / "long.nii.gz")) is nibabel.Nifti2Image
    back = read(tmp_path / "long.nii.gz")
    assert np.array_equal(back.voxels, voxels)
    assert np.array_equal(back.affine, np.diag([2.7, 0.7, 0.7, 1.0]))


@pytest.mark.parametrize("units", ["mask", "HU", "arbitrary"])
def test_labels_are_called_labels_and_other_numbers_nothing(tmp_path: Path, units: Units) -> None:
    write_nifti(Volume.from_spacing(np.ones((1, 2, 3, 4), np.int16), (1, 1, 1), units), tmp_path / "a.nii")
    assert nibabel.load(tmp_path / "a.nii").header.get_intent()[0] == ("label" if units == "mask" else "none")
    assert read(tmp_path / "a.nii").units == ("mask" if units == "mask" else "arbitrary")


def test_the_same_volume_gives_the_same_bytes(tmp_path: Path) -> None:
    volume = Volume.from_spacing(np.ones((1, 2, 3, 4), np.uint8), (1, 1, 1))
    write_nifti(volume, tmp_path / "a.nii.gz")
    write_nifti(volume, tmp_path / "b.nii.gz")
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


def test_what_nifti_cannot_say_is_not_written(tmp_path: Path) -> None:
    unknown = Volume(np.zeros((1, 2, 3, 4)), None)
    with pytest.raises(GeometryError, match="spacing of this image is unknown"):
        write_nifti(unknown, tmp_path / "a.nii")
    with pytest.raises(GeometryError, match=r"a\.nii: NIfTI is written with whole and floating-point numbers, got"):
        write_nifti(Volume.from_spacing(np.zeros((1, 3, 4), np.complex64), (1, 1)), tmp_path / "a.nii")
    with pytest.raises(GeometryError, match=r"a\.nii places voxels more than 1 km away"):
        write_nifti(Volume.from_spacing(np.zeros((1, 3, 4)), (1e7, 1)), tmp_path / "a.nii")
    placed = Volume.from_spacing(np.zeros((1, 2, 3, 4)), (1, 1, 1))
    with pytest.raises(InputError, match=r"must end in \.nii or \.nii\.gz"):
        write_nifti(placed, tmp_path / "a.img")
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StorageError):
        write_nifti(placed, tmp_path / "file" / "a.nii")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file"]
