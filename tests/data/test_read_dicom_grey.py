"""Gray values: modality, values of interest and presentation, in this order, for files and for frames alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut

from radcnn.core.case import Source
from radcnn.core.errors import ReadError
from radcnn.core.volume import Volume
from radcnn.data.dicom.frame import Frame
from radcnn.data.dicom.pixels import PixelFacts, facts_of, pixel_findings, values_into, values_of
from radcnn.data.dicom.reader import read_dicom
from written_dicom import HU, write_enhanced, written

GENERATOR = np.random.default_rng(5)
RADIOGRAPH = {"Modality": "DX", "BitsStored": 12}


def stored(dtype: type = np.uint16, top: int = 4096) -> NDArray:
    return GENERATOR.integers(0, top, (4, 6)).astype(dtype)


def frame_of(path: Path, number: int = 0) -> Frame:
    return Frame(pydicom.dcmread(path), number)


def read_voi(path: Path) -> Volume:
    return read_dicom(Source(path, voi=True)).volume


def table(entries: list[int], first: int = 0, bits: int = 16, **more: Any) -> Dataset:
    made = Dataset()
    made.LUTDescriptor = [len(entries), first, bits]
    made["LUTDescriptor"].VR = "US"
    made.LUTData = entries
    made["LUTData"].VR = "US"
    for keyword, value in more.items():
        setattr(made, keyword, value)
    return made


@pytest.mark.parametrize(
    ("function", "by_hand"),
    [
        ("LINEAR", lambda x: np.clip((x - 1999.5) / 999 + 0.5, 0, 1)),
        (None, lambda x: np.clip((x - 1999.5) / 999 + 0.5, 0, 1)),
        ("LINEAR_EXACT", lambda x: np.clip((x - 2000) / 1000 + 0.5, 0, 1)),
        ("SIGMOID", lambda x: 1 / (1 + np.exp(-4 * (x - 2000) / 1000))),
    ],
)
def test_a_window_gives_values_from_0_to_1_by_its_function(tmp_path: Path, function: str | None, by_hand: Any) -> None:
    numbers = stored()
    window = {"WindowCenter": [2000, 7], "WindowWidth": [1000, 9], "VOILUTFunction": function}
    path = written(tmp_path / "a.dcm", numbers, **RADIOGRAPH, **window)
    volume = read_voi(path)
    assert (volume.voxels.dtype, volume.units) == (np.float32, "grey")
    assert np.allclose(volume.voxels[0], by_hand(numbers.astype(np.float64)), atol=1e-7)
    assert np.allclose(volume.voxels[0] * 4095, apply_voi_lut(numbers, pydicom.dcmread(path)), atol=1e-3)
    assert np.array_equal(read_dicom(Source(path)).volume.voxels[0], numbers)


def test_a_window_of_width_1_is_a_threshold(tmp_path: Path) -> None:
    numbers = np.array([[99, 100, 101]], np.uint16)
    volume = read_voi(written(tmp_path / "a.dcm", numbers, **RADIOGRAPH, WindowCenter=100.5, WindowWidth=1))
    assert volume.voxels[0].tolist() == [[0, 0, 1]]


@pytest.mark.parametrize("bits", [12, 16])
def test_a_voi_lut_wins_over_a_window_and_does_not_depend_on_its_bits(tmp_path: Path, bits: int) -> None:
    highest = 2**bits - 1
    entries = [round(highest * share) for share in (0, 0.1, 0.5, 1)]
    curves = {"VOILUTSequence": [table(entries, 100, bits)], "WindowCenter": 5, "WindowWidth": 2}
    numbers = np.array([[0, 100, 101, 102, 103, 4000]], np.uint16)
    volume = read_voi(written(tmp_path / "a.dcm", numbers, **RADIOGRAPH, **curves))
    assert np.allclose(volume.voxels[0], [[0, 0, 0.1, 0.5, 1, 1]], atol=1 / highest)


def test_the_order_is_modality_then_values_of_interest_then_presentation(tmp_path: Path) -> None:
    numbers = np.array([[0, 10, 20, 30]], np.uint16)
    steps = {"RescaleSlope": 2, "RescaleIntercept": 5, "WindowCenter": 25, "WindowWidth": 40}
    shown = {**RADIOGRAPH, **steps, "VOILUTFunction": "LINEAR_EXACT"}
    bright = read_voi(written(tmp_path / "2.dcm", numbers, **shown))
    dark = read_voi(written(tmp_path / "1.dcm", numbers, **shown, PhotometricInterpretation="MONOCHROME1"))
    assert np.allclose(bright.voxels[0], [[0, 0.5, 1, 1]])
    assert np.allclose(dark.voxels[0], [[1, 0.5, 0, 0]])


def test_a_window_after_a_modality_lut_sees_its_entries(tmp_path: Path) -> None:
    shown = {"ModalityLUTSequence": [table([0, 50, 100], 7)], "WindowCenter": 50, "WindowWidth": 100}
    numbers = np.array([[7, 8, 9]], np.uint16)
    path = written(tmp_path / "a.dcm", numbers, **RADIOGRAPH, **shown, VOILUTFunction="LINEAR_EXACT")
    assert read_voi(path).voxels[0].tolist() == [[0, 0.5, 1]]


@pytest.mark.parametrize(
    ("attributes", "sentence"),
    [
        ({**HU, "Modality": "CT", "WindowCenter": 1, "WindowWidth": 2}, r"a\.dcm is in HU, which its window would"),
        ({"Modality": "PT", "RescaleSlope": 2}, r"a\.dcm is in units of PET, which its window would destroy"),
        ({"Modality": "DX"}, r"a\.dcm has neither a window nor a VOI LUT; leave voi out"),
        ({"Modality": "DX", "WindowCenter": 1, "WindowWidth": 0}, r"a window or VOI LUT that cannot be used"),
        ({"Modality": "DX", "WindowCenter": 1, "WindowWidth": 9, "VOILUTFunction": "OWN"}, r"that cannot be used"),
        ({"Modality": "DX", "VOILUTSequence": [Dataset()]}, r"a window or VOI LUT that cannot be used"),
    ],
)
def test_values_of_interest_are_refused_where_they_would_mislead(
    tmp_path: Path, attributes: dict, sentence: str
) -> None:
    path = written(tmp_path / "a.dcm", stored(), **attributes)
    with pytest.raises(ReadError, match=sentence):
        read_voi(path)
    assert read_dicom(Source(path)).volume.rank == 2


def test_colour_has_no_values_of_interest(tmp_path: Path) -> None:
    path = written(tmp_path / "a.dcm", GENERATOR.integers(0, 255, (4, 6, 3)).astype(np.uint8), Modality="US")
    with pytest.raises(ReadError, match=r"a\.dcm is in colour"):
        read_voi(path)


@pytest.mark.parametrize(
    ("meaning", "shape", "turned", "codes"),
    [
        ("MONOCHROME2", "IDENTITY", False, []),
        ("MONOCHROME1", "INVERSE", True, []),
        ("MONOCHROME2", "INVERSE", True, ["RC031"]),
        ("MONOCHROME1", "IDENTITY", True, ["RC031"]),
        ("MONOCHROME1", None, True, []),
    ],
)
def test_an_image_is_turned_over_once_and_a_contradiction_is_told(
    tmp_path: Path, meaning: str, shape: str | None, turned: bool, codes: list[str]
) -> None:
    numbers = stored()
    shown = {**RADIOGRAPH, "PhotometricInterpretation": meaning, "PresentationLUTShape": shape}
    reading = read_dicom(Source(written(tmp_path / "a.dcm", numbers, **shown)))
    assert np.array_equal(reading.volume.voxels[0], 4095 - numbers if turned else numbers)
    assert [found.code for found in reading.findings] == codes


def test_a_ct_without_rescale_is_told_and_not_called_hu(tmp_path: Path) -> None:
    reading = read_dicom(Source(written(tmp_path / "a.dcm", stored())))
    assert reading.volume.units == "arbitrary"
    assert [found.code for found in reading.findings] == ["RC030"]
    assert "a.dcm is a CT without RescaleSlope" in reading.findings[0].sentence
    assert read_dicom(Source(written(tmp_path / "b.dcm", stored(), **HU))).findings == ()
    assert read_dicom(Source(written(tmp_path / "c.dcm", stored(), Modality="MR"))).findings == ()


def test_a_modality_lut_in_hu_is_in_hu(tmp_path: Path) -> None:
    sequence = [table([24, 1024, 2024], 0, ModalityLUTType="HU")]
    volume = read_dicom(Source(written(tmp_path / "a.dcm", stored(top=3), ModalityLUTSequence=sequence))).volume
    assert (volume.units, volume.voxels.dtype) == ("HU", np.float32)


@pytest.mark.parametrize("dtype", [np.int16, np.uint16])
@pytest.mark.parametrize("first", [-3, 0, 5])
def test_a_modality_lut_is_that_of_pydicom(tmp_path: Path, dtype: type, first: int) -> None:
    numbers = GENERATOR.integers(-9 if dtype == np.int16 else 0, 20, (4, 6)).astype(dtype)
    item = table([7, 6, 500, 65535, 1], 0)
    item["LUTDescriptor"].VR = "SS"
    item.LUTDescriptor = [5, first, 16]
    path = written(tmp_path / "a.dcm", numbers, Modality="CR", ModalityLUTSequence=[item])
    dataset = pydicom.dcmread(path)
    assert np.array_equal(
        read_dicom(Source(path)).volume.voxels[0], apply_modality_lut(numbers.astype(np.int32), dataset)
    )


def test_entries_of_8_bits_may_be_packed_in_words(tmp_path: Path) -> None:
    item = table([9, 8, 7, 6], 0, 8)
    item.LUTData = bytes([9, 8, 7, 6])
    item["LUTData"].VR = "OW"
    path = written(tmp_path / "a.dcm", stored(np.uint8, 4), Modality="OT", ModalityLUTSequence=[item])
    voxels = read_dicom(Source(path)).volume.voxels
    assert voxels.dtype == np.uint8
    assert np.array_equal(voxels[0], 9 - pydicom.dcmread(path).pixel_array)


@pytest.mark.parametrize(
    ("slope", "intercept"), [("1", "-1024"), ("2", "-8192"), ("0.1", "0.3"), ("3.774114", "0.000061"), ("-1", "0")]
)
@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.uint8, np.int32])
def test_rescale_is_exact_to_the_last_bit_of_float32(tmp_path: Path, slope: str, intercept: str, dtype: type) -> None:
    kind = np.iinfo(dtype)
    numbers = GENERATOR.integers(kind.min, kind.max, (40, 60), dtype, endpoint=True)
    path = written(tmp_path / "a.dcm", numbers, Modality="MR", RescaleSlope=slope, RescaleIntercept=intercept)
    by_hand = (numbers.astype(np.float64) * float(slope) + float(intercept)).astype(np.float32)
    assert np.array_equal(read_dicom(Source(path)).volume.voxels[0], by_hand)


def test_facts_are_what_the_values_turn_out_to_be(tmp_path: Path) -> None:
    cases = {
        "hu": (np.int16, {**HU, "PixelPaddingValue": -2000}),
        "pet": (np.uint16, {"Modality": "PT", "RescaleSlope": "0.3"}),
        "mr": (np.int16, {"Modality": "MR"}),
        "lut": (np.uint16, {"Modality": "CR", "ModalityLUTSequence": [table([1, 2, 3])]}),
        "voi": (np.uint16, {**RADIOGRAPH, "WindowCenter": 9, "WindowWidth": 9}),
        "bits": (np.uint8, {"Modality": "OT", "BitsAllocated": 1, "BitsStored": 1, "PixelData": b"\5\0\0\0"}),
    }
    for name, (dtype, attributes) in cases.items():
        frame = frame_of(written(tmp_path / name, stored(dtype, 100), **attributes))
        facts, found = facts_of(name, frame, voi=name == "voi"), values_of(name, frame, voi=name == "voi")
        assert (facts.channels, facts.rows, facts.columns) == found.values.shape
        assert (facts.dtype, facts.units) == (found.values.dtype.name, found.units)
        assert facts.padding is (name == "hu")
        assert facts.voi is (name == "voi")
        assert facts.frame_bytes == found.values.nbytes
        assert facts == PixelFacts(**facts.__dict__)


def test_facts_need_no_pixels_if_so_asked(tmp_path: Path) -> None:
    path = written(tmp_path / "a.dcm", stored(), **HU)
    frame = Frame(pydicom.dcmread(path, stop_before_pixels=True))
    assert facts_of("a.dcm", frame, with_pixels=False) == facts_of("a.dcm", frame_of(path))
    with pytest.raises(ReadError, match="without its pixels"):
        facts_of("a.dcm", frame)


def test_values_go_straight_into_a_given_slot(tmp_path: Path) -> None:
    numbers = stored(np.int16, 100)
    numbers[0, :3] = -2000
    path = written(tmp_path / "a.dcm", numbers, **HU, PixelPaddingValue=-2000)
    voxels = np.full((1, 3, 4, 6), 7, np.float32)
    lowest, padding = values_into("a.dcm", frame_of(path), voxels[:, 1])
    assert np.array_equal(voxels[0, 1], numbers - 1024.0)
    assert (voxels[0, [0, 2]] == 7).all()
    assert padding is not None
    assert np.array_equal(padding, numbers == -2000)
    assert lowest == numbers[numbers != -2000].min() - 1024
    with pytest.raises(ReadError, match=r"a\.dcm has 4 x 6 pixels, unlike the images before it"):
        values_into("a.dcm", frame_of(path), np.empty((1, 6, 4), np.float32))


def test_a_slot_without_anything_measured_has_no_lowest_value(tmp_path: Path) -> None:
    numbers = np.full((4, 6), -2000, np.int16)
    path = written(tmp_path / "a.dcm", numbers, **HU, PixelPaddingValue=-2000)
    assert values_into("a.dcm", frame_of(path), np.empty((1, 4, 6), np.float32))[0] is None


def test_each_frame_of_an_enhanced_image_has_its_own_rescale_and_padding(tmp_path: Path) -> None:
    numbers = GENERATOR.integers(0, 100, (3, 4, 6)).astype(np.int16)
    numbers[:, 0, 0] = -2000
    dataset = pydicom.dcmread(write_enhanced(tmp_path / "a.dcm", numbers, PixelPaddingValue=-2000))
    own = Dataset()
    own.RescaleSlope, own.RescaleIntercept, own.RescaleType = 2, -1000, "HU"
    dataset.PerFrameFunctionalGroupsSequence[1].PixelValueTransformationSequence = [own]
    for number, (slope, intercept) in enumerate([(1, -1024), (2, -1000), (1, -1024)]):
        found = values_of("a.dcm", Frame(dataset, number))
        assert found.units == "HU"
        assert np.array_equal(found.values[0], numbers[number] * slope + intercept)
        assert found.padding is not None
        assert np.argwhere(found.padding).tolist() == [[0, 0]]


@pytest.mark.parametrize(("keyword", "dtype"), [("FloatPixelData", "float32"), ("DoubleFloatPixelData", "float64")])
def test_floating_point_pixels_are_read_and_their_padding_is_filled(tmp_path: Path, keyword: str, dtype: str) -> None:
    numbers = GENERATOR.normal(size=(4, 6)).astype(dtype)
    numbers[0, :2] = np.nan
    stored_as = {keyword: numbers.tobytes(), "PixelData": None, "PixelRepresentation": None, "Modality": "OT"}
    path = written(tmp_path / "a.dcm", numbers, **stored_as, **{keyword.replace("Data", "PaddingValue"): np.nan})
    volume = read_dicom(Source(path)).volume
    assert (volume.units, volume.voxels.dtype) == ("arbitrary", np.dtype(dtype))
    assert np.array_equal(volume.voxels[0, 1:], numbers[1:])
    assert (volume.voxels[0, 0, :2] == np.nanmin(numbers)).all()
    with pytest.raises(ReadError, match="floating-point pixels that are MONOCHROME1"):
        read_dicom(Source(written(tmp_path / "b.dcm", numbers, **stored_as, PhotometricInterpretation="MONOCHROME1")))


@pytest.mark.parametrize("dtype", [np.int32, np.uint32])
def test_32_bit_pixels_keep_their_numbers(tmp_path: Path, dtype: type) -> None:
    kind = np.iinfo(dtype)
    numbers = np.array([[kind.min, kind.max, 7]], dtype)
    common = {"Modality": "OT"}
    assert np.array_equal(read_dicom(Source(written(tmp_path / "a", numbers, **common))).volume.voxels[0], numbers)
    turned = written(tmp_path / "b", numbers, **common, PhotometricInterpretation="MONOCHROME1")
    assert np.array_equal(read_dicom(Source(turned)).volume.voxels[0], kind.min + kind.max - numbers.astype(np.int64))


def test_1_bit_frames_follow_each_other_inside_a_byte(tmp_path: Path) -> None:
    numbers = GENERATOR.integers(0, 2, (3, 3, 5)).astype(np.uint8)
    packed = np.packbits(numbers.ravel(), bitorder="little").tobytes()
    bits = {"BitsAllocated": 1, "BitsStored": 1, "NumberOfFrames": 3, "Modality": "OT"}
    path = written(tmp_path / "a.dcm", numbers[0], **bits, PixelData=packed)
    for number in range(3):
        assert np.array_equal(values_of("a.dcm", frame_of(path, number)).values[0], numbers[number])


@pytest.mark.parametrize(
    ("attributes", "sentence"),
    [
        ({"BitsAllocated": 12}, "stores 12 of 12 bits; read are 1, 8, 16 and 32"),
        ({"BitsStored": 12, "HighBit": 15}, "stores 12 bits ending at bit 15 of 16"),
        ({"SamplesPerPixel": 2}, "says MONOCHROME2 but has 2 samples per pixel"),
        ({"PhotometricInterpretation": "SECRET"}, "a pixel meaning that the standard does not know"),
        ({"NumberOfFrames": 0x7FFFFFFF}, "claims 4 x 6 pixels in 2147483647 frames"),
        ({"NumberOfFrames": -3}, "claims 4 x 6 pixels in -3 frames"),
    ],
)
def test_headers_that_mean_nothing_are_refused_before_decoding(tmp_path: Path, attributes: dict, sentence: str) -> None:
    attributes = {"BitsStored": attributes.get("BitsAllocated", 16), **attributes}
    frame = frame_of(written(tmp_path / "a.dcm", stored(), Modality="MR", **attributes))
    with pytest.raises(ReadError, match=sentence):
        facts_of("a.dcm", frame)
    assert pixel_findings("b", facts_of("b", frame_of(written(tmp_path / "b.dcm", stored(), Modality="MR")))) == ()
