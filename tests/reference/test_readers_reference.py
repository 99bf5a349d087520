"""Readers against highdicom, nibabel, pydicom and Pillow, and on real files."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import highdicom
import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK
from PIL import Image
from pydicom.uid import CTImageStorage
from scipy.spatial.transform import Rotation

from radcnn.core.errors import GeometryError, RadcnnError, ReadError
from radcnn.core.volume import Volume
from radcnn.data.npz import open_npz
from radcnn.data.read import list_images, read
from written_dicom import write_stack
from written_nifti import write_nifti_bytes

GENERATOR = np.random.default_rng(19)


def highdicom_volume(folder: Path) -> highdicom.Volume:
    """highdicom's strict volume with slices counted along right x down, as ours are."""
    datasets = [pydicom.dcmread(path) for path in sorted(folder.iterdir())]
    for dataset in datasets:
        dataset.SOPClassUID = CTImageStorage  # the real series was stripped of it
    return highdicom.get_volume_from_series(datasets, dtype=np.float32).flip_spatial(0)


@pytest.mark.parametrize("degrees", [0.0, 17.0, 90.0, 180.0])
@pytest.mark.parametrize("order", [None, (3, 0, 4, 1, 2)])
def test_a_series_has_the_voxels_and_the_affine_of_highdicom(
    tmp_path: Path, degrees: float, order: tuple[int, ...] | None
) -> None:
    angle = np.radians(degrees)
    right, down = (np.cos(angle), 0.0, np.sin(angle)), (0.0, 1.0, 0.0)
    numbers = GENERATOR.integers(0, 3000, (5, 6, 7)).astype(np.int16)
    write_stack(tmp_path, numbers, first_mm=(-100, 50, 20), right=right, down=down, steps_mm=1.25, order=order)
    ours, theirs = read(tmp_path), highdicom_volume(tmp_path)
    assert np.array_equal(ours.voxels[0], theirs.array)
    assert ours.affine == pytest.approx(theirs.affine, abs=1e-7)


def test_positions_win_in_the_real_series_whose_thickness_says_otherwise(real_data: Path) -> None:
    ours, theirs = read(real_data / "ct_series"), highdicom_volume(real_data / "ct_series")
    assert ours.size == (20, 512, 512)
    assert ours.spacing_mm is not None
    assert ours.spacing_mm[0] == 2.0  # SliceThickness says 3
    assert ours.units == "HU"
    assert np.array_equal(ours.voxels[0], theirs.array)
    assert np.array_equal(ours.affine, theirs.affine)


def test_nifti_files_lie_where_nibabel_says(real_data: Path) -> None:
    for path in list_images(real_data / "nifti"):
        ours, theirs = read(path), nibabel.load(path)
        assert np.array_equal(ours.voxels[0], np.asarray(theirs.dataobj).transpose())
        corner = np.array(theirs.shape) - 1
        ras = nibabel.affines.apply_affine(theirs.affine, corner)
        assert np.allclose(ours.world(corner[::-1]), ras * (-1, -1, 1), atol=1e-9)


def any_rotation() -> Rotation:
    """A random rotation but nearly a half turn, to which nibabel rounds more than nifti1_io does."""
    while True:
        rotation = Rotation.random(rng=GENERATOR)
        if np.pi - rotation.magnitude() > 0.01:
            return rotation


NIFTI_TYPES = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8")


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("ending", ["nii", "nii.gz"])
def test_nifti_of_every_type_has_the_values_of_nibabel(
    tmp_path: Path, version: int, order: Literal["<", ">"], ending: str
) -> None:
    for stored in NIFTI_TYPES:
        for fields in ({}, {"scl_slope": 0.37, "scl_inter": -1024.25}, {"scl_slope": 0, "scl_inter": 3}):
            array = GENERATOR.integers(0, 127, (3, 4, 5, 2)).astype(stored)
            path = write_nifti_bytes(tmp_path / f"a.{ending}", array, version=version, order=order, **fields)
            theirs = np.asarray(nibabel.load(path).dataobj)
            for item in (0, 1):
                ours = read(path, item=item).voxels
                assert ours.dtype.itemsize <= max(theirs.dtype.itemsize, 4)
                assert np.array_equal(ours[0], theirs[..., item].transpose().astype(ours.dtype))


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("method", ["sform", "qform", "both"])
def test_nifti_of_any_rotation_lies_where_nibabel_says(tmp_path: Path, version: int, method: str) -> None:
    for _ in range(40):
        affine = np.eye(4)
        mirror = GENERATOR.choice([-1.0, 1.0], 3)
        affine[:3, :3] = any_rotation().as_matrix() * GENERATOR.uniform(0.2, 5, 3) * mirror
        affine[:3, 3] = GENERATOR.uniform(-500, 500, 3)
        image = (nibabel.Nifti1Image if version == 1 else nibabel.Nifti2Image)(np.zeros((40, 50, 60), np.uint8), affine)
        image.set_sform(affine, 0 if method == "qform" else 1)
        image.set_qform(affine, 0 if method == "sform" else 1)
        nibabel.save(image, tmp_path / "a.nii")
        ours, theirs = read(tmp_path / "a.nii"), nibabel.load(tmp_path / "a.nii").affine
        exact = 0.0 if method != "qform" else 1e-9
        for corner in np.ndindex(2, 2, 2):
            ras = nibabel.affines.apply_affine(theirs, np.array(corner) * (39, 49, 59))
            assert ours.world((np.array(corner) * (39, 49, 59))[::-1]) == pytest.approx(
                ras * (-1, -1, 1), abs=exact + 1e-9
            )


def test_a_qform_of_nearly_a_half_turn_lies_where_the_library_of_the_standard_says(tmp_path: Path) -> None:
    # 2.5e-7 lies between nifti1_io's bound for a half turn (1e-7, which ITK reads by) and nibabel's (3.6e-7)
    for real_part_squared in (0.0, 3e-8, 9e-8, 1.3e-7, 2.5e-7, 5e-7, 1e-5):
        for axis in GENERATOR.normal(size=(8, 3)):
            turn = 2 * np.arccos(np.sqrt(real_part_squared))
            affine = np.eye(4)
            affine[:3, :3] = Rotation.from_rotvec(axis / np.linalg.norm(axis) * turn).as_matrix() * (0.7, 1.3, 4.0)
            image = nibabel.Nifti1Image(np.zeros((40, 50, 60), np.uint8), affine)
            image.set_sform(affine, 0)
            image.set_qform(affine, 1)
            nibabel.save(image, tmp_path / "a.nii")
            ours, theirs = read(tmp_path / "a.nii"), SimpleITK.ReadImage(str(tmp_path / "a.nii"))
            for corner in np.ndindex(2, 2, 2):
                at = [39 * corner[0], 49 * corner[1], 59 * corner[2]]
                assert ours.world(at[::-1]) == pytest.approx(theirs.TransformIndexToPhysicalPoint(at), abs=1e-4)


def test_medmnist_items_are_those_of_numpy(real_data: Path) -> None:
    for name, rank in (("pneumoniamnist", 2), ("adrenalmnist3d", 3)):
        path = real_data / "medmnist" / f"{name}.npz"
        study = open_npz(path)
        assert study.sides == ("training", "tuning", "test")
        with np.load(path, allow_pickle=False) as theirs:
            stored = theirs["test_images"]
            assert np.array_equal(study.labels(study.stacks[2]), theirs["test_labels"])
        volumes = [read(path, array="test_images", item=i) for i in range(len(stored))]
        assert {volume.rank for volume in volumes} == {rank}
        assert np.array_equal(np.stack([volume.voxels[0] for volume in volumes]), stored)


def test_radiographs_are_those_of_pillow(real_data: Path) -> None:
    paths = list_images(real_data / "chest_xray")
    assert len(paths) == 5216
    for path in paths[:: len(paths) // 20]:
        with Image.open(path) as image:
            assert np.array_equal(read(path).voxels, np.moveaxis(np.asarray(image), -1, 0))


def test_every_other_real_folder_is_listed_and_its_first_items_are_read(real_data: Path) -> None:
    for folder, items in (("em_membrane", 48), ("mini_mias", 220), ("deeplesion50", 50)):
        paths = list_images(real_data / folder)
        assert len(paths) == items
        assert {read(path).rank for path in paths[:3]} == {2}
    heart = list_images(real_data / "acdc")[0]
    assert read(heart).rank == 3
    assert read(heart, array="label").voxels.max() == 3


DECODED = {  # files of one picture in several codings, all lossless
    "CT 693": ("pydicom-data/693_UNCR.dcm", "pydicom-data/693_J2KR.dcm"),
    "MR small": (
        "pydicom/test_files/MR_small.dcm",
        "pydicom/test_files/MR_small_RLE.dcm",
        "pydicom/test_files/MR_small_jp2klossless.dcm",
        "pydicom/test_files/MR_small_jpeg_ls_lossless.dcm",
        "pydicom/test_files/MR_small_implicit.dcm",
        "pydicom/test_files/MR_small_bigendian.dcm",
    ),
    "MR2": ("pydicom-data/MR2_UNCR.dcm", "pydicom-data/MR2_J2KR.dcm"),
    "US1": ("pydicom-data/US1_UNCR.dcm", "pydicom-data/US1_J2KR.dcm"),
}


@pytest.mark.parametrize("name", DECODED)
def test_one_picture_in_several_codings_is_one_picture(real_data: Path, name: str) -> None:
    volumes = [read(real_data / "dicom" / path) for path in DECODED[name]]
    for other in volumes[1:]:
        assert np.array_equal(volumes[0].voxels, other.voxels)
        assert (volumes[0].units, volumes[0].spacing_mm) == (other.units, other.spacing_mm)


REFUSALS = {
    "segmentation": ("pydicom-data/liver.dcm", "pydicom/test_files/liver_1frame.dcm"),
    "radiotherapy dose": ("pydicom/test_files/rtdose.dcm",),
    "RT Plan Storage": ("pydicom/test_files/rtplan.dcm",),
    "Waveform": ("pydicom/test_files/waveform_ecg.dcm",),
    "Basic Text SR": ("pydicom/test_files/reportsi.dcm",),
    "DICOMDIR": ("pydicom/test_files/dicomdirtests/DICOMDIR",),
    "30 frames": ("pydicom/test_files/examples_ybr_color.dcm",),
    "without its pixels": ("pydicom/test_files/dicomdirtests/TINY_ALPHA/PT000000/ST000000/SE000000/IM000000",),
    "lacks DICOM's preamble": ("pydicom/test_files/no_meta.dcm", "pydicom/test_files/rtstruct.dcm"),
    "TransferSyntaxUID": ("pydicom/test_files/meta_missing_tsyntax.dcm",),
    "declares 8,192 bytes": ("pydicom/test_files/MR_truncated.dcm",),
    "PixelSpacing": ("pydicom-data/RG1_J2KI.dcm",),
}


def test_pydicoms_collection_is_read_or_refused_by_name(real_data: Path) -> None:
    read_ones: dict[str, Volume] = {}
    refused: dict[str, str] = {}
    for path in sorted(p for p in (real_data / "dicom").rglob("*") if p.is_file()):
        name = path.relative_to(real_data / "dicom").as_posix()
        try:
            read_ones[name] = read(path)
        except (ReadError, GeometryError) as error:
            refused[name] = str(error)
    for name, told in refused.items():
        assert Path(name).name in told
        assert Path(name).parent.as_posix() not in told
    assert len(read_ones) >= 125
    for word, files in REFUSALS.items():
        for name in files:
            assert word in refused[name], (name, refused.get(name))
    for name, volume in read_ones.items():
        assert np.isfinite(volume.voxels).all(), name
        assert volume.channels == (3 if volume.units == "rgb" else 1), name


def test_folders_of_the_collection_are_one_volume_or_say_why_not(real_data: Path) -> None:
    tree = real_data / "dicom" / "pydicom" / "test_files" / "dicomdirtests"
    sentences = {}
    for folder in sorted({path.parent for path in tree.rglob("*") if path.is_file() and path.parent != tree}):
        try:
            assert read(folder).rank in (2, 3)
        except RadcnnError as error:
            sentences[folder.name] = str(error)
    assert all(f"folder {name} " in said or "pixels" in said for name, said in sentences.items()), sentences
    assert "no regular volume" in sentences["CT2"]
