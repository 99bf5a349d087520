"""A DICOM file is read with its meaning and its place, or refused without a word about the patient."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from radcnn.core.errors import GeometryError, RadcnnError, ReadError
from radcnn.data.dicom import dicom_identity, header
from radcnn.data.read import read
from written_dicom import HU, written

GENERATOR = np.random.default_rng(11)
PLACE = {
    "ImagePositionPatient": [-10, 20, 30],
    "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
    "PixelSpacing": [0.8, 0.5],
}


def stored(dtype: type = np.int16, shape: tuple[int, ...] = (4, 6), top: int = 1000) -> NDArray:
    return GENERATOR.integers(0, top, shape).astype(dtype)


def test_a_ct_slice_is_in_hu_and_in_its_place(tmp_path: Path) -> None:
    numbers = stored()
    volume = read(written(tmp_path / "a.dcm", numbers, **PLACE, **HU))
    assert volume.voxels.dtype == np.float32
    assert np.array_equal(volume.voxels[0], numbers - 1024.0)
    assert (volume.units, volume.frame, volume.rank, volume.spacing_mm) == ("HU", "patient", 2, (0.8, 0.5))
    assert np.allclose(volume.world((2, 3)), (-10 + 3 * 0.5, 20 + 2 * 0.8, 30))


@pytest.mark.parametrize("rescale", ["US", "MGML", "Z_EFF"])
def test_ct_numbers_of_another_unit_are_not_called_hu(tmp_path: Path, rescale: str) -> None:
    path = written(tmp_path / "a.dcm", stored(), **{**HU, "RescaleType": rescale})
    assert read(path).units == "arbitrary"
    assert read(written(tmp_path / "b.dcm", stored())).units == "arbitrary"


def test_pet_and_mr_are_rescaled_and_named(tmp_path: Path) -> None:
    numbers = stored(np.uint16)
    pet = read(written(tmp_path / "a.dcm", numbers, Modality="PT", RescaleSlope="0.25", RescaleIntercept=0))
    assert (pet.units, pet.voxels.dtype) == ("PET", np.float32)
    assert np.array_equal(pet.voxels[0], numbers * np.float32(0.25))
    mr = read(written(tmp_path / "b.dcm", numbers, Modality="MR"))
    assert (mr.units, mr.voxels.dtype) == ("arbitrary", np.uint16)
    assert np.array_equal(mr.voxels[0], numbers)


@pytest.mark.parametrize(("dtype", "bits"), [(np.uint8, 8), (np.uint16, 12), (np.uint16, 16), (np.int16, 12)])
def test_monochrome1_means_the_same_as_monochrome2(tmp_path: Path, dtype: type, bits: int) -> None:
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if dtype == np.int16 else (0, 2**bits - 1)
    shown = GENERATOR.integers(low, high, (4, 6), endpoint=True)
    shown[0, :2] = low, high
    turned = (low + high - shown).astype(dtype)
    common = {"Modality": "DX", "BitsStored": bits}
    plain = read(written(tmp_path / "2.dcm", shown.astype(dtype), **common))
    other = read(written(tmp_path / "1.dcm", turned, PhotometricInterpretation="MONOCHROME1", **common))
    assert other.voxels.dtype == dtype
    assert np.array_equal(plain.voxels, other.voxels)
    slope = {"RescaleSlope": 2, "RescaleIntercept": 5}
    plain = read(written(tmp_path / "4.dcm", shown.astype(dtype), **common, **slope))
    other = read(written(tmp_path / "3.dcm", turned, PhotometricInterpretation="MONOCHROME1", **common, **slope))
    assert np.array_equal(plain.voxels, other.voxels)


def test_hu_stay_hu_whatever_they_are_shown_like(tmp_path: Path) -> None:
    numbers = stored()
    volume = read(written(tmp_path / "a.dcm", numbers, PhotometricInterpretation="MONOCHROME1", **HU))
    assert np.array_equal(volume.voxels[0], numbers - 1024.0)


@pytest.mark.parametrize("meaning", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_of_a_radiograph_is_as_dark_as_what_was_measured(tmp_path: Path, meaning: str) -> None:
    numbers = np.array([[0, 4095, 700], [900, 0, 4095]], np.uint16)
    shown = {"Modality": "DX", "BitsStored": 12, "PhotometricInterpretation": meaning}
    volume = read(written(tmp_path / "a.dcm", numbers, **shown, PixelPaddingValue=0))
    measured = {"MONOCHROME1": {0, 4095 - 700, 4095 - 900}, "MONOCHROME2": {700, 900, 4095}}[meaning]
    assert set(volume.voxels.ravel().tolist()) == measured
    assert volume.voxels[0, 0, 0] == min(measured)
    assert volume.voxels.dtype == np.uint16


def test_an_image_of_padding_alone_is_read(tmp_path: Path) -> None:
    numbers = np.full((4, 6), -2000, np.int16)
    assert (read(written(tmp_path / "a.dcm", numbers, **HU, PixelPaddingValue=-2000)).voxels == -1024).all()
    assert (read(written(tmp_path / "b.dcm", numbers, Modality="MR", PixelPaddingValue=-2000)).voxels == -2000).all()


def test_a_modality_lut_is_applied(tmp_path: Path) -> None:
    table = Dataset()
    table.LUTDescriptor = [4, 10, 16]
    table["LUTDescriptor"].VR = "US"
    table.ModalityLUTType = "OD"
    table.LUTData = [100, 200, 300, 400]
    table["LUTData"].VR = "US"
    numbers = np.array([[9, 10, 11], [12, 13, 99]], np.uint16)
    volume = read(written(tmp_path / "a.dcm", numbers, Modality="CR", ModalityLUTSequence=[table]))
    assert volume.voxels[0].tolist() == [[100, 100, 200], [300, 400, 400]]


def test_old_overlays_in_unused_bits_are_dropped(tmp_path: Path) -> None:
    numbers = np.array([[0x0FFF, 0xF001], [0x8800, 7]], np.uint16)
    unsigned = read(written(tmp_path / "a.dcm", numbers, Modality="MR", BitsStored=12))
    assert unsigned.voxels[0].tolist() == [[0x0FFF, 1], [0x800, 7]]
    signed = read(written(tmp_path / "b.dcm", numbers.view(np.int16), Modality="MR", BitsStored=12))
    assert signed.voxels[0].tolist() == [[-1, 1], [-2048, 7]]


def test_colour_comes_channel_first(tmp_path: Path) -> None:
    numbers = stored(np.uint8, (4, 6, 3), 255)
    volume = read(written(tmp_path / "a.dcm", numbers, Modality="US"))
    assert (volume.units, volume.frame) == ("rgb", "unknown")
    assert np.array_equal(volume.voxels, np.moveaxis(numbers, -1, 0))


@pytest.mark.parametrize("keyword", ["PixelSpacing", "ImagerPixelSpacing"])
def test_a_radiograph_has_spacing_but_no_place(tmp_path: Path, keyword: str) -> None:
    volume = read(written(tmp_path / "a.dcm", stored(np.uint16), Modality="DX", **{keyword: [0.14, 0.15]}))
    assert (volume.frame, volume.spacing_mm, volume.units) == ("image", (0.14, 0.15), "grey")


def test_a_calibrated_spacing_wins_over_the_detectors(tmp_path: Path) -> None:
    both = {"PixelSpacing": [0.1, 0.1], "ImagerPixelSpacing": [0.14, 0.14]}
    assert read(written(tmp_path / "a.dcm", stored(), Modality="DX", **both)).spacing_mm == (0.1, 0.1)


def test_directions_a_little_off_length_1_do_not_change_the_spacing(tmp_path: Path) -> None:
    turned = {**PLACE, "ImageOrientationPatient": ["0.9848", "0.1736", "0", "-0.1736", "0.9848", "0"]}
    volume = read(written(tmp_path / "a.dcm", stored(), **turned))
    assert volume.spacing_mm == (0.8, 0.5)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, r"ImageOrientationPatient of a\.dcm must be two directions"),
        ({"ImageOrientationPatient": [2, 0, 0, 0, 1, 0]}, r"ImageOrientationPatient of a\.dcm must be two directions"),
        ({"PixelSpacing": [0.8, 0]}, r"PixelSpacing of a\.dcm must be 2 positive numbers in mm, got \(0\.8, 0\)"),
        ({"ImagePositionPatient": [1, 2]}, r"ImagePositionPatient of a\.dcm must be 3 finite numbers"),
    ],
)
def test_an_impossible_place_is_refused(tmp_path: Path, wrong: dict, sentence: str) -> None:
    with pytest.raises(GeometryError, match=sentence):
        read(written(tmp_path / "a.dcm", stored(), **{**PLACE, **wrong}))


@pytest.mark.parametrize(
    ("attributes", "sentence"),
    [
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.66.4"}, r"a\.dcm is a segmentation, not an image"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.481.2"}, r"a\.dcm is a radiotherapy dose"),
        ({"PixelData": None}, r"a\.dcm was stored without its pixels \(CT Image Storage\)"),
        ({"Rows": None, "SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.11"}, r"holds no image \(Basic Text SR Storage\)"),
        ({"PhotometricInterpretation": "HSV"}, r"pixel meaning 'HSV', which is not supported"),
        ({"PhotometricInterpretation": None}, r"does not say what its pixels mean"),
        ({"NumberOfFrames": 2, "Rows": 2}, r"a\.dcm holds 2 frames without a place in the patient"),
        ({"Rows": 40_000, "Columns": 40_000}, r"40000 x 40000 pixels"),
        ({"Rows": 40}, r"declares 480 bytes of pixels \(1 x 40 x 6 x 1 of 16 bits\) while it holds 48"),
        ({"PixelPaddingValue": [1, 2]}, r"a\.dcm has a PixelPaddingValue that is not one number"),
        ({"RescaleSlope": 0, "RescaleIntercept": 0}, r"modality LUT or rescale that cannot be used"),
    ],
)
def test_what_is_no_image_or_cannot_be_decoded_is_refused(tmp_path: Path, attributes: dict, sentence: str) -> None:
    with pytest.raises(ReadError, match=sentence):
        read(written(tmp_path / "a.dcm", stored(), **attributes))


def test_identifiers_are_read_without_pixels_and_never_shown(tmp_path: Path) -> None:
    path = written(tmp_path / "a.dcm", stored(), PatientID="SECRET-4711 ", InstitutionName="St. Elsewhere")
    found = dicom_identity(path)
    assert (found.patient_id, found.series_uid, found.modality) == ("SECRET-4711", "2.25.11", "CT")
    assert found.institution == "St. Elsewhere"
    assert "SECRET" not in repr(found)
    assert "Elsewhere" not in repr(found)
    assert dicom_identity(tmp_path) == found
    empty = written(tmp_path / "b.dcm", stored(), PatientID=None)
    assert dicom_identity(empty).patient_id == ""


def test_no_damage_brings_the_patient_into_a_message(tmp_path: Path) -> None:
    path = written(tmp_path / "a.dcm", stored(), **PLACE, **HU)
    content = path.read_bytes()
    refused = 0
    for seed in range(150):
        generator = np.random.default_rng(seed)
        damaged = bytearray(content)
        for at in generator.integers(132, len(content), 6):
            damaged[at] = generator.integers(256)
        (tmp_path / "b.dcm").write_bytes(damaged)
        for reader in (read, dicom_identity):
            try:
                reader(tmp_path / "b.dcm")
            except RadcnnError as error:
                refused += 1
                told: BaseException | None = error
                while told is not None:
                    assert "SECRET" not in str(told).upper()
                    told = told.__cause__
    assert refused > 20


def test_a_deflated_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "a.dcm", stored(np.int16, (64, 64)), **HU)
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.save_as(tmp_path / "deflated.dcm", enforce_file_format=True)
    assert np.array_equal(read(tmp_path / "deflated.dcm").voxels, read(path).voxels)
    monkeypatch.setattr(header, "MAX_UNPACKED_BYTES", 1000)
    with pytest.raises(ReadError, match=r"deflated\.dcm unpacks to more than"):
        header.load(tmp_path / "deflated.dcm")


def test_absurd_rows_and_columns_are_refused_before_decoding(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="claims 60000 x 60000 pixels in 1 frame;"):
        read(written(tmp_path / "a.dcm", stored(), Rows=60000, Columns=60000))
