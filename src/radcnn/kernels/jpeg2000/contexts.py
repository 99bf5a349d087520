"""Tables of the MQ decoder and of the contexts of JPEG 2000's bit planes (ISO/IEC 15444-1 tables C.2, D.1 to D.4, D.7).

The state of a context is one number, so that a decision loads one thing:

    bits 62 to 47   Qe, the probability of the less likely symbol
    bit 10          the more likely symbol
    bits 8 to 0     where its row in TRANSITIONS begins

A row is four states: without renormalisation the same again; [1] after the more likely symbol; [3] after the other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ACTIVE = 47  # the lowest of the 16 bits that are compared with Qe
ROW_MASK = 0x1FF
SYMBOL_BIT = 10
STATE_MASK = 0x7FF  # all that is not Qe

CONTEXTS = 19
REFINEMENTS, RUN_LENGTH, UNIFORM = 14, 17, 18  # the first of three, and those of their own

# table C.2: Qe, the next state after the more likely symbol and after the other, whether they change places
QE_ROWS = (
    "5601 1 1 1|3401 2 6 0|1801 3 9 0|0AC1 4 12 0|0521 5 29 0|0221 38 33 0|5601 7 6 1|5401 8 14 0|4801 9 14 0|"
    "3801 10 14 0|3001 11 17 0|2401 12 18 0|1C01 13 20 0|1601 29 21 0|5601 15 14 1|5401 16 14 0|5101 17 15 0|"
    "4801 18 16 0|3801 19 17 0|3401 20 18 0|3001 21 19 0|2801 22 19 0|2401 23 20 0|2201 24 21 0|1C01 25 22 0|"
    "1801 26 23 0|1601 27 24 0|1401 28 25 0|1201 29 26 0|1101 30 27 0|0AC1 31 28 0|09C1 32 29 0|08A1 33 30 0|"
    "0521 34 31 0|0441 35 32 0|02A1 36 33 0|0221 37 34 0|0141 38 35 0|0111 39 36 0|0085 40 37 0|0049 41 38 0|"
    "0025 42 39 0|0015 43 40 0|0009 44 41 0|0005 45 42 0|0001 45 43 0|5601 46 46 0"
)


def _transitions() -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """The rows of all states, and the states in which the contexts begin (table D.7)."""
    texts = [row.split() for row in QE_ROWS.split("|")]
    rows = [(int(qe, 16), int(more), int(less), int(swap)) for qe, more, less, swap in texts]

    def state(index: int, symbol: int) -> int:
        return (rows[index][0] << ACTIVE) | (symbol << SYMBOL_BIT) | (4 * (2 * index + symbol))

    table = np.zeros(4 * 2 * len(rows), np.uint64)
    for index, (_, more, less, swap) in enumerate(rows):
        for symbol in (0, 1):
            at = 4 * (2 * index + symbol)
            table[at], table[at + 1] = state(index, symbol), state(more, symbol)
            table[at + 2] = table[at + 3] = state(less, symbol ^ swap)
    first = np.full(CONTEXTS, state(0, 0), np.uint64)
    first[0], first[RUN_LENGTH], first[UNIFORM] = state(4, 0), state(3, 0), state(46, 0)
    return table, first


def _significance(subband: int) -> NDArray[np.uint8]:
    """Table D.1: the context of a coefficient from the nine bits of its neighbourhood, row by row."""
    bits = np.arange(512)[:, None] >> np.arange(9) & 1
    horizontal, vertical = bits[:, 3] + bits[:, 5], bits[:, 1] + bits[:, 7]
    diagonal = bits[:, 0] + bits[:, 2] + bits[:, 6] + bits[:, 8]
    if subband == 3:
        straight = horizontal + vertical
        found = np.select(
            [diagonal >= 3, diagonal == 2, diagonal == 1],
            [8, 6 + np.minimum(straight, 1), 3 + np.minimum(straight, 2)],
            np.minimum(straight, 2),
        )
        return found.astype(np.uint8)
    first, second = (vertical, horizontal) if subband == 1 else (horizontal, vertical)
    found = np.select(
        [first == 2, (first == 1) & (second > 0), first == 1, second == 2, second == 1],
        [8, 7, 5 + np.minimum(diagonal, 1), 4, 3],
        np.minimum(diagonal, 2),
    )
    return found.astype(np.uint8)


def _signs() -> NDArray[np.uint8]:
    """Tables D.2 and D.3: the context of a sign, and in bit 7 whether it is turned.

    Bits 1, 3, 5, 7 say which of the neighbours above, left, right and below are significant; the bit below each,
    whether it is negative.
    """
    bits = np.arange(256)[:, None] >> np.arange(8) & 1
    given = bits[:, 1::2] * (1 - 2 * bits[:, 0::2])  # above, left, right, below: -1, 0 or 1
    vertical = np.clip(given[:, 0] + given[:, 3], -1, 1)
    horizontal = np.clip(given[:, 1] + given[:, 2], -1, 1)
    turned = (horizontal < 0) | ((horizontal == 0) & (vertical < 0))
    sign = np.where(turned, -1, 1)
    return (9 + 3 * sign * horizontal + sign * vertical + 128 * turned).astype(np.uint8)


TRANSITIONS, FIRST_STATES = _transitions()
SIGNIFICANCE = np.stack([_significance(subband) for subband in range(4)])  # LL, HL, LH, HH
SIGNS = _signs()
