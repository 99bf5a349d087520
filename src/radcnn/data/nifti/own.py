"""What NIfTI-1 has no room for, in a header extension of radcnn's own: every digit of the affine, channels, the rank.

NIfTI-1 keeps an affine in float32: 0.7 mm becomes 0.699999988. Every program reads that and loses at most 1e-4 mm, so
the file stays NIfTI-1; the affine in float64 stands beside it as a comment (extension code 6, JSON) and is believed
only while the float32 numbers of the header are its own roundings. A program that moves the image changes those, and
what the comment says is void.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import ReadError
from radcnn.data.nifti.header import FIRST_VOXEL, Header

COMMENT = 6  # the extension code of plain text
MARK = "radcnn"
MAX_BYTES = 4096  # ours take a few hundred


@dataclass(frozen=True)
class Own:
    """An extension of ours: the affine in LPS where float32 rounds it, channels along axis 5, rank 2 in a 5D array."""

    affine: NDArray[np.float64] | None = None
    channels: int = 1
    rank: int | None = None


def packed(own: Own) -> bytes:
    """The extension as it follows the header, a multiple of 16 bytes long; empty where there is nothing to say."""
    said: dict[str, Any] = {}
    if own.affine is not None:
        said["affine"] = own.affine[:3].tolist()
    if own.channels > 1:
        said |= {"channels": own.channels, "rank": own.rank}
    if not said:
        return b""
    text = json.dumps({MARK: said}, separators=(",", ":")).encode("ascii")
    size = -(-(8 + len(text)) // 16) * 16
    return size.to_bytes(4, "little") + COMMENT.to_bytes(4, "little") + text.ljust(size - 8, b"\0")


def own_of(name: str, header: Header, head: bytes) -> Own:
    """What an extension of ours says, in a file's bytes before its voxels; Own() where there is none.

    Raises ReadError when an extension, of whomever, claims to reach into the voxels.
    """
    for code, content in list(_extensions(name, header, head)):
        own = _understood(code, content)
        if own is not None:
            return own
    return Own()


def _extensions(name: str, header: Header, head: bytes) -> Iterator[tuple[int, bytes]]:
    """Code and content of each extension."""
    at = FIRST_VOXEL[header.version]
    if head[at - 4] == 0:
        return
    byteorder: Literal["little", "big"] = "little" if header.order == "<" else "big"
    while at + 8 <= header.offset:
        size, code = (int.from_bytes(head[at + k : at + k + 4], byteorder, signed=True) for k in (0, 4))
        if size == 0:  # padding
            return
        if size < 8 or at + size > header.offset:
            raise ReadError(
                f"{name} has a header extension of {size} bytes where {header.offset - at} are left before its voxels; "
                "its header is damaged"
            )
        yield code, head[at + 8 : at + size]
        at += size


def _understood(code: int, content: bytes) -> Own | None:
    """The extension of ours in an extension of this code and content; None where it is not ours or makes no sense."""
    if code != COMMENT or len(content) > MAX_BYTES or MARK.encode() not in content[:16]:
        return None
    try:
        said = json.loads(content.rstrip(b"\0"))[MARK]
        channels, rank = said.get("channels", 1), said.get("rank")
        affine = _affine(said["affine"]) if "affine" in said else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    if type(channels) is not int or rank not in (None, 2, 3):
        return None
    return Own(affine, channels, rank)


def _affine(rows: Any) -> NDArray[np.float64]:
    """Three rows of four finite numbers as an affine; raises ValueError otherwise."""
    if not all(type(value) in (int, float) for row in rows for value in row):
        raise ValueError("an affine is of numbers")
    affine = np.array([*rows, [0.0, 0.0, 0.0, 1.0]], dtype=np.float64)
    if affine.shape != (4, 4) or not np.isfinite(affine).all():
        raise ValueError("an affine is 4 x 4 finite numbers")
    return affine
