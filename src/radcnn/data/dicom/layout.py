"""How the pixels of a DICOM object are laid out: rows, columns, samples and bits, or why they cannot be read.

Everything is decided from the header and the length of the pixel data, before a pixel is decoded (PS3.3 C.7.6.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from radcnn.core.errors import ReadError
from radcnn.data.dicom.header import NO_IMAGES, sop_class, text

MAX_PIXELS = 100_000_000  # rows x columns of a frame; the largest mammograms have 30 million
MAX_VOXELS = 2_000_000_000  # of all frames together; 8 GiB in float32

GREY = ("MONOCHROME1", "MONOCHROME2")
PALETTE = "PALETTE COLOR"
COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
NOT_READ = ("HSV", "ARGB", "CMYK", "YBR_PARTIAL_422", "YBR_PARTIAL_420", "XYB")  # defined by the standard; may be named

PIXELS, FLOATS, DOUBLES = "PixelData", "FloatPixelData", "DoubleFloatPixelData"

IMPLICIT_LITTLE, EXPLICIT_LITTLE, DEFLATED_LITTLE, EXPLICIT_BIG = (
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.2",
)
NATIVE_LITTLE = (IMPLICIT_LITTLE, EXPLICIT_LITTLE, DEFLATED_LITTLE)
NATIVE = (*NATIVE_LITTLE, EXPLICIT_BIG)
JPEG_2000 = tuple(f"1.2.840.10008.1.2.4.{n}" for n in (90, 91, 201, 202, 203))  # the last three are HTJ2K
VIDEOS = "1.2.840.10008.1.2.4.10"  # MPEG2, MPEG-4 and HEVC are 1.2.840.10008.1.2.4.100 to .108


@dataclass(frozen=True)
class Layout:
    """The pixels of one object as its header declares them.

    syntax     transfer syntax UID
    keyword    the attribute that holds them
    samples    per pixel: 1, or 3 for colour
    allocated  bits that a sample takes; `bits` of them are used
    meaning    PhotometricInterpretation
    """

    syntax: str
    keyword: str
    frames: int
    rows: int
    columns: int
    samples: int
    allocated: int
    bits: int
    signed: bool
    meaning: str

    @property
    def dtype(self) -> np.dtype:
        """Of the stored numbers, in this machine's byte order; 1-bit pixels take a byte."""
        if self.keyword != PIXELS:
            return np.dtype(np.float32 if self.keyword == FLOATS else np.float64)
        return np.dtype(f"{'i' if self.signed else 'u'}{max(self.allocated // 8, 1)}")

    @property
    def ends(self) -> tuple[int, int]:
        """The lowest and highest whole number that the bits allow."""
        if self.signed:
            return -(1 << self.bits - 1), (1 << self.bits - 1) - 1
        return 0, (1 << self.bits) - 1

    @property
    def native_bytes(self) -> int:
        """How many bytes all frames take uncompressed, without the padding to an even number."""
        pixels = self.frames * self.rows * self.columns
        if self.meaning == "YBR_FULL_422":
            return 2 * pixels * self.allocated // 8
        return (pixels * self.samples * self.allocated + 7) // 8


def layout_of(name: str, dataset: Any, *, with_pixels: bool = True) -> Layout:
    """The layout of an image; `with_pixels=False` leaves out what only the pixel data can tell.

    Raises ReadError when the object is no image, is larger than what is read, or its header contradicts itself.
    """
    kind = sop_class(dataset)
    if kind in NO_IMAGES:
        raise ReadError(f"{name} is {NO_IMAGES[kind]}")
    keyword = next((known for known in (PIXELS, FLOATS, DOUBLES) if known in dataset), PIXELS)
    if "Rows" not in dataset or (with_pixels and keyword not in dataset):
        raise ReadError(_without_pixels(name, kind))
    made = Layout(
        str(dataset.file_meta.get("TransferSyntaxUID", "")),
        keyword,
        frames(dataset),
        int(dataset.get("Rows") or 0),
        int(dataset.get("Columns") or 0),
        int(dataset.get("SamplesPerPixel") or 1),
        int(dataset.get("BitsAllocated") or 0),
        int(dataset.get("BitsStored") or dataset.get("BitsAllocated") or 0),
        bool(dataset.get("PixelRepresentation")),
        text(dataset, "PhotometricInterpretation"),
    )
    _refuse_size(name, made)
    _refuse_meaning(name, made)
    _refuse_bits(name, made, dataset.get("HighBit"))
    if with_pixels:
        _refuse_truncated(name, made, dataset)
    return made


def frames(dataset: Any) -> int:
    """Number of frames; 1 where it is not said."""
    return int(dataset.get("NumberOfFrames") or 1)


def syntax_name(uid: str) -> str:
    """What the standard calls a transfer syntax; text out of a header is not repeated."""
    from pydicom.uid import UID

    name = UID(uid).name
    return "an unknown coding" if name == uid else name


def _without_pixels(name: str, kind: str) -> str:
    from pydicom.uid import UID

    known = UID(kind).name
    if known.endswith("Image Storage"):
        return f"{name} was stored without its pixels ({known}); export it again"
    said = known if known != kind else "an object of an unknown kind"
    return f"{name} holds no image ({said}); leave it out, or give the image it belongs to"


def _refuse_size(name: str, found: Layout) -> None:
    pixels = found.rows * found.columns
    if not (found.frames > 0 and 0 < pixels <= MAX_PIXELS and pixels * found.frames <= MAX_VOXELS):
        raise ReadError(
            f"{name} claims {found.rows} x {found.columns} pixels in {found.frames} "
            f"{'frame' if found.frames == 1 else 'frames'}; read are 1 to {MAX_PIXELS:,} pixels per frame and "
            f"{MAX_VOXELS:,} together"
        )


def _refuse_meaning(name: str, found: Layout) -> None:
    if not found.meaning:
        raise ReadError(f"{name} does not say what its pixels mean (PhotometricInterpretation); export it again")
    if found.meaning not in (*GREY, PALETTE, *COLOURS):
        said = repr(found.meaning) if found.meaning in NOT_READ else "that the standard does not know"
        raise ReadError(f"{name} has a pixel meaning {said}, which is not supported; export it as RGB")
    if found.samples != (3 if found.meaning in COLOURS else 1):
        raise ReadError(
            f"{name} says {found.meaning} but has {found.samples} samples per pixel; grey and palettes have 1, colour "
            "has 3: export it again"
        )
    if found.meaning in ("YBR_ICT", "YBR_RCT") and found.syntax not in JPEG_2000:
        raise ReadError(f"{name} is {found.meaning}, which only JPEG 2000 has, in another coding; export it as RGB")
    if found.keyword != PIXELS and found.meaning != "MONOCHROME2":
        raise ReadError(f"{name} holds floating-point pixels that are {found.meaning}; read is only MONOCHROME2")


def _refuse_bits(name: str, found: Layout, high: Any) -> None:
    """Refuse what the standard excludes, and bits that lie elsewhere than at the low end (ACR-NEMA)."""
    if found.keyword != PIXELS:
        return
    if found.allocated not in (1, 8, 16, 32) or not 0 < found.bits <= found.allocated:
        raise ReadError(
            f"{name} stores {found.bits} of {found.allocated} bits; read are 1, 8, 16 and 32: export it again"
        )
    if found.bits < found.allocated and high is not None and int(high) != found.bits - 1:
        raise ReadError(
            f"{name} stores {found.bits} bits ending at bit {int(high)} of {found.allocated}; export it again"
        )
    if found.meaning in COLOURS and (found.signed or found.allocated == 1):
        raise ReadError(
            f"{name} is {found.meaning} with signed or 1-bit numbers, which means nothing; export it as RGB"
        )
    if found.meaning.startswith("YBR_FULL") and found.bits != 8:
        raise ReadError(f"{name} is {found.meaning} of {found.bits} bits; read are 8: export it as RGB")


def _refuse_truncated(name: str, found: Layout, dataset: Any) -> None:
    if found.syntax.startswith(VIDEOS):
        raise ReadError(f"{name} is a video ({syntax_name(found.syntax)}), which is not read; export its frames")
    if found.syntax not in NATIVE:
        return
    held = len(dataset.get(found.keyword) or b"")
    if held < found.native_bytes:
        shape = f"{found.frames} x {found.rows} x {found.columns} x {found.samples} of {found.allocated} bits"
        raise ReadError(
            f"{name} is damaged, truncated or wrong in its header, which declares {found.native_bytes:,} bytes of "
            f"pixels ({shape}) while it holds {held:,}; copy or export it again"
        )
