"""Codes of few different values and back: which values an image holds, and a batch of images from their codes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcnn.kernels.compiled import compiled

EXPONENT, FRACTION = 0x7F800000, 0x007FFFFF  # of a float32
AHEAD = 4096  # bytes of the next image that are fetched while one is decoded: the processor goes on by itself
GOLDEN = 2654435761  # odd, near 2^32 over the golden ratio: spreads neighbours over the slots (Knuth, vol. 3, 6.4)


@compiled
def number_values(
    bits: NDArray[np.uint32], codes: NDArray, values: NDArray[np.uint32], slots: NDArray[np.int32], count: int
) -> int:
    """Number the different values of an image in the order they are met, after `count` that are known; how many then.

    bits    (n,) the float32 values, as bits
    codes   (n,) unsigned, becomes the number of each
    values  (most,) the value of each number
    slots   (a power of two, at least twice `most`) where the numbers are found, -1 where none is

    -1 where there are more than `most` values, or one is NaN; `values` and `slots` are spoiled then.
    """
    mask = np.uint64(len(slots) - 1)
    last, number = ~bits[0], 0
    for i in range(len(bits)):
        value = bits[i]
        if value != last:
            if (value & np.uint32(EXPONENT)) == np.uint32(EXPONENT) and (value & np.uint32(FRACTION)) != 0:
                return -1
            slot = ((np.uint64(value) * np.uint64(GOLDEN)) >> np.uint64(15)) & mask
            number = slots[slot]
            while number >= 0 and values[number] != value:
                slot = (slot + np.uint64(1)) & mask
                number = slots[slot]
            if number < 0:
                if count == len(values):
                    return -1
                number = count
                values[count] = value
                slots[slot] = count
                count += 1
            last = value
        codes[i] = number
    return count


@compiled
def values_of(file: NDArray[np.uint8], table: NDArray[np.int64], out: NDArray[np.float32]) -> int:
    """The values of images in a file, (n, values) into `out`; what is returned means nothing.

    table  (n, 4): where the image begins; bytes of a code, 1 or 2, or 4 for values as they are; where its palette
           begins; how many values that has, or -1 where each value is its code times the second one. Places are
           multiples of four. A code beyond its palette counts as the last.
    """
    floats = file[: len(file) // 4 * 4].view(np.float32)
    shorts = file[: len(file) // 2 * 2].view(np.uint16)
    n = out.shape[1]
    whole = np.empty(256, np.float32)  # a palette of fewer than 256 values, filled up, so that no code is compared
    filled = np.int64(-1)
    touched = 0
    for row in range(out.shape[0]):
        if row + 1 < out.shape[0]:  # the beginning of the next image is fetched meanwhile
            following = table[row + 1, 0]
            for i in range(following, following + min(n * table[row + 1, 1], AHEAD), 64):
                touched += file[i]
        place, size, count = table[row, 0], table[row, 1], table[row, 3]
        palette, target = floats[table[row, 2] // 4 : table[row, 2] // 4 + max(count, 0)], out[row]
        if size == 4:
            target[:] = floats[place // 4 : place // 4 + n]
        elif size == 2:
            words, last = shorts[place // 2 : place // 2 + n], count - 1
            for i in range(len(target)):
                target[i] = palette[min(np.int64(words[i]), last)]
        else:
            codes = file[place : place + n]
            if count < 0:
                gain = floats[table[row, 2] // 4 + 1]
                for i in range(len(target)):
                    target[i] = np.float32(codes[i]) * gain
            elif count == 256:
                for i in range(len(target)):
                    target[i] = palette[codes[i]]
            else:
                if table[row, 2] != filled:
                    filled = table[row, 2]
                    for i in range(256):
                        whole[i] = palette[min(i, count - 1)]
                for i in range(len(target)):
                    target[i] = whole[codes[i]]
    return touched
