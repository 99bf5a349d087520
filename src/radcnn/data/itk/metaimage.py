"""The header of a MetaImage (.mha, or .mhd with the voxels in a file beside it).

Format: MetaIO's documentation (itk.org), keys as written there.
"""

from __future__ import annotations

import re
from pathlib import Path

from radcnn.core.errors import ReadError
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
from radcnn.data.unpacking import GZIP_MARK, Packing

LAST_KEY = re.compile(rb"^ElementDataFile[ \t]*=[ \t]*([^\r\n]*?)[ \t]*\r?\n", re.MULTILINE)
ELEMENTS: dict[str, Stored] = {
    "MET_CHAR": "int8",
    "MET_UCHAR": "uint8",
    "MET_SHORT": "int16",
    "MET_USHORT": "uint16",
    "MET_INT": "int32",
    "MET_UINT": "uint32",
    "MET_LONG_LONG": "int64",
    "MET_ULONG_LONG": "uint64",
    "MET_FLOAT": "float32",
    "MET_DOUBLE": "float64",
}
DIRECTIONS = ("TransformMatrix", "Rotation", "Orientation")
ORIGINS = ("Offset", "Position", "Origin")
SPACINGS = ("ElementSpacing", "ElementSize")
INTENSITY = {"ElementToIntensityFunctionSlope": 1.0, "ElementToIntensityFunctionOffset": 0.0}


def metaimage_header(path: Path) -> ItkHeader:
    """What a MetaImage's header says; raises ReadError when it is damaged or of a kind that is not read."""
    name = path.name
    with path.open("rb") as file:
        head = file.read(MAX_HEADER)
    last = LAST_KEY.search(head)
    if last is None or head[: last.end()].lower().count(b"elementdatafile") != 1:
        raise ReadError(f"{name} has a damaged header: ElementDataFile, which ends it, is missing; copy it again")
    keys = _keys(name, header_text(name, head[: last.start()]))
    axes = sizes(name, "NDims", keys.get("NDims", ""), 1)[0]
    if axes not in (2, 3):
        refuse_axes(name, axes)
    said = header_text(name, last.group(1))
    data = "" if said.upper() == "LOCAL" else beside(path, said)
    start = last.end() if not data else 0
    stored = _stored(name, keys)
    return ItkHeader(
        size=sizes(name, "DimSize", keys.get("DimSize", ""), axes),
        channels=sizes(name, "ElementNumberOfChannels", keys.get("ElementNumberOfChannels", "1"), 1)[0],
        stored=stored,
        order=_order(name, keys, stored),
        packing=_packing(path.with_name(data) if data else path, keys, start),
        start=start,
        data=data,
        knows=_knows(name, keys, axes),
    )


def _keys(name: str, text: str) -> dict[str, str]:
    keys: dict[str, str] = {}
    for line in filter(None, (line.strip() for line in text.split("\n"))):
        key, equals, value = (part.strip() for part in line.partition("="))
        if not equals or key in keys:
            raise ReadError(f"{name} has a damaged header: a line is no 'Key = value', or a key comes twice")
        keys[key] = value
    if keys.get("ObjectType", "Image") != "Image":
        raise ReadError(f"{name} is a MetaIO file of another object than an image; give the image itself")
    if keys.get("HeaderSize", "0") != "0":
        raise ReadError(f"{name} says by HeaderSize where its voxels begin, which is not read; save it as .mha")
    for key, neutral in INTENSITY.items():
        if key in keys and numbers(name, key, keys[key]) != [neutral]:
            raise ReadError(f"{name} scales its values by {key}, which few programs heed; save it scaled")
    return keys


def _true(keys: dict[str, str], *names: str) -> bool | None:
    """Whether a key says yes; None where none of the names is there."""
    said = [keys[name] for name in names if name in keys]
    return said[0][:1] in ("T", "t", "1") if said else None


def _stored(name: str, keys: dict[str, str]) -> Stored:
    element = keys.get("ElementType", "").removesuffix("_ARRAY")
    if element not in ELEMENTS:
        raise ReadError(f"{name} has voxels of a type that is not read; save it as one of {', '.join(ELEMENTS)}")
    if not _true(keys, "BinaryData"):
        raise ReadError(f"{name} holds its voxels as text, which is not read; save it in binary form")
    return ELEMENTS[element]


def _order(name: str, keys: dict[str, str], stored: Stored) -> Order:
    big = _true(keys, "BinaryDataByteOrderMSB", "ElementByteOrderMSB")
    if big is None and not stored.endswith("8"):
        raise ReadError(f"{name} does not say the order of its bytes (BinaryDataByteOrderMSB); save it again")
    return ">" if big else "<"


def _packing(data: Path, keys: dict[str, str], start: int) -> Packing:
    """MetaIO writes zlib data and reads gzip as well."""
    if not _true(keys, "CompressedData"):
        return "raw"
    with data.open("rb") as file:
        file.seek(start)
        return "gzip" if file.read(len(GZIP_MARK)) == GZIP_MARK else "zlib"


def _knows(name: str, keys: dict[str, str], axes: int) -> Frame:
    given = [key for key in SPACINGS if key in keys]
    for key in given:
        refuse_spacings(name, key, numbers(name, key, keys[key]))
    if not given:
        return "unknown"
    placed = any(key in keys for key in DIRECTIONS) and any(key in keys for key in ORIGINS)
    return "patient" if placed and axes == 3 else "image"
