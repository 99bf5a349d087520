"""Lookup tables: the modality LUT, the VOI LUT, and the three of a palette, whole or in segments.

PS3.3 C.11.1.1: a descriptor (number of entries, first stored number, bits per entry) and the entries; a number below
the first takes the first entry, one above the last the last. C.7.9.2: a palette's entries may be given as segments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

DISCRETE, LINEAR, INDIRECT = 0, 1, 2  # opcodes of segments
ENTRIES = 1 << 16  # that a descriptor means by 0, and the most there can be


@dataclass(frozen=True, eq=False)
class Table:
    """Entries for the numbers from `first` on, uint8 or uint16, of which `bits` are used."""

    first: int
    bits: int
    entries: NDArray

    def __call__(self, numbers: NDArray) -> NDArray:
        """The entry of each number; fractions are rounded to the nearest number first."""
        whole = np.rint(numbers) if numbers.dtype.kind == "f" else numbers.astype(np.int64)
        at = np.clip(whole - self.first, 0, len(self.entries) - 1).astype(np.intp)
        found: NDArray = self.entries[at]
        return found


def table_of(item: Any, *, little_endian: bool) -> Table:
    """The table in an item of ModalityLUTSequence or VOILUTSequence; ValueError when it cannot be used."""
    n, first, bits = descriptor(item.get("LUTDescriptor"))
    return Table(first, bits, _entries(item.get("LUTData"), n, bits, little_endian=little_endian))


def palette_of(dataset: Any, *, little_endian: bool) -> tuple[Table, Table, Table]:
    """The tables of red, green and blue; ValueError when they cannot be used."""
    red, green, blue = (_colour(dataset, colour, little_endian) for colour in ("Red", "Green", "Blue"))
    if len({(each.first, len(each.entries), each.entries.dtype) for each in (red, green, blue)}) != 1:
        raise ValueError("palettes of different size")
    return red, green, blue


def palette_dtype(dataset: Any) -> np.dtype:
    """Of the colours that a palette gives."""
    n, _, bits = descriptor(dataset.get("RedPaletteColorLookupTableDescriptor"))
    whole = dataset.get("RedPaletteColorLookupTableData")
    wide = len(whole) >= 2 * n if whole else bits > 8
    return np.dtype(np.uint16 if wide else np.uint8)


def descriptor(value: Any) -> tuple[int, int, int]:
    """Number of entries, first number mapped, bits per entry."""
    n, first, bits = (int(number) for number in value)
    n %= ENTRIES  # 65536 is stored as 0; 32768 and more are read as negative where the VR is signed
    if not 1 <= bits <= 16:
        raise ValueError("bits of a lookup table")
    return n or ENTRIES, first, bits


def _entries(data: Any, n: int, bits: int, *, little_endian: bool) -> NDArray:
    """n entries: a list of numbers, or bytes in the file's byte order, one or two an entry."""
    if isinstance(data, bytes):
        wide = len(data) >= 2 * n
        found = np.frombuffer(data, np.dtype("<u2" if little_endian else ">u2") if wide else np.uint8)
        if not wide and not little_endian:
            found = found[: len(found) // 2 * 2].reshape(-1, 2)[:, ::-1].ravel()  # OW: bytes of a word are swapped
    else:
        found = np.atleast_1d(np.asarray(data, np.int64)) % ENTRIES
        if len(found) < n and bits == 8:
            found = found.astype("<u2").view(np.uint8)  # two entries in a number
    if len(found) < n:
        raise ValueError("a lookup table that is too short")
    return found[:n].astype(np.uint16 if found.dtype.itemsize == 2 or bits > 8 else np.uint8)


def _colour(dataset: Any, colour: str, little_endian: bool) -> Table:
    n, first, bits = descriptor(dataset.get(f"{colour}PaletteColorLookupTableDescriptor"))
    whole = dataset.get(f"{colour}PaletteColorLookupTableData")
    if whole:
        return Table(first, bits, _entries(whole, n, bits, little_endian=little_endian))
    segments = dataset.get(f"Segmented{colour}PaletteColorLookupTableData")
    width = np.dtype(np.uint8) if bits <= 8 else np.dtype("<u2" if little_endian else ">u2")
    return Table(first, bits, expanded(np.frombuffer(segments, width), n))


def expanded(words: NDArray, n: int) -> NDArray:
    """The n entries that segments (their words, uint8 or uint16) stand for; ValueError when it is another number."""
    made = _expand(words.tolist(), words.dtype, 0, None, n, [])
    if len(made) != n:
        raise ValueError("segments of another length than the palette")
    return np.array(made, words.dtype.newbyteorder("="))


def _expand(words: list[int], kind: np.dtype, at: int, count: int | None, n: int, made: list[int]) -> list[int]:
    """Append the entries of `count` segments from word `at` on, or of all."""
    copying = count is not None
    while at + 1 < len(words) and len(made) < n and count != 0:
        opcode, length = words[at], words[at + 1]
        at += 2
        if opcode == DISCRETE:
            made += words[at : at + length]
            at += length
        elif opcode == LINEAR and made:
            start = made[-1]
            made += np.around(np.linspace(start, words[at], length + 1)[1:]).astype(int).tolist()
            at += 1
        elif opcode == INDIRECT and not copying:  # one that points to another one would have no end
            offset, at = _offset(words, kind, at)
            _expand(words, kind, offset, length, n, made)
        else:
            raise ValueError("a segment of a palette that means nothing")
        count = None if count is None else count - 1
    return made


def _offset(words: list[int], kind: np.dtype, at: int) -> tuple[int, int]:
    """The word that an indirect segment points to by bytes, low half first; and the word after the pointer."""
    if kind.itemsize == 2:
        return (words[at] | words[at + 1] << 16) // 2, at + 2
    low, high = words[at] | words[at + 1] << 8, words[at + 2] | words[at + 3] << 8
    return low | high << 16, at + 4
