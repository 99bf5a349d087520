"""The header of a usual image, parsed here: one gray frame, uncompressed, little endian, and nothing out of order.

A bounded amount of plain Python, without recursion and without a guess: at most a MiB is looked at, in one loop over
the elements, each length held against the file's. What is not asked for is passed over by its length. Whatever is
unexpected makes a file unusual, and then pydicom reads it in a child: a tag missing, repeated or out of order, another
VR than the standard's, an odd length, several values where there is one, a number that is not plain, bytes after the
pixels. So both say the same of a file, or only pydicom says anything.

    PS3.10 7.1 (preamble, file meta information), PS3.5 7.1 (elements), PS3.5 7.5 (sequences)
"""

from __future__ import annotations

import re
from collections.abc import ItemsView, Mapping
from dataclasses import dataclass
from struct import Struct
from typing import Any

from radcnn.data.dicom.attributes import Element
from radcnn.data.dicom.layout import EXPLICIT_LITTLE, GREY, IMPLICIT_LITTLE
from radcnn.data.dicom.passing import CHARACTER_SETS, EXPLICIT, LENGTH, LONG, SHORT, UNDEFINED, past_items
from radcnn.data.dicom.tags import ABSENT_TAGS, ALL_TAGS, CHARACTER_SET, PIXEL_TAGS, PIXELS, PLACE_TAGS

MOST_BYTES = 1 << 20  # of a header
MOST_KNOWN = 4096  # elements of neighbours that are remembered
LONGEST = 1000  # bytes of a value that is asked for
START = 144  # where the file meta information goes on after its length
PART_10 = b"DICM\x02\0\0\0UL\x04\0"
IMPLICIT = Struct("<HHI").unpack_from  # group, element, length
BEFORE_ALL = 0x0007FFFF  # groups below 8 belong to messages and to the file meta information
BITS = (8, 16, 32)
SYNTAXES = {EXPLICIT_LITTLE.encode() + b"\0": EXPLICIT_LITTLE, IMPLICIT_LITTLE.encode() + b"\0": IMPLICIT_LITTLE}
KINDS = {tag: tuple(kind.encode().split(b" or ")) for tag, kind in (*PIXEL_TAGS.values(), *PLACE_TAGS.values())}
NEVER = frozenset(tag for tag, _ in ABSENT_TAGS.values())

SEQUENCE = Element("SQ", b"")  # that is there, whatever is in it
DECIMAL = re.compile(rb" *[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)? *").fullmatch
WORD = re.compile(rb"[ -\[\]-~]*").fullmatch  # printable ASCII without backslash, alike in all character sets
IDENTIFIER = re.compile(rb"([0-9.]+\0?)?").fullmatch


class Unread:
    """Pixel data that are in the file, of which only the length is known."""

    def __init__(self, length: int) -> None:
        self.length = length

    def __len__(self) -> int:
        return self.length


@dataclass(frozen=True, eq=False)
class Usual:
    """A usual header, which answers as a data set of pydicom does; KeyError for a keyword that it cannot know.

    media_class MediaStorageSOPClassUID
    pixels_at   where the pixel data begin in the file
    pixel_bytes how long they are
    """

    elements: Mapping[int, Element]
    syntax: str
    media_class: str
    pixels_at: int
    pixel_bytes: int

    @property
    def file_meta(self) -> dict[str, str]:
        """What is asked of the file meta information."""
        return {"TransferSyntaxUID": self.syntax, "MediaStorageSOPClassUID": self.media_class}

    def items(self) -> ItemsView[int, Element]:
        """Tags and elements, unconverted."""
        return self.elements.items()

    def __contains__(self, keyword: str) -> bool:
        tag, _ = ALL_TAGS[keyword]
        return tag in self.elements or tag == PIXELS

    @property
    def ends_at(self) -> int:
        """Where the pixels end; the file may go on with padding."""
        return self.pixels_at + self.pixel_bytes

    @property
    def explicit(self) -> bool:
        return self.syntax == EXPLICIT_LITTLE

    def get(self, keyword: str, default: Any = None) -> Any:
        """The one value of an attribute; ValueError where it is not plain, so that pydicom is to be asked."""
        tag, _ = ALL_TAGS[keyword]
        if tag == PIXELS:
            return Unread(self.pixel_bytes)
        element = self.elements.get(tag)
        return default if element is None else _converted(element)


Step = tuple[int, str, int]  # tag; VR where it is asked for, or SQ; bytes of the value, -1 where they come later


class Parser:
    """Parses headers of neighbours, which say mostly the same: what was met before is not understood anew."""

    def __init__(self) -> None:
        self.steps: dict[str, dict[bytes, Step]] = {EXPLICIT_LITTLE: {}, IMPLICIT_LITTLE: {}}
        self.elements: dict[bytes, Element] = {}

    def header(self, head: bytes, size: int) -> Usual | None:
        """That of a file of `size` bytes that begins with `head`; None where it is out of order or goes on."""
        if head[128:140] != PART_10 or len(head) < START:
            return None
        start = START + LENGTH(head, 140)[0]
        said = _file_meta(head, start)
        return None if said is None else self._walk(head, start, size, *said)

    def _walk(self, head: bytes, at: int, size: int, syntax: str, media_class: str) -> Usual | None:
        """From element to element, keeping what is asked for, until the pixels come."""
        found: dict[int, Element] = {}
        explicit = syntax == EXPLICIT_LITTLE
        before, end, steps, elements = BEFORE_ALL, len(head) - 12, self.steps[syntax], self.elements
        if not explicit and head[at + 4 : at + 6].isalpha():
            return None  # a VR, where none should be written
        while at <= end:
            mark = head[at : at + 8]
            step = steps.get(mark) or _learnt(steps, mark, explicit=explicit)
            if step is None or step[0] <= before:
                return None
            before, kind, length = step
            at += 8
            if length < 0:
                (length,) = LENGTH(head, at if explicit else at - 4)
                at += 4 if explicit else 0
                if before == PIXELS:
                    return Usual(found, syntax, media_class, at, length) if at + length <= size else None
                if length == UNDEFINED:
                    past = past_items(head, at) if kind == "SQ" else None
                    if past is None:
                        return None
                    length = past - at
                if length & 1:
                    return None
                if before in KINDS:
                    found[before] = SEQUENCE
            elif kind:
                whole = head[at - 8 : at + length]
                one = elements.get(whole)
                found[before] = self._met(kind, whole) if one is None else one
            at += length
        return None

    def _met(self, kind: str, whole: bytes) -> Element:
        if len(self.elements) >= MOST_KNOWN:
            self.elements.clear()
        made = self.elements[whole] = Element(kind, whole[8:])
        return made


def _learnt(steps: dict[bytes, Step], mark: bytes, *, explicit: bool) -> Step | None:
    """What the first eight bytes of an element say, kept; None where they make a file unusual."""
    found = _explicit_step(mark) if explicit else _implicit_step(mark)
    if found is not None:
        if len(steps) >= MOST_KNOWN:
            steps.clear()
        steps[mark] = found
    return found


def _explicit_step(mark: bytes) -> Step | None:
    group, number, vr, length = EXPLICIT(mark)
    tag = group << 16 | number
    kinds = KINDS.get(tag)
    if tag in NEVER or tag > PIXELS or (kinds is not None and vr not in kinds):
        return None
    if vr in LONG:
        return (tag, "SQ" if vr == b"SQ" else "", -1) if tag != PIXELS or vr in (b"OW", b"OB") else None
    if vr not in SHORT or length & 1 or tag == PIXELS or (kinds is not None and length > LONGEST):
        return None
    return tag, vr.decode() if kinds is not None else "", length


def _implicit_step(mark: bytes) -> Step | None:
    group, number, length = IMPLICIT(mark)
    tag = group << 16 | number
    kinds = KINDS.get(tag, ())
    if tag in NEVER or tag > PIXELS or length & 1 or length == UNDEFINED:
        return None
    if tag == PIXELS or b"SQ" in kinds:
        return tag, "SQ" if kinds else "", -1
    # where the standard leaves the VR open it is that of padding, whose sign does not matter in 16 bits
    return (tag, kinds[0].decode() if kinds else "", length) if not kinds or length <= LONGEST else None


def _file_meta(head: bytes, end: int) -> tuple[str, str] | None:
    """Transfer syntax and MediaStorageSOPClassUID of the file meta information, which must end at `end`."""
    at, before, syntax, media_class = START, 0, None, b""
    while at < end <= len(head) - 12:
        group, number, vr, length = EXPLICIT(head, at)
        at += 8
        if vr in LONG:
            (length,) = LENGTH(head, at)
            at += 4
        elif vr not in SHORT:
            return None
        if group != 2 or number <= before:
            return None
        if number in (0x0002, 0x0010) and vr != b"UI":
            return None
        if number == 0x0002:
            media_class = head[at : at + length]
        elif number == 0x0010:
            syntax = SYNTAXES.get(head[at : at + length])
        before = number
        at += length
    if at != end or syntax is None or not IDENTIFIER(media_class):
        return None
    return syntax, media_class.decode("ascii").rstrip("\0")


def is_usual(made: Usual) -> bool:
    """Whether the pixels are one gray frame of whole bytes, and there are just as many of them as the header says.

    No more is asked than attributes in PIXEL_TAGS.
    """
    letters = made.elements.get(CHARACTER_SET)
    if letters is not None and letters.value.rstrip(b" ") not in CHARACTER_SETS:
        return False
    try:
        rows, columns, allocated = (made.get(word) for word in ("Rows", "Columns", "BitsAllocated"))
        one = made.get("SamplesPerPixel") == 1 and made.get("NumberOfFrames", 1) == 1
        if not one or made.get("PhotometricInterpretation") not in GREY or allocated not in BITS:
            return False
    except ValueError:
        return False
    if allocated != 16 and not made.explicit and "PixelPaddingValue" in made:
        return False  # nobody said whether it has a sign
    if rows is None or columns is None:
        return False
    n_bytes = rows * columns * allocated // 8
    return bool(made.pixel_bytes == n_bytes + n_bytes % 2)


def _converted(element: Element) -> Any:
    """The value as a number or a text; ValueError where it is not one, or not plain."""
    kind, value = element.VR, element.value
    if kind in ("US", "SS") and len(value) == 2:
        return int.from_bytes(value, "little", signed=kind == "SS")
    if kind == "DS" and DECIMAL(value):
        return float(value)
    if kind == "IS" and value.strip(b" ").isdigit():
        return int(value)
    if (kind in ("CS", "LO") and WORD(value)) or (kind == "UI" and IDENTIFIER(value)):
        return value.decode("ascii").strip(" \0")
    raise ValueError("a value that is not plain")
