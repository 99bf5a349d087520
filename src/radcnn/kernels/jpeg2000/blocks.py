"""The bit planes of a code block (ISO/IEC 15444-1 Annex D), without options: three passes over each plane.

A stripe column, four coefficients one below the other, has one word of flags. Places in it are those of the topmost of
the four; the others lie 3, 6 and 9 bits higher, so that the same shift finds everything about a coefficient:

    bits 0 to 17    significant: the 3 x 6 coefficients around and in the column, row by row; bit 4 is the topmost
    bit 18          visited by the significance pass of this plane
    bits 32 to 49   negative, in the same order as significant
    bit 50          refined before

Words lie with a border around them, which is written and never visited. Magnitudes, with the sign in bit 31, lie as the
words do, four for each.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import int64, uint32, uint64
from numpy.typing import NDArray

from radcnn.kernels.bits import trailing_zeros
from radcnn.kernels.compiled import inlined, part
from radcnn.kernels.jpeg2000.arithmetic import NOT_QE, Registers, begun, decided, likely
from radcnn.kernels.jpeg2000.contexts import FIRST_STATES, REFINEMENTS, RUN_LENGTH, SIGNS, UNIFORM

Words = NDArray[np.uint32]
Flags = NDArray[np.uint64]
States = NDArray[np.uint64]

COLUMN = np.uint64(0x249)  # a bit for each of the four
ITSELF, VISITED, NEGATIVE, REFINED = np.uint64(4), np.uint64(18), np.uint64(32), np.uint64(50)
ONE, TWO, THREE, SIX = (np.uint64(n) for n in (1, 2, 3, 6))
AROUND, NEIGHBOURS = np.uint64(0x1FF), np.uint64(0x1EF)
CROSS = np.uint64(0xAA)  # above, left, right, below
BOTTOM = np.uint64(9)  # the place of the lowest of the four
EIGHT = np.uint64(8)
SIGN = np.uint64(31)
ROW_NUMBER, ROW_SHIFT = np.uint64(11), np.uint64(5)  # place * 11 >> 5 is place / 3
MOST_COEFFICIENTS = 4096  # of a code block
MOST_FLAGS = 3 * 1026  # of the widest code block, 1024 x 4


class Room(NamedTuple):
    """What a code block is decoded in, used again by the next one.

    flags       (MOST_FLAGS,) the words of stripe columns, see above
    states      (19,) of the MQ decoder's contexts
    listed      (MOST_COEFFICIENTS + 4,) places that a refinement pass goes to
    magnitudes  (4 * MOST_FLAGS,) what comes of it
    """

    flags: Flags
    states: States
    listed: Words
    magnitudes: Words


@part
def decode_block(
    words: Words, last: int, width: int, height: int, planes: int, table: NDArray[np.uint8], room: Room
) -> None:
    """Decode all passes of a code block of at least one plane into room.magnitudes.

    words, last  its bytes, see `arithmetic.words_of`; table  the contexts of its subband
    """
    flags, states, magnitudes = room.flags, room.states, room.magnitudes
    stripes = (height + 3) >> 2
    flags[: (stripes + 2) * (width + 2)] = 0
    magnitudes[: (stripes + 2) * (width + 2) * 4] = 0
    for k in range(states.size):
        states[k] = FIRST_STATES[k]
    registers = begun(words, last)
    for plane in range(planes - 1, -1, -1):
        if plane < planes - 1:
            registers, count = _significance(words, registers, width, height, plane, table, room)
            registers = _refinement(words, registers, plane, count, room)
        registers = _cleanup(words, registers, width, height, plane, table, room)


@inlined
def _rows(stripe: int, height: int) -> np.uint64:
    """A bit for each of a column's four that lies within the block."""
    beyond = max(0, 4 * (stripe + 1) - height)
    return COLUMN >> uint64(3 * beyond)


@inlined
def _sign(
    words: Words,
    a: np.uint64,
    c: np.uint64,
    below: np.int64,
    at: np.uint64,
    last: np.uint64,
    word: np.uint64,
    place: np.uint64,
    states: States,
) -> tuple[np.uint64, np.uint64, np.uint64, np.int64, np.uint64]:
    """D.3.2: whether a coefficient is negative."""
    significant, negative = (word >> place) & CROSS, (word >> (place + NEGATIVE)) & CROSS
    told = SIGNS[significant | (negative >> ONE)]
    context = told & 0x7F
    bit, states[context], a, c, below, at = decided(a, c, below, at, last, words[at], states[context])
    return bit ^ uint64(told >> 7), a, c, below, at


@inlined
def _spread(flags: Flags, at: int, across: int, place: np.uint64, mark: np.uint64) -> None:
    """Tell the columns around that a coefficient is significant, and its sign."""
    flags[at - 1] |= mark << (place + uint64(5))
    flags[at + 1] |= mark << (place + THREE)
    if place == 0:
        above = at - across
        flags[above - 1] |= mark << uint64(17)
        flags[above] |= mark << uint64(16)
        flags[above + 1] |= mark << uint64(15)
    if place == BOTTOM:
        below = at + across
        flags[below - 1] |= mark << TWO
        flags[below] |= mark << ONE
        flags[below + 1] |= mark


@part
def _significance(
    words: Words, registers: Registers, width: int, height: int, plane: int, table: NDArray[np.uint8], room: Room
) -> tuple[Registers, int]:
    """D.3.1: the coefficients that are not significant but have a significant neighbour."""
    flags, states, listed, magnitudes = room
    a, c, below, at, last = registers
    value = uint64(1) << uint64(plane)
    across = width + 2
    count = int64(0)
    for stripe in range((height + 3) >> 2):
        inside = _rows(stripe, height)
        for x in range(width):
            here = (stripe + 1) * across + 1 + x
            word = flags[here]
            if word == 0:
                continue
            old = (word >> ITSELF) & COLUMN
            for k in range(4):
                listed[count] = here * 4 + k
                count += int64((old >> uint64(3 * k)) & ONE)
            row = word | (word >> ONE) | (word >> TWO)
            left = (row | (row >> THREE) | (row >> SIX)) & ~(word >> ITSELF) & inside
            if left == 0:
                continue
            while left != 0:
                place = trailing_zeros(left)
                left &= left - ONE
                context = table[(word >> place) & AROUND]
                found, states[context], a, c, below, at = decided(a, c, below, at, last, words[at], states[context])
                word |= ONE << (VISITED + place)
                if found:
                    bit, a, c, below, at = _sign(words, a, c, below, at, last, word, place, states)
                    mark = ONE | (bit << NEGATIVE)
                    word |= mark << (ITSELF + place)
                    _spread(flags, here, across, place, mark)
                    magnitudes[here * 4 + int64((place * ROW_NUMBER) >> ROW_SHIFT)] = uint32(value | (bit << SIGN))
                    left |= (EIGHT << place) & ~(word >> ITSELF) & inside
            flags[here] = word
    return (a, c, below, at, last), count


@part
def _refinement(words: Words, registers: Registers, plane: int, count: int, room: Room) -> Registers:
    """D.3.3: one bit more of each of the first `count` coefficients in the list."""
    flags, states, listed, magnitudes = room
    a, c, below, at, last = registers
    for n in range(count):
        position = listed[n]
        word = flags[position >> uint32(2)] >> uint64((position & uint32(3)) * uint32(3))
        refined = (word >> REFINED) & ONE
        context = REFINEMENTS + (2 if refined else 1 if word & NEIGHBOURS else 0)
        bit, states[context], a, c, below, at = decided(a, c, below, at, last, words[at], states[context])
        magnitudes[position] |= uint32(bit << uint64(plane))
    return a, c, below, at, last


@part
def _cleanup(
    words: Words, registers: Registers, width: int, height: int, plane: int, table: NDArray[np.uint8], room: Room
) -> Registers:
    """D.3.4: what no other pass visited; columns in which and around which nothing is significant are told by runs."""
    flags, states, magnitudes = room.flags, room.states, room.magnitudes
    a, c, below, at, last = registers
    value = uint64(1) << uint64(plane)
    across = width + 2
    for stripe in range((height + 3) >> 2):
        inside = _rows(stripe, height)
        for x in range(width):
            here = (stripe + 1) * across + 1 + x
            word = flags[here]
            old = (word >> ITSELF) & ~(word >> VISITED) & COLUMN
            left = ~((word >> ITSELF) | (word >> VISITED)) & inside
            told = False
            if word == 0 and inside == COLUMN:
                state = states[RUN_LENGTH]
                if likely(a, c, state):
                    a, c = a - (state & ~NOT_QE), c - (state & ~NOT_QE)
                    continue
                found, states[RUN_LENGTH], a, c, below, at = decided(a, c, below, at, last, words[at], state)
                if not found:
                    continue
                high, state, a, c, below, at = decided(a, c, below, at, last, words[at], states[UNIFORM])
                low, states[UNIFORM], a, c, below, at = decided(a, c, below, at, last, words[at], state)
                left = COLUMN & ~((ONE << (THREE * (TWO * high + low))) - ONE)
                told = True
            while left != 0:
                place = trailing_zeros(left)
                left &= left - ONE
                found = ONE
                if not told:
                    context = table[(word >> place) & AROUND]
                    found, states[context], a, c, below, at = decided(a, c, below, at, last, words[at], states[context])
                told = False
                if found:
                    bit, a, c, below, at = _sign(words, a, c, below, at, last, word, place, states)
                    mark = ONE | (bit << NEGATIVE)
                    word |= mark << (ITSELF + place)
                    _spread(flags, here, across, place, mark)
                    magnitudes[here * 4 + int64((place * ROW_NUMBER) >> ROW_SHIFT)] = uint32(value | (bit << SIGN))
            flags[here] = (word & ~(COLUMN << VISITED)) | (old << REFINED)
    return a, c, below, at, last
