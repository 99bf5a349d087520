"""The voxels of a file, read piece by piece straight into a given array: no copy of the image on the way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import ReadError
from radcnn.core.files import reading
from radcnn.data.findings import Finding
from radcnn.data.grid.facts import SURPLUS_BYTES, GridFacts, surplus, time_point
from radcnn.data.grid.types import COLOURS, stored_type
from radcnn.data.unpacking import Unpacked

PIECE = 1 << 16  # voxels converted at a time; they stay in the processor's cache
EXACT = 1 << 53  # whole numbers up to this are exact in float64
OPAQUE = 255  # the alpha of a voxel that hides what is behind it


def grid_into(path: Path, facts: GridFacts, out: NDArray, item: int | None = None) -> tuple[Finding, ...]:
    """Fill `out`, of facts.shape and facts.dtype and contiguous, with the voxels of one time point.

    A packed file is unpacked to its end, so that its checksum is verified. Returns what was noticed on the way. Raises
    ReadError when the file is damaged or truncated, partly transparent, or holds numbers that would be rounded.
    """
    assert out.shape == facts.shape, "an array of the right shape"
    assert out.dtype == facts.dtype, "an array of the right type"
    assert out.flags.c_contiguous, "an array in one piece"
    frame = time_point(path.name, facts, item)
    data = path.with_name(facts.data) if facts.data else path
    with reading(data), Unpacked(data, facts.start, facts.packing) as stream:
        _skip(path.name, stream, facts.offset + frame * facts.frame_bytes)
        if facts.stored in COLOURS:
            _colours(path.name, stream, facts, out)
        elif facts.scaling is not None:
            _scaled(path.name, stream, facts, facts.scaling, out)
        else:
            _plain(path.name, stream, facts, out)
        _skip(path.name, stream, (facts.frames - 1 - frame) * facts.frame_bytes)
        return surplus(path.name, facts, stream.surplus(SURPLUS_BYTES)) if facts.packed else ()


def _skip(name: str, stream: Unpacked, count: int) -> None:
    if stream.skip(count) < count:
        raise _truncated(name)


def _fill(name: str, stream: Unpacked, room: NDArray) -> None:
    """Fill an array with the next bytes as they are stored."""
    view = memoryview(room.reshape(-1).view(np.uint8).data)
    if stream.fill(view) < len(view):
        raise _truncated(name)


def _truncated(name: str) -> ReadError:
    return ReadError(f"{name} is damaged or truncated: it ends before its last voxel; copy it again")


def _plain(name: str, stream: Unpacked, facts: GridFacts, out: NDArray) -> None:
    """Stored numbers keep their type; only the order of their bytes is made the machine's own."""
    _fill(name, stream, out)
    if not stored_type(facts.stored, facts.order).isnative:
        out.byteswap(inplace=True)


def _scaled(name: str, stream: Unpacked, facts: GridFacts, scaling: tuple[float, float], out: NDArray) -> None:
    """slope * stored + inter in float64, rounded once to the type of `out`."""
    slope, inter = scaling
    flat = out.reshape(-1)
    stored = np.empty(min(PIECE, flat.size), stored_type(facts.stored, facts.order))
    exact = np.empty(stored.size, np.float64)
    for start in range(0, flat.size, PIECE):
        piece = stored[: flat.size - start]
        _fill(name, stream, piece)
        if facts.stored in ("int64", "uint64"):
            _refuse_rounding(name, piece)
        values = exact[: piece.size]
        with np.errstate(all="ignore"):  # an overflow becomes infinite, and `read` refuses that
            np.multiply(piece, slope, out=values)
            values += inter
            flat[start : start + piece.size] = values


def _refuse_rounding(name: str, piece: NDArray) -> None:
    if piece.max() > EXACT or piece.min() < -EXACT:
        raise ReadError(
            f"{name} scales {piece.dtype.name} voxels beyond 2^53, which float64 cannot keep exactly; "
            "save it without scaling, or as float64"
        )


def _colours(name: str, stream: Unpacked, facts: GridFacts, out: NDArray) -> None:
    """Colours stored voxel by voxel become channels."""
    flat = out.reshape(3, -1)
    stored = np.empty((min(PIECE, flat.shape[1]), len(facts.stored)), np.uint8)
    for start in range(0, flat.shape[1], PIECE):
        piece = stored[: flat.shape[1] - start]
        _fill(name, stream, piece)
        if facts.stored == "RGBA" and (piece[:, 3] != OPAQUE).any():
            raise ReadError(
                f"{name} is partly transparent, and what lies under it is not known; save it without transparency"
            )
        flat[:, start : start + len(piece)] = piece[:, :3].T
