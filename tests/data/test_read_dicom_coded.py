"""Compressed frames are cut out of their fragments and believed only where they agree with their header."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.uid import MPEG4HP41, UID, JPEG2000Lossless, JPEGLSLossless, RLELossless

from radcnn.core.case import Source
from radcnn.core.errors import ReadError
from radcnn.data.dicom.frame import Frame
from radcnn.data.dicom.pixels import values_of
from radcnn.data.dicom.reader import read_dicom
from written_dicom import written

GENERATOR = np.random.default_rng(21)
SYNTAXES = [JPEG2000Lossless, JPEGLSLossless, RLELossless]
FRAMES = GENERATOR.integers(0, 4000, (3, 64, 80)).astype(np.uint16)


def codestreams(numbers: NDArray, syntax: UID, tmp_path: Path) -> list[bytes]:
    """Each frame (H, W) coded."""
    made = []
    for number, frame in enumerate(numbers):
        dataset = pydicom.dcmread(written(tmp_path / f"plain{number}.dcm", frame, Modality="MR"))
        dataset.compress(syntax, generate_instance_uid=False)
        made.append(next(pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=1)))
    return made


def coded(path: Path, numbers: NDArray, syntax: UID, pixels: bytes, **attributes: Any) -> Path:
    """A file with frames (D, H, W) whose pixel data are `pixels`, encapsulated."""
    frames = {"NumberOfFrames": len(numbers)} if len(numbers) > 1 else {}
    plain = written(path, numbers[0], **{"Modality": "MR", **frames, **attributes})
    dataset = pydicom.dcmread(plain)
    dataset.PixelData = pixels
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.save_as(path, enforce_file_format=True)
    return path


def frames_of(path: Path, n: int) -> list[NDArray]:
    dataset = pydicom.dcmread(path)
    return [values_of(path.name, Frame(dataset, number)).values[0] for number in range(n)]


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16])
def test_gray_frames_come_back_as_they_were_coded(tmp_path: Path, syntax: UID, dtype: type) -> None:
    kind = np.iinfo(dtype)
    numbers = GENERATOR.integers(kind.min, kind.max, (1, 64, 80), dtype, endpoint=True)
    path = coded(tmp_path / "a.dcm", numbers, syntax, encapsulate(codestreams(numbers, syntax, tmp_path)))
    voxels = read_dicom(Source(path)).volume.voxels
    assert voxels.dtype == dtype
    assert np.array_equal(voxels, numbers)


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("table", [True, False])
@pytest.mark.parametrize("fragments", [1, 2])
def test_each_frame_of_several_is_found_with_a_table_of_offsets_and_without(
    tmp_path: Path, syntax: UID, table: bool, fragments: int
) -> None:
    pixels = encapsulate(codestreams(FRAMES, syntax, tmp_path), fragments_per_frame=fragments, has_bot=table)
    path = coded(tmp_path / "a.dcm", FRAMES, syntax, pixels)
    if fragments > 1 and not table and syntax == RLELossless:
        # RLE has no marks by which frames of several fragments could be told apart
        with pytest.raises(ReadError, match=r"a\.dcm is damaged, truncated"):
            frames_of(path, 3)
        return
    assert np.array_equal(frames_of(path, 3), FRAMES)


def test_each_frame_is_found_by_an_extended_table_of_offsets(tmp_path: Path) -> None:
    pixels, offsets, lengths = encapsulate_extended(codestreams(FRAMES, JPEGLSLossless, tmp_path))
    tables = {"ExtendedOffsetTable": offsets, "ExtendedOffsetTableLengths": lengths}
    path = coded(tmp_path / "a.dcm", FRAMES, JPEGLSLossless, pixels, **tables)
    assert np.array_equal(frames_of(path, 3), FRAMES)


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLSLossless])
@pytest.mark.parametrize("size", [(128, 80), (64, 100)])
def test_a_codestream_of_another_size_is_refused_before_it_is_decoded(
    tmp_path: Path, syntax: UID, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("radcnn.data.dicom.decoding.DECODERS", {})
    monkeypatch.setattr("radcnn.data.dicom.decoding._by_pydicom", lambda *_: pytest.fail("decoded"))
    inside = GENERATOR.integers(0, 4000, (1, *size)).astype(np.uint16)
    path = coded(tmp_path / "a.dcm", FRAMES[:1], syntax, encapsulate(codestreams(inside, syntax, tmp_path)))
    told = rf"header says 64 x 80 x 1 of 16 bits, its compressed pixels are {size[0]} x {size[1]} x 1 of 16 bits"
    with pytest.raises(ReadError, match=r"a\.dcm contradicts itself: its " + told):
        read_dicom(Source(path))


def test_a_codestream_of_more_bits_than_the_header_is_refused(tmp_path: Path) -> None:
    streams = codestreams(FRAMES[:1], JPEG2000Lossless, tmp_path)
    path = coded(tmp_path / "a.dcm", FRAMES[:1].astype(np.uint8), JPEG2000Lossless, encapsulate(streams))
    with pytest.raises(ReadError, match=r"says 64 x 80 x 1 of 8 bits, its compressed pixels are 64 x 80 x 1 of 16"):
        read_dicom(Source(path))


def rle(*segments: Sequence[int]) -> bytes:
    starts = np.cumsum([64, *map(len, segments)])[:-1]
    header = np.zeros(16, "<u4")
    header[0], header[1 : 1 + len(segments)] = len(segments), starts
    return header.tobytes() + b"".join(map(bytes, segments))


def test_a_run_of_rle_past_the_end_is_refused(tmp_path: Path) -> None:
    numbers = np.full((1, 2, 3), 0x0105, np.uint16)
    right = coded(tmp_path / "a.dcm", numbers, RLELossless, encapsulate([rle([251, 1], [251, 5])]))
    assert np.array_equal(read_dicom(Source(right)).volume.voxels, numbers)
    for number, segments in enumerate([([251, 1], [200, 5]), ([200, 1], [251, 5]), ([251, 1], [253, 5]), ([251, 1],)]):
        wrong = coded(tmp_path / f"b{number}.dcm", numbers, RLELossless, encapsulate([rle(*segments)]))
        with pytest.raises(ReadError, match=rf"b{number}\.dcm is damaged.*\(RLE Lossless\) cannot be decoded"):
            read_dicom(Source(wrong))


@pytest.mark.parametrize("pixels", [b"", b"\xfe\xff\x00\xe0\0\0\0\0", b"\1" * 64, encapsulate([b"\xff\xd8\xff"])])
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_fragments_that_are_none_are_refused(tmp_path: Path, pixels: bytes, syntax: UID) -> None:
    dataset = pydicom.dcmread(written(tmp_path / "a.dcm", FRAMES[0], Modality="MR"))
    dataset.PixelData = pixels
    dataset.file_meta.TransferSyntaxUID = syntax
    with pytest.raises(ReadError, match=r"a\.dcm is damaged, truncated"):
        values_of("a.dcm", Frame(dataset))


@pytest.mark.parametrize(
    ("syntax", "sentence"),
    [
        (MPEG4HP41, r"a\.dcm is a video \(MPEG-4 AVC/H\.264 High Profile / Level 4\.1\), which is not read"),
        (UID("1.2.840.10008.1.2.4.110"), r"its pixels \(JPEG XL Lossless\) cannot be decoded|an unknown coding"),
        (UID("2.25.4711"), r"its pixels \(an unknown coding\) cannot be decoded"),
    ],
)
def test_a_coding_that_is_not_read_is_named(tmp_path: Path, syntax: UID, sentence: str) -> None:
    dataset = pydicom.dcmread(written(tmp_path / "a.dcm", FRAMES[0], Modality="MR"))
    dataset.PixelData = encapsulate([b"\0" * 20])
    dataset.file_meta.TransferSyntaxUID = syntax
    with pytest.raises(ReadError, match=sentence):
        values_of("a.dcm", Frame(dataset))
