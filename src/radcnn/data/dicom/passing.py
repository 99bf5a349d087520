"""The elements of explicit little endian, and how a sequence of undefined length is passed over.

Lengths of items and of what they hold are followed and must meet; nothing is kept and nothing calls itself.
"""

from __future__ import annotations

from struct import Struct

EXPLICIT = Struct("<HH2sH").unpack_from  # group, element, VR, length
LENGTH = Struct("<I").unpack_from
UNDEFINED = 0xFFFFFFFF
SHORT = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
LONG = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
# (0008,0005) in which ASCII is ASCII, unless it says otherwise by an escape
CHARACTER_SETS = frozenset((
    b"", *(f"ISO_IR {n}".encode() for n in (6, 13, 100, 101, 109, 110, 126, 127, 138, 144, 148, 166, 192)), b"GB18030",
    b"\\ISO 2022 IR 87", b"ISO 2022 IR 6\\ISO 2022 IR 87", b"ISO 2022 IR 13\\ISO 2022 IR 87", b"\\ISO 2022 IR 149",
))  # fmt: skip

ITEM, ITEM_END, SEQUENCE_END = b"\xfe\xff\x00\xe0", b"\xfe\xff\x0d\xe0", b"\xfe\xff\xdd\xe0"
TRAILING = b"\xfc\xff\xfc\xff"  # Data Set Trailing Padding, which some scanners write after the pixels (PS3.10 7.2)
DEEPEST = 32  # sequences and items within each other; real ones have less than ten


def past_items(head: bytes, at: int) -> int | None:
    """Where a sequence of undefined length ends whose items begin at `at`; None where it is out of order or deeper."""
    ends = [UNDEFINED]  # of what is open: a sequence, an item of it, a sequence of that ...; or that a mark ends it
    last = len(head) - 12
    while at <= last:
        if ends[-1] <= at:
            if ends.pop() < at:
                return None
            continue
        mark, (length,) = head[at : at + 4], LENGTH(head, at + 4)
        if len(ends) % 2:  # a sequence, whose items come one after the other
            at += 8
            if mark == ITEM:
                ends.append(UNDEFINED if length == UNDEFINED else at + length)
            elif mark != SEQUENCE_END or length:
                return None
            else:
                ends.pop()
                if not ends:
                    return at
        elif mark == ITEM_END:
            at += 8
            if length or ends.pop() != UNDEFINED:
                return None
        else:
            step = _step(head, at)
            if step is None or len(ends) > DEEPEST:
                return None
            at, is_open = step
            if is_open:
                ends.append(UNDEFINED)
    return None


def _step(head: bytes, at: int) -> tuple[int, bool] | None:
    """Where an element ends and False, or where the items of a sequence begin and True."""
    group, number, vr, length = EXPLICIT(head, at)
    at += 8
    if vr in LONG:
        (length,) = LENGTH(head, at)
        at += 4
        if length == UNDEFINED:
            return (at, True) if vr == b"SQ" else None
    elif vr not in SHORT:
        return None
    if (group, number) == (0x0008, 0x0005) and (
        vr != b"CS" or head[at : at + length].rstrip(b" ") not in CHARACTER_SETS
    ):
        return None
    return at + length, False


def is_trailing_padding(mark: bytes, length: int, *, explicit: bool) -> bool:
    """Whether an element that begins with `mark` (12 bytes, or 8 where VRs are implicit) is padding of that length."""
    start = TRAILING + (b"OB\0\0" if explicit else b"")
    return mark == start + (length - len(start) - 4).to_bytes(4, "little") if length >= len(start) + 4 else False
