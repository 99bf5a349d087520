"""What an attribute of a frame says, straight from its bytes.

pydicom turns each element into an object before it is asked, 10 us apiece: for the thirty attributes of two hundred
slices that is longer than to read the files. Here text is split and numbers are unpacked and nothing is made of them.
A value representation that pydicom would guess at (implicit VR, UN) is looked up in its dictionary.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from functools import cache
from struct import unpack
from typing import Any

from radcnn.data.dicom.frame import Frame, tag_of

LETTERS = frozenset(("AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "SH", "ST", "TM", "UC", "UI", "UT"))
NUMBERS = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "UV": "Q", "SV": "q"}
LARGEST = 1e9  # no length, time or count of an image comes near it
MARK = 12  # hexadecimal digits by which two words are told apart

Value = str | float


class Element:
    """A value representation and the bytes of a value, as pydicom has them before it converts them.

    Neighbours share it where they say the same, so that its values, and what comes of them, are made once.
    """

    __slots__ = ("VR", "made", "said", "value")
    is_little_endian = True

    def __init__(self, kind: str, value: bytes) -> None:
        self.VR = kind
        self.value = value
        self.said: Sequence[Value] | None = None
        self.made: Any = self  # stands for: not yet

    def values(self, keyword: str) -> Sequence[Value]:
        """The values as `Attributes.values` gives them."""
        if self.said is None:
            self.said = _values(self, keyword)
        return self.said


class Attributes:
    """The attributes of one frame as plain texts and numbers; what is missing or empty has no values.

    All methods raise ValueError when an attribute is of a kind that cannot be what is asked.
    """

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self._groups = frame.groups
        self._elements: dict[int, Any] = dict(frame.dataset.items())

    def __contains__(self, keyword: str) -> bool:
        tag = tag_of(keyword)
        return tag in self.frame.groups or tag in self._elements

    def values(self, keyword: str) -> Sequence[Value]:
        """The values as they are stored: texts without blanks around them, or numbers."""
        element = self.element(keyword)
        if type(element) is Element:
            return element.values(keyword)
        return () if element is None else _values(element, keyword)

    def element(self, keyword: str) -> Any:
        """What holds the value, converted or not; None where it is missing."""
        tag = tag_of(keyword)
        if tag in self._groups:
            return self._groups[tag].get_item(tag)
        return self._elements.get(tag)

    def text(self, keyword: str) -> str:
        """The first value as text; "" where there is none."""
        found = self.values(keyword)
        return str(found[0]) if found else ""

    def numbers(self, keyword: str, n: int) -> tuple[float, ...] | None:
        """n finite numbers; None where there is no value; ValueError when it is anything else."""
        said = self.values(keyword)
        if not said:
            return None
        found = tuple(map(float, said))
        if len(found) != n or not all(-LARGEST < value < LARGEST for value in found):
            raise ValueError(keyword)
        return found

    def number(self, keyword: str) -> float | None:
        """The first value as a finite number; None where there is none or it is no number."""
        try:
            said = self.values(keyword)
            found = float(said[0]) if said else math.nan
        except ValueError:
            return None
        return found if -LARGEST < found < LARGEST else None


def _values(element: Any, keyword: str) -> Sequence[Value]:
    """The values of an element that pydicom has, or has not yet, converted."""
    value = element.value
    if value is None or value == "" or value == b"":
        return ()
    if not isinstance(value, bytes):
        return _plain(value)
    kind = element.VR
    if kind is None or kind == "UN":
        kind = _kind(keyword)
    if kind in LETTERS:
        text = value.decode("latin-1").strip(" \0")
        return [part.strip() for part in text.split("\\")] if text else ()
    if kind not in NUMBERS:
        raise ValueError(keyword)
    letter = NUMBERS[kind]
    size = 2 if letter in "Hh" else 8 if letter in "dQq" else 4
    if len(value) % size:
        raise ValueError(keyword)
    return unpack(f"{'<' if element.is_little_endian else '>'}{len(value) // size}{letter}", value)


def _plain(value: Any) -> Sequence[Value]:
    """A value pydicom has converted, as texts or numbers."""
    listed = list(value) if hasattr(value, "__len__") and not isinstance(value, str) else [value]
    return [each.strip() if isinstance(each, str) else _number(each) for each in listed]


def _number(value: Any) -> float:
    if isinstance(value, (int, float)) or hasattr(value, "__float__"):
        return float(value)
    raise ValueError("an attribute that is no number")


@cache
def _kind(keyword: str) -> str:
    from pydicom.datadict import dictionary_VR

    return str(dictionary_VR(keyword)) if tag_of(keyword) >= 0 else ""


def mark(*words: str) -> str:
    """A short stand-in for words that shall be told apart but not be shown; "" for no words.

    >>> mark("EFFICIENT", "WATER") == mark("EFFICIENT", "WATER"), mark("WATER") == mark("FAT"), mark("")
    (True, False, '')
    """
    joined = "\\".join(words)
    return hashlib.sha256(joined.encode()).hexdigest()[:MARK] if joined.strip("\\") else ""
