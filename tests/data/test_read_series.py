"""A folder of slices becomes one volume placed by positions, or an error that says where it breaks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from radcnn.core.case import Source
from radcnn.core.errors import GeometryError, InputError, RadcnnError, ReadError
from radcnn.data.read import read, read_noted
from radcnn.transforms.intensity import Intensity
from radcnn.transforms.preparation import Preparation, prepare_volume
from written_dicom import write_enhanced, write_stack, written

GENERATOR = np.random.default_rng(13)


def stored(slices: int = 5, rows: int = 4, columns: int = 6) -> NDArray[np.int16]:
    """Every voxel has a number of its own, so that a swapped axis cannot hide."""
    return GENERATOR.permutation(slices * rows * columns).reshape(slices, rows, columns).astype(np.int16)


def oblique() -> tuple[NDArray, NDArray]:
    a, b = np.radians(20), np.radians(35)
    turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]]) @ np.array(
        [[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]]
    )
    return turn[:, 0], turn[:, 1]


DIRECTIONS = {
    "axial": ((1, 0, 0), (0, 1, 0)),
    "feet first": ((-1, 0, 0), (0, 1, 0)),
    "sagittal": ((0, 1, 0), (0, 0, -1)),
    "coronal": ((1, 0, 0), (0, 0, -1)),
    "oblique": oblique(),
}


@pytest.mark.parametrize("name", DIRECTIONS)
@pytest.mark.parametrize("order", [None, (4, 3, 2, 1, 0), (2, 0, 4, 1, 3)])
def test_voxels_and_world_coordinates_are_those_of_the_files(
    tmp_path: Path, name: str, order: tuple[int, ...] | None
) -> None:
    right, down = (np.asarray(v, dtype=np.float64) for v in DIRECTIONS[name])
    numbers, first = stored(), np.array([-120.5, 33.25, 400.0])
    write_stack(tmp_path / "ct", numbers, first_mm=first, right=right, down=down, steps_mm=2.5, order=order)
    volume = read(tmp_path / "ct")
    assert volume.size == (5, 4, 6)
    assert volume.spacing_mm == pytest.approx((2.5, 0.8, 0.5), rel=1e-7)  # positions are decimal text
    assert (volume.units, volume.frame, volume.voxels.dtype) == ("HU", "patient", np.float32)
    assert np.array_equal(volume.voxels[0], numbers - 1024.0)
    normal = np.cross(right, down)
    for index in [(0, 0, 0), (4, 0, 0), (0, 3, 0), (0, 0, 5), (3, 2, 4)]:
        expected = first + index[0] * 2.5 * normal + index[1] * 0.8 * down + index[2] * 0.5 * right
        assert np.allclose(volume.world(index), expected, atol=1e-6)


@pytest.mark.parametrize("named", [-2000, 63536])
def test_padding_takes_the_lowest_value_that_was_measured_in_the_series(tmp_path: Path, named: int) -> None:
    numbers = stored(3) + np.int16(100)
    numbers[:, 0, 0] = -2000
    numbers[1] = -2000
    lowest = numbers[numbers >= 0].min()
    write_stack(tmp_path, numbers, PixelPaddingValue=-2000)
    for path in sorted(tmp_path.iterdir()) if named > 0 else ():
        _unsigned_padding(path, named)
    volume = read(tmp_path)
    assert np.array_equal(volume.voxels[0], np.where(numbers == -2000, lowest, numbers) - 1024.0)


def _unsigned_padding(path: Path, value: int) -> None:
    import pydicom

    dataset = pydicom.dcmread(path)
    dataset["PixelPaddingValue"] = pydicom.DataElement(0x00280120, "US", value)
    dataset.save_as(path, enforce_file_format=True)


def test_padding_of_a_ct_is_never_below_air(tmp_path: Path) -> None:
    numbers = stored(3)
    numbers[:, 0] = -2000
    numbers[:, 1] = -1990
    numbers[0, 2, 0] = -10
    write_stack(tmp_path, numbers, PixelPaddingValue=-2000, PixelPaddingRangeLimit=-1990)
    volume = read(tmp_path)
    assert set(volume.voxels[0, :, :2].ravel().tolist()) == {-1024.0}
    assert volume.voxels[0, 0, 2, 0] == -1034, "what is not padding stays"


def test_each_slice_is_rescaled_by_its_own_slope(tmp_path: Path) -> None:
    numbers = stored(2)
    for i, slope in enumerate((1, 2)):
        write_stack(tmp_path / str(i), numbers, RescaleSlope=slope)
        (tmp_path / str(i) / f"{1 - i:03d}.dcm").unlink()
        (tmp_path / str(i) / f"{i:03d}.dcm").rename(tmp_path / f"{i}.dcm")
        (tmp_path / str(i)).rmdir()
    volume = read(tmp_path)
    assert np.array_equal(volume.voxels[0], numbers * np.array([1, 2])[:, None, None] - 1024.0)


def test_positions_win_over_thickness_and_slice_location(tmp_path: Path) -> None:
    write_stack(tmp_path, stored(), SliceThickness=3, SpacingBetweenSlices=7, SliceLocation=0)
    assert read(tmp_path).spacing_mm == (2.0, 0.8, 0.5)


def test_slices_are_numbered_as_viewers_show_them(tmp_path: Path) -> None:
    read = read_noted(Source(write_stack(tmp_path / "ct", stored(4), order=[2, 0, 3, 1])))
    assert read.numbers == (2, 4, 1, 3)
    assert [file.name for file in read.files] == ["001.dcm", "003.dcm", "000.dcm", "002.dcm"]
    assert read_noted(Source(write_enhanced(tmp_path / "enhanced.dcm", stored(4)))).numbers == (None,) * 4


def test_a_lone_slice_is_an_image(tmp_path: Path) -> None:
    write_stack(tmp_path, stored(1))
    assert read(tmp_path).rank == 2


def test_reports_and_other_files_beside_the_slices_do_not_disturb(tmp_path: Path) -> None:
    write_stack(tmp_path, stored())
    report = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.11", "Rows": None, "PixelData": None}
    written(tmp_path / "report.dcm", np.zeros((2, 2), np.int16), **report, SeriesInstanceUID="2.25.99")
    (tmp_path / "notes.txt").write_text("read me")
    (tmp_path / ".hidden.dcm").write_text("no image")
    assert read(tmp_path).size == (5, 4, 6)


def test_a_missing_slice_is_named_by_its_neighbours(tmp_path: Path) -> None:
    write_stack(tmp_path / "ct", stored(), steps_mm=[2, 2, 4, 2], first_mm=(0, 0, 100))
    sentence = (
        r"folder ct is no regular volume: 1 slice seems to be missing between 104\.0 mm along the normal and "
        r"108\.0 mm along the normal, where the gap is 4\.00 mm and not 2\.00 mm; export the whole series"
    )
    with pytest.raises(GeometryError, match=sentence):
        read(tmp_path / "ct")


def test_uneven_spacing_is_refused_with_its_range(tmp_path: Path) -> None:
    write_stack(tmp_path / "ct", stored(), steps_mm=[2, 2.7, 2, 2])
    with pytest.raises(GeometryError, match=r"distance of its slices varies from 2\.00 to 2\.70 mm, most between"):
        read(tmp_path / "ct")


def test_spacing_that_varies_within_one_percent_is_accepted(tmp_path: Path) -> None:
    write_stack(tmp_path / "ct", stored(), steps_mm=[2, 2.01, 2, 1.99])
    assert read(tmp_path / "ct").spacing_mm == (2.0, 0.8, 0.5)


@pytest.mark.parametrize("name", DIRECTIONS)
def test_a_stack_that_leans_a_little_keeps_every_slice_in_its_place(tmp_path: Path, name: str) -> None:
    right, down = (np.asarray(v, dtype=np.float64) for v in DIRECTIONS[name])
    n, lean = 100, np.radians(2.4)
    write_stack(tmp_path, stored(n), first_mm=(-5, 7, 9), right=right, down=down, steps_mm=3.0, lean_degrees=2.4)
    volume = read(tmp_path)
    step = 3.0 * (np.cross(right, down) + np.tan(lean) * down)
    positions = np.array([-5, 7, 9]) + np.arange(n)[:, None] * step
    assert np.allclose(volume.index(positions), np.arange(n)[:, None] * (1, 0, 0), atol=1e-5)
    assert volume.spacing_mm == pytest.approx((3.0 / np.cos(lean), 0.8, 0.5), rel=1e-7)


@pytest.mark.parametrize("name", DIRECTIONS)
@pytest.mark.parametrize("degrees", [0.0, 2.4])
def test_frames_of_an_enhanced_image_lie_where_they_say(tmp_path: Path, name: str, degrees: float) -> None:
    right, down = (np.asarray(v, dtype=np.float64) for v in DIRECTIONS[name])
    numbers, n, chance = stored(40), 40, np.random.default_rng(0)
    step = 3.0 * (np.cross(right, down) + np.tan(np.radians(degrees)) * down)
    place = {"first_mm": (-5, 7, 9), "right": right, "down": down, "step_mm": step}
    path = write_enhanced(tmp_path / "ct.dcm", numbers, order=chance.permutation(n).tolist(), **place)
    volume = read(path)
    assert volume.units == "HU"
    assert np.array_equal(volume.voxels[0], numbers - 1024.0)
    positions = np.array([-5, 7, 9]) + np.arange(n)[:, None] * step
    assert np.allclose(volume.index(positions), np.arange(n)[:, None] * (1, 0, 0), atol=1e-5)


def test_a_region_of_a_leaning_stack_is_cut_about_its_centre(tmp_path: Path) -> None:
    numbers = np.full((60, 40, 40), 1000, np.int16)
    numbers[50, 22, 10] = 2000
    write_stack(tmp_path, numbers, steps_mm=3.0, lean_degrees=2.4, spacing=(1.0, 1.0))
    centre = (10.0, 22 + 50 * 3.0 * np.tan(np.radians(2.4)), 150.0)
    step = 3.0 / np.cos(np.radians(2.4))
    asked = Preparation(dims=3, size=(3, 5, 5), region_mm=(3 * step, 5.0, 5.0), intensity=Intensity("keep"))
    region = prepare_volume(read(tmp_path), asked, centre_mm=centre)
    assert np.unravel_index(np.argmax(region.voxels[0]), (3, 5, 5)) == (1, 2, 2)
    assert np.allclose(region.world((1, 2, 2)), centre, atol=1e-6)


def test_two_phases_that_nothing_tells_apart_are_refused(tmp_path: Path) -> None:
    write_stack(tmp_path / "ct", stored())
    write_stack(tmp_path / "late", stored())
    for i, path in enumerate(sorted((tmp_path / "late").iterdir())):
        written(tmp_path / "ct" / f"late{i}.dcm", stored(1)[0], **_same_place(path), SOPInstanceUID=f"2.25.9{i}")
    with pytest.raises(GeometryError, match=r"lie in the same place .*several phases, echoes or acquisitions"):
        read(tmp_path / "ct")


def _same_place(path: Path) -> dict:
    import pydicom

    keywords = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "FrameOfReferenceUID")
    rescale = ("RescaleSlope", "RescaleIntercept", "RescaleType")
    dataset = pydicom.dcmread(path)
    return {keyword: dataset[keyword].value for keyword in (*keywords, *rescale)}


def test_a_copy_of_a_slice_is_named(tmp_path: Path) -> None:
    write_stack(tmp_path, stored())
    (tmp_path / "copy of 2.dcm").write_bytes((tmp_path / "002.dcm").read_bytes())
    with pytest.raises(GeometryError, match=r"holds one image twice \(002\.dcm and copy of 2\.dcm\); remove the copy"):
        read(tmp_path)


def test_anonymised_slices_that_share_one_instance_uid_are_still_slices(tmp_path: Path) -> None:
    write_stack(tmp_path, stored(), SOPInstanceUID="2.25.5")
    assert read(tmp_path).size == (5, 4, 6)


def test_radiographs_of_several_series_are_no_volume(tmp_path: Path) -> None:
    for i in range(3):
        written(tmp_path / "dx" / f"{i}.dcm", stored(1)[0], SeriesInstanceUID=f"2.25.{i + 90}", Modality="DX")
    with pytest.raises(GeometryError, match=r"folder dx holds 3 images of 3 series without a place in the patient"):
        read(tmp_path / "dx")


@pytest.mark.parametrize(
    ("attributes", "sentence"),
    [
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, r"1 slice seems to be missing between 4\.0 mm"),
        (
            {"ImageOrientationPatient": [2, 0, 0, 0, 1, 0]},
            r"ImageOrientationPatient of 003\.dcm must be two",
        ),
        ({"ImagePositionPatient": None}, r"003\.dcm lacks its position, orientation or pixel spacing"),
        ({"FrameOfReferenceUID": "2.25.3"}, r"000\.dcm and 003\.dcm differ in their frame of reference"),
        ({"PixelSpacing": [0.8, 0.6]}, r"000\.dcm and 003\.dcm differ in pixel spacing"),
        ({"ImageOrientationPatient": [0, 1, 0, -1, 0, 0]}, r"000\.dcm and 003\.dcm differ in orientation"),
        ({"RescaleType": "US"}, r"000\.dcm and 003\.dcm differ in the unit of their values"),
        ({"NumberOfFrames": 2}, r"003\.dcm holds 2 frames"),
    ],
)
def test_one_slice_that_does_not_belong_is_named(tmp_path: Path, attributes: dict, sentence: str) -> None:
    write_stack(tmp_path / "ct", stored())
    import pydicom

    path = tmp_path / "ct" / "003.dcm"
    dataset = pydicom.dcmread(path)
    for keyword, value in attributes.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    dataset.save_as(path, enforce_file_format=True)
    with pytest.raises(GeometryError, match=sentence):
        read(tmp_path / "ct")


def test_slices_of_another_size_are_named(tmp_path: Path) -> None:
    write_stack(tmp_path / "ct", stored())
    numbers = stored(1, 8, 8)
    written(tmp_path / "ct" / "wide.dcm", numbers[0], **_same_place(tmp_path / "ct" / "000.dcm"))
    with pytest.raises(GeometryError, match=r"000\.dcm and wide\.dcm differ in rows and columns"):
        read(tmp_path / "ct")


def test_a_text_named_like_dicom_and_a_cut_slice_are_named(tmp_path: Path) -> None:
    write_stack(tmp_path / "ct", stored())
    path = tmp_path / "ct" / "002.dcm"
    content = path.read_bytes()
    path.write_bytes(content[:-20])
    with pytest.raises(ReadError, match=r"002\.dcm is damaged, truncated"):
        read(tmp_path / "ct")
    path.write_text("this is a letter")
    with pytest.raises(ReadError, match=r"002\.dcm is named like a DICOM file but holds text"):
        read(tmp_path / "ct")


def test_a_folder_without_dicom_or_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no DICOM files"):
        read(tmp_path)
    report = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.11", "Rows": None, "PixelData": None}
    written(tmp_path / "report.dcm", np.zeros((2, 2), np.int16), **report)
    with pytest.raises(ReadError, match="holds DICOM objects, but no image"):
        read(tmp_path)


def test_messages_never_hold_the_path_above_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "Doe^John" / "ct"
    write_stack(folder, stored(), steps_mm=[2, 2, 4, 2])
    with pytest.raises(RadcnnError) as caught:
        read(folder)
    assert "Doe" not in str(caught.value)


def test_a_real_series_is_placed_by_positions_against_its_thickness(real_data: Path) -> None:
    found = read_noted(Source(real_data / "ct_series"))
    assert (found.volume.size, found.volume.spacing_mm) == ((20, 512, 512), (2.0, 0.9765625, 0.9765625))
    (noticed,) = found.findings
    assert str(noticed) == (
        "RC029 info: SliceThickness of folder ct_series says 3 mm, but its slices lie 2 mm apart (slices that overlap "
        "are common); the positions were used"
    )
