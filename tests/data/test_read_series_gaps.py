"""Missing and uneven slices are refused with positions in mm, or interpolated where somebody asks for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from radcnn.core.case import Source
from radcnn.core.errors import GeometryError
from radcnn.data.dicom.arranging import arrange, finished
from radcnn.data.dicom.gaps import filled_in, filling_of
from radcnn.data.dicom.header import load
from radcnn.data.dicom.reader import read_dicom
from radcnn.data.dicom.slices import slices_of
from radcnn.data.reading import Reading
from written_dicom import write_enhanced, write_stack


def ramp(depths: NDArray) -> NDArray[np.int16]:
    """Slices whose value is a hundred times their depth, so that a linear fill is exact."""
    return np.broadcast_to(np.rint(np.asarray(depths) * 100)[:, None, None], (len(depths), 4, 6)).astype(np.int16)


def filled(folder: Path, depths: NDArray, **more: Any) -> Reading:
    write_stack(folder, ramp(depths), steps_mm=np.diff(depths), first_mm=(0, 0, depths[0]), **more)
    return read_dicom(Source(folder, allow_gaps=True))


def test_missing_slices_are_linear_between_their_neighbours_and_said(tmp_path: Path) -> None:
    found = filled(tmp_path / "ct", np.array([0, 2, 4, 8, 10, 18, 20.0]))
    volume = found.volume
    assert volume.size == (11, 4, 6)
    assert volume.spacing_mm == (2.0, 0.8, 0.5)
    assert np.allclose(volume.voxels[0, :, 1, 1], np.arange(11) * 200 - 1024)
    assert str(found.findings[0]) == (
        "RC028 warning: 4 of 11 slices of folder ct were missing and were interpolated: between 4.0 mm and 8.0 mm, "
        "between 10.0 mm and 18.0 mm along the normal; export the whole series; without --allow-gaps it is refused"
    )


def test_slices_that_are_there_stay_as_they_are(tmp_path: Path) -> None:
    numbers = np.random.default_rng(0).integers(0, 1000, (5, 4, 6)).astype(np.int16)
    write_stack(tmp_path, numbers, steps_mm=[2, 2, 4, 2])
    voxels = read_dicom(Source(tmp_path, allow_gaps=True)).volume.voxels[0] + 1024
    assert np.array_equal(voxels[[0, 1, 2, 4, 5]], numbers)
    assert np.allclose(voxels[3], (numbers[2] + numbers[3]) / 2)


def test_uneven_slices_are_resampled_to_an_even_grid_between_the_same_ends(tmp_path: Path) -> None:
    depths = np.array([0, 2, 4.7, 6.7, 8.4, 10.6])
    found = filled(tmp_path / "ct", depths)
    volume = found.volume
    assert volume.size[0] == 6
    z = volume.world(np.array([[i, 0, 0] for i in range(6)]))[:, 2]
    assert np.allclose(z[[0, -1]], (0, 10.6))
    assert np.allclose(volume.voxels[0, :, 0, 0] + 1024, z * 100, atol=1e-2)
    assert str(found.findings[0]) == (
        "RC028 warning: the slices of folder ct lie 1.70 to 2.70 mm apart; all 6 were resampled to 6 slices 2.12 mm "
        "apart, from 0.0 mm to 10.6 mm along the normal; export the whole series; without --allow-gaps it is refused"
    )


def test_what_is_whole_is_not_touched_by_the_permission_to_fill(tmp_path: Path) -> None:
    found = filled(tmp_path, np.arange(5) * 2.0)
    assert (found.volume.size[0], found.findings) == (5, ())


@pytest.mark.parametrize("allow_gaps", [False, True])
def test_a_place_that_is_taken_twice_is_refused_whatever_is_allowed(tmp_path: Path, allow_gaps: bool) -> None:
    depths = np.array([0, 2, 2, 4.0])
    write_stack(tmp_path / "ct", ramp(depths), steps_mm=np.diff(depths))
    with pytest.raises(GeometryError, match=r"001\.dcm and 002\.dcm lie in the same place \(2\.0 mm along the normal"):
        read_dicom(Source(tmp_path / "ct", allow_gaps=allow_gaps))


def test_more_is_never_made_up_than_there_is(tmp_path: Path) -> None:
    depths = np.array([0, 2, 4, 400.0])
    write_stack(tmp_path / "ct", ramp(np.zeros(4)), steps_mm=np.diff(depths))
    with pytest.raises(GeometryError, match=r"197 slices seem to be missing between 4\.0 mm") as caught:
        read_dicom(Source(tmp_path / "ct", allow_gaps=True))
    assert "--allow-gaps" not in str(caught.value)


def test_the_refusal_names_both_neighbours_and_how_many_more_gaps_there_are(tmp_path: Path) -> None:
    depths = np.array([0, 2, 4, 10, 12, 14, 18.0])
    write_stack(tmp_path / "ct", ramp(depths), steps_mm=np.diff(depths), first_mm=(0, 0, -7))
    sentence = (
        r"folder ct is no regular volume: 2 slices seem to be missing between -3\.0 mm along the normal and 3\.0 mm "
        r"along the normal, where the gap is 6\.00 mm and not 2\.00 mm \(and in 1 more place\); export the whole "
        r"series or have it interpolated with --allow-gaps"
    )
    with pytest.raises(GeometryError, match=sentence):
        read_dicom(Source(tmp_path / "ct"))


def test_a_tilted_stack_with_a_gap_is_made_upright_before_it_is_filled(tmp_path: Path) -> None:
    depths = np.array([0, 3, 9, 12.0])
    found = filled(tmp_path, depths, lean_degrees=8.0)
    assert [each.code for each in found.findings] == ["RC027", "RC028"]
    volume = found.volume
    assert volume.size[0] == 5
    middle = volume.voxels[0, :, volume.size[1] // 2, 2] + 1024
    assert np.allclose(middle, np.arange(5) * 300, atol=1e-2)
    assert np.allclose(volume.affine[:3, 0], (0, 0, 3), atol=1e-6)


def test_a_slice_beside_the_others_is_refused_also_where_gaps_are_filled(tmp_path: Path) -> None:
    moved = lambda i: {"ImagePositionPatient": [3, 0, 4]} if i == 2 else {}  # noqa: E731
    write_stack(tmp_path / "ct", ramp(np.arange(5)), steps_mm=[2, 2, 4, 2], each=moved)
    with pytest.raises(
        GeometryError, match=r"002\.dcm lies 3\.00 mm beside the first slice, off the line of the others"
    ):
        read_dicom(Source(tmp_path / "ct", allow_gaps=True))


def test_frames_of_an_enhanced_image_are_filled_in_alike(tmp_path: Path) -> None:
    path = write_enhanced(tmp_path / "ct.dcm", ramp(np.array([0, 2, 6.0, 8])), places=[0, 1, 3, 4])
    with pytest.raises(GeometryError, match=r"ct\.dcm is no regular volume: 1 slice seems to be missing between 2\.0"):
        read_dicom(Source(path))
    found = read_dicom(Source(path, allow_gaps=True))
    assert np.allclose(found.volume.voxels[0, :, 0, 0] + 1024, [0, 200, 400, 600, 800])


def test_labels_are_never_interpolated(tmp_path: Path) -> None:
    write_stack(tmp_path, ramp(np.arange(4)), steps_mm=[2, 4, 2])
    slices = [each for path in sorted(tmp_path.iterdir()) for each in slices_of(path.name, load(path, pixels=False))]
    arrangement = arrange(slices, whose="folder ct", allow_gaps=True)
    assert (arrangement.size, arrangement.finished_size, arrangement.gaps) == ((4, 4, 6), (5, 4, 6), (2,))
    with pytest.raises(GeometryError, match="labels are never interpolated"):
        finished(np.zeros((1, 4, 4, 6), np.uint8), arrangement, 0, labels=True)


def test_positions_rounded_to_two_decimals_still_lie_on_a_grid_with_gaps() -> None:
    depths = np.round(np.array([i * 0.625 for i in range(40) if i not in (7, 8, 21)]), 2)
    filling = filling_of(depths)
    assert filling is not None
    assert (filling.size, filling.missing, filling.even) == (40, (7, 8, 21), True)
    whole = filled_in(np.arange(37, dtype=np.uint16).reshape(1, 37, 1, 1), filling)
    assert (whole.dtype, whole.shape) == (np.uint16, (1, 40, 1, 1))


def test_a_series_of_two_steps_is_resampled_to_the_usual_one() -> None:
    filling = filling_of(np.array([0, 2, 4, 6, 11, 16.0]))
    assert filling is not None
    assert (filling.even, filling.size, filling.spacing) == (False, 9, 2.0)
