"""Patients, localizers, series and phases in one folder are told apart; one is taken by rule or by name, none mixed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from radcnn.core.case import Source
from radcnn.core.errors import GeometryError, InputError
from radcnn.data.dicom.reader import read_dicom
from radcnn.data.listing import list_images
from radcnn.data.reading import Reading
from written_dicom import write_enhanced, write_stack, written

LOCALIZER = {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}
DERIVED = {"ImageType": ["DERIVED", "SECONDARY", "MPR"]}


def stack(value: int, slices: int = 4) -> NDArray[np.int16]:
    """Slices of one value, which says from which series or phase a voxel came."""
    return np.full((slices, 4, 6), value, np.int16)


def series(folder: Path, number: int, slices: int = 4, **attributes: Any) -> Path:
    """A series whose voxels hold its number."""
    about = {"SeriesNumber": number, "SeriesInstanceUID": f"2.25.600{number}", **attributes}
    return write_stack(folder, stack(number, slices), prefix=f"s{number}_", **about)


def taken(folder: Path, asked: str = "") -> tuple[int, int, list[str]]:
    """The value of every voxel, the number of slices, and the codes of the findings."""
    found = read_dicom(Source(folder, series=asked))
    return value_of(found), found.volume.size[0], [each.code for each in found.findings]


def value_of(found: Reading) -> int:
    values = set(found.volume.voxels.ravel().tolist())
    assert len(values) == 1, "slices of two series were mixed"
    return int(values.pop()) + 1024


def sentences(found: Reading) -> str:
    return " | ".join(map(str, found.findings))


# ---- patients and localizers


def test_images_of_several_patients_are_refused_and_counted_but_never_named(tmp_path: Path) -> None:
    series(tmp_path / "ct", 1, PatientID="SECRET-1")
    series(tmp_path / "ct", 2, PatientID="SECRET-2")
    with pytest.raises(GeometryError, match="folder ct holds images of 2 patients; put the images of each") as caught:
        taken(tmp_path / "ct")
    assert "SECRET" not in str(caught.value)


def test_an_image_without_patient_is_no_other_patient(tmp_path: Path) -> None:
    series(tmp_path, 1, 5)
    series(tmp_path, 2, PatientID="")
    assert taken(tmp_path)[0] == 1


def test_localizers_and_images_without_a_place_are_left_out(tmp_path: Path) -> None:
    series(tmp_path / "ct", 3)
    series(tmp_path / "ct", 1, 2, **LOCALIZER)
    written(tmp_path / "ct" / "dose.dcm", stack(9)[0], SeriesInstanceUID="2.25.98", SeriesNumber=9)
    found = read_dicom(Source(tmp_path / "ct"))
    assert value_of(found) == 3
    assert sentences(found) == (
        "RC026 info: folder ct holds 2 localizers and 1 image without a place in the patient beside its slices, "
        "left out"
    )


def test_a_localizer_in_the_series_itself_is_left_out(tmp_path: Path) -> None:
    series(tmp_path, 3)
    written(
        tmp_path / "scout.dcm",
        stack(1)[0],
        **LOCALIZER,
        SeriesNumber=3,
        SeriesInstanceUID="2.25.6003",
        ImagePositionPatient=[0, 0, 0],
        ImageOrientationPatient=[1, 0, 0, 0, 0, -1],
        PixelSpacing=[1, 1],
    )
    assert taken(tmp_path) == (3, 4, ["RC026"])


def test_a_folder_of_localizers_alone_is_refused_unless_one_is_named(tmp_path: Path) -> None:
    series(tmp_path / "ct", 1, 1, **LOCALIZER)
    series(tmp_path / "ct", 2, 1, **LOCALIZER)
    with pytest.raises(GeometryError, match=r"nothing but localizers \(series 1: CT, 1 slice; series 2: CT, 1 slice\)"):
        taken(tmp_path / "ct")
    assert read_dicom(Source(tmp_path / "ct", series="2")).volume.rank == 2


# ---- series


def test_the_original_series_with_the_most_slices_is_taken_and_said(tmp_path: Path) -> None:
    series(tmp_path / "ct", 2, 3)
    series(tmp_path / "ct", 3, 5, Modality="CT")
    series(tmp_path / "ct", 4, 9, **DERIVED)
    found = read_dicom(Source(tmp_path / "ct"))
    assert value_of(found) == 3
    assert sentences(found) == (
        "RC024 warning: folder ct holds 3 series (series 2: CT, 3 slices of 2 mm; series 3: CT, 5 slices of 2 mm; "
        "series 4: CT, 9 slices of 2 mm); series 3 was taken: it has the most slices of the original ones; choose "
        "another with --series NUMBER, or by rule with 'most' or 'thinnest'"
    )


@pytest.mark.parametrize(("asked", "value"), [("2", 2), ("4", 4), ("2.25.6003", 3), ("most", 4), ("thinnest", 2)])
def test_a_series_is_chosen_by_number_uid_or_rule(tmp_path: Path, asked: str, value: int) -> None:
    series(tmp_path, 2, 3, steps_mm=1.0)
    series(tmp_path, 3, 5)
    series(tmp_path, 4, 9, **DERIVED)
    assert taken(tmp_path, asked)[0] == value


def test_a_tie_is_refused_with_the_list_to_choose_from(tmp_path: Path) -> None:
    series(tmp_path / "ct", 2)
    series(tmp_path / "ct", 3, steps_mm=1.25)
    sentence = (
        r"folder ct holds 2 series \(series 2: CT, 4 slices of 2 mm; series 3: CT, 4 slices of 1\.25 mm\), and 2 of "
        r"them are original and have the most slices; put each .* choose one by --series with its number or its UID"
    )
    with pytest.raises(GeometryError, match=sentence):
        taken(tmp_path / "ct")
    assert taken(tmp_path / "ct", "thinnest")[0] == 3
    with pytest.raises(GeometryError, match="have the most slices"):
        taken(tmp_path / "ct", "most")


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ("7", r"folder ct holds no series with the number 7; it holds series 2: CT, 4 slices of 2 mm"),
        ("2.25.1", r"folder ct holds no series with that SeriesInstanceUID"),
        ("thick", r"series must be a SeriesNumber \(3, or 3\.2 for its second group\), a SeriesInstanceUID, 'most' or"),
        ("2.2", r"folder ct holds one volume in this series, and no group 2"),
    ],
)
def test_a_series_that_is_not_there_is_refused_with_what_is(tmp_path: Path, asked: str, sentence: str) -> None:
    series(tmp_path / "ct", 2)
    with pytest.raises(InputError, match=sentence):
        taken(tmp_path / "ct", asked)


def test_two_series_of_one_number_must_be_named_by_their_uid(tmp_path: Path) -> None:
    series(tmp_path / "ct", 2)
    write_stack(tmp_path / "ct", stack(7), prefix="b", SeriesNumber=2, SeriesInstanceUID="2.25.6007")
    with pytest.raises(InputError, match="holds 2 series with the number 2; name one by its SeriesInstanceUID"):
        taken(tmp_path / "ct", "2")
    assert taken(tmp_path / "ct", "2.25.6007")[0] == 7


def test_a_series_description_is_never_shown(tmp_path: Path) -> None:
    for number in (2, 3):
        series(tmp_path, number, SeriesDescription="SECRET Doe", ProtocolName="SECRET", ConvolutionKernel="SECRET")
    with pytest.raises(GeometryError) as caught:
        taken(tmp_path)
    assert "SECRET" not in str(caught.value)


# ---- phases, echoes, time points

KEYS: dict[str, list[Any]] = {
    "AcquisitionNumber": [4, 5],
    "TemporalPositionIdentifier": [1, 2],
    "TriggerTime": [0, 350],
    "EchoTime": [4.6, 9.2],
    "DiffusionBValue": [0.0, 800.0],
    "ImageType": [["ORIGINAL", "PRIMARY", "WATER"], ["ORIGINAL", "PRIMARY", "FAT"]],
    "ConvolutionKernel": ["B30f", "B70f"],
    "AcquisitionTime": ["101500", "101530.5"],
    "ContentTime": ["101500", "101530.5"],
}


@pytest.mark.parametrize("keyword", KEYS)
def test_phases_are_told_apart_by_the_attribute_that_differs(tmp_path: Path, keyword: str) -> None:
    for value, said in zip((10, 20), KEYS[keyword], strict=True):
        write_stack(tmp_path / "mr", stack(value), prefix=f"p{value}_", SeriesNumber=3, **{keyword: said})
    found = read_dicom(Source(tmp_path / "mr"))
    assert value_of(found) == 10
    assert sentences(found) == (
        "RC025 warning: folder mr holds 2 groups of 4 slices that show the same part of the patient, told apart by "
        f"{keyword}; the first of them in this order was taken; take the second with --series 3.2"
    )
    assert taken(tmp_path / "mr", "3.2") == (20, 4, [])
    assert taken(tmp_path / "mr", ":2") == (20, 4, [])
    with pytest.raises(InputError, match=rf"holds 2 groups told apart by {keyword} \(4, 4 slices\); there is no group"):
        taken(tmp_path / "mr", "3.3")


def test_the_first_group_is_that_of_the_lowest_number_whatever_the_files_are_called(tmp_path: Path) -> None:
    for name, echo in (("a", 20.0), ("b", 4.0), ("c", 12.0)):
        write_stack(tmp_path, stack(int(echo)), prefix=name, EchoTime=echo)
    assert taken(tmp_path)[0] == 4
    assert taken(tmp_path, ":3")[0] == 20


def test_two_attributes_together_tell_echoes_and_kinds_apart(tmp_path: Path) -> None:
    for value, (echo, kind) in enumerate((e, k) for e in (4, 8) for k in ("M", "P")):
        kinds = ["ORIGINAL", "PRIMARY", kind]
        write_stack(tmp_path, stack(value), prefix=f"p{value}_", EchoTime=echo, ImageType=kinds)
    found = read_dicom(Source(tmp_path))
    assert "4 groups of 4 slices" in sentences(found)
    assert "told apart by EchoTime and ImageType" in sentences(found)
    assert value_of(found) == 0


def test_directions_of_diffusion_are_groups_beside_the_image_without_diffusion(tmp_path: Path) -> None:
    for value, direction in enumerate((None, [1, 0, 0], [0, 1, 0], [0, 0, 1])):
        said = {"DiffusionBValue": 800.0 if direction else 0.0, "DiffusionGradientOrientation": direction}
        write_stack(tmp_path, stack(value), prefix=f"d{value}_", **said)
    found = read_dicom(Source(tmp_path))
    assert "4 groups" in sentences(found)
    assert value_of(found) == 0


def test_beats_of_a_heart_are_told_apart_by_the_order_of_their_times_at_each_place(tmp_path: Path) -> None:
    for value in range(3):
        # each slice has its own heart rate, so no two have the same trigger times
        times = lambda i, value=value: {"TriggerTime": value * (30.0 + i)}  # noqa: E731
        write_stack(tmp_path, stack(value), prefix=f"t{value}_", each=times)
    found = read_dicom(Source(tmp_path))
    assert "told apart by the order of TriggerTime" in sentences(found)
    assert value_of(found) == 0
    assert taken(tmp_path, ":3")[0] == 2


def test_time_points_of_a_lone_slice_are_told_apart(tmp_path: Path) -> None:
    for value in range(3):
        write_stack(tmp_path, stack(value, 1), prefix=f"t{value}_", TemporalPositionIdentifier=value + 1)
    found = read_dicom(Source(tmp_path))
    assert (found.volume.rank, value_of(found)) == (2, 0)


def test_acquisitions_at_different_places_are_one_volume(tmp_path: Path) -> None:
    """Sequential CT numbers every rotation of the tube, and interleaved MR both halves."""
    write_stack(tmp_path / "tiles", stack(5, 8), each=lambda i: {"AcquisitionNumber": i // 4 + 1})
    write_stack(tmp_path / "comb", stack(5, 8), each=lambda i: {"AcquisitionNumber": i % 2 + 1})
    assert taken(tmp_path / "tiles") == (5, 8, [])
    assert taken(tmp_path / "comb") == (5, 8, [])


def test_a_rotation_that_was_repeated_is_no_phase(tmp_path: Path) -> None:
    write_stack(tmp_path, stack(5, 8), each=lambda i: {"AcquisitionNumber": i + 1})
    write_stack(tmp_path, stack(6, 1), prefix="again", first_mm=(0, 0, 6), AcquisitionNumber=9)
    with pytest.raises(GeometryError, match=r"003\.dcm and again000\.dcm lie in the same place \(6\.0 mm along"):
        taken(tmp_path)


def test_interleaved_echoes_that_look_like_one_fine_volume_are_told_apart(tmp_path: Path) -> None:
    for value, start in ((10, 0), (20, 1)):
        write_stack(tmp_path, stack(value), prefix=f"e{value}_", first_mm=(0, 0, start), EchoTime=value)
    assert taken(tmp_path) == (10, 4, ["RC025"])


def test_phases_at_slightly_shifted_positions_are_told_apart(tmp_path: Path) -> None:
    for value, start in ((10, 0.0), (20, 0.3)):
        write_stack(tmp_path, stack(value), prefix=f"a{value}_", first_mm=(0, 0, start), AcquisitionNumber=value)
    assert taken(tmp_path) == (10, 4, ["RC025"])


def test_phases_that_are_not_alike_are_listed_and_left_to_the_user(tmp_path: Path) -> None:
    for value, slices in ((10, 4), (20, 6)):
        write_stack(tmp_path / "ct", stack(value, slices), prefix=f"a{value}_", AcquisitionNumber=value, SeriesNumber=3)
    sentence = (
        r"folder ct holds 2 groups told apart by AcquisitionNumber \(4, 6 slices\), which differ in size or "
        r"place; choose one, the second with --series 3\.2"
    )
    with pytest.raises(GeometryError, match=sentence):
        taken(tmp_path / "ct")
    assert taken(tmp_path / "ct", "3.2") == (20, 6, [])


def test_acquisitions_that_overlap_at_their_ends_are_listed(tmp_path: Path) -> None:
    for value, start in ((10, 0), (20, 6)):
        write_stack(tmp_path, stack(value), prefix=f"a{value}_", first_mm=(0, 0, start), AcquisitionNumber=value)
    with pytest.raises(GeometryError, match=r"told apart by AcquisitionNumber \(4, 4 slices\), which differ in"):
        taken(tmp_path)
    assert taken(tmp_path, ":2")[0] == 20


def test_slices_of_two_kernels_that_cannot_be_told_apart_are_no_volume(tmp_path: Path) -> None:
    write_stack(tmp_path, stack(5, 8), each=lambda i: {"ConvolutionKernel": "B70f" if i > 5 else "B30f"})
    with pytest.raises(GeometryError, match=r"000\.dcm and 006\.dcm differ in ConvolutionKernel"):
        taken(tmp_path)


# ---- enhanced files


def enhanced(tmp_path: Path, sequence: str, keyword: str, values: list[Any], **more: Any) -> Path:
    """Four places and two values, frames in a random order."""
    numbers = np.concatenate([stack(10), stack(20)])
    order = np.random.default_rng(3).permutation(8).tolist()
    each = lambda i: {sequence: {keyword: values[i // 4]}}  # noqa: E731
    return write_enhanced(tmp_path / "mr.dcm", numbers, order=order, places=[0, 1, 2, 3] * 2, each=each, **more)


@pytest.mark.parametrize(
    ("sequence", "keyword", "values"),
    [
        ("FrameContentSequence", "StackID", ["1", "2"]),
        ("FrameContentSequence", "TemporalPositionIndex", [1, 2]),
        ("MREchoSequence", "EffectiveEchoTime", [4.6, 9.2]),
        ("MRDiffusionSequence", "DiffusionBValue", [0.0, 800.0]),
        ("CardiacSynchronizationSequence", "NominalCardiacTriggerDelayTime", [0.0, 320.0]),
        ("FrameContentSequence", "FrameAcquisitionDateTime", ["20200101101500", "20200101101530.5"]),
    ],
)
def test_groups_of_frames_in_one_enhanced_file_are_told_apart(
    tmp_path: Path, sequence: str, keyword: str, values: list[Any]
) -> None:
    path = enhanced(tmp_path, sequence, keyword, values)
    found = read_dicom(Source(path))
    assert (value_of(found), found.volume.size) == (10, (4, 4, 6))
    assert f"mr.dcm holds 2 groups of 4 slices that show the same part of the patient, told apart by {keyword}" in (
        sentences(found)
    )
    assert value_of(read_dicom(Source(path, series=":2"))) == 20


def test_groups_without_numbers_are_counted_in_the_order_of_the_frames(tmp_path: Path) -> None:
    kernels = lambda i: {"CTReconstructionSequence": {"ConvolutionKernel": "AB"[i // 4]}}  # noqa: E731
    numbers, order = np.concatenate([stack(10), stack(20)]), [6, 0, 4, 5, 1, 2, 3, 7]
    path = write_enhanced(tmp_path / "ct.dcm", numbers, order=order, places=[0, 1, 2, 3] * 2, each=kernels)
    found = read_dicom(Source(path))
    assert value_of(found) == 20
    assert "told apart by ConvolutionKernel" in sentences(found)


def test_stacks_of_one_file_may_look_into_different_directions(tmp_path: Path) -> None:
    turned = {"ImageOrientationPatient": [1, 0, 0, 0, 0, -1]}
    along_y = lambda i: {"ImagePositionPatient": [0, 2 * (i % 4), 0]}  # noqa: E731
    each = lambda i: {  # noqa: E731
        "FrameContentSequence": {"StackID": str(i // 4)},
        **({"PlaneOrientationSequence": turned, "PlanePositionSequence": along_y(i)} if i > 3 else {}),
    }
    path = write_enhanced(tmp_path / "mr.dcm", np.concatenate([stack(10), stack(20)]), each=each)
    found = read_dicom(Source(path))
    assert (value_of(found), [each.code for each in found.findings]) == (10, ["RC025"])
    second = read_dicom(Source(path, series=":2")).volume
    assert np.allclose(second.affine[:3, 0], (0, 2, 0))


def test_frames_in_one_place_that_nothing_tells_apart_are_refused_by_number(tmp_path: Path) -> None:
    path = write_enhanced(tmp_path / "ct.dcm", stack(1, 3), places=[0, 1, 1])
    with pytest.raises(GeometryError, match=r"frame 2 of ct\.dcm and frame 3 of ct\.dcm lie in the same place"):
        read_dicom(Source(path))


def test_a_single_enhanced_frame_is_an_image(tmp_path: Path) -> None:
    found = read_dicom(Source(write_enhanced(tmp_path / "ct.dcm", stack(1, 1), first_mm=(1, 2, 3))))
    assert (found.volume.size, found.volume.units, found.volume.frame) == ((4, 6), "HU", "patient")
    assert found.volume.world((0, 0)).tolist() == [1, 2, 3]


def test_an_enhanced_file_beside_slices_is_an_item_of_its_own(tmp_path: Path) -> None:
    series(tmp_path / "ct", 2)
    path = write_enhanced(tmp_path / "ct" / "e.dcm", stack(9, 12), SeriesInstanceUID="2.25.5", SeriesNumber=9)
    assert list_images(tmp_path) == (tmp_path / "ct", path)
    assert taken(tmp_path / "ct") == (2, 4, [])
    assert taken(tmp_path / "ct", "9")[0] == 9


def test_the_parts_of_a_concatenation_are_one_volume(tmp_path: Path) -> None:
    for part in range(2):
        write_enhanced(
            tmp_path / f"{part}.dcm", stack(5, 4), first_mm=(0, 0, 8 * part), ConcatenationUID="2.25.4", SeriesNumber=2
        )
    assert list_images(tmp_path) == (tmp_path,)
    assert taken(tmp_path) == (5, 8, [])


def test_enhanced_files_of_one_series_in_the_same_places_are_told_apart(tmp_path: Path) -> None:
    for part in range(2):
        write_enhanced(tmp_path / f"{part}.dcm", stack(5 + part, 4), SeriesNumber=2)
    assert taken(tmp_path) == (5, 4, ["RC025"])
    assert taken(tmp_path, "2.2")[0] == 6
