"""The header of an NRRD file (.nrrd, or .nhdr with the voxels in a file beside it).

Format: Kindlmann, "Definition of NRRD File Format", NRRD0001 to NRRD0005.
"""

from __future__ import annotations

import re
from pathlib import Path

from radcnn.core.errors import GeometryError, ReadError
from radcnn.core.volume import Frame
from radcnn.data.grid.types import Order, Stored
from radcnn.data.itk.header import (
    MAX_HEADER,
    ItkHeader,
    beside,
    header_text,
    numbers,
    refuse_axes,
    refuse_spacings,
    sizes,
)
from radcnn.data.unpacking import Packing

END = re.compile(rb"\r?\n\r?\n")
TYPES: dict[str, Stored] = {
    **dict.fromkeys(("signed char", "int8", "int8_t"), "int8"),
    **dict.fromkeys(("uchar", "unsigned char", "uint8", "uint8_t"), "uint8"),
    **dict.fromkeys(("short", "short int", "signed short", "signed short int", "int16", "int16_t"), "int16"),
    **dict.fromkeys(("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), "uint16"),
    **dict.fromkeys(("int", "signed int", "int32", "int32_t"), "int32"),
    **dict.fromkeys(("uint", "unsigned int", "uint32", "uint32_t"), "uint32"),
    **dict.fromkeys(("longlong", "long long", "long long int", "int64", "int64_t"), "int64"),
    **dict.fromkeys(("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"), "uint64"),
    "float": "float32",
    "double": "float64",
}
PACKINGS: dict[str, Packing] = {"raw": "raw", "gzip": "gzip", "gz": "gzip"}
ORDERS: dict[str, Order] = {"little": "<", "big": ">"}
# spaces of a patient; "scanner-xyz", "3D-right-handed" and a bare dimension do not say which side is left
PATIENT = ("left-posterior-superior", "lps", "right-anterior-superior", "ras", "left-anterior-superior", "las")
GRID_KINDS = ("domain", "space", "???", "none")
COLOUR_KINDS = ("rgb-color", "rgba-color", "3-color", "4-color", "vector", "point", "3-vector", "4-vector", "list")
MILLIMETRES = ("mm", "millimeter", "millimeters", "millimetre", "millimetres", "")


def nrrd_header(path: Path) -> ItkHeader:
    """What an NRRD header says; raises ReadError when it is damaged or of a kind that is not read."""
    name = path.name
    with path.open("rb") as file:
        head = file.read(MAX_HEADER)
    end = END.search(head)
    if end is None and len(head) == MAX_HEADER:
        raise ReadError(f"{name} has a header of more than {MAX_HEADER >> 20} MiB, or a damaged one; copy it again")
    fields = _fields(name, header_text(name, head[: end.start() if end else len(head)]))
    data = beside(path, fields["datafile"]) if "datafile" in fields else ""
    if end is None and not data:
        raise ReadError(f"{name} is truncated: its header does not end; copy it again")
    grid, channels = _axes(name, fields)
    stored = _stored(name, fields)
    return ItkHeader(
        size=grid,
        channels=channels,
        stored=stored,
        order=_order(name, fields, stored),
        packing=_packing(name, fields),
        start=end.end() if end and not data else 0,
        data=data,
        knows=_knows(name, fields, len(grid)),
    )


def _fields(name: str, text: str) -> dict[str, str]:
    """Fields by their names without spaces, in small letters; comments and free key := value pairs are left out."""
    fields: dict[str, str] = {}
    for line in text.replace("\r\n", "\n").rstrip("\n").split("\n")[1:]:
        key, colon, value = line.partition(":")
        if line.startswith("#") or value.startswith("="):
            continue
        key = key.replace(" ", "").lower()
        if not colon or not key or key in fields:
            raise ReadError(f"{name} has a damaged header: a line is no 'field: value', or a field comes twice")
        fields[key] = value.strip()
    for key in ("lineskip", "byteskip"):
        if fields.get(key, "0") != "0":
            raise ReadError(f"{name} skips a part of its data, which is not read; save it again as .nrrd")
    if "oldmin" in fields or "oldmax" in fields:
        raise ReadError(f"{name} scales its values by 'old min' and 'old max', which few programs heed; save it scaled")
    return fields


def _stored(name: str, fields: dict[str, str]) -> Stored:
    said = " ".join(fields.get("type", "").lower().split())
    if said not in TYPES:
        raise ReadError(f"{name} has voxels of a type that is not read; save it as 8- to 64-bit numbers")
    return TYPES[said]


def _order(name: str, fields: dict[str, str], stored: Stored) -> Order:
    said = fields.get("endian", "").lower()
    if said not in ORDERS and not stored.endswith("8"):
        raise ReadError(f"{name} does not say the order of its bytes (endian: little or big); save it again")
    return ORDERS.get(said, "<")


def _packing(name: str, fields: dict[str, str]) -> Packing:
    said = fields.get("encoding", "").lower()
    if said not in PACKINGS:
        raise ReadError(f"{name} has an encoding that is not read; save it with encoding raw or gzip")
    return PACKINGS[said]


def _axes(name: str, fields: dict[str, str]) -> tuple[tuple[int, ...], int]:
    """Voxels per axis of the grid, and values per voxel, whose axis must come first."""
    said = fields.get("dimension", "")
    count = int(said) if said.isdecimal() and len(said) < 3 else 0
    if not 1 <= count <= 16:
        raise ReadError(f"{name} has a header whose dimension is no number from 1 to 16; it is damaged")
    lengths = sizes(name, "sizes", fields.get("sizes", ""), count)
    kinds = fields.get("kinds", "").lower().split() or ["domain"] * count
    if len(kinds) != count:
        raise ReadError(f"{name} has {len(kinds)} kinds for {count} axes; its header is damaged")
    other = [axis for axis, kind in enumerate(kinds) if kind not in GRID_KINDS]
    if not other and count in (2, 3):
        return lengths, 1
    if other != [0] or count not in (3, 4) or kinds[0] not in COLOUR_KINDS:
        refuse_axes(name, count)
    return lengths[1:], lengths[0]


def _knows(name: str, fields: dict[str, str], axes: int) -> Frame:
    units = re.findall(r'"([^"]*)"', fields.get("spaceunits", ""))
    if any(unit.strip().lower() not in MILLIMETRES for unit in units):
        raise GeometryError(f"{name} states its lengths in another unit than mm; save it in mm")
    if "spacedirections" in fields:
        placed = fields.get("space", "").lower() in PATIENT and "spaceorigin" in fields and axes == 3
        return "patient" if placed else "image"
    spacings = [word for word in fields.get("spacings", "").split() if word.lower() != "nan"]
    if not spacings:
        return "unknown"
    refuse_spacings(name, "spacing", numbers(name, "spacings", " ".join(spacings)))
    return "image" if len(spacings) == axes else "unknown"
