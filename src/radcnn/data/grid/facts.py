"""What a file of one array of voxels holds (NIfTI, MetaImage, NRRD), and what of it is too much.

A reader makes the facts from the header alone; `grid_into` follows them and fills an array.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import ReadError
from radcnn.core.volume import Frame, Units, Volume
from radcnn.data.bounded.limits import FREE_UNPACKED, MOST_UNPACKED
from radcnn.data.findings import Finding, finding
from radcnn.data.grid.types import COLOURS, Order, Stored, stored_type
from radcnn.data.unpacking import Packing

MAX_UNPACKED_BYTES = 4 << 30  # of the array as stored; a whole-body CT has 1 GiB
SAFE_UNPACKED_BYTES = FREE_UNPACKED  # a .nii.gz or other packed file of any size may unpack to this
UNPACKED_RATIO = MOST_UNPACKED  # beyond that, to this many times its size
SURPLUS_BYTES = 4096  # after the voxels; more than that, or than a frame, is no padding but another image


@dataclass(frozen=True)
class GridFacts:
    """What a file holds and how its voxels are taken out; plain values, ready for JSON.

    packing       how the bytes with the voxels are packed: "raw", "gzip" or "zlib"
    offset        the byte where the voxels begin, unpacked
    start         the byte of the file where the packed bytes begin
    data          the name of a file beside it that holds the voxels; "" where it holds them itself
    stored, order the type of a stored voxel and its byte order
    shape         of the voxels that are read: (C, D, H, W) or (C, H, W)
    frames        time points; one is read
    scaling       slope and intercept: value = slope * stored + intercept; None where nothing is scaled
    dtype         of the voxels that are read
    affine        (slice, row, column) -> LPS mm, or None
    """

    packing: Packing
    offset: int
    stored: Stored
    order: Order
    shape: tuple[int, ...]
    frames: int
    scaling: tuple[float, float] | None
    dtype: str
    affine: tuple[tuple[float, ...], ...] | None
    frame: Frame
    units: Units
    findings: tuple[Finding, ...] = ()
    start: int = 0
    data: str = ""

    @property
    def packed(self) -> bool:
        """Whether the voxels are packed."""
        return self.packing != "raw"

    @property
    def frame_bytes(self) -> int:
        """Bytes of one time point as stored."""
        return stored_type(self.stored, self.order).itemsize * product(self._grid)

    @property
    def _grid(self) -> tuple[int, ...]:
        """Stored voxels per axis: colours are one voxel, channels are several."""
        return self.shape[1:] if self.stored in COLOURS else self.shape

    def as_json(self) -> dict[str, Any]:
        """A JSON object; `GridFacts.from_json` reads it."""
        plain = {**vars(self), "findings": [found.as_json() for found in self.findings]}
        return {
            key: [list(row) for row in value] if key == "affine" and value else value for key, value in plain.items()
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> GridFacts:
        """The facts of a JSON object that `as_json` made."""
        given = dict(value)
        for key in ("shape", "scaling"):
            given[key] = None if given[key] is None else tuple(given[key])
        if given["affine"] is not None:
            given["affine"] = tuple(tuple(row) for row in given["affine"])
        given["findings"] = tuple(Finding(**found) for found in given["findings"])
        return cls(**given)


def volume_of(facts: GridFacts, voxels: NDArray) -> Volume:
    """Voxels with the place and the units that the facts say."""
    return Volume(voxels, None if facts.affine is None else np.array(facts.affine), facts.units, facts.frame)


def product(numbers: tuple[int, ...]) -> int:
    """The product of whole numbers of any size."""
    total = 1
    for n in numbers:  # Python's whole numbers do not overflow
        total *= n
    return total


def end_of(facts: GridFacts) -> int:
    """The byte after the last voxel, unpacked, counted from `start`."""
    return facts.offset + facts.frame_bytes * facts.frames


def refuse_size(name: str, facts: GridFacts, file_bytes: int) -> None:
    """Raise ReadError for more than can be unpacked safely, or more than the `file_bytes` from `start` on."""
    read = np.dtype(facts.dtype).itemsize * product(facts.shape)
    size = max(read, facts.frame_bytes * (facts.frames if facts.packed else 1))
    if size > MAX_UNPACKED_BYTES:
        raise ReadError(
            f"{name} unpacks to {size / 2**30:.1f} GiB; at most {MAX_UNPACKED_BYTES / 2**30:g} GiB are read, "
            "crop or resample it"
        )
    if not facts.packed and end_of(facts) > file_bytes:
        raise ReadError(
            f"{name} is damaged or truncated: its header announces {end_of(facts)} bytes and it has {file_bytes}; "
            "copy it again"
        )
    if facts.packed and size > max(SAFE_UNPACKED_BYTES, UNPACKED_RATIO * file_bytes):
        raise ReadError(
            f"{name} claims to unpack to {size / file_bytes:.0f} times its size, as an attack would; read are "
            f"{UNPACKED_RATIO} times, or {SAFE_UNPACKED_BYTES >> 20} MiB: save it unpacked if it is real"
        )


def surplus(name: str, facts: GridFacts, count: int) -> tuple[Finding, ...]:
    """The finding for bytes after the voxels; raises ReadError when they are too many for a padding."""
    if count <= 0:
        return ()
    if count > SURPLUS_BYTES or count >= facts.frame_bytes:
        least = f"{count} bytes" if count <= SURPLUS_BYTES else f"more than {SURPLUS_BYTES} bytes"
        raise ReadError(
            f"{name} holds {least} after the voxels that its header announces, so one of the two is wrong; "
            "save it again with the program that made it"
        )
    sentence = f"{name} holds {count} bytes after its voxels, which were not read"
    return (finding("bytes after the image", sentence, "copy it again if it was changed on its way"),)


def time_point(name: str, facts: GridFacts, item: int | None) -> int:
    """Which time point is read, counted from 0; raises ReadError when it must be said or does not exist."""
    if item is None and facts.frames > 1:
        raise ReadError(
            f"{name} holds {facts.frames} frames (time points or channels), one is read; name it by its number "
            f"(item 0 to {facts.frames - 1}), or save each frame as a file"
        )
    if not 0 <= (item or 0) < facts.frames:
        plural = "frame" if facts.frames == 1 else "frames"
        raise ReadError(f"{name} holds {facts.frames} {plural}, counted from 0; there is no item {item}")
    return item or 0
