"""What can be done to the bytes of a DICOM file: lengths, VRs, elements, nesting, syntaxes, encapsulation, bombs.

A file is taken apart into its elements, nested ones among them, whatever its transfer syntax; an element is changed,
and nothing around it is put right: what a parser believes does not hold any more.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from random import Random

PREAMBLE = 132
LONG_VRS = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"UC", b"UN", b"UR", b"UT", b"SV", b"UV"))
VRS = (*sorted(LONG_VRS), *(b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split()), b"XX", b"\0\0")
IMPLICIT, BIG, DEFLATED = b"1.2.840.10008.1.2\0", b"1.2.840.10008.1.2.2", b"1.2.840.10008.1.2.1.99"
EXPLICIT = b"1.2.840.10008.1.2.1"
CODINGS = (50, 51, 57, 70, 80, 81, 90, 91, 92, 100, 103, 201, 202, 203)  # JPEG and its kin, video
SYNTAXES = (
    IMPLICIT, EXPLICIT + b"\0", BIG, DEFLATED, b"1.2.840.10008.1.2.5\0",
    *(f"1.2.840.10008.1.2.4.{n}".encode() for n in CODINGS),
    b"1.2.3\0", b"", b"\xff" * 22,
)  # fmt: skip
LENGTHS = (0, 1, 2, 3, 7, 0xFE, 0xFFFE, 0xFFFF, 0x10000, 0x7FFFFFFE, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
NUMBERS = (0, 1, 2, 3, 5, 7, 8, 12, 16, 32, 64, 255, 256, 4095, 32767, 32768, 65534, 65535)
TEXTS = (
    b"", b"0", b"-1", b"1", b"2147483647", b"2147483648", b"99999999999999999999", b"1e308", b"1e999", b"nan", b"-inf",
    b"\\", b"\\\\\\\\", b"1\\2\\3", b"1\\2\\3\\4\\5\\6", b"0\\0\\0\\0\\0\\0", b"1\\nan\\3", b"0.0000001\\0.0000001",
    b"1e300\\1e300", b"Planted^Name", b"\xff\xfe\xfd", b"ISO 2022 IR 87\\ISO 2022 IR 159", b"HU", b"MONOCHROME1",
    b"PALETTE COLOR", b"YBR_FULL_422", b"RGB", b"YBR_ICT", b"9" * 4000, b"\\1" * 4000,
)  # fmt: skip
US_TAGS = {
    (0x0028, n)
    for n in (0x0002, 0x0006, 0x0010, 0x0011, 0x0100, 0x0101, 0x0102, 0x0103, 0x1101, 0x1102, 0x1103, 0x3002)
}
GEOMETRY = {(0x0020, 0x0032), (0x0020, 0x0037), (0x0028, 0x0030), (0x0028, 0x0008), (0x0028, 0x1053), (0x0028, 0x1052)}
DEPTH = 3_000
BOMB_BYTES = 900 << 20
MANY = 20_000
MOST_UNPACKED = 4 << 20  # bytes of a deflated file that are looked at
MOST_ELEMENTS = 5_000  # that are told apart
MOST_DOUBLED = 1 << 20  # bytes that come of one element


@dataclass(frozen=True)
class Element:
    """Where an element of a body starts, has its length and its value."""

    tag: tuple[int, int]
    vr: bytes
    start: int
    length_at: int
    length_size: int
    value_at: int
    length: int

    @property
    def end(self) -> int:
        return self.value_at + (0 if self.length == 0xFFFFFFFF or self.vr == b"SQ" else self.length)


@dataclass(frozen=True)
class Opened:
    """A file: its head (preamble, file meta information) and its body, unpacked, with how that is encoded."""

    head: bytes
    body: bytes
    explicit: bool = True
    little: bool = True
    deflated: bool = False

    def closed(self) -> bytes:
        if not self.deflated:
            return self.head + self.body
        packer = zlib.compressobj(6, wbits=-zlib.MAX_WBITS)
        return self.head + packer.compress(self.body) + packer.flush()

    @property
    def order(self) -> str:
        return "<" if self.little else ">"

    def elements(self) -> list[Element]:
        """The elements, nested ones among them, until nothing can be made out any more."""
        found: list[Element] = []
        at, pixels = 0, self.body.find(struct.pack(self.order + "HH", 0x7FE0, 0x0010))
        while len(found) < MOST_ELEMENTS and at + 8 <= len(self.body):
            one = self._element(at, pixels)
            if one is None:
                break
            found.append(one)
            at = one.end
        return found

    def _element(self, at: int, pixels: int) -> Element | None:
        tag = struct.unpack_from(self.order + "HH", self.body, at)
        vr = b"" if not self.explicit or tag[0] == 0xFFFE else self.body[at + 4 : at + 6]
        if vr and vr not in LONG_VRS:
            size, length_at = 2, at + 6
        else:
            size, length_at = 4, at + (8 if vr else 4)
        if length_at + size > len(self.body):
            return None
        (length,) = struct.unpack_from(self.order + ("H" if size == 2 else "I"), self.body, length_at)
        # an item after the pixels' tag is a fragment of them, and not of a sequence
        known = b"SQ" if tag == (0xFFFE, 0xE000) and not 0 <= pixels < at else vr
        return Element((tag[0], tag[1]), known, at, length_at, size, length_at + size, length)


def unpacked(content: bytes, wbits: int) -> bytes:
    """The start of what is packed: a bomb is not to hit ourselves. Raises zlib.error."""
    return zlib.decompressobj(wbits).decompress(content, MOST_UNPACKED)


def opened(content: bytes) -> Opened:
    """A DICOM file taken apart; a file without head is all body."""
    if content[128:132] != b"DICM" or len(content) < 144:
        return Opened(b"", content)
    size = int.from_bytes(content[140:144], "little")
    cut = min(144 + size, len(content))
    head, body = content[:cut], content[cut:]
    if DEFLATED in head:
        try:
            return Opened(head, unpacked(body, -zlib.MAX_WBITS), deflated=True)
        except zlib.error:
            return Opened(head, body)
    return Opened(head, body, explicit=IMPLICIT not in head, little=BIG not in head)


def _changed(file: Opened, start: int, end: int, new: bytes) -> bytes:
    return replace(file, body=file.body[:start] + new + file.body[end:]).closed()


def _any(file: Opened, chance: Random, tags: set[tuple[int, int]] | None = None) -> Element | None:
    found = [one for one in file.elements() if tags is None or one.tag in tags]
    return chance.choice(found) if found else None


def length_changed(content: bytes, chance: Random) -> bytes:
    """The length of an element is another one; nothing else moves."""
    file = opened(content)
    one = _any(file, chance)
    if one is None:
        return content
    form = file.order + ("H" if one.length_size == 2 else "I")
    near = [max(0, one.length + step) for step in (-2, -1, 1, 2, 100)]
    new = chance.choice((*LENGTHS, *near)) & (0xFFFF if one.length_size == 2 else 0xFFFFFFFF)
    return _changed(file, one.length_at, one.value_at, struct.pack(form, new))


def vr_changed(content: bytes, chance: Random) -> bytes:
    """The VR of an element is another one."""
    file = opened(content)
    one = _any(file, chance)
    if one is None or not file.explicit or one.tag[0] == 0xFFFE:
        return content
    return _changed(file, one.start + 4, one.start + 6, chance.choice(VRS))


def element_deleted(content: bytes, chance: Random) -> bytes:
    """An element is gone."""
    file = opened(content)
    one = _any(file, chance)
    return content if one is None else _changed(file, one.start, one.end, b"")


def element_doubled(content: bytes, chance: Random) -> bytes:
    """An element comes twice, or many times."""
    file = opened(content)
    one = _any(file, chance)
    if one is None:
        return content
    element = file.body[one.start : one.end]
    times = min(chance.choice((2, 2, 3, 300)), 2 + MOST_DOUBLED // max(1, len(element)))
    return _changed(file, one.start, one.end, element * times)


def elements_swapped(content: bytes, chance: Random) -> bytes:
    """The value of one element stands in another."""
    file = opened(content)
    one, other = _any(file, chance), _any(file, chance)
    if one is None or other is None:
        return content
    return _valued(file, one, file.body[other.value_at : other.end])


def number_changed(content: bytes, chance: Random) -> bytes:
    """One of the numbers that say how pixels are stored is absurd: Rows, BitsAllocated, a LUT's descriptor."""
    file = opened(content)
    one = _any(file, chance, US_TAGS)
    if one is None or one.length < 2:
        return content
    at = one.value_at + 2 * chance.randrange(max(1, one.length // 2))
    return _changed(file, at, at + 2, struct.pack(file.order + "H", chance.choice(NUMBERS)))


def numbers_changed(content: bytes, chance: Random) -> bytes:
    """Several of those at once."""
    for _ in range(chance.randint(2, 6)):
        content = number_changed(content, chance)
    return content


def text_changed(content: bytes, chance: Random) -> bytes:
    """A value is another text; its length is right."""
    file = opened(content)
    one = _any(file, chance, chance.choice((None, GEOMETRY)))
    return content if one is None else _valued(file, one, chance.choice(TEXTS))


def _valued(file: Opened, one: Element, new: bytes) -> bytes:
    if len(new) % 2:
        new += b" "
    form = file.order + ("H" if one.length_size == 2 else "I")
    most = 0xFFFE if one.length_size == 2 else 0xFFFFFFFE
    return _changed(file, one.length_at, one.end, struct.pack(form, min(len(new), most)) + new[:most])


def syntax_changed(content: bytes, chance: Random) -> bytes:
    """The file says another transfer syntax than that of its data."""
    head = opened(content).head
    at = head.find(b"\x02\0\x10\0UI")
    if at < 0:
        return content
    (length,) = struct.unpack_from("<H", head, at + 6)
    new = chance.choice(SYNTAXES)
    made = head[: at + 6] + struct.pack("<H", len(new)) + new + head[at + 8 + length :]
    size = int.from_bytes(head[140:144], "little") + len(new) - length
    return made[:140] + struct.pack("<I", size & 0xFFFFFFFF) + made[144:] + content[len(head) :]


def headerless(content: bytes, chance: Random) -> bytes:
    """Without preamble, without file meta information, or with a wrong length of it."""
    file = opened(content)
    if chance.random() < 0.5:
        return chance.choice((content[PREAMBLE:], file.body, content[:PREAMBLE] + file.body, content[128:]))
    return content[:140] + struct.pack("<I", chance.choice(LENGTHS)) + content[144:]


def nested(content: bytes, chance: Random) -> bytes:
    """Sequences inside sequences, in front of everything or inside a functional group."""
    file = opened(content)
    depth = chance.choice((3, 50, 900, DEPTH))
    start, end = _nesting(file)
    one = _any(file, chance)
    at = 0 if one is None else one.start
    return _changed(file, at, at, start * depth + end * chance.choice((depth, depth // 2, 0)))


def _nesting(file: Opened) -> tuple[bytes, bytes]:
    tag, vr = struct.pack(file.order + "HH", 0x0008, 0x1140), b"SQ\0\0" if file.explicit else b""
    undefined = struct.pack(file.order + "I", 0xFFFFFFFF)
    item = struct.pack(file.order + "HH", 0xFFFE, 0xE000) + undefined
    ends = struct.pack(file.order + "HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    return tag + vr + undefined + item, ends


def many_elements(content: bytes, chance: Random) -> bytes:
    """Very many small elements, or empty items, or fragments."""
    file = opened(content)
    tiny = struct.pack(file.order + "HH", 0x0009, 0x1001) + (b"LO\0\0" if file.explicit else b"\0" * 4)
    item = struct.pack(file.order + "HHI", 0xFFFE, 0xE000, 0)
    one = _any(file, chance)
    at = 0 if one is None else chance.choice((one.start, one.end))
    return _changed(file, at, at, chance.choice((tiny, item)) * MANY)


def fragments_changed(content: bytes, chance: Random) -> bytes:
    """The table of offsets or a fragment of encapsulated pixels is nonsense: cyclic, beyond the end, empty."""
    file = opened(content)
    pixels = next((one for one in file.elements() if one.tag == (0x7FE0, 0x0010)), None)
    if pixels is None or pixels.length != 0xFFFFFFFF:
        return element_deleted(content, chance) if chance.random() < 0.3 else number_changed(content, chance)
    items = [one for one in file.elements() if one.start > pixels.start and one.tag == (0xFFFE, 0xE000)]
    if not items or chance.random() < 0.4:
        return length_changed(content, chance)
    table = items[0]
    offsets = [
        chance.choice((0, 0, 8, 0xFFFFFFFF, 0x7FFFFFFF, len(file.body))) for _ in range(chance.choice((1, 3, 500)))
    ]
    new = struct.pack(f"<{len(offsets)}I", *offsets)
    return _changed(file, table.length_at, table.end, struct.pack("<I", len(new)) + new)


def inflated(content: bytes, chance: Random) -> bytes:
    """A megabyte that unpacks to 900, behind an honest head."""
    head = opened(syntax_to(content, DEFLATED)).head
    return head + _bomb()


def syntax_to(content: bytes, syntax: bytes) -> bytes:
    """The file with another transfer syntax in its head."""
    head = opened(content).head
    at = head.find(b"\x02\0\x10\0UI")
    if at < 0:
        return content
    (length,) = struct.unpack_from("<H", head, at + 6)
    made = head[: at + 6] + struct.pack("<H", len(syntax)) + syntax + head[at + 8 + length :]
    size = int.from_bytes(head[140:144], "little") + len(syntax) - length
    return made[:140] + struct.pack("<I", size) + made[144:]


@cache
def _bomb() -> bytes:
    return deflated_zeros(struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, BOMB_BYTES), BOMB_BYTES >> 20)


def deflated_zeros(start: bytes, mebibytes: int) -> bytes:
    """`start` and zeros as raw deflate, made of one packed MiB that is repeated."""
    head, block = (zlib.compressobj(9, wbits=-zlib.MAX_WBITS) for _ in range(2))
    first = head.compress(start) + head.flush(zlib.Z_FULL_FLUSH)
    packed = block.compress(bytes(1 << 20)) + block.flush(zlib.Z_FULL_FLUSH)
    return first + packed * mebibytes + zlib.compressobj(9, wbits=-zlib.MAX_WBITS).flush()


DicomMutation = Callable[[bytes, Random], bytes]
DICOM_MUTATIONS: dict[str, tuple[DicomMutation, float]] = {  # and how often each is drawn
    "length of an element": (length_changed, 4),
    "VR of an element": (vr_changed, 3),
    "element deleted": (element_deleted, 3),
    "element doubled": (element_doubled, 2),
    "value of another element": (elements_swapped, 2),
    "absurd number": (number_changed, 4),
    "absurd numbers": (numbers_changed, 2),
    "absurd text": (text_changed, 4),
    "another transfer syntax": (syntax_changed, 2),
    "head damaged": (headerless, 1),
    "nested sequences": (nested, 0.3),
    "very many elements": (many_elements, 0.2),
    "fragments": (fragments_changed, 2),
    "deflate bomb": (inflated, 0.05),
}
