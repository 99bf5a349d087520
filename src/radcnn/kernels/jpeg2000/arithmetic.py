"""The MQ decoder (ISO/IEC 15444-1 Annex C), without a branch for what it decodes.

The standard's registers A and C are kept with their 16 active bits at bits 62 to 47 and up to 47 bits of code below
them. The bytes of a code block are put into words first, without the stuffed bits, so that C takes 32 at a time.
"""

from __future__ import annotations

import numpy as np
from numba import int64, uint32, uint64
from numpy.typing import NDArray

from radcnn.kernels.bits import leading_zeros
from radcnn.kernels.compiled import inlined, part
from radcnn.kernels.jpeg2000.contexts import ACTIVE, ROW_MASK, STATE_MASK, SYMBOL_BIT, TRANSITIONS

Registers = tuple[np.uint64, np.uint64, np.int64, np.uint64, np.uint64]

ONE, TWO = np.uint64(1), np.uint64(2)
NOT_QE, ROW, SYMBOL = np.uint64(STATE_MASK), np.uint64(ROW_MASK), np.uint64(SYMBOL_BIT)
HALF = np.uint64(0x8000 << ACTIVE)  # A lies between this and twice this
WORD_BITS = 32
RENORMALISED = 15  # bits, the most that one decision takes
ALL_ONES = np.uint32(0xFFFFFFFF)
MOST_AFTER_FF = 0x8F  # a larger byte after FF is a marker: there the code ends
ROOM_BEYOND = 3  # words behind the last byte


@part
def words_of(data: NDArray[np.uint8], chunks: NDArray[np.int64], first: int, words: NDArray[np.uint32]) -> int:
    """Put the bytes of a code block into words; return the last one, ones only, which repeats without end.

    chunks  (n, 3): first byte, end, the next chunk of the block or -1
    words   at least as many as 4 bytes each need, and ROOM_BEYOND
    """
    held, bits, count, before = uint64(0), int64(0), 0, 0
    chunk = first
    while chunk >= 0:
        for at in range(chunks[chunk, 0], chunks[chunk, 1]):
            byte = data[at]
            if before == 0xFF:  # its first bit is a carry, added to what came before
                if byte > MOST_AFTER_FF:
                    return _ended(words, count, held, bits)
                held, bits = (held << uint64(7)) + uint64(byte), bits + 7
                if held >> uint64(bits) != 0:
                    _carry(words, count)
                    held &= (ONE << uint64(bits)) - ONE
            else:
                held, bits = (held << uint64(8)) | uint64(byte), bits + 8
            before = byte
            if bits >= WORD_BITS:
                bits -= WORD_BITS
                words[count] = uint32(held >> uint64(bits))
                held &= (ONE << uint64(bits)) - ONE
                count += 1
        chunk = chunks[chunk, 2]
    return _ended(words, count, held, bits)


@part
def _carry(words: NDArray[np.uint32], count: int) -> None:
    for at in range(count - 1, -1, -1):
        words[at] += uint32(1)
        if words[at] != 0:
            break


@part
def _ended(words: NDArray[np.uint32], count: int, held: np.uint64, bits: int) -> int:
    if bits > 0:
        words[count] = uint32(((held + ONE) << uint64(WORD_BITS - bits)) - ONE)
        count += 1
    words[count] = ALL_ONES
    return count


@inlined
def begun(words: NDArray[np.uint32], last: int) -> Registers:
    """The registers at the beginning of a block: A, C, bits of code below the active ones, next word, last word."""
    return HALF, uint64(words[0]) << uint64(30), int64(WORD_BITS - 15), uint64(min(1, last)), uint64(last)


@inlined
def decided(
    a: np.uint64, c: np.uint64, below: np.int64, at: np.uint64, last: np.uint64, word: np.uint32, state: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64, np.int64, np.uint64]:
    """One decision (C.3.2): the symbol, the context's next state, A, C, bits below, next word.

    word  the one numbered `at`, read by the caller
    """
    qe = state & ~NOT_QE
    a -= qe
    c -= qe
    lower = uint64(int64(c) >> 63)  # all ones where C lay in the lower part, of Qe
    swapped = uint64(int64(a - qe) >> 63)  # where the parts had changed places
    small = uint64(int64(a - HALF) >> 63)  # where A is to be renormalised
    less = lower ^ swapped  # where it is the less likely symbol
    symbol = ((state >> SYMBOL) ^ less) & ONE
    state = TRANSITIONS[(state & ROW) + ((lower | small) & ONE) + (less & TWO)]
    c += qe & lower
    a ^= (a ^ qe) & lower
    shift = leading_zeros(a) - ONE
    a <<= shift
    c <<= shift
    below -= int64(shift)
    if below < RENORMALISED:
        c |= uint64(word) << uint64(RENORMALISED - below)
        below += WORD_BITS
        at = min(at + ONE, last)
    return symbol, state, a, c, below, at


@inlined
def likely(a: np.uint64, c: np.uint64, state: np.uint64) -> bool:
    """Whether the next symbol is 0, the more likely one, and leaves the registers as they are but for Qe less each."""
    qe = state & ~NOT_QE
    return bool((state >> SYMBOL) & ONE == 0 and c >= qe and a - qe >= HALF)
