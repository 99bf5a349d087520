"""A codestream of the common kind into the bytes of its samples."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from radcnn.kernels.compiled import compiled, part
from radcnn.kernels.jpeg2000.arithmetic import ROOM_BEYOND, words_of
from radcnn.kernels.jpeg2000.blocks import MOST_COEFFICIENTS, MOST_FLAGS, Room, decode_block
from radcnn.kernels.jpeg2000.codestream import Codestream, codestream_of
from radcnn.kernels.jpeg2000.contexts import CONTEXTS, SIGNIFICANCE
from radcnn.kernels.jpeg2000.geometry import (
    ACROSS,
    DOWN,
    FIRST_BLOCK,
    HEIGHT,
    KIND,
    LEFT,
    MOST_BLOCKS,
    TOP,
    WIDTH,
    bands_of,
    blocks_in,
)
from radcnn.kernels.jpeg2000.packets import BLOCK_PLANES, BYTES, FIRST_CHUNK, PASSES, assigned
from radcnn.kernels.jpeg2000.wavelet import restored

MOST_PLANES = 30  # beside the sign in 32 bits


class Coding(NamedTuple):
    """How samples are coded; a code block is 2^block_width by 2^block_height, samples lie in lowest to highest."""

    levels: int
    layers: int
    by_layer: bool
    block_width: int
    block_height: int
    middle: int
    lowest: int
    highest: int


NOTHING = Codestream(1, 1, 8, False, True, 1, 0, 2, 2, 1, (8,), ())


def decoded(data: bytes) -> NDArray[np.integer] | None:
    """The samples (rows, columns) as the codestream says them: 8 bits of its sign, or 16 where it has more.

    None where the stream is of another kind than the common one, or not in order. `data` is trusted in nothing.
    """
    stream = codestream_of(data)
    if stream is None or blocks_in(bands_of(stream)) * stream.layers > MOST_BLOCKS:
        return None
    whole = np.frombuffer(data, np.uint8)
    packets = [whole[start:end] for start, end in stream.parts]
    made = _samples(stream, packets[0] if len(packets) == 1 else np.concatenate(packets))
    if made is None or stream.precision > 8:
        return made
    return made.astype(np.int8 if stream.signed else np.uint8)


def loaded() -> None:
    """Load the compiled loops, or compile them and keep them on disk: some 15 seconds, once."""
    _samples(NOTHING, np.zeros(1, np.uint8))


def _samples(stream: Codestream, packets: NDArray[np.uint8]) -> NDArray[np.integer] | None:
    """Samples of 16 bits, or None where the packets are not in order."""
    packets.setflags(write=False)  # one type of array, one compiled function
    made = np.empty((stream.rows, stream.columns), np.int16)
    lowest, middle = (-(1 << stream.precision - 1), 0) if stream.signed else (0, 1 << stream.precision - 1)
    coding = Coding(
        stream.levels, stream.layers, stream.by_layer, stream.block_width, stream.block_height,
        middle, lowest, lowest + (1 << stream.precision) - 1,
    )  # fmt: skip
    in_order = _decode(packets, bands_of(stream), coding, made)
    if not in_order:
        return None
    return made if stream.signed else made.view(np.uint16)


@compiled
def _decode(data: NDArray[np.uint8], bands: NDArray[np.int64], coding: Coding, made: NDArray[np.int16]) -> bool:
    last = bands[bands.shape[0] - 1]
    count = last[FIRST_BLOCK] + last[ACROSS] * last[DOWN]
    blocks = np.zeros((count, 6), np.int64)
    chunks = np.empty((count * coding.layers, 3), np.int64)
    if assigned(data, bands, coding.levels, coding.layers, coding.by_layer, blocks, chunks) < 0:
        return False
    longest = 0
    for block in range(count):
        planes = blocks[block, BLOCK_PLANES]
        if planes > MOST_PLANES or (planes > 0 and blocks[block, PASSES] != 3 * planes - 2):
            return False
        longest = max(longest, blocks[block, BYTES])
    samples = np.zeros(made.shape, np.int32)
    block_size = 1 << coding.block_width, 1 << coding.block_height
    _decode_blocks(data, bands, blocks, chunks, longest, block_size, samples)
    restored(samples, coding.levels, np.empty(made.shape, np.int32))
    for y in range(made.shape[0]):
        for x in range(made.shape[1]):
            made[y, x] = np.int16(min(max(samples[y, x] + coding.middle, coding.lowest), coding.highest))
    return True


@part
def _decode_blocks(
    data: NDArray[np.uint8],
    bands: NDArray[np.int64],
    blocks: NDArray[np.int64],
    chunks: NDArray[np.int64],
    longest: int,
    block_size: tuple[int, int],
    coefficients: NDArray[np.int32],
) -> None:
    words = np.empty(longest // 4 + ROOM_BEYOND, np.uint32)
    block_width, block_height = block_size
    room = Room(
        np.empty(MOST_FLAGS, np.uint64),
        np.empty(CONTEXTS, np.uint64),
        np.empty(MOST_COEFFICIENTS + 4, np.uint32),
        np.empty(4 * MOST_FLAGS, np.uint32),
    )
    for b in range(bands.shape[0]):
        band = bands[b]
        for number in range(band[ACROSS] * band[DOWN]):
            block = band[FIRST_BLOCK] + number
            planes = blocks[block, BLOCK_PLANES]
            if planes == 0:
                continue
            left = number % band[ACROSS] * block_width
            top = number // band[ACROSS] * block_height
            width, height = min(block_width, band[WIDTH] - left), min(block_height, band[HEIGHT] - top)
            last = words_of(data, chunks, blocks[block, FIRST_CHUNK], words)
            decode_block(words, last, width, height, planes, SIGNIFICANCE[band[KIND]], room)
            left, top = left + band[LEFT], top + band[TOP]
            _put(room.magnitudes, coefficients[top : top + height, left : left + width])


@part
def _put(magnitudes: NDArray[np.uint32], target: NDArray[np.int32]) -> None:
    """Write a code block's coefficients, which lie column by column of four, into their place."""
    height, width = target.shape
    for y in range(height):
        start = ((1 + (y >> 2)) * (width + 2) + 1) * 4 + (y & 3)
        for x in range(width):
            found = magnitudes[start + 4 * x]
            size = np.int32(found & np.uint32(0x7FFFFFFF))
            target[y, x] = -size if found >> np.uint32(31) else size
