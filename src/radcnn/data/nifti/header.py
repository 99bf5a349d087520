"""The header of a NIfTI file in plain numbers, read strictly: what contradicts itself is refused, nothing is repaired.

Standard: NIfTI-1.1 (nifti1.h, 2007) and NIfTI-2 (nifti2.h, 2011); the names of the fields are theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import ReadError
from radcnn.data.grid.types import Order

Version = Literal[1, 2]

HEADER_BYTES: dict[Version, int] = {1: 348, 2: 540}
FIRST_VOXEL: dict[Version, int] = {1: 352, 2: 544}  # the header and four bytes that say whether extensions follow
MAGIC_AT: dict[Version, int] = {1: 344, 2: 4}
MAGIC: dict[Version, bytes] = {1: b"n+1\0", 2: b"n+2\0\r\n\x1a\n"}
PAIR: dict[Version, bytes] = {1: b"ni1\0", 2: b"ni2\0"}
MAX_OFFSET = 64 << 20  # no extension takes as much; voxels that begin later are an invention

_FIELDS_1 = {
    "sizeof_hdr": ("i4", 0),
    "dim": ("(8,)i2", 40),
    "intent_code": ("i2", 68),
    "datatype": ("i2", 70),
    "bitpix": ("i2", 72),
    "pixdim": ("(8,)f4", 76),
    "vox_offset": ("f4", 108),
    "scl_slope": ("f4", 112),
    "scl_inter": ("f4", 116),
    "xyzt_units": ("u1", 123),
    "qform_code": ("i2", 252),
    "sform_code": ("i2", 254),
    "quatern": ("(3,)f4", 256),
    "qoffset": ("(3,)f4", 268),
    "srow": ("(3,4)f4", 280),
}
_FIELDS_2 = {
    "sizeof_hdr": ("i4", 0),
    "datatype": ("i2", 12),
    "bitpix": ("i2", 14),
    "dim": ("(8,)i8", 16),
    "pixdim": ("(8,)f8", 104),
    "vox_offset": ("i8", 168),
    "scl_slope": ("f8", 176),
    "scl_inter": ("f8", 184),
    "qform_code": ("i4", 344),
    "sform_code": ("i4", 348),
    "quatern": ("(3,)f8", 352),
    "qoffset": ("(3,)f8", 376),
    "srow": ("(3,4)f8", 400),
    "xyzt_units": ("i4", 500),
    "intent_code": ("i4", 504),
}


def layout(version: Version, order: Order) -> np.dtype:
    """The fields that are used of a header, as a structured type of its whole length."""
    fields = _FIELDS_1 if version == 1 else _FIELDS_2
    named = {
        "names": list(fields),
        "formats": [form for form, _ in fields.values()],
        "offsets": [offset for _, offset in fields.values()],
        "itemsize": HEADER_BYTES[version],
    }
    return np.dtype(named).newbyteorder(order)  # type: ignore[call-overload]


@dataclass(frozen=True)
class Header:
    """What a header says, unjudged but for its own form.

    version, order   NIfTI-1 or NIfTI-2; "<" little or ">" big endian
    dim              voxels per axis (i, j[, k, time, 5, 6, 7]), all at least 1
    offset           the byte where the voxels begin
    pixdim           qfac and the spacings along i, j, k, in the file's unit
    srow             the rows of the sform
    units            xyzt_units without its part about time
    """

    version: Version
    order: Order
    dim: tuple[int, ...]
    datatype: int
    bitpix: int
    offset: int
    slope: float
    inter: float
    pixdim: tuple[float, float, float, float]
    units: int
    qform_code: int
    sform_code: int
    quatern: tuple[float, float, float]
    qoffset: tuple[float, float, float]
    srow: tuple[tuple[float, ...], ...]
    intent: int


def header_of(name: str, head: bytes) -> Header:
    """The header in a file's first bytes; raises ReadError, naming the file, where it is not one of a single image."""
    version, order = _form(name, head)
    raw = np.frombuffer(head, layout(version, order), count=1)[0]
    quatern, qoffset, pixdim = (raw[field].tolist() for field in ("quatern", "qoffset", "pixdim"))
    return Header(
        version=version,
        order=order,
        dim=_dim(name, raw["dim"]),
        datatype=int(raw["datatype"]),
        bitpix=int(raw["bitpix"]),
        offset=_offset(name, raw["vox_offset"], FIRST_VOXEL[version]),
        slope=float(raw["scl_slope"]),
        inter=float(raw["scl_inter"]),
        pixdim=(pixdim[0], pixdim[1], pixdim[2], pixdim[3]),
        units=int(raw["xyzt_units"]) & 0x07,
        qform_code=int(raw["qform_code"]),
        sform_code=int(raw["sform_code"]),
        quatern=(quatern[0], quatern[1], quatern[2]),
        qoffset=(qoffset[0], qoffset[1], qoffset[2]),
        srow=tuple(tuple(row) for row in raw["srow"].tolist()),
        intent=int(raw["intent_code"]),
    )


def _form(name: str, head: bytes) -> tuple[Version, Order]:
    """Which NIfTI it is and in which byte order, by the header's length and its mark, which must agree."""
    sizes: dict[Order, int] = {"<": int.from_bytes(head[:4], "little"), ">": int.from_bytes(head[:4], "big")}
    found = [(v, order) for v, size in HEADER_BYTES.items() for order, said in sizes.items() if said == size]
    if not found:
        raise ReadError(
            f"{name} is damaged: its header claims {min(sizes.values())} bytes, NIfTI-1 has 348 and NIfTI-2 has 540; "
            "copy it again"
        )
    version, order = found[0]
    at = MAGIC_AT[version]
    if head[at : at + 4] == PAIR[version]:
        raise ReadError(f"{name} keeps its voxels in a second file (.img); convert the pair to one .nii.gz file")
    if head[at : at + 4] != MAGIC[version][:4]:
        raise ReadError(
            f"{name} has a header of {HEADER_BYTES[version]} bytes without the mark of NIfTI-{version} (ANALYZE 7.5?), "
            "so its orientation is unknown; convert it where it was made"
        )
    if head[at : at + len(MAGIC[version])] != MAGIC[version]:
        raise ReadError(f"{name} was changed on its way, as by a transfer in text mode; copy it again in binary mode")
    if len(head) < FIRST_VOXEL[version]:
        raise ReadError(f"{name} is truncated: it ends within its header; copy it again")
    return version, order


def _dim(name: str, raw: NDArray) -> tuple[int, ...]:
    """Voxels per axis; their number tells whether the byte order is the one that the header's length says."""
    count = int(raw[0])
    if not 1 <= count <= 7:
        swapped = int(raw[:1].byteswap()[0])
        if 1 <= swapped <= 7:
            raise ReadError(f"{name} contradicts itself: half of its header is in the other byte order; copy it again")
        raise ReadError(f"{name} claims {count} dimensions; 1 to 7 are possible, its header is damaged")
    dim = tuple(int(n) for n in raw[1 : count + 1])
    if min(dim) < 1:
        raise ReadError(f"{name} has no image: its array has shape {dim}")
    return dim


def _offset(name: str, raw: np.generic, least: int) -> int:
    """Where the voxels begin, a whole number of bytes after the header."""
    said = float(raw)
    if not (least <= said <= MAX_OFFSET and said == int(said)):
        raise ReadError(
            f"{name} claims that its voxels begin at byte {said:g}; a whole number from {least} is possible "
            f"(at most {MAX_OFFSET}), its header is damaged"
        )
    return int(said)
