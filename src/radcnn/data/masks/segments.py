"""What a DICOM SEG says, as plain facts: its segments, and for each frame the segment it shows and where it lies.

BINARY and FRACTIONAL (PS3.3 C.8.20) become one bit per pixel: a fraction counts as inside from one half of
MaximumFractionalValue on. In a LABELMAP each pixel holds the number of its segment. Everything here looks at bytes of a
stranger and runs in a bounded child; what it returns is plain.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import ReadError
from radcnn.data.dicom.attributes import Attributes
from radcnn.data.dicom.decoding import DECODERS, DEFLATED_FRAMES, RLE
from radcnn.data.dicom.frame import frames_of
from radcnn.data.dicom.header import text
from radcnn.data.dicom.layout import NATIVE_LITTLE, PIXELS, Layout, frames
from radcnn.data.dicom.placing import Plane, plane_of
from radcnn.data.dicom.refusing import refusing
from radcnn.data.masks.bits import bytes_of, cut, packed

SEG_CLASSES = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")  # segmentation, label map segmentation
MAX_FRAMES = 100_000  # a hundred organs in a whole-body CT have fewer
MAX_SEGMENTS = 65_535  # SegmentNumber is an unsigned short
MAX_BYTES = 4 << 30  # of pixels in memory, packed where they are bits
INSIDE = 0.5  # of MaximumFractionalValue: a voxel half covered, or as likely inside as not, is inside
NOWHERE = -1  # the plane of a frame that does not say where it lies

SegmentationType = Literal["BINARY", "FRACTIONAL", "LABELMAP"]
BITS: dict[str, tuple[int, ...]] = {"BINARY": (1,), "FRACTIONAL": (8,), "LABELMAP": (8, 16)}


@dataclass(frozen=True)
class Segment:
    """A segment's number, and what the file calls it: free text, never to be printed."""

    number: int
    label: str = field(repr=False)


@dataclass(frozen=True)
class SegFrames:
    """A DICOM SEG without its pixels.

    name       of the file, for messages
    bits       allocated for a stored pixel
    frame_of_reference  FrameOfReferenceUID; "" where it is not said
    segments   in the order of the file, background left out
    numbers    the segment each frame shows; 0 throughout in a LABELMAP
    planes     every plane in which a frame lies, once
    plane_of   for each frame which of them; NOWHERE where it does not say so
    """

    name: str
    kind: SegmentationType
    bits: int
    frame_of_reference: str = field(repr=False)
    rows: int
    columns: int
    segments: tuple[Segment, ...]
    numbers: tuple[int, ...]
    planes: tuple[Plane, ...]
    plane_of: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of its pixels: packed bits (frames, bytes), or labels (frames, rows, columns) of a LABELMAP."""
        if self.kind == "LABELMAP":
            return len(self.numbers), self.rows, self.columns
        return len(self.numbers), bytes_of(self.rows * self.columns)

    @property
    def dtype(self) -> np.dtype:
        """Of its pixels."""
        return np.dtype(np.uint16 if self.bits == 16 else np.uint8)


def seg_frames(name: str, dataset: Any) -> SegFrames:
    """What a DICOM SEG says of its frames.

    Raises ReadError when it is damaged, too large or contradicts itself, GeometryError when a frame's place does.
    """
    with refusing(name):
        return _facts(name, dataset)


def seg_pixels(found: SegFrames, dataset: Any, into: NDArray) -> None:
    """Decode every frame into an array of zeros of the SEG's `shape` and `dtype`.

    Raises ReadError when one is missing or cannot be decoded.
    """
    with refusing(found.name):
        if found.kind == "BINARY":
            for i, bits in enumerate(_whole(found, _bits(found, dataset), into.shape[1:])):
                into[i] = bits
            return
        inside = INSIDE * int(dataset.get("MaximumFractionalValue") or 255)
        background = _background(found, dataset)
        for i, frame in enumerate(_whole(found, _decoded(found, dataset), (found.rows, found.columns))):
            if found.kind == "FRACTIONAL":
                into[i] = packed(frame >= inside)
            else:
                into[i] = frame if background is None else np.where(frame == background, 0, frame)


def _facts(name: str, dataset: Any) -> SegFrames:
    kind, bits = text(dataset, "SegmentationType"), int(dataset.BitsAllocated)
    if kind not in get_args(SegmentationType) or bits not in BITS[kind]:
        raise ReadError(
            f"{name} is a segmentation of a kind or depth that is not read; read are BINARY of 1 bit, FRACTIONAL of 8 "
            "bits and LABELMAP of 8 or 16 bits, export it as one of these"
        )
    rows, columns, n = int(dataset.Rows), int(dataset.Columns), frames(dataset)
    _refuse_size(name, rows * columns, n, bits if kind == "LABELMAP" else 1)
    segments = _segments(name, dataset)
    numbers: list[int] = []
    planes: dict[Plane | None, int] = {None: NOWHERE}
    places = []
    for frame in frames_of(dataset, n):
        numbers.append(0 if kind == "LABELMAP" else int(frame.get("ReferencedSegmentNumber") or 0))
        places.append(planes.setdefault(plane_of(name, Attributes(frame)), len(planes) - 1))
    if kind != "LABELMAP" and not set(numbers) <= {segment.number for segment in segments}:
        raise ReadError(f"{name} has a frame of a segment that it does not list; export it again")
    reference = text(dataset, "FrameOfReferenceUID")
    known = tuple(plane for plane in planes if plane is not None)
    form = next(form for form in get_args(SegmentationType) if form == kind)
    return SegFrames(name, form, bits, reference, rows, columns, segments, tuple(numbers), known, tuple(places))


def _refuse_size(name: str, pixels: int, n: int, bits: int) -> None:
    if not (0 < n <= MAX_FRAMES and pixels > 0 and n * pixels * bits // 8 <= MAX_BYTES):
        raise ReadError(
            f"{name} claims {n} frames of {pixels} pixels; read are 1 to {MAX_FRAMES:,} frames and "
            f"{MAX_BYTES >> 30} GiB together, export fewer segments per file"
        )


def _segments(name: str, dataset: Any) -> tuple[Segment, ...]:
    """Segments by number; a label map may list its background as 0."""
    listed = dataset.get("SegmentSequence") or []
    if len(listed) > MAX_SEGMENTS + 1:
        raise ReadError(f"{name} claims {len(listed)} segments; read are {MAX_SEGMENTS:,}")
    found = [Segment(int(item.SegmentNumber), text(item, "SegmentLabel")) for item in listed]
    if len({segment.number for segment in found}) < len(found):
        raise ReadError(f"{name} gives two segments one number; export it again")
    return tuple(segment for segment in found if segment.number != 0)


def _background(found: SegFrames, dataset: Any) -> int | None:
    """PixelPaddingValue of a LABELMAP, where it is no segment: these pixels were not labelled."""
    said = dataset.get("PixelPaddingValue")
    value = said if isinstance(said, int) else 0
    return value if value and value not in {segment.number for segment in found.segments} else None


def _whole(found: SegFrames, decoded: Iterator[NDArray], shape: tuple[int, ...]) -> Iterator[NDArray]:
    """Frame after frame; raises ReadError when one is missing or of another shape."""
    n = len(found.numbers)
    for i in range(n):
        frame = next(decoded, None)
        if frame is None or frame.shape != shape:
            raise ReadError(f"{found.name} is truncated: frame {i + 1} of {n} is not whole; export it again")
        yield frame


def _bits(found: SegFrames, dataset: Any) -> Iterator[NDArray]:
    """Frame after frame of one bit per pixel, packed."""
    pixels = found.rows * found.columns
    if str(dataset.file_meta.TransferSyntaxUID) in NATIVE_LITTLE:
        stored = np.frombuffer(dataset.PixelData, np.uint8)
        return (cut(stored, i, pixels) for i in range(len(found.numbers)))
    return (packed(frame) for frame in _decoded(found, dataset))


def _decoded(found: SegFrames, dataset: Any) -> Iterator[NDArray]:
    """Frame after frame (rows, columns) as stored."""
    from pydicom.encaps import generate_frames
    from pydicom.pixels import iter_pixels

    syntax, n = str(dataset.file_meta.TransferSyntaxUID), len(found.numbers)
    if syntax not in (RLE, DEFLATED_FRAMES):
        return iter(iter_pixels(dataset, raw=True))
    # pydicom unpacks none of these where a pixel is a bit
    layout = Layout(
        syntax, PIXELS, n, found.rows, found.columns, 1, found.bits, found.bits, False, "MONOCHROME2"
    )  # fmt: skip
    codestreams = generate_frames(dataset.PixelData, number_of_frames=n)
    return (DECODERS[syntax](codestream, layout, None) for codestream in codestreams)
