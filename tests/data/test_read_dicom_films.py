"""One frame of a film is an image of its own, with the spacing that the film states."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from radcnn.core.case import Source
from radcnn.core.errors import ReadError
from radcnn.data.dicom.reader import read_dicom
from written_dicom import HU, write_enhanced, written

NUMBERS = np.random.default_rng(8).integers(0, 255, (5, 4, 6)).astype(np.uint8)


def film(path: Path, **attributes: Any) -> Path:
    about = {"Modality": "US", "NumberOfFrames": 5, "PixelData": NUMBERS.tobytes()}
    return written(path, NUMBERS[0], **{**about, **attributes})


def region(x: float, y: float, units: int = 3) -> Dataset:
    made = Dataset()
    made.PhysicalUnitsXDirection = made.PhysicalUnitsYDirection = units
    made.PhysicalDeltaX, made.PhysicalDeltaY = x, y
    return made


def test_a_frame_is_chosen_by_its_number(tmp_path: Path) -> None:
    path = film(tmp_path / "a.dcm")
    for item in range(5):
        volume = read_dicom(Source(path, item=item)).volume
        assert np.array_equal(volume.voxels, NUMBERS[item : item + 1])
        assert (volume.rank, volume.frame) == (2, "unknown")


def test_a_film_without_a_choice_says_how_to_choose(tmp_path: Path) -> None:
    sentence = r"a\.dcm holds 5 frames without a place .*; choose one with item=0 to item=4"
    with pytest.raises(ReadError, match=sentence):
        read_dicom(Source(film(tmp_path / "a.dcm")))


@pytest.mark.parametrize("item", [-1, 5, 99])
def test_a_frame_that_is_not_there_is_refused(tmp_path: Path, item: int) -> None:
    with pytest.raises(ReadError, match=rf"a\.dcm has no item {item}: it holds 5 frames, which are item 0 to item 4"):
        read_dicom(Source(film(tmp_path / "a.dcm"), item=item))


def test_a_single_image_is_its_own_item_0(tmp_path: Path) -> None:
    path = written(tmp_path / "a.dcm", NUMBERS[0], Modality="US")
    assert np.array_equal(read_dicom(Source(path, item=0)).volume.voxels[0], NUMBERS[0])
    with pytest.raises(ReadError, match="it holds one frame, which is item 0"):
        read_dicom(Source(path, item=1))


@pytest.mark.parametrize(
    ("attributes", "spacing"),
    [
        ({"SequenceOfUltrasoundRegions": [region(0.02, 0.03)]}, (0.3, 0.2)),
        ({"SequenceOfUltrasoundRegions": [region(0.02, -0.03)]}, (0.3, 0.2)),  # counted upwards
        ({"SequenceOfUltrasoundRegions": [region(0.02, 0.03), region(0.1, 7, units=5)]}, (0.3, 0.2)),  # and Doppler
        ({"SequenceOfUltrasoundRegions": [region(0.02, 0.03), region(0.02, 0.03)]}, (0.3, 0.2)),
        ({"SequenceOfUltrasoundRegions": [region(0.02, 0.03), region(0.05, 0.05)]}, None),  # two pictures in one
        ({"SequenceOfUltrasoundRegions": [region(0.02, 0.0)]}, None),
        ({"SequenceOfUltrasoundRegions": [region(0.02, 0.03)], "PixelSpacing": [0.5, 0.4]}, (0.5, 0.4)),
        ({"ImagerPixelSpacing": [0.15, 0.16], "Modality": "XA"}, (0.15, 0.16)),
    ],
)
def test_a_frame_has_the_spacing_of_its_film(tmp_path: Path, attributes: dict, spacing: tuple | None) -> None:
    volume = read_dicom(Source(film(tmp_path / "a.dcm", **attributes), item=2)).volume
    if spacing is None:
        assert volume.frame == "unknown"
    else:
        assert volume.frame == "image"
        assert volume.spacing_mm == pytest.approx(spacing)


def test_an_enhanced_film_without_places_is_a_film(tmp_path: Path) -> None:
    path = film(tmp_path / "a.dcm", PerFrameFunctionalGroupsSequence=[Dataset() for _ in range(5)])
    with pytest.raises(ReadError, match="5 frames without a place"):
        read_dicom(Source(path))
    assert np.array_equal(read_dicom(Source(path, item=4)).volume.voxels[0], NUMBERS[4])


def test_one_slice_of_an_enhanced_volume_lies_where_its_frame_says(tmp_path: Path) -> None:
    numbers = NUMBERS.astype(np.int16)
    path = write_enhanced(tmp_path / "a.dcm", numbers, first_mm=(1, 2, 3), step_mm=(0, 0, 2))
    whole, slice_3 = read_dicom(Source(path)).volume, read_dicom(Source(path, item=3)).volume
    assert (slice_3.rank, slice_3.units, slice_3.frame) == (2, "HU", "patient")
    assert np.array_equal(slice_3.voxels[0], whole.voxels[0, 3])
    assert np.allclose(slice_3.world((1, 2)), whole.world((3, 1, 2)))


def test_an_enhanced_image_of_one_frame_is_an_image_with_its_place(tmp_path: Path) -> None:
    numbers = NUMBERS[:1].astype(np.int16)
    numbers[0, 0, 0] = -2000
    volume = read_dicom(Source(write_enhanced(tmp_path / "a.dcm", numbers, PixelPaddingValue=-2000))).volume
    assert (volume.rank, volume.units, volume.spacing_mm) == (2, "HU", (0.8, 0.5))
    assert volume.voxels[0, 0, 0] == numbers[0].ravel()[1:].min() + HU["RescaleIntercept"]
