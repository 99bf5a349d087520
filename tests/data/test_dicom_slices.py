"""The facts of a slice: read from the bytes as pydicom reads them, carried between processes, no word of a patient."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian

from radcnn.core.errors import GeometryError, ReadError
from radcnn.data.dicom.arranging import arrange
from radcnn.data.dicom.attributes import Attributes
from radcnn.data.dicom.frame import Frame
from radcnn.data.dicom.header import load
from radcnn.data.dicom.keys import keys_of
from radcnn.data.dicom.slices import Slice, slice_of, slices_of
from written_dicom import write_enhanced, write_stack, written

PLACE = {
    "ImagePositionPatient": ["-10.5", "20", "30.25"],
    "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
    "PixelSpacing": ["0.8", "0.5"],
    "SliceThickness": 3,
    "AcquisitionNumber": 7,
    "EchoTime": "4.6",
    "ImageType": ["ORIGINAL", "PRIMARY", "WATER"],
    "DiffusionBValue": 800.0,
    "TemporalPositionIndex": 3,
    "ConvolutionKernel": ["B30f", "2"],
    "AcquisitionTime": "101112.5",
    "GantryDetectorTilt": -12,
}


def image(tmp_path: Path, **more: Any) -> Path:
    return written(tmp_path / "a.dcm", np.zeros((4, 6), np.int16), **{**PLACE, **more})


def facts(path: Path) -> Slice:
    (found,) = slices_of(path.name, load(path, pixels=False))
    return found


def test_the_facts_of_a_slice_are_those_of_its_header(tmp_path: Path) -> None:
    found = facts(image(tmp_path, SeriesNumber=5, InstanceNumber=17))
    assert (found.name, found.number, found.frames, found.enhanced) == ("a.dcm", 0, 1, False)
    assert (found.series_number, found.instance_number, found.modality) == (5, 17, "CT")
    assert (found.rows, found.columns, found.thickness_mm, found.tilt_degrees) == (4, 6, 3.0, -12.0)
    assert found.placed.position == (-10.5, 20, 30.25)
    assert found.placed.spacing == (0.8, 0.5)
    assert found.keys["AcquisitionNumber"] == 7
    assert found.keys["EchoTime"] == 4.6
    assert found.keys["DiffusionBValue"] == 800
    assert found.keys["TemporalPositionIndex"] == 3
    assert found.keys["AcquisitionTime"] == 10 * 3600 + 11 * 60 + 12.5


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_they_are_the_same_however_the_file_is_encoded(tmp_path: Path, syntax: str) -> None:
    path = image(tmp_path)
    expected, dataset = facts(path), pydicom.dcmread(path)
    swapped = dataset.PixelData
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = swapped
    other = tmp_path / "other" / "a.dcm"
    other.parent.mkdir()
    pydicom.dcmwrite(
        other, dataset, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=syntax != ExplicitVRBigEndian
    )
    assert facts(other) == expected
    assert dict(facts(other).keys) == dict(expected.keys)


def test_they_are_the_same_once_pydicom_has_converted_them(tmp_path: Path) -> None:
    path = image(tmp_path)
    dataset = load(path, pixels=False)
    for element in dataset:
        assert element is not None
    assert slice_of("a.dcm", Frame(dataset)) == facts(path)


def test_orientations_of_more_than_16_characters_are_exact(tmp_path: Path) -> None:
    a = np.radians(33.3)
    along = [f"{v:.20f}" for v in (np.cos(a), np.sin(a), 0, -np.sin(a), np.cos(a), 0)]
    path = image(tmp_path)
    dataset = pydicom.dcmread(path)
    with pydicom.config.disable_value_validation():
        dataset[0x00200037] = pydicom.DataElement(0x00200037, "LO", along)
    dataset.save_as(path)
    content = path.read_bytes().replace(b"\x20\x00\x37\x00LO", b"\x20\x00\x37\x00DS")
    path.write_bytes(content)
    assert np.allclose(facts(path).placed.right, (np.cos(a), np.sin(a), 0), atol=1e-15)


def test_a_slice_survives_the_way_to_another_process(tmp_path: Path) -> None:
    path = write_enhanced(tmp_path / "ct.dcm", np.zeros((3, 4, 6), np.int16))
    for found in (facts(image(tmp_path)), *slices_of("ct.dcm", load(path))):
        sent = json.loads(json.dumps(found.as_json(), allow_nan=False))
        assert Slice.from_json(sent, name=found.name) == found


@pytest.mark.parametrize(
    "wrong",
    [
        {"rows": -1},
        {"rows": "4"},
        {"rows": 2.5},
        {"units": "bananas"},
        {"plane": {"position": [0, 0]}},
        {"plane": {"position": [0, 0, float("nan")], "right": [1, 0, 0], "down": [0, 1, 0], "spacing": [1, 1]}},
        {"keys": []},
        {"keys": {"EchoTime": [1]}},
        {"fault": "x" * 5000},
        {"series_uid": 7},
        {"localizer": "yes"},
        {"series_number": float("inf")},
    ],
)
def test_what_another_process_sends_is_tested(tmp_path: Path, wrong: dict[str, Any]) -> None:
    sent = {**facts(image(tmp_path)).as_json(), **wrong}
    for said in (sent, None, [], "text", {key: value for key, value in sent.items() if key != "keys"}):
        with pytest.raises(ReadError, match=r"the header of a\.dcm could not be read"):
            Slice.from_json(said, name="a.dcm")


def test_no_word_of_the_header_is_kept(tmp_path: Path) -> None:
    words = ["PatientID", "ConvolutionKernel", "SequenceName", "StackID", "Modality", "SeriesDescription"]
    found = facts(image(tmp_path, **dict.fromkeys(words, "SECRET"), ImageType=["SECRET"] * 4))
    assert "SECRET" not in json.dumps(found.as_json())
    assert "2.25" not in repr(found)
    assert found.modality == ""
    assert found.patient
    assert found.patient not in repr(found)


def test_an_impossible_place_is_only_told_to_whoever_needs_the_image(tmp_path: Path) -> None:
    found = facts(image(tmp_path, PixelSpacing=[0.8, 0]))
    assert found.plane is None
    with pytest.raises(
        GeometryError, match=r"PixelSpacing of a\.dcm must be 2 positive numbers in mm, got \(0\.8, 0\)"
    ):
        arrange([found], whose="a.dcm")


@pytest.mark.parametrize("damage", [b"\xff\xfe\xfd", b"nan", b"1e99", b"SECRET", b"1\\2\\3\\4"])
def test_attributes_that_cannot_be_decoded_are_no_keys_and_bring_nothing_into_a_message(
    tmp_path: Path, damage: bytes
) -> None:
    path = image(tmp_path)
    dataset = load(path, pixels=False)
    for keyword in ("EchoTime", "AcquisitionNumber", "AcquisitionTime", "DiffusionBValue", "ImagePositionPatient"):
        raw = dataset.get_item(keyword)
        dataset._dict[raw.tag] = raw._replace(value=damage, length=len(damage))
    found = slice_of("a.dcm", Frame(dataset))
    assert found.plane is None
    assert found.fault == "ImagePositionPatient of a.dcm must be 3 finite numbers; export it again"
    assert "AcquisitionTime" not in found.keys
    assert "DiffusionBValue" not in found.keys


def test_a_slice_without_rows_is_refused_by_name(tmp_path: Path) -> None:
    dataset = load(image(tmp_path, Rows=None), pixels=False)
    with pytest.raises(ReadError, match=r"a\.dcm has an attribute that cannot be decoded \(IndexError\)"):
        slice_of("a.dcm", Frame(dataset))


def test_a_film_is_one_slice_and_no_more(tmp_path: Path) -> None:
    found = facts(image(tmp_path, NumberOfFrames=30))
    assert (found.frames, found.film, str(found)) == (30, True, "a.dcm")


def test_more_frames_than_anybody_has_are_refused(tmp_path: Path) -> None:
    path = write_enhanced(tmp_path / "ct.dcm", np.zeros((3, 4, 6), np.int16))
    dataset = load(path)
    dataset.NumberOfFrames = 10_000_000
    with pytest.raises(ReadError, match=r"ct\.dcm claims 10000000 frames; read are 1 to 100,000"):
        slices_of("ct.dcm", dataset)


def test_the_direction_of_diffusion_lies_one_sequence_deeper_in_an_enhanced_image() -> None:
    gradient, plain = Dataset(), Dataset()
    gradient.DiffusionGradientOrientation = plain.DiffusionGradientOrientation = [0.6, 0.8, 0.0]
    group, item, dataset = Dataset(), Dataset(), Dataset()
    group.DiffusionGradientDirectionSequence = [gradient]
    item.MRDiffusionSequence = [group]
    dataset.PerFrameFunctionalGroupsSequence = [item]
    found = keys_of(Attributes(Frame(dataset)))
    assert found == keys_of(Attributes(Frame(plain)))
    assert list(found) == ["DiffusionGradientOrientation"]


def test_thousands_of_frames_are_told_and_arranged_quickly(tmp_path: Path) -> None:
    """50 time points of 20 places: no pairing of keys may cost more than reading them."""
    each = lambda i: {"FrameContentSequence": {"TemporalPositionIndex": i // 20 + 1}}  # noqa: E731
    numbers = np.zeros((1000, 2, 2), np.int16)
    path = write_enhanced(tmp_path / "mr.dcm", numbers, places=[i % 20 for i in range(1000)], each=each)
    dataset = load(path)
    start = time.process_time()
    slices = slices_of("mr.dcm", dataset)
    arrangement = arrange(slices, whose="mr.dcm")
    assert time.process_time() - start < 2.0  # 0.2 s on an idle core
    assert arrangement.order == tuple(range(20))


def test_two_hundred_headers_cost_little_beside_reading_them(tmp_path: Path) -> None:
    write_stack(tmp_path, np.zeros((200, 2, 2), np.int16))
    datasets = [(path.name, load(path, pixels=False)) for path in sorted(tmp_path.iterdir())]
    start = time.process_time()
    arrange([each for name, dataset in datasets for each in slices_of(name, dataset)], whose="folder ct")
    assert time.process_time() - start < 0.3  # 0.03 s on an idle core
