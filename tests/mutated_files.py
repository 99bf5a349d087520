"""Files that are not what they were: one seed, one file, always the same.

mutated(17).content     the bytes of the 17th mutated file
mutated(17).what        "MR, RLE: length of an element, bytes flipped"
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random

from mutated_dicom import BOMB_BYTES, DICOM_MUTATIONS, deflated_zeros, unpacked
from sample_files import Sample, samples

GZIP = b"\x1f\x8b"
HEAD = 348
MOST_BYTES = 1 << 20  # of a file that is changed once more
SHORTS = (0, 1, 2, 3, 7, 8, 9, 255, 1000, 32767, -1, -2, -32768)
MARKS = (
    (0, b"\0\0\1\x5c"),
    (0, b"\x1c\2\0\0"),
    (4, b"n+2\0\r\n\x1a\n"),
    (123, b"\xff"),
    (344, b"ni1\0"),
    (344, b"n+2\0"),
    (348, b"\1\0\0\0\xff\xff\xff\x7f\6\0\0\0"),
    (348, b"\1\0\0\0\0\0\0\0"),
)
WORDS = (b"12", b"10", b"6", b"0.8", b"3", b"MET_SHORT", b"short", b"gzip", b"LOCAL", b"little", b"False")
OTHER_WORDS = (
    b"-1", b"0", b"99999999999", b"nan", b"1e999", b"MET_DOUBLE", b"/etc/passwd", b"../x.raw", b"LIST", b"raw", b"",
)  # fmt: skip
FLOATS = (0.0, -1.0, 1e-38, 3e38, float("nan"), float("inf"), -float("inf"), 352.0, 353.5, 1e10)

Mutation = Callable[[bytes, Random], bytes]


@dataclass(frozen=True)
class Mutated:
    """A file that was changed, and how."""

    what: str
    sample: Sample
    content: bytes


def mutated(seed: int) -> Mutated:
    """The mutated file of a seed."""
    chance = Random(f"radcnn {seed}")
    sample = chance.choice(samples())
    content, names = sample.content, []
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        name, change = _drawn(sample, chance)
        if len(content) > MOST_BYTES:
            break  # large enough to be a nuisance
        content = change(content, chance)
        names.append(name)
    if chance.random() < SPLICED:
        content = _spliced(content, chance, samples())
        names.append("spliced with another file")
    return Mutated(f"{sample.name}: {', '.join(names)}", sample, content)


def _drawn(sample: Sample, chance: Random) -> tuple[str, Mutation]:
    pool = {**GENERAL, **(DICOM_MUTATIONS if sample.is_dicom else HEADED)}
    (name,) = chance.choices(list(pool), [often for _, often in pool.values()])
    return name, pool[name][0]


# --- whatever the file is


def flipped(content: bytes, chance: Random) -> bytes:
    """Some bytes are others, most often in the first kilobyte."""
    made = bytearray(content)
    reach = len(made) if chance.random() < 0.5 else min(len(made), 1024)
    for _ in range(chance.choice((1, 1, 2, 8, 64))):
        if reach:
            made[chance.randrange(reach)] = chance.choice((0, 0xFF, 0x80, chance.randrange(256)))
    return bytes(made)


def cut(content: bytes, chance: Random) -> bytes:
    """The file ends early."""
    return content[: chance.randrange(len(content) + 1)]


def lengthened(content: bytes, chance: Random) -> bytes:
    """Something follows after its end."""
    return content + chance.choice((bytes(7), bytes(100_000), chance.randbytes(5_000), content))


def part_gone(content: bytes, chance: Random) -> bytes:
    """A piece is missing, is zero, or comes twice."""
    a, b = sorted(chance.randrange(len(content) + 1) for _ in range(2))
    b = min(b, a + chance.choice((1, 4, 300, 10_000)))
    return content[:a] + chance.choice((b"", bytes(b - a), content[a:b] * 2)) + content[b:]


def _spliced(content: bytes, chance: Random, others: Sequence[Sample]) -> bytes:
    other = chance.choice(others).content
    return content[: chance.randrange(len(content) + 1)] + other[chance.randrange(len(other)) :]


# --- a binary header in front of voxels, packed or not


def _in_header(content: bytes, chance: Random, change: Callable[[bytearray, Random], None]) -> bytes:
    """Change what is inside a gzip file, or the file itself."""
    packed = content.startswith(GZIP)
    try:
        made = bytearray(unpacked(content, 16 + zlib.MAX_WBITS) if packed else content)
    except zlib.error:
        return flipped(content, chance)
    if len(made) < HEAD:
        return content
    change(made, chance)
    return gzip.compress(bytes(made), mtime=0) if packed else bytes(made)


def _shorts(made: bytearray, chance: Random) -> None:
    """dim[], datatype, bitpix of NIfTI-1, or 64 bits of NIfTI-2."""
    if made[4:7] == b"n+2":
        struct.pack_into(
            "<q", made, chance.choice((16, 24, 32, 40, 48)), chance.choice((*SHORTS, 2**40, 2**62, -(2**63)))
        )
        return
    order = ">" if made[0] == 0 else "<"
    struct.pack_into(
        order + "h", made, chance.choice((40, 42, 44, 46, 48, 50, 54, 70, 72, 252, 254)), chance.choice(SHORTS)
    )


def _floats(made: bytearray, chance: Random) -> None:
    """pixdim, vox_offset, slope, quaternion and sform of NIfTI-1."""
    order = ">" if made[0] == 0 else "<"
    at = chance.choice((*range(76, 108, 4), 108, 112, 116, *range(256, 328, 4)))
    struct.pack_into(order + "f", made, at, chance.choice(FLOATS))


def _marks(made: bytearray, chance: Random) -> None:
    """sizeof_hdr, the magic, the units, the extension flag."""
    at, new = chance.choice(MARKS)
    made[at : at + len(new)] = new


def absurd_sizes(content: bytes, chance: Random) -> bytes:
    """Numbers of voxels or their type are absurd."""
    return _in_header(content, chance, _shorts)


def absurd_places(content: bytes, chance: Random) -> bytes:
    """Spacings, scalings or the affine are absurd."""
    return _in_header(content, chance, _floats)


def absurd_marks(content: bytes, chance: Random) -> bytes:
    """What says which kind of file this is says something else."""
    return _in_header(content, chance, _marks)


def absurd_words(content: bytes, chance: Random) -> bytes:
    """A number in a text header is another one."""
    return content.replace(chance.choice(WORDS), chance.choice(OTHER_WORDS), 1)


def packed_again(content: bytes, chance: Random) -> bytes:
    """Packed, packed twice, several members, or a packed file without its end."""
    once = gzip.compress(content, mtime=0)
    return chance.choice((once, gzip.compress(once, mtime=0), once + once, once[:-9], once[: len(once) // 2]))


def bomb(content: bytes, chance: Random) -> bytes:
    """A megabyte that unpacks to 900; its header promises them, or does not."""
    head = bytearray(HEAD + 4)
    _in_header(content, chance, lambda made, _: head.__setitem__(slice(0, HEAD), made[:HEAD]))
    if chance.random() < 0.5 and len(head) > 72:
        struct.pack_into("<8h2h", head, 40, 3, 1000, 1000, 471, 1, 1, 1, 1, 0, 4)
    return gzip.compress(bytes(head), mtime=0) + _zeros()


@cache
def _zeros() -> bytes:
    """A member of a gzip file with zeros; its checksum is wrong, which nobody should live to see."""
    return gzip.compress(b"", mtime=0)[:10] + deflated_zeros(b"", BOMB_BYTES >> 20) + bytes(8)


SPLICED = 0.03
GENERAL: dict[str, tuple[Mutation, float]] = {
    "bytes flipped": (flipped, 4),
    "cut": (cut, 2),
    "lengthened": (lengthened, 1),
    "piece gone, zero or doubled": (part_gone, 2),
}
HEADED: dict[str, tuple[Mutation, float]] = {
    "absurd sizes": (absurd_sizes, 5),
    "absurd places": (absurd_places, 5),
    "absurd marks": (absurd_marks, 2),
    "absurd words": (absurd_words, 2),
    "packed again": (packed_again, 0.5),
    "gzip bomb": (bomb, 0.1),
}
