"""Colour comes as RGB, channel first: from any planar configuration, from YBR, and from palettes of any kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.pixels import apply_color_lut, convert_color_space
from pydicom.uid import ExplicitVRBigEndian

from radcnn.core.case import Source
from radcnn.core.errors import ReadError
from radcnn.data.dicom.frame import Frame
from radcnn.data.dicom.pixels import facts_of
from radcnn.data.dicom.reader import read_dicom
from written_dicom import written

GENERATOR = np.random.default_rng(3)
ULTRASOUND = {"Modality": "US"}


def read_voxels(path: Path) -> NDArray:
    return read_dicom(Source(path)).volume.voxels


def palette(red: Any, green: Any, blue: Any, *, n: int, first: int = 0, bits: int = 16, segmented: str = "") -> dict:
    made: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for colour, entries in (("Red", red), ("Green", green), ("Blue", blue)):
        made[f"{colour}PaletteColorLookupTableDescriptor"] = [n % 65536, first, bits]
        kind = "<u2" if bits > 8 else np.uint8
        made[f"{segmented}{colour}PaletteColorLookupTableData"] = np.asarray(entries).astype(kind).tobytes()
    return made


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
def test_both_planar_configurations_are_the_same_picture(tmp_path: Path, dtype: type) -> None:
    numbers = GENERATOR.integers(0, np.iinfo(dtype).max, (4, 6, 3), dtype, endpoint=True)
    planes = np.ascontiguousarray(np.moveaxis(numbers, -1, 0))
    by_pixel = written(tmp_path / "0.dcm", numbers, **ULTRASOUND)
    stored_as = {"PlanarConfiguration": 1, "PixelData": planes.tobytes()}
    by_plane = written(tmp_path / "1.dcm", numbers, **ULTRASOUND, **stored_as)
    assert np.array_equal(read_voxels(by_pixel), planes)
    assert np.array_equal(read_voxels(by_plane), planes)
    assert read_voxels(by_plane).dtype == dtype


def test_ybr_full_becomes_rgb(tmp_path: Path) -> None:
    numbers = GENERATOR.integers(0, 256, (4, 6, 3)).astype(np.uint8)
    path = written(tmp_path / "a.dcm", numbers, **ULTRASOUND, PhotometricInterpretation="YBR_FULL")
    assert np.array_equal(read_voxels(path), np.moveaxis(convert_color_space(numbers, "YBR_FULL", "RGB"), -1, 0))


def test_two_pixels_of_ybr_full_422_share_their_colour(tmp_path: Path) -> None:
    luminance = GENERATOR.integers(0, 256, (4, 6)).astype(np.uint8)
    colours = GENERATOR.integers(0, 256, (4, 3, 2)).astype(np.uint8)
    shared = np.repeat(colours, 2, axis=1)
    whole = np.dstack([luminance, shared])
    pairs = np.concatenate([luminance.reshape(4, 3, 2), colours], axis=-1)
    meaning = {"PhotometricInterpretation": "YBR_FULL_422", "PixelData": pairs.tobytes()}
    path = written(tmp_path / "a.dcm", whole, **ULTRASOUND, **meaning)
    assert np.array_equal(read_voxels(path), np.moveaxis(convert_color_space(whole, "YBR_FULL", "RGB"), -1, 0))


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("first", [0, 3])
def test_a_palette_is_looked_up(tmp_path: Path, bits: int, first: int) -> None:
    tables = GENERATOR.integers(0, 2**bits, (3, 20))
    numbers = GENERATOR.integers(0, 30, (4, 6)).astype(np.uint8)
    path = written(tmp_path / "a.dcm", numbers, **ULTRASOUND, **palette(*tables, n=20, first=first, bits=bits))
    voxels = read_voxels(path)
    assert np.array_equal(voxels, tables[:, np.clip(numbers.astype(int) - first, 0, 19)])
    assert voxels.dtype == (np.uint8 if bits == 8 else np.uint16)
    assert facts_of("a", Frame(pydicom.dcmread(path))).dtype == voxels.dtype.name
    by_pydicom = apply_color_lut(numbers, pydicom.dcmread(path))
    assert np.array_equal(voxels, np.moveaxis(by_pydicom, -1, 0))


def test_a_palette_may_begin_below_0(tmp_path: Path) -> None:
    tables = GENERATOR.integers(0, 65536, (3, 8))
    made = palette(*tables, n=8)
    for colour in ("Red", "Green", "Blue"):
        made[f"{colour}PaletteColorLookupTableDescriptor"] = [8, -4, 16]
    path = written(tmp_path / "a.dcm", np.arange(-4, 4).astype(np.int8).reshape(2, 4), **ULTRASOUND, **made)
    assert np.array_equal(read_voxels(path), tables.reshape(3, 2, 4))


def test_a_palette_of_8_bits_may_have_more_than_256_entries(tmp_path: Path) -> None:
    tables = GENERATOR.integers(0, 256, (3, 400))
    numbers = GENERATOR.integers(0, 400, (4, 6)).astype(np.uint16)
    path = written(tmp_path / "a.dcm", numbers, **ULTRASOUND, **palette(*tables, n=400, bits=8))
    assert np.array_equal(read_voxels(path), tables[:, numbers])  # pydicom's numbers wrap around at 256


def test_the_palette_of_a_big_endian_file_is_read_in_its_order(tmp_path: Path) -> None:
    tables = GENERATOR.integers(0, 65536, (3, 20))
    numbers = GENERATOR.integers(0, 20, (4, 6)).astype(np.uint8)
    dataset = pydicom.dcmread(written(tmp_path / "a.dcm", numbers, **ULTRASOUND, **palette(*tables, n=20)))
    for colour in ("Red", "Green", "Blue"):
        element = dataset[f"{colour}PaletteColorLookupTableData"]
        element.value = np.frombuffer(element.value, "<u2").astype(">u2").tobytes()
    dataset["PixelData"].VR = "OB"
    list(dataset.iterall())  # decodes every element before the order of bytes is changed
    dataset.set_original_encoding(False, False)
    dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    dataset.save_as(tmp_path / "big.dcm", implicit_vr=False, little_endian=False, enforce_file_format=True)
    assert np.array_equal(read_voxels(tmp_path / "big.dcm"), tables[:, numbers])


def test_segments_of_a_palette_are_expanded(tmp_path: Path) -> None:
    words = [0, 3, 5, 9, 2, 1, 4, 10, 2, 1, 0, 0]  # 5 9 2, then in 4 steps to 10, then the first segment once more
    expected = np.array([5, 9, 2, 4, 6, 8, 10, 5, 9, 2])
    numbers = np.arange(10).astype(np.uint8).reshape(2, 5)
    made = palette(words, words, words, n=10, segmented="Segmented")
    path = written(tmp_path / "a.dcm", numbers, **ULTRASOUND, **made)
    assert np.array_equal(read_voxels(path)[1].ravel(), expected)
    assert np.array_equal(read_voxels(path), np.moveaxis(apply_color_lut(numbers, pydicom.dcmread(path)), -1, 0))


@pytest.mark.parametrize(
    ("bits", "pointer"), [(16, [20, 0]), (8, [10, 0, 0, 0])], ids=["words at byte 20", "bytes at byte 10"]
)
def test_a_segment_may_point_to_another_by_its_byte(tmp_path: Path, bits: int, pointer: list[int]) -> None:
    head = [0, 8, 1, 1, 1, 1, 1, 1, 1, 1]  # ten words, then the segment that is pointed to
    words = [*head, 0, 2, 7, 8, 2, 1, *pointer]
    made = palette(words, words, words, n=12, bits=bits, segmented="Segmented")
    path = written(tmp_path / "a.dcm", np.arange(12).astype(np.uint8).reshape(3, 4), **ULTRASOUND, **made)
    assert read_voxels(path)[0].ravel().tolist() == [1] * 8 + [7, 8, 7, 8]


@pytest.mark.parametrize(
    "words",
    [
        [1, 4, 10],  # nothing to start from
        [0, 2, 5],  # cut off
        [0, 2, 5, 9],  # too few entries
        [9, 1, 1],  # no such segment
        [0, 1, 5, 2, 65535, 6, 0],  # points to itself
        [0, 1, 5, 1, 65535, 9],  # too many entries
    ],
)
def test_segments_that_mean_nothing_are_refused(tmp_path: Path, words: list[int]) -> None:
    made = palette(words, words, words, n=10, segmented="Segmented")
    path = written(tmp_path / "a.dcm", np.zeros((2, 5), np.uint8), **ULTRASOUND, **made)
    with pytest.raises(ReadError, match=r"a\.dcm has a palette that cannot be used"):
        read_voxels(path)


@pytest.mark.parametrize(
    ("attributes", "sentence"),
    [
        ({"PhotometricInterpretation": "YBR_ICT"}, "YBR_ICT, which only JPEG 2000 has"),
        ({"PhotometricInterpretation": "MONOCHROME2"}, "says MONOCHROME2 but has 3 samples per pixel"),
        ({"SamplesPerPixel": 1}, "says RGB but has 1 samples per pixel"),
        ({"PixelRepresentation": 1}, "RGB with signed or 1-bit numbers"),
        ({"PhotometricInterpretation": "CMYK"}, "a pixel meaning 'CMYK', which is not supported; export it as RGB"),
    ],
)
def test_colour_that_cannot_be_understood_is_refused(tmp_path: Path, attributes: dict, sentence: str) -> None:
    path = written(tmp_path / "a.dcm", np.zeros((4, 6, 3), np.uint8), **ULTRASOUND, **attributes)
    with pytest.raises(ReadError, match=sentence):
        read_voxels(path)


def test_ybr_of_16_bits_and_an_image_without_its_palette_are_refused(tmp_path: Path) -> None:
    deep = written(tmp_path / "a.dcm", np.zeros((4, 6, 3), np.uint16), PhotometricInterpretation="YBR_FULL")
    with pytest.raises(ReadError, match="YBR_FULL of 16 bits; read are 8"):
        read_voxels(deep)
    bare = written(tmp_path / "b.dcm", np.zeros((4, 6), np.uint8), PhotometricInterpretation="PALETTE COLOR")
    with pytest.raises(ReadError, match=r"b\.dcm has a palette that cannot be used"):
        read_voxels(bare)
