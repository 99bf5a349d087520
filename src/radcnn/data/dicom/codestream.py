"""The compressed frames of a DICOM object: each cut out of its fragments, and what its own header says of its size.

PS3.5 A.4: encapsulated pixel data is a row of items, the first a table of offsets (often empty), then fragments. A
codestream that promises another size than the DICOM header is refused before a decoder believes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import unpack_from
from typing import Any

from radcnn.core.errors import ReadError
from radcnn.data.dicom.layout import JPEG_2000, Layout

ITEM = b"\xfe\xff\x00\xe0"
SIZ = b"\xff\x4f\xff\x51"  # start of a JPEG 2000 codestream and its size segment
JP2_HEAD = 4096  # bytes within which the codestream must begin where the JP2 file format is around it
JPEG, JPEG_LS = (
    tuple(f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 57, 70)),
    tuple(f"1.2.840.10008.1.2.4.{n}" for n in (80, 81)),
)
FRAME_MARKERS = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}  # SOF of JPEG, and of JPEG-LS


@dataclass(frozen=True)
class Size:
    """What a codestream says of itself; `signed` is None where the coding cannot say it."""

    rows: int
    columns: int
    samples: int
    precision: int
    signed: bool | None


def codestream_of(dataset: Any, layout: Layout, number: int) -> bytes:
    """The compressed frame `number`, counted from 0; raises ValueError or another error where there is none."""
    data = dataset.PixelData
    fragments = _fragments(data)
    if layout.frames == 1:
        return b"".join(data[start:stop] for start, stop in fragments)
    if len(fragments) == layout.frames:
        start, stop = fragments[number]
        return bytes(data[start:stop])
    return _by_offsets(dataset, data, layout, number)


def _fragments(data: bytes) -> list[tuple[int, int]]:
    """Where the fragments lie, without the table of offsets before them."""
    found, at = [], 0
    while data[at : at + 4] == ITEM:
        (length,) = unpack_from("<L", data, at + 4)
        found.append((at + 8, min(at + 8 + length, len(data))))
        at += 8 + length
    if len(found) < 2:
        raise ValueError("no fragments")
    return found[1:]


def _by_offsets(dataset: Any, data: bytes, layout: Layout, number: int) -> bytes:
    """Frames of several fragments, by the table of offsets or the markers of their coding."""
    from pydicom.encaps import get_frame

    extended = None
    if "ExtendedOffsetTable" in dataset:
        extended = (dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths)
    found: bytes = get_frame(data, number, number_of_frames=layout.frames, extended_offsets=extended)
    return found


def size_of(codestream: bytes, syntax: str) -> Size | None:
    """What the codestream says of itself; None where its coding says nothing, or nothing that can be found."""
    if syntax in JPEG_2000:
        at = codestream.find(SIZ, 0, JP2_HEAD)
        if at < 0 or len(codestream) < at + 43:
            return None
        right, bottom, left, top = unpack_from(">4L", codestream, at + 8)
        samples, depth = unpack_from(">HB", codestream, at + 40)
        return Size(bottom - top, right - left, samples, (depth & 0x7F) + 1, bool(depth & 0x80))
    return _jpeg_size(codestream) if syntax in (*JPEG, *JPEG_LS) else None


def _jpeg_size(codestream: bytes) -> Size | None:
    """Of the first frame header among the marker segments."""
    at = 2
    while at + 10 <= len(codestream) and codestream[at] == 0xFF:
        marker = codestream[at + 1]
        if marker in FRAME_MARKERS:
            precision, rows, columns, samples = unpack_from(">BHHB", codestream, at + 4)
            return Size(rows, columns, samples, precision, None)
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        at += 2 + unpack_from(">H", codestream, at + 2)[0]
    return None


def refuse_other_size(name: str, layout: Layout, size: Size | None) -> None:
    """Raise ReadError when the compressed frame is not what the header declares; its 0 rows mean "see the end"."""
    if size is None or size.rows == 0:
        return
    inside, outside = (size.rows, size.columns, size.samples), (layout.rows, layout.columns, layout.samples)
    if inside != outside or size.precision > layout.allocated:
        raise ReadError(
            f"{name} contradicts itself: its header says {_told(*outside, layout.allocated)}, its compressed pixels "
            f"are {_told(*inside, size.precision)}; export it again"
        )


def _told(rows: int, columns: int, samples: int, bits: int) -> str:
    return f"{rows} x {columns} x {samples} of {bits} bits"
