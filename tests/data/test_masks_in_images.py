"""Masks in image files lie on their image's voxels, in whatever order they list them, or are refused in mm."""

from __future__ import annotations

from itertools import permutations, product
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from radcnn.core.case import Source
from radcnn.core.errors import InputError, MisfitError, ReadError
from radcnn.core.volume import Volume
from radcnn.data.masks.lattice import grid_of, placement
from radcnn.data.masks.mask import Mask, as_labels
from radcnn.data.masks.read import frame_of_reference_of, mask_of_image, read_mask
from radcnn.data.nifti import write_nifti
from radcnn.data.read import read, read_noted
from written_dicom import write_stack

GENERATOR = np.random.default_rng(8)
SIZE = (4, 5, 6)
LABELS = GENERATOR.integers(0, 3, SIZE).astype(np.uint8)


def affine(turned: bool = True) -> NDArray:
    """Voxels of 2 x 0.8 x 0.5 mm somewhere in the patient, at an angle or upright."""
    made = np.eye(4)
    axes = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))[0] if turned else np.eye(3)[:, ::-1]
    made[:3, :3], made[:3, 3] = axes * (2.0, 0.8, 0.5), (-81.5, 33.25, 12.0)
    return made


IMAGE = Volume(np.zeros((1, *SIZE), np.float32), affine(), "HU")


def nifti(path: Path, voxels: NDArray, at: NDArray) -> Path:
    write_nifti(Volume(voxels[None], at), path)
    return path


def labels(mask: Mask) -> NDArray:
    return mask.volume.voxels[0]


def listed_otherwise(axes: tuple[int, ...], backward: tuple[bool, ...]) -> tuple[NDArray, NDArray]:
    """The labels with their axes exchanged and turned round, and the affine that leaves every voxel in its place."""
    stored = LABELS.transpose(axes)[tuple(slice(None, None, -1 if b else 1) for b in backward)]
    moved = np.zeros((4, 4))
    moved[3, 3] = 1
    for j, axis in enumerate(axes):
        moved[axis, j] = -1 if backward[j] else 1
        moved[axis, 3] = LABELS.shape[axis] - 1 if backward[j] else 0
    return stored, affine() @ moved


@pytest.mark.parametrize("axes", list(permutations(range(3))))
@pytest.mark.parametrize("backward", list(product((False, True), repeat=3)))
def test_every_order_of_the_same_voxels_is_read_exactly(
    tmp_path: Path, axes: tuple[int, ...], backward: tuple[bool, ...]
) -> None:
    mask = read_mask(nifti(tmp_path / "a.nii", *listed_otherwise(axes, backward)), IMAGE)
    assert np.array_equal(labels(mask), LABELS)
    assert mask.volume.voxels.flags.c_contiguous
    assert np.array_equal(mask.volume.affine, IMAGE.affine)
    as_it_is = axes == (0, 1, 2) and not any(backward)
    assert bool(mask.notes) != as_it_is
    if not as_it_is:
        assert "no voxel was moved or resampled" in mask.notes[0]


@pytest.mark.parametrize(
    ("change", "what", "said"),
    [
        (
            lambda a: a @ np.diag([1, 1, 1.2, 1]),
            "spacing",
            r"2 x 0.8 x 0.6 mm, the image's 2 x 0.8 x 0.5 mm, .* 0.5 mm",
        ),
        (lambda a: a + np.eye(4, k=3) * 3.0, "place", "up to 3.0 mm beside it"),
        (lambda a: a + np.outer([1, 1, 1, 0], [0, 0, 0, 1]) * a[:, :1], "place", "up to 2.0 mm beside it"),
        (lambda a: np.diag([-1, -1, 1, 1]) @ a, "orientation", "turned by .* degrees"),
    ],
    ids=["spacing", "shift", "one voxel", "left for right"],
)
def test_a_mask_of_other_voxels_is_refused_with_its_distance(tmp_path: Path, change: Any, what: str, said: str) -> None:
    path = nifti(tmp_path / "a.nii", LABELS, change(affine()))
    with pytest.raises(MisfitError, match=rf"^a\.nii does not fit its image: .*{said}") as error:
        read_mask(path, IMAGE)
    assert error.value.what == what
    assert error.value.off_mm is not None


def test_a_mask_of_one_voxel_elsewhere_is_not_taken_for_its_own(tmp_path: Path) -> None:
    """A shift by a whole voxel keeps the lattice; it is still another place."""
    shift = np.eye(4)
    shift[2, 3] = 1
    with pytest.raises(MisfitError, match=r"up to 0.5 mm beside it"):
        read_mask(nifti(tmp_path / "a.nii", LABELS, affine() @ shift), IMAGE)


def test_a_mask_of_another_size_is_refused_with_both(tmp_path: Path) -> None:
    path = nifti(tmp_path / "a.nii", LABELS[:3], affine())
    with pytest.raises(MisfitError, match=r"has 3 x 5 x 6 voxels \(6 x 4 x 3 mm\), the image 4 x 5 x 6") as error:
        read_mask(path, IMAGE)
    assert error.value.what == "size"


def test_rounding_is_no_misfit_and_tiny_voxels_have_less_of_it() -> None:
    near, tiny = affine(), affine() * np.array([0.01, 0.01, 0.01, 1])
    near[:3, 3] += 0.05
    placement("a", grid_of(Volume(IMAGE.voxels, near)), grid_of(IMAGE))
    off = tiny.copy()
    off[:3, 3] += 0.005
    with pytest.raises(MisfitError, match=r"up to 0.0087 mm beside it"):
        placement("a", grid_of(Volume(IMAGE.voxels, off)), grid_of(Volume(IMAGE.voxels, tiny)))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.int32])
def test_whole_numbers_of_any_type_are_labels_of_the_smallest(tmp_path: Path, dtype: type) -> None:
    mask = read_mask(nifti(tmp_path / "a.nii.gz", LABELS.astype(dtype), affine()), IMAGE)
    assert labels(mask).dtype == np.uint8
    assert np.array_equal(labels(mask), LABELS)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [((0, 255), np.uint8), ((0, 256), np.uint16), ((-1, 3), np.int32), ((0, 70000), np.int32)],
)
def test_the_type_follows_the_labels(values: tuple[int, int], dtype: type) -> None:
    assert as_labels("a", np.array(values, np.float64)).dtype == dtype


@pytest.mark.parametrize(("slope", "first"), [(1 / 255, 0.0), (0.1, 0.0), (1 / 3, 0.0), (1.0, -1.0)])
def test_labels_of_a_scaled_file_are_what_its_slope_makes_of_them(tmp_path: Path, slope: float, first: float) -> None:
    """As programs write a mask that they take for an image: 255 times 1/255 is no whole number in binary."""
    at = np.diag([-0.5, -0.8, 2.0, 1.0])
    header = nib.Nifti1Header()
    header.set_data_dtype(np.int16)
    header.set_data_shape(SIZE[::-1])
    header.set_sform(at, 1)
    header["scl_slope"], header["scl_inter"], header["vox_offset"], header["magic"] = slope, first, 352, b"n+1"
    stored = np.rint((LABELS - first) / slope).astype(np.int16)
    path = tmp_path / "a.nii"
    path.write_bytes(header.binaryblock + b"\0" * 4 + stored.tobytes())
    image = Volume(IMAGE.voxels, read(path).affine, "HU")
    assert np.array_equal(labels(read_mask(path, image)), LABELS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_label_that_rounding_moved_is_that_label(dtype: type) -> None:
    found = as_labels("a", np.array([0.0, 0.9999, 1.0001, 70_000.0 - 5e-4 * (dtype is np.float64)], dtype))
    assert found.tolist() == [0, 1, 1, 70_000]


@pytest.mark.parametrize("value", [0.998, 0.3, np.nan, np.inf, 1e12])
def test_what_is_no_label_is_refused(value: float) -> None:
    with pytest.raises(ReadError, match="a is no mask"):
        as_labels("a", np.array([0.0, 1.0, value]))


def test_probabilities_in_a_file_are_no_mask(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"a\.nii is no mask: .* 120 of its 120 voxels are not"):
        read_mask(nifti(tmp_path / "a.nii", np.full(SIZE, 0.3, np.float32), affine()), IMAGE)


def test_one_label_is_chosen_by_its_number_and_keeps_it(tmp_path: Path) -> None:
    path = nifti(tmp_path / "a.nii", LABELS, affine())
    assert np.array_equal(labels(read_mask(path, IMAGE, segment=2)), 2 * (LABELS == 2))
    with pytest.raises(InputError, match="numbers without names"):
        read_mask(path, IMAGE, segment="liver")


@pytest.mark.parametrize("name", ["mask", "label", "segmentation", "other"])
def test_an_npz_file_has_its_labels_found_beside_the_image(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, **{"image": np.zeros(SIZE, np.uint16), name: LABELS})
    array = name if name == "other" else None
    mask = read_mask(path, IMAGE, array=array)
    assert np.array_equal(labels(mask), LABELS)
    assert mask.notes == ("places were not compared, only sizes: the mask does not say where in the patient it lies",)


def test_a_png_mask_of_an_image_without_place_is_compared_by_size(tmp_path: Path) -> None:
    image = Volume(np.zeros((1, 5, 6), np.uint8), None, "grey")
    Image.fromarray(LABELS[0] * 100).save(tmp_path / "a.png")
    mask = read_mask(tmp_path / "a.png", image)
    assert mask.counts() == {100: int((LABELS[0] == 1).sum()), 200: int((LABELS[0] == 2).sum())}
    assert mask.volume.size == (5, 6)
    with pytest.raises(MisfitError, match="has 5 x 6 voxels, the image 6 x 5"):
        read_mask(tmp_path / "a.png", Volume(np.zeros((1, 6, 5), np.uint8), None, "grey"))


def test_a_grey_mask_saved_in_colour_is_read_and_colours_are_refused(tmp_path: Path) -> None:
    image = Volume(np.zeros((3, 5, 6), np.uint8), None, "rgb")
    Image.fromarray(np.stack([LABELS[0]] * 3, axis=-1)).save(tmp_path / "a.png")
    assert np.array_equal(labels(read_mask(tmp_path / "a.png", image)), LABELS[0])
    Image.fromarray(np.stack([LABELS[0], LABELS[0], LABELS[1]], axis=-1)).save(tmp_path / "b.png")
    with pytest.raises(ReadError, match=r"b\.png holds colours"):
        read_mask(tmp_path / "b.png", image)


def test_a_jpeg_is_no_mask(tmp_path: Path) -> None:
    Image.fromarray(LABELS[0]).save(tmp_path / "a.jpg")
    with pytest.raises(ReadError, match="changes labels along their edges"):
        read_mask(tmp_path / "a.jpg", Volume(np.zeros((1, 5, 6), np.uint8), None, "grey"))


def test_a_tiff_that_was_compressed_as_a_jpeg_is_none_either(tmp_path: Path) -> None:
    image = Volume(np.zeros((1, 5, 6), np.uint8), None, "grey")
    Image.fromarray(LABELS[0]).save(tmp_path / "a.tif", compression="tiff_lzw")
    assert np.array_equal(labels(read_mask(tmp_path / "a.tif", image)), LABELS[0])
    Image.fromarray(LABELS[0] * 80).save(tmp_path / "b.tif", compression="jpeg")
    with pytest.raises(ReadError, match=r"b\.tif is compressed as a JPEG, which changes labels along their edges"):
        read_mask(tmp_path / "b.tif", image)


def test_a_volume_of_one_slice_is_the_mask_of_an_image_there(tmp_path: Path) -> None:
    image = Volume(np.zeros((1, 5, 6), np.int16), affine(), "HU")
    mask = read_mask(nifti(tmp_path / "a.nii", LABELS[:1], affine()), image)
    assert np.array_equal(mask.volume.voxels, LABELS[:1])
    assert mask.volume.rank == 2
    off = affine()
    off[:3, 3] += off[:3, 0]
    with pytest.raises(MisfitError, match=r"up to 2.0 mm beside it"):
        read_mask(nifti(tmp_path / "b.nii", LABELS[:1], off), image)


def test_a_spacing_that_contradicts_is_refused_even_without_a_place() -> None:
    image = Volume.from_spacing(np.zeros((1, *SIZE)), (2.0, 0.8, 0.5))
    mask_of_image("a", Volume.from_spacing(LABELS[None], (2.0, 0.8, 0.5)), image)
    with pytest.raises(MisfitError, match=r"2 x 0.8 x 0.6 mm"):
        mask_of_image("a", Volume.from_spacing(LABELS[None], (2.0, 0.8, 0.6)), image)


def test_a_series_of_slices_may_be_a_mask(tmp_path: Path) -> None:
    folder = write_stack(tmp_path / "mask", LABELS.astype(np.int16), RescaleIntercept=0)
    image = Volume(np.zeros((1, *SIZE)), np.array([[0, 0, 0.5, 0], [0, 0.8, 0, 0], [2, 0, 0, 0], [0, 0, 0, 1.0]]))
    assert np.array_equal(labels(read_mask(folder, image)), LABELS)


def test_only_dicom_files_have_a_frame_of_reference(tmp_path: Path) -> None:
    assert frame_of_reference_of(read_noted(Source(nifti(tmp_path / "a.nii", LABELS, affine()))).files) == ""
    write_stack(tmp_path / "ct", LABELS.astype(np.int16))
    for place in (tmp_path / "ct" / "000.dcm", tmp_path / "ct"):
        assert frame_of_reference_of(read_noted(Source(place)).files) == "2.25.77"


def test_the_real_heart_and_membrane_masks_lie_on_their_images(real_data: Path) -> None:
    heart = next(iter(sorted((real_data / "acdc").rglob("*.npz"))))
    assert read_mask(heart, read(heart, array="image")).counts().keys() == {1, 2, 3}
    membrane = read_mask(real_data / "em_membrane/labels/00.png", read(real_data / "em_membrane/images/00.png"))
    assert membrane.counts().keys() == {255}
