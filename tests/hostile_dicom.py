"""DICOM files made to do harm, small enough to write in a test."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

DEFLATED, EXPLICIT = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.1"


def meta(syntax: str) -> bytes:
    """The preamble and file meta information."""
    inner = element(0x0002, 0x0010, b"UI", syntax.encode() + b"\0" * (len(syntax) % 2))
    return b"\0" * 128 + b"DICM" + element(0x0002, 0x0000, b"UL", struct.pack("<I", len(inner))) + inner


def element(group: int, number: int, kind: bytes, value: bytes) -> bytes:
    """A short explicit element, little endian."""
    return struct.pack("<HH2sH", group, number, kind, len(value)) + value


def deflate_bomb(path: Path, unpacked: int = 900 << 20) -> Path:
    """A deflated data set of one enormous element of zeros: a megabyte in the file, nearly a gigabyte unpacked."""
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    head = element(0x0010, 0x0020, b"LO", b"SECRET-1") + struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, unpacked)
    parts = [packer.compress(head)]
    block = bytes(1 << 20)
    parts += [packer.compress(block) for _ in range(unpacked >> 20)]
    path.write_bytes(meta(DEFLATED) + b"".join(parts) + packer.flush())
    return path


def nested(path: Path, depth: int = 3_000) -> Path:
    """Sequences inside sequences."""
    start = struct.pack("<HH2sHI", 0x0008, 0x1140, b"SQ", 0, 0xFFFFFFFF) + struct.pack(
        "<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF
    )
    end = struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    path.write_bytes(meta(EXPLICIT) + start * depth + end * depth)
    return path
