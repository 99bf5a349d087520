"""One DICOM object without its patient: nothing planted is found again, and nothing that the image needs is lost."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from highdicom import Image
from pydicom import dcmread
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import (
    EncapsulatedPDFStorage,
    ImplicitVRLittleEndian,
    RTStructureSetStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
    UltrasoundImageStorage,
)

import radcnn
from planted_identifiers import (
    MEANINGFUL,
    attributes_with_marks,
    plant_file,
    sequence_keywords,
    shows,
    text_keywords,
)
from radcnn.core.errors import RadcnnError
from radcnn.data.dicom.deidentify.crossing import clean_file
from radcnn.data.dicom.deidentify.kinds import may_show_text
from radcnn.data.dicom.deidentify.object import Cleaned, LeftOut
from radcnn.data.dicom.deidentify.profile import Options, profile
from radcnn.data.dicom.deidentify.secret import Secret
from written_dicom import write_enhanced, write_stack, written

SECRET = Secret("a secret of the tests, by chance")
BASIC = Options()
CT = np.arange(64, dtype=np.int16).reshape(8, 8)


def cleaned(source: Path, options: Options = BASIC, secret: Secret = SECRET) -> Any:
    """The de-identified object of a file, read again by pydicom."""
    target = source.with_name(f"clean-{source.name}")
    found = clean_file(source, target, secret=secret, options=options)
    assert isinstance(found, Cleaned), found
    return dcmread(target)


def slice_with(folder: Path, **attributes: Any) -> Path:
    return write_stack(folder, CT[None], **attributes) / "000.dcm"


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CT slice with a mark in every text element and in two items of every sequence."""
    file = slice_with(tmp_path_factory.mktemp("planted"))
    assert plant_file(file, sequences=sequence_keywords()) > 50_000
    assert len(text_keywords()) > 1_800
    assert shows(file.read_bytes())
    return file


def test_nothing_planted_in_any_text_element_is_found_again(full: Path) -> None:
    made = cleaned(full)
    assert list(attributes_with_marks(made)) == []
    assert not shows((full.parent / "clean-000.dcm").read_bytes())
    assert made.preamble == b"\0" * 128


def test_even_what_an_image_is_read_by_may_be_planted(tmp_path: Path) -> None:
    file = slice_with(tmp_path)
    needed = ("PhotometricInterpretation", "SpecificCharacterSet", "SOPClassUID", "TransferSyntaxUID")
    plant_file(file, but=needed)
    made = cleaned(file)
    assert not shows((tmp_path / "clean-000.dcm").read_bytes())
    assert made.Modality == "OT"
    assert made.PatientID == made.PatientName
    assert re.fullmatch(r"p[0-9a-f]{10}", made.PatientID)


@pytest.mark.parametrize("options", [Options(dates="shifted"), Options(patient=True), Options(uids=True)])
def test_an_option_keeps_what_it_says_and_no_text(full: Path, options: Options) -> None:
    cleaned(full, options)
    marks = (b"zebra", *(() if options.uids else (b"1.2.826.77777",)), b"19310412")
    assert not shows((full.parent / "clean-000.dcm").read_bytes(), marks)


def test_text_in_a_number_or_under_another_vr_is_no_hiding_place(tmp_path: Path) -> None:
    file = slice_with(tmp_path)
    dataset = dcmread(file)
    for tag, kind, value in (
        (0x00180060, "DS", b"Zebra-4711"),  # KVP
        (0x00200012, "IS", b"Zebra "),  # AcquisitionNumber
        (0x00181151, "LO", b"Zebra "),  # XRayTubeCurrent, an IS
        (0x00281050, "US", b"Zebra!"),  # WindowCenter, a DS
        (0x00280106, "UT", b"Zebra!"),  # SmallestImagePixelValue, a US or SS
        (0x00189999, "UT", b"Zebra!"),  # an attribute that nobody knows
    ):
        dataset._dict[Tag(tag)] = RawDataElement(Tag(tag), kind, len(value), value, 0, False, True)
    dataset.save_as(file)
    found = clean_file(file, tmp_path / "clean.dcm", secret=SECRET, options=BASIC)
    assert found == LeftOut("damaged: WindowCenter is damaged")
    dataset._dict.pop(Tag(0x00281050))
    dataset.save_as(file)
    made = cleaned(file)
    assert not shows((tmp_path / "clean-000.dcm").read_bytes())
    assert "AcquisitionNumber" in made, "type 2: there, and empty"
    assert made.AcquisitionNumber is None


def test_pixels_geometry_and_units_stay_bit_for_bit(tmp_path: Path) -> None:
    stored = np.arange(4 * 8 * 8, dtype=np.int16).reshape(4, 8, 8)
    folder = write_stack(tmp_path / "ct", stored, right=(0.8, 0.6, 0.0), down=(0.0, 0.0, -1.0), spacing=(0.7, 0.61))
    (tmp_path / "clean").mkdir()
    for file in folder.iterdir():
        plant_file(file)
        clean_file(file, tmp_path / "clean" / file.name, secret=SECRET, options=BASIC)
        first, second = dcmread(file), dcmread(tmp_path / "clean" / file.name)
        assert first.PixelData == second.PixelData
        assert first.file_meta.TransferSyntaxUID == second.file_meta.TransferSyntaxUID
    before, after = radcnn.read(folder), radcnn.read(tmp_path / "clean")
    np.testing.assert_array_equal(before.voxels, after.voxels)
    np.testing.assert_array_equal(before.affine, after.affine)
    assert (before.units, after.units) == ("HU", "HU")


def test_an_enhanced_image_keeps_its_place_and_is_valid_to_highdicom(tmp_path: Path) -> None:
    stored = np.arange(5 * 8 * 8, dtype=np.int16).reshape(5, 8, 8)
    file = write_enhanced(tmp_path / "one.dcm", stored, first_mm=(3.5, -2.0, 7.25))
    plant_file(file, but=(*MEANINGFUL, "DimensionOrganizationUID"))
    made = cleaned(file)
    before, after = radcnn.read(file), radcnn.read(tmp_path / "clean-one.dcm")
    np.testing.assert_array_equal(before.voxels, after.voxels)
    np.testing.assert_array_equal(before.affine, after.affine)
    assert Image.from_dataset(made).get_volume().array.shape == (5, 8, 8)
    assert not shows((tmp_path / "clean-one.dcm").read_bytes())


def test_the_same_uid_becomes_the_same_uid_wherever_it_stands(tmp_path: Path) -> None:
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "2.25.10000"
    first = cleaned(slice_with(tmp_path / "a"))
    second = cleaned(slice_with(tmp_path / "b", SOPInstanceUID="2.25.9", ReferencedImageSequence=[reference]))
    assert first.SeriesInstanceUID == second.SeriesInstanceUID != "2.25.11"
    assert first.FrameOfReferenceUID == second.FrameOfReferenceUID
    assert second.ReferencedImageSequence[0].ReferencedSOPInstanceUID == first.SOPInstanceUID
    assert second.ReferencedImageSequence[0].ReferencedSOPClassUID == "1.2.840.10008.5.1.4.1.1.2"
    assert first.file_meta.MediaStorageSOPInstanceUID == first.SOPInstanceUID
    other = cleaned(slice_with(tmp_path / "c"), secret=Secret("another secret, also by chance"))
    assert other.SeriesInstanceUID != first.SeriesInstanceUID
    assert other.PatientID != first.PatientID


def test_two_patients_without_an_id_are_not_made_one(tmp_path: Path) -> None:
    ids = [
        cleaned(slice_with(tmp_path / uid, PatientID=None, StudyInstanceUID=uid)).PatientID
        for uid in ("2.25.1", "2.25.2")
    ]
    assert len(set(ids)) == 2


def test_what_was_done_stands_in_the_object(tmp_path: Path) -> None:
    file = slice_with(tmp_path)
    made = cleaned(file, Options(dates="shifted", uids=True, device=True, patient=True))
    codes = [item.CodeValue for item in made.DeidentificationMethodCodeSequence]
    assert codes == ["113100", "113107", "113108", "113109", "113110"]
    assert made.PatientIdentityRemoved == "YES"
    assert made.LongitudinalTemporalInformationModified == "MODIFIED"
    assert "PS3.15" in made.DeidentificationMethod[0]
    assert cleaned(file).LongitudinalTemporalInformationModified == "REMOVED"


def test_dates_are_shifted_by_the_same_days_for_all_of_a_patient(tmp_path: Path) -> None:
    when = {"StudyDate": "20240301", "AcquisitionDateTime": "20240311101500", "PatientBirthDate": "19500101"}
    made = cleaned(slice_with(tmp_path, **when, StudyTime="101500"), Options(dates="shifted"))
    assert made.StudyDate != "20240301"
    first, second = (datetime.strptime(text[:8], "%Y%m%d") for text in (made.StudyDate, made.AcquisitionDateTime))
    assert (second - first).days == 10
    assert made.StudyTime == "101500"
    assert made.PatientBirthDate == ""
    assert cleaned(tmp_path / "000.dcm", Options(dates="kept")).StudyDate == "20240301"
    assert cleaned(tmp_path / "000.dcm").StudyDate == ""


def test_patient_characteristics_stay_on_wish_and_high_ages_are_capped(tmp_path: Path) -> None:
    file = slice_with(tmp_path, PatientAge="093Y", PatientSex="F", PatientWeight="71.5", EthnicGroup="Zebra")
    made = cleaned(file, Options(patient=True))
    assert (made.PatientAge, made.PatientSex, made.PatientWeight) == ("090Y", "F", 71.5)
    assert "EthnicGroup" not in made
    basic = cleaned(file)
    assert "PatientAge" not in basic
    assert basic.PatientSex == "", "type 2"


def test_the_scanner_is_named_by_its_maker_alone_unless_it_may_stay(tmp_path: Path) -> None:
    about = {"Manufacturer": "SIEMENS Dr. Zebra's", "ManufacturerModelName": "Zebra 64", "DeviceSerialNumber": "4711"}
    file = slice_with(tmp_path, **about, ConvolutionKernel="B30f", SoftwareVersions="Zebra")
    made = cleaned(file)
    assert (made.Manufacturer, made.ConvolutionKernel) == ("SIEMENS", "B30f")
    assert not {"ManufacturerModelName", "DeviceSerialNumber", "SoftwareVersions"} & set(made.dir())
    kept = cleaned(file, Options(device=True))
    assert (kept.Manufacturer, kept.ManufacturerModelName, kept.DeviceSerialNumber) == tuple(about.values())


def test_labels_of_segments_and_structures_are_numbers(tmp_path: Path) -> None:
    segment = Dataset()
    segment.SegmentNumber, segment.SegmentLabel, segment.SegmentAlgorithmType = 2, "Zebra's tumour", "MANUAL"
    segment.SegmentedPropertyTypeCodeSequence = [_concept("108369006", "SCT", "Zebra's tumour")]
    segment.SegmentedPropertyCategoryCodeSequence = [_concept("4711", "99ZEBRA", "Zebra")]
    masks = np.zeros((8, 8), np.uint8)
    of = {"SOPClassUID": SegmentationStorage, "Modality": "SEG", "SegmentSequence": [segment]}
    made = cleaned(written(tmp_path / "seg.dcm", masks, **of)).SegmentSequence[0]
    assert made.SegmentLabel == "segment 2"
    assert made.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Tumor", "the vocabulary's own word"
    assert made.SegmentedPropertyCategoryCodeSequence[0].CodeMeaning == "Other"

    region = Dataset()
    region.ROINumber, region.ROIName, region.ROIDescription = 3, "Zebra's lung", "Zebra"
    structures = {"SOPClassUID": RTStructureSetStorage, "Modality": "RTSTRUCT", "StructureSetLabel": "Zebra"}
    made = cleaned(written(tmp_path / "rt.dcm", masks, **structures, StructureSetROISequence=[region]))
    assert made.StructureSetROISequence[0].ROIName == "ROI 3"
    assert made.StructureSetLabel == "removed", "type 1"
    assert not shows((tmp_path / "clean-rt.dcm").read_bytes())


def _concept(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def test_implicit_files_and_those_of_other_alphabets_are_cleaned_alike(tmp_path: Path) -> None:
    file = slice_with(
        tmp_path, SpecificCharacterSet="ISO_IR 192", PatientName="シマウマ^Zebra", StudyDescription="Žebra"
    )
    dataset = dcmread(file)
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    dataset.save_as(file, implicit_vr=True, little_endian=True)
    made = cleaned(file)
    assert made.file_meta.TransferSyntaxUID == ImplicitVRLittleEndian
    assert (tmp_path / "clean-000.dcm").read_bytes().isascii() or made.PixelData
    assert "シマウマ".encode() not in (tmp_path / "clean-000.dcm").read_bytes()


def test_kinds_that_nobody_could_vouch_for_are_left_out_by_name(tmp_path: Path) -> None:
    file = written(tmp_path / "a.dcm", CT, SOPClassUID=EncapsulatedPDFStorage)
    target = tmp_path / "out.dcm"
    assert clean_file(file, target, secret=SECRET, options=BASIC) == LeftOut("an encapsulated document")
    (tmp_path / "b.txt").write_text("Zebra")
    assert clean_file(tmp_path / "b.txt", target, secret=SECRET, options=BASIC) == LeftOut("no DICOM file", dicom=False)
    torn = slice_with(tmp_path / "torn")
    torn.write_bytes(torn.read_bytes()[:-40])
    found = clean_file(torn, target, secret=SECRET, options=BASIC)
    assert found == LeftOut("damaged: PixelData is cut short")
    assert not target.exists()


def test_sequences_without_end_are_left_out(tmp_path: Path) -> None:
    inner = Dataset()
    for _ in range(60):
        outer = Dataset()
        outer.ReferencedImageSequence = [inner]
        inner = outer
    file = slice_with(tmp_path, ReferencedImageSequence=[inner])
    found = clean_file(file, tmp_path / "out.dcm", secret=SECRET, options=BASIC)
    assert found == LeftOut("damaged: sequences are nested more than 32 deep")


def test_kinds_that_often_show_text_are_known() -> None:
    assert may_show_text(UltrasoundImageStorage, "US", "")
    assert may_show_text(SecondaryCaptureImageStorage, "CT", "")
    assert may_show_text("1.2.840.10008.5.1.4.1.1.2", "CT", "YES")
    assert not may_show_text("1.2.840.10008.5.1.4.1.1.2", "CT", "")
    assert not may_show_text(UltrasoundImageStorage, "US", "NO")


def test_the_table_of_the_standard_is_whole() -> None:
    table = profile()
    assert len(table) == 650
    assert {action for line in table.values() for action in line.actions} == {"X", "Z", "D", "U"}
    by_keyword = {line.keyword: line for line in table.values()}
    assert by_keyword["PatientID"].actions == ("Z", "D")
    assert by_keyword["SOPInstanceUID"].actions == ("U",)
    assert by_keyword["AcquisitionDate"].options == {"dates"}
    assert not by_keyword["PatientBirthDate"].options


def test_every_file_of_the_real_folders_reads_alike_before_and_after(real_data: Path, tmp_path: Path) -> None:
    files = sorted(p for name in ("dicom/pydicom/test_files", "ct_series") for p in (real_data / name).rglob("*"))
    alike = 0
    for number, file in enumerate(path for path in files if path.is_file()):
        target = tmp_path / f"{number}.dcm"
        if not isinstance(clean_file(file, target, secret=SECRET, options=BASIC), Cleaned):
            continue
        before, after = _read(file), _read(target)
        if isinstance(before, str) or isinstance(after, str):
            assert before == after, file.name
        else:
            np.testing.assert_array_equal(before.voxels, after.voxels, err_msg=file.name)
            assert (before.affine is None) == (after.affine is None)
            if before.affine is not None:
                np.testing.assert_array_equal(before.affine, after.affine, err_msg=file.name)
            assert before.units == after.units
            alike += 1
        target.unlink()
    assert alike > 80


def _read(path: Path) -> Any:
    try:
        return radcnn.read(path)
    except RadcnnError as refused:
        return str(refused).replace(path.name, "file")
