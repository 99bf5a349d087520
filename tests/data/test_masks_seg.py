"""A DICOM SEG lies on the voxels of its image, each frame where it says, or is refused with the distance in mm."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate

from radcnn.core.case import Case, Source
from radcnn.core.errors import InputError, MisfitError, RadcnnError, ReadError
from radcnn.core.volume import Volume
from radcnn.data.masks.mask import Mask
from radcnn.data.masks.placed import mask as placed_mask
from radcnn.data.masks.read import frame_of_reference_of, image_and_mask, read_mask
from radcnn.data.masks.segments import seg_frames
from radcnn.data.read import read, read_noted
from written_dicom import FRAME, write_rtstruct, write_seg, write_stack

SIZE = (5, 6, 8)
LEFT, RIGHT = np.zeros(SIZE, np.uint8), np.zeros(SIZE, np.uint8)
LEFT[1:4, 2:5, 1:3] = 1
RIGHT[2:5, 1:4, 5:8] = 1
BOTH = LEFT + 4 * RIGHT
OBLIQUE: dict[str, Any] = {"right": (0.6, 0.0, 0.8), "down": (0.0, 1.0, 0.0)}
OBLIQUE_STEP = 2.0 * np.cross(OBLIQUE["right"], OBLIQUE["down"])


@pytest.fixture
def image(tmp_path: Path) -> Volume:
    """A CT of five slices, 2 x 0.8 x 0.5 mm."""
    return read(write_stack(tmp_path / "ct", np.zeros(SIZE, np.int16)))


def labels(mask: Mask) -> np.ndarray:
    return mask.volume.voxels[0]


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
def test_segments_become_labels_under_their_numbers(tmp_path: Path, image: Volume, kind: str) -> None:
    grade = 255 if kind == "FRACTIONAL" else 1
    path = write_seg(tmp_path / "a.dcm", {1: LEFT * grade, 4: RIGHT * grade}, kind=kind, names={1: "left", 4: "right"})
    mask = read_mask(path, image, frame_of_reference=FRAME)
    assert np.array_equal(labels(mask), BOTH)
    assert (labels(mask).dtype, mask.volume.units, mask.notes) == (np.uint8, "mask", ())
    assert np.array_equal(mask.volume.affine, image.affine)
    assert dict(mask.names) == {1: "left", 4: "right"}
    assert mask.counts() == {1: int(LEFT.sum()), 4: int(RIGHT.sum())}


def test_a_fraction_is_inside_from_one_half_on(tmp_path: Path, image: Volume) -> None:
    shares = np.zeros(SIZE, np.uint8)
    shares[0, 0, :4] = [127, 128, 255, 1]
    found = labels(read_mask(write_seg(tmp_path / "a.dcm", {1: shares}, kind="FRACTIONAL"), image))
    assert found[0, 0, :4].tolist() == [0, 1, 1, 0]
    of_ten = write_seg(tmp_path / "b.dcm", {1: np.minimum(shares, 5)}, kind="FRACTIONAL", MaximumFractionalValue=10)
    assert labels(read_mask(of_ten, image))[0, 0, :4].tolist() == [1, 1, 1, 0]


def test_a_fraction_whose_maximum_is_not_said_is_out_of_255_and_overlaps_are_counted(
    tmp_path: Path, image: Volume
) -> None:
    first, second = np.zeros(SIZE, np.uint8), np.zeros(SIZE, np.uint8)
    first[0, 0, :4], second[0, 0, :4] = [255, 128, 127, 0], [0, 128, 128, 128]
    path = write_seg(tmp_path / "a.dcm", {1: first, 2: second}, kind="FRACTIONAL", MaximumFractionalValue=None)
    mask = read_mask(path, image, overlap="higher")
    assert labels(mask)[0, 0, :4].tolist() == [1, 2, 2, 2]
    assert mask.overlapping == 1


def test_a_label_map_of_16_bits_keeps_its_numbers(tmp_path: Path, image: Volume) -> None:
    path = write_seg(tmp_path / "a.dcm", {1: LEFT, 4: RIGHT}, kind="LABELMAP")
    dataset = pydicom.dcmread(path)
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelData = (300 * LEFT.astype(np.uint16) + 65_535 * RIGHT.astype(np.uint16)).tobytes()
    for segment, number in zip(dataset.SegmentSequence, (300, 65_535), strict=True):
        segment.SegmentNumber = number
    dataset.save_as(path)
    mask = read_mask(path, image)
    assert mask.counts() == {300: int(LEFT.sum()), 65_535: int(RIGHT.sum())}
    assert np.array_equal(labels(mask) == 65_535, RIGHT > 0)
    assert np.array_equal(labels(read_mask(path, image, segments=("segment 4",))), RIGHT)


@pytest.mark.parametrize("seed", range(3))
def test_frames_in_any_order_lie_where_they_say(tmp_path: Path, image: Volume, seed: int) -> None:
    path = write_seg(tmp_path / "a.dcm", {1: LEFT, 4: RIGHT})
    dataset = pydicom.dcmread(path)
    order = np.random.default_rng(seed).permutation(2 * len(LEFT))
    frames = np.concatenate([LEFT, RIGHT])[order]
    dataset.PixelData = np.packbits(frames.reshape(-1), bitorder="little").tobytes()
    groups = list(dataset.PerFrameFunctionalGroupsSequence)
    dataset.PerFrameFunctionalGroupsSequence = [groups[i] for i in order]
    dataset.save_as(path)
    assert np.array_equal(labels(read_mask(path, image)), BOTH)


def test_frames_that_are_not_stored_are_background(tmp_path: Path, image: Volume) -> None:
    found = labels(read_mask(write_seg(tmp_path / "a.dcm", {1: LEFT}, slices=[3, 1]), image))
    assert np.array_equal(np.flatnonzero(found.any(axis=(1, 2))), [1, 3])
    assert np.array_equal(found[[1, 3]], LEFT[[1, 3]])


def test_one_segment_is_chosen_by_number_or_by_name(tmp_path: Path, image: Volume) -> None:
    path = write_seg(tmp_path / "a.dcm", {1: LEFT, 4: RIGHT}, names={1: "Liver", 4: "Spleen"})
    for segment in (4, "Spleen", " spleen"):
        mask = read_mask(path, image, segment=segment)
        assert np.array_equal(labels(mask), 4 * RIGHT)
        assert list(mask.names) == [4]


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_segments_asked_for_by_name_become_labels_in_that_order(tmp_path: Path, image: Volume, kind: str) -> None:
    third = np.zeros(SIZE, np.uint8)
    third[0, 0] = 1
    names = {3: "Lesion 2", 5: "Bowel", 6: "LIVER ", 9: "Lesion 1"}
    path = write_seg(tmp_path / "a.dcm", {3: RIGHT, 5: third, 6: LEFT, 9: np.roll(third, 2, 1)}, kind=kind, names=names)
    mask = read_mask(path, image, segments=("liver", "lesion*", "spleen"))
    assert np.array_equal(labels(mask), LEFT + 2 * np.maximum(RIGHT, np.roll(third, 2, 1)))
    assert dict(mask.names) == {1: "liver", 2: "lesion*"}
    assert labels(read_mask(path, image, segments=("heart",))).max() == 0


def test_a_later_name_wins_where_segments_overlap_whatever_their_numbers(tmp_path: Path, image: Volume) -> None:
    names = {1: "Tumour", 2: "Liver", 3: "Tumour"}
    wide = np.maximum(LEFT, RIGHT)
    path = write_seg(tmp_path / "a.dcm", {1: RIGHT, 2: wide, 3: RIGHT}, names=names)
    mask = read_mask(path, image, segments=("Liver", "Tumour"), overlap="higher")
    assert np.array_equal(labels(mask), wide + RIGHT)
    assert mask.overlapping == RIGHT.sum()  # that two segments of one name overlap is no loss
    exact = read_mask(path, image, segments=("T*", "tumour"), overlap="higher")
    assert np.array_equal(labels(exact), 2 * RIGHT)  # what stands there as it is comes before a pattern


def test_a_name_in_the_header_is_never_told(tmp_path: Path, image: Volume) -> None:
    path = write_seg(tmp_path / "a.dcm", {1: LEFT, 4: RIGHT}, names={1: "Mrs Miller", 4: "Mrs Miller"})
    for segment in ("Miller", 3, "Mrs Miller"):
        with pytest.raises(InputError, match=r"choose one by its number \(segment\): 1, 4") as error:
            read_mask(path, image, segment=segment)
        assert "Miller" not in str(error.value)
    assert "Miller" not in repr(read_mask(path, image))
    assert "Miller" not in repr(seg_frames("a.dcm", pydicom.dcmread(path)))


def test_overlaps_are_refused_unless_one_is_chosen_or_the_higher_wins(tmp_path: Path, image: Volume) -> None:
    wide = np.maximum(LEFT, RIGHT)
    path = write_seg(tmp_path / "a.dcm", {1: wide, 2: RIGHT})
    with pytest.raises(InputError, match=r"labels 1 and 2 of a\.dcm overlap"):
        read_mask(path, image)
    assert np.array_equal(labels(read_mask(path, image, segment=1)), wide)
    mask = read_mask(path, image, overlap="higher")
    assert np.array_equal(labels(mask), wide + RIGHT)
    assert any(f"overlap in {RIGHT.sum()} voxels" in note for note in mask.notes)


def test_an_oblique_mask_lies_on_its_oblique_image(tmp_path: Path) -> None:
    image = read(write_stack(tmp_path / "ct", np.zeros(SIZE, np.int16), **OBLIQUE))
    path = write_seg(tmp_path / "a.dcm", {1: LEFT}, step_mm=OBLIQUE_STEP, **OBLIQUE)
    assert np.array_equal(labels(read_mask(path, image)), LEFT)


def test_frames_may_run_along_other_axes_of_the_same_voxels(tmp_path: Path, image: Volume) -> None:
    """Frames of columns by slices, as a viewer writes that segments in sagittal planes: each voxel keeps its place."""
    sagittal = BOTH.transpose(2, 0, 1)[::-1]
    path = write_seg(
        tmp_path / "a.dcm",
        {1: sagittal == 1, 4: sagittal == 4},
        first_mm=(7 * 0.5, 0.0, 0.0),
        right=(0.0, 1.0, 0.0),
        down=(0.0, 0.0, 1.0),
        step_mm=(-0.5, 0.0, 0.0),
        spacing=(2.0, 0.8),
    )
    assert np.array_equal(labels(read_mask(path, image)), BOTH)


@pytest.mark.parametrize(
    ("changes", "what", "said"),
    [
        ({"spacing": (0.8, 0.6)}, "spacing", r"1 x 0.8 x 0.6 mm, the image's 2 x 0.8 x 0.5 mm, .* 0.7 mm off"),
        ({"first_mm": (0.0, 0.0, 1.0)}, "place", "up to 1.0 mm beside it"),
        ({"first_mm": (0.0, 0.8, 0.0)}, "place", "up to 0.8 mm beside it"),
        ({"first_mm": (0.0, 0.0, 4.0)}, "place", "a slice 2.0 mm outside the image"),
        (OBLIQUE, "orientation", "turned by 36.9 degrees"),
        ({"FrameOfReferenceUID": "2.25.78"}, "frame of reference", "FrameOfReferenceUID differs"),
    ],
)
def test_a_mask_of_another_place_is_refused_by_name(
    tmp_path: Path, image: Volume, changes: dict[str, Any], what: str, said: str
) -> None:
    path = write_seg(tmp_path / "a.dcm", {1: LEFT}, **changes)
    with pytest.raises(MisfitError, match=rf"^a\.dcm does not fit its image: .*{said}") as error:
        read_mask(path, image, frame_of_reference=FRAME)
    assert error.value.what == what


def test_a_mask_of_another_size_is_refused_with_both_sizes(tmp_path: Path, image: Volume) -> None:
    path = write_seg(tmp_path / "a.dcm", {1: LEFT[:, :, :7]})
    with pytest.raises(MisfitError, match=r"has 1 x 6 x 7 voxels .*, the image 5 x 6 x 8") as error:
        read_mask(path, image)
    assert error.value.what == "size"


def test_rounded_text_moves_no_mask_off_its_image(tmp_path: Path, image: Volume) -> None:
    path = write_seg(tmp_path / "a.dcm", {1: LEFT}, first_mm=(0.04, -0.03, 0.02))
    assert np.array_equal(labels(read_mask(path, image)), LEFT)


def test_the_frame_of_reference_comes_from_the_image_and_is_said_when_unknown(tmp_path: Path, image: Volume) -> None:
    assert frame_of_reference_of(read_noted(Source(tmp_path / "ct")).files) == FRAME
    mask = read_mask(write_seg(tmp_path / "a.dcm", {1: LEFT}), image)
    assert mask.notes == ("frames of reference were not compared: that of the image is not known",)
    unsaid = write_seg(tmp_path / "b.dcm", {1: LEFT}, FrameOfReferenceUID=None)
    assert "that of the mask" in read_mask(unsaid, image, frame_of_reference=FRAME).notes[0]


@pytest.mark.parametrize("first", ["another series", "the mask", "contours"])
def test_the_frame_of_reference_is_that_of_the_slices_whatever_lies_beside_them(tmp_path: Path, first: str) -> None:
    """Files that come first by their names say nothing of the series that was chosen."""
    folder = write_stack(tmp_path / "ct", np.zeros(SIZE, np.int16), SeriesInstanceUID="2.25.31")
    fits = write_seg(tmp_path / "fits.dcm", {1: LEFT})
    other = write_seg(tmp_path / "other.dcm", {1: LEFT}, FrameOfReferenceUID="2.25.78")
    if first == "another series":
        beside = np.zeros((3, 6, 8), np.int16)
        write_stack(folder, beside, prefix="00", SeriesInstanceUID="2.25.32", FrameOfReferenceUID="2.25.78")
    elif first == "the mask":
        other = write_seg(folder / "0.dcm", {1: LEFT}, FrameOfReferenceUID="2.25.78")
    else:
        write_rtstruct(folder / "0.dcm", {}, FrameOfReferenceUID=None)
    assert placed_mask(fits, folder, series="2.25.31").notes == ()
    case = Case("1", "p1", Source(folder, series="2.25.31"), (0.0,), mask=Source(fits))
    assert image_and_mask(case)[1].notes == ()
    with pytest.raises(MisfitError, match="FrameOfReferenceUID differs"):
        placed_mask(other, folder, series="2.25.31")
    with pytest.raises(MisfitError, match="FrameOfReferenceUID differs"):
        image_and_mask(replace(case, mask=Source(other)))


def test_a_frame_of_a_radiograph_without_place_is_compared_by_size_alone(tmp_path: Path) -> None:
    radiograph = Volume(np.zeros((1, 6, 8), np.uint8), None, "grey")
    path = write_seg(tmp_path / "a.dcm", {1: LEFT[1:2]}, PerFrameFunctionalGroupsSequence=None)
    dataset = pydicom.dcmread(path)
    dataset.SharedFunctionalGroupsSequence[0].SegmentIdentificationSequence = [pydicom.Dataset()]
    dataset.SharedFunctionalGroupsSequence[0].SegmentIdentificationSequence[0].ReferencedSegmentNumber = 1
    dataset.save_as(path)
    mask = read_mask(path, radiograph)
    assert np.array_equal(mask.volume.voxels, LEFT[1:2])
    assert "not compared" in mask.notes[-1]
    with pytest.raises(MisfitError, match="6 x 8 pixels, the image 6 x 9"):
        read_mask(path, Volume(np.zeros((1, 6, 9), np.uint8), None, "grey"))


def test_a_mask_of_a_volume_without_place_is_refused(tmp_path: Path) -> None:
    path = write_seg(tmp_path / "a.dcm", {1: LEFT})
    with pytest.raises(MisfitError, match="does not say where in the patient it lies"):
        read_mask(path, Volume.from_spacing(np.zeros((1, *SIZE)), (2.0, 0.8, 0.5)))


def damaged_bits(dataset: Any) -> None:
    dataset.PixelData = dataset.PixelData[:-8]


def damaged_number(dataset: Any) -> None:
    dataset.SegmentSequence[0].SegmentNumber = 9


def damaged_kind(dataset: Any) -> None:
    dataset.SegmentationType = "SECRET"


def damaged_frames(dataset: Any) -> None:
    dataset.NumberOfFrames = 2_000_000


def damaged_position(dataset: Any) -> None:
    second, first = dataset.PerFrameFunctionalGroupsSequence[1::-1]
    second.PlanePositionSequence = first.PlanePositionSequence


def damaged_syntax(dataset: Any) -> None:
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.90"
    dataset.PixelData = encapsulate([b"\xff\x4f\xff\x51 no codestream"] * 5)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (damaged_bits, "truncated: frame 4 of 5 is not whole"),
        (damaged_number, "a frame of a segment that it does not list"),
        (damaged_kind, "a kind or depth that is not read"),
        (damaged_frames, "claims 2000000 frames"),
        (damaged_position, "two frames of one segment in one place"),
        (damaged_syntax, "cannot be decoded"),
    ],
)
def test_a_damaged_mask_is_refused_in_one_sentence(tmp_path: Path, image: Volume, damage: Any, said: str) -> None:
    path = write_seg(tmp_path / "a.dcm", {1: LEFT})
    dataset = pydicom.dcmread(path)
    damage(dataset)
    dataset.save_as(path)
    with pytest.raises(ReadError, match=said) as error:
        read_mask(path, image)
    assert str(error.value).startswith("a.dcm ")
    assert "SECRET" not in str(error.value)


def test_changed_bytes_give_a_mask_or_a_sentence(tmp_path: Path, image: Volume) -> None:
    path = write_seg(tmp_path / "a.dcm", {1: LEFT, 4: RIGHT})
    content = path.read_bytes()
    for seed in range(150):
        generator = np.random.default_rng(seed)
        changed = bytearray(content)
        for at in generator.integers(0, len(content), 1 + seed % 5):
            changed[at] = generator.integers(256)
        path.write_bytes(changed if seed % 5 else changed[: len(content) * seed // 150])
        told = mask_or_sentence(path, image)
        assert ("a.dcm" in told) == (told != "")
        assert str(tmp_path) not in told
        assert "Secret" not in told


def mask_or_sentence(path: Path, image: Volume) -> str:
    """What is said where a mask is refused; "" where it is read. Anything else fails the test."""
    try:
        read_mask(path, image, overlap="higher")
    except RadcnnError as error:
        return str(error)
    return ""


# one liver of three slices, stored in every way
LIVERS = {
    "liver": 512, "liver_deflate": 512, "liver_expb": 512, "liver_j2k": 512, "liver_rle": 512,
    "liver_nonbyte_aligned": 510, "liver_nonbyte_aligned_deflate": 510, "liver_nonbyte_aligned_j2k": 510,
    "liver_nonbyte_aligned_rle": 510,
}  # fmt: skip


@pytest.mark.parametrize("name", LIVERS)
def test_the_real_liver_is_the_same_in_every_transfer_syntax(real_data: Path, name: str) -> None:
    side = LIVERS[name]
    affine = np.array([[0, 0, 0.810547, -235.2], [0, 0.810547, 0, -226.8], [1, 0, 0, -130.69], [0, 0, 0, 1]])
    image = Volume(np.zeros((1, 6, side, side), np.int16), affine, "HU")
    mask = read_mask(real_data / "dicom" / "pydicom-data" / f"{name}.dcm", image)
    pixels = pydicom.dcmread(real_data / "dicom" / "pydicom-data" / "liver.dcm").pixel_array
    assert np.array_equal(labels(mask)[[2, 3, 4]], pixels[:, :side, :side])
    assert not labels(mask)[[0, 1, 5]].any()
    assert dict(mask.names) == {1: "Liver"}
