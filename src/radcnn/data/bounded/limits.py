"""How much memory and processor time reading one file may take; what asks for more is refused, whatever it says.

Honest files need memory in proportion to their size: a compressed image unpacks to a few times its bytes. A file that
needs far more is damaged, or made to do harm: a megabyte of deflate can hold a gigabyte of zeros.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MIB = 1 << 20
BASE_BYTES = 304 * MIB  # for any file, beside what the child holds already
WHOLE_BYTES = 356 * MIB  # for any file, with what the child kept of files before and what LIBRARY_BYTES leave out
LIBRARY_BYTES = 95 * MIB  # pages of libraries that stand beside it; the loops for JPEG 2000 bring 75 MiB more
NEW_BYTES = 80 * MIB  # that a child may hold of its own when it begins, with every library of the usual formats
BYTES_PER_BYTE = 16  # of the file: 12 bits at 3:1 become 32 bits, with a copy in passing
BASE_SECONDS = 4.0  # of processor time, for any file
SECONDS_PER_BYTE = 1 / MIB  # the slowest decoder, JPEG 2000, unpacks about 3 MiB of its code a second
PATIENCE = 20.0  # wall time in units of processor time, on a machine that is busy with other things
MOST_UNPACKED = 300  # times the file's size; deflate reaches 1032 on zeros
FREE_UNPACKED = 264 * MIB  # that a voxel array may take whatever the file's size: an empty mask packs to almost nothing
BESIDE_A_ROOM = 64 * MIB  # what a task needs beside a large array that it fills piece by piece


@dataclass(frozen=True)
class Allowance:
    """Memory and processor time.

    memory_bytes  beyond what the child holds already
    whole_bytes   with what it holds already, pages of files and shared ones left out
    """

    memory_bytes: int
    whole_bytes: int
    seconds: float

    def beside(self, own_bytes: int) -> int:
        """What a child that holds so much of its own may still take."""
        return min(self.memory_bytes, max(0, self.whole_bytes - own_bytes))


def allowance(file_bytes: int) -> Allowance:
    """What a file of this size may take.

    >>> allowance(0).seconds
    4.0
    """
    more = BYTES_PER_BYTE * file_bytes
    return Allowance(BASE_BYTES + more, WHOLE_BYTES + more, BASE_SECONDS + SECONDS_PER_BYTE * file_bytes)


def most_voxel_bytes(file_bytes: int) -> int:
    """The largest array that a file of this size, or files together, may become.

    >>> most_voxel_bytes(1_000) == 264 << 20
    True
    """
    return max(FREE_UNPACKED, MOST_UNPACKED * file_bytes)


def file_size(path: Path) -> int:
    """Bytes of a file; 0 where the system does not say."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
