"""What a MetaImage or NRRD header says about its voxels, in plain values, before SimpleITK sees the file.

These headers are text and may name other files. Here is decided what is read at all: the voxels of the file itself, or
of one file in the same folder.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from radcnn.core.errors import GeometryError, ReadError
from radcnn.core.volume import Frame
from radcnn.data.findings import counted
from radcnn.data.grid.types import Order, Stored
from radcnn.data.unpacking import Packing

MAX_HEADER = 1 << 20  # bytes; headers with a whole DICOM header in them take a tenth
CONTROL = re.compile(rb"[\0-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)")


@dataclass(frozen=True)
class ItkHeader:
    """What is stored and where.

    size      voxels per axis (i, j[, k]), the first fastest
    channels  values per voxel, stored together
    start     the byte where the voxels begin, in the file itself or in `data`
    data      the name of the file beside it with the voxels; "" where it holds them itself
    knows     how much the header says about place
    """

    size: tuple[int, ...]
    channels: int
    stored: Stored
    order: Order
    packing: Packing
    start: int
    data: str
    knows: Frame


def header_text(name: str, head: bytes) -> str:
    """A header as text; raises ReadError for control characters, where programs would read different texts."""
    if CONTROL.search(head):
        raise ReadError(f"{name} has a damaged header: it holds bytes that are no text; copy it again")
    return head.decode("utf-8", "replace")


def numbers(name: str, field: str, text: str) -> list[float]:
    """The finite numbers of a field; raises ReadError for anything else."""
    try:
        found = [float(word) for word in text.split()]
    except ValueError:
        found = [math.nan]
    if not found or not all(math.isfinite(number) for number in found):
        raise ReadError(f"{name} has a header whose {field} is no list of numbers; it is damaged")
    return found


def sizes(name: str, field: str, text: str, count: int) -> tuple[int, ...]:
    """Voxels per axis: `count` whole numbers above 0."""
    words = text.split()
    if len(words) != count or not all(word.isdecimal() and len(word) < 16 and int(word) > 0 for word in words):
        raise ReadError(
            f"{name} has a header whose {field} is not {counted(count, 'whole number')} above 0; it is damaged"
        )
    return tuple(int(word) for word in words)


def refuse_spacings(name: str, field: str, spacings: list[float]) -> None:
    """Raise GeometryError unless all are above 0."""
    if min(spacings) <= 0:
        raise GeometryError(f"{name} has a {field} of {min(spacings):g}; spacings must be positive numbers")


def refuse_axes(name: str, count: int) -> NoReturn:
    """Raise ReadError for an image that is neither 2D nor 3D."""
    raise ReadError(f"{name} has {count} axes; images of 2 or 3 are read: save each frame as a file")


def beside(path: Path, said: str) -> str:
    """The name of the file with the voxels; raises ReadError unless it is one file in the same folder."""
    odd = (
        not said.isprintable()
        or said != Path(said).name
        or "\\" in said
        or ":" in said
        or "%" in said
        or said in ("", ".", "..")
    )
    if not odd:
        other = path.with_name(said)
        odd = other.is_symlink() or other.resolve().parent != path.resolve().parent or other.resolve() == path.resolve()
    if odd or said.upper().startswith("LIST"):
        raise ReadError(
            f"{path.name} names files outside its folder, or several, for its voxels; read is one file beside it: "
            "save it as one file with its voxels inside (.mha, .nrrd)"
        )
    if not path.with_name(said).is_file():
        raise ReadError(f"{path.name} keeps its voxels in another file, which is not beside it; copy both")
    return said
