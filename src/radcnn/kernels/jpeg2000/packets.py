"""Which bytes belong to which code block: the headers of packets (ISO/IEC 15444-1 B.9 and B.10).

Every number that a header gives is tested before it is used: a stream that is not in order ends the reading.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from radcnn.kernels.compiled import part
from radcnn.kernels.jpeg2000.geometry import ACROSS, DOWN, FIRST_BLOCK, FIRST_NODE, PLANES

# columns of the table of code blocks
BLOCK_PLANES, LENGTH_BITS, PASSES, FIRST_CHUNK, LAST_CHUNK, BYTES = range(6)
FIRST_LENGTH_BITS, MOST_LENGTH_BITS = 3, 30
UNKNOWN = 1 << 30  # the value of a node that is not known yet
AT, LEFT_BITS, BYTE, PAST_END = range(4)  # of the place of a reader
DEEPEST = 32  # levels of a tag tree
OUT_OF_ORDER = -1

Table = NDArray[np.int64]


class Reader(NamedTuple):
    """Reads packets bit by bit: all bytes, and at which it is (4,), see the columns above."""

    data: NDArray[np.uint8]
    place: NDArray[np.int64]


class Trees(NamedTuple):
    """The nodes of all tag trees: (2 * nodes,) what is known to be their least, and their value.

    Those of inclusion come first, `nodes` of them, then those of missing bit planes.
    """

    low: NDArray[np.int64]
    value: NDArray[np.int64]
    nodes: int


@part
def assigned(
    data: NDArray[np.uint8], bands: Table, levels: int, layers: int, by_layer: bool, blocks: Table, chunks: Table
) -> int:
    """Read all packets; return how many chunks there are, or OUT_OF_ORDER.

    blocks  (n, 6), zeros; becomes planes, length bits, passes, first and last chunk, bytes of each code block
    chunks  (n * layers, 3); becomes first byte, end and next chunk of its block or -1
    """
    blocks[:, LENGTH_BITS] = FIRST_LENGTH_BITS
    blocks[:, FIRST_CHUNK] = -1
    last = bands.shape[0] - 1
    nodes = bands[last, FIRST_NODE] + 2 * bands[last, ACROSS] * bands[last, DOWN] + DEEPEST
    trees = Trees(np.zeros(2 * nodes, np.int64), np.full(2 * nodes, UNKNOWN, np.int64), nodes)
    lengths = np.empty(blocks.shape[0], np.int64)
    place = np.zeros(4, np.int64)
    reader = Reader(data, place)
    count = 0
    for packet in range(layers * (levels + 1)):
        layer, resolution = packet // (levels + 1), packet % (levels + 1)
        if not by_layer:
            layer, resolution = packet % layers, packet // layers
        first = 0 if resolution == 0 else 3 * resolution - 2
        end = 1 if resolution == 0 else first + 3
        place[LEFT_BITS], place[BYTE] = 0, 0
        if not _bit(reader):
            _aligned(reader)
            continue
        for band in range(first, end):
            if not _header(reader, bands[band], layer, trees, blocks, lengths):
                return OUT_OF_ORDER
        _aligned(reader)
        for band in range(first, end):
            start = bands[band, FIRST_BLOCK]
            for block in range(start, start + bands[band, ACROSS] * bands[band, DOWN]):
                if lengths[block] < 0:
                    continue
                begin = place[AT]
                stop = begin + lengths[block]
                if stop > data.size:
                    return OUT_OF_ORDER
                chunks[count, 0], chunks[count, 1], chunks[count, 2] = begin, stop, -1
                if blocks[block, FIRST_CHUNK] < 0:
                    blocks[block, FIRST_CHUNK] = count
                else:
                    chunks[blocks[block, LAST_CHUNK], 2] = count
                blocks[block, LAST_CHUNK] = count
                blocks[block, BYTES] += lengths[block]
                place[AT] = stop
                count += 1
    return OUT_OF_ORDER if place[PAST_END] else count


@part
def _header(
    reader: Reader, band: NDArray[np.int64], layer: int, trees: Trees, blocks: Table, lengths: NDArray[np.int64]
) -> bool:
    """What one packet header says of one subband: `lengths` of its code blocks, -1 of those that are not in it."""
    across, down = band[ACROSS], band[DOWN]
    for number in range(across * down):
        block = band[FIRST_BLOCK] + number
        x, y = number % across, number // across
        lengths[block] = -1
        if blocks[block, PASSES] > 0:
            if not _bit(reader):
                continue
        else:
            if _climbed(reader, band, x, y, layer + 1, trees, 0) > layer:
                continue
            missing = _climbed(reader, band, x, y, band[PLANES], trees, trees.nodes)
            if missing >= band[PLANES]:
                return False
            blocks[block, BLOCK_PLANES] = band[PLANES] - missing
        passes = _passes(reader)
        blocks[block, PASSES] += passes
        while _bit(reader):
            blocks[block, LENGTH_BITS] += 1
            if blocks[block, LENGTH_BITS] > MOST_LENGTH_BITS:
                return False
        bits = blocks[block, LENGTH_BITS]
        while passes > 1:
            bits += 1
            passes >>= 1
        lengths[block] = _bits(reader, bits)
    return not reader.place[PAST_END]


@part
def _climbed(reader: Reader, band: NDArray[np.int64], x: int, y: int, threshold: int, trees: Trees, tree: int) -> int:
    """The value of a leaf of a tag tree, or the threshold if it is not below it (B.10.2)."""
    low, value = trees.low, trees.value
    across, down = band[ACROSS], band[DOWN]
    path = np.empty(DEEPEST, np.int64)
    start, depth = tree + band[FIRST_NODE], 0
    while True:
        path[depth] = start + y * across + x
        depth += 1
        if across * down <= 1 or depth == DEEPEST:
            break
        start += across * down
        across, down, x, y = (across + 1) // 2, (down + 1) // 2, x // 2, y // 2
    least = 0
    for k in range(depth - 1, -1, -1):
        node = path[k]
        least = max(least, low[node])
        while least < threshold and least < value[node]:
            if _bit(reader):
                value[node] = least
            else:
                least += 1
        low[node] = least
    return min(threshold, value[path[0]])


@part
def _passes(reader: Reader) -> int:
    """The number of coding passes (table B.4)."""
    if not _bit(reader):
        return 1
    if not _bit(reader):
        return 2
    more = _bits(reader, 2)
    if more < 3:
        return 3 + more
    more = _bits(reader, 5)
    return 6 + more if more < 31 else 37 + _bits(reader, 7)


@part
def _bits(reader: Reader, count: int) -> int:
    found = 0
    for _ in range(count):
        found = 2 * found + _bit(reader)
    return found


@part
def _bit(reader: Reader) -> int:
    """The next bit; after a byte FF the next byte has seven. Beyond the end there are zeros, and that is noted."""
    data, place = reader
    if place[LEFT_BITS] == 0:
        if place[AT] >= data.size:
            place[PAST_END] = 1
            return 0
        place[LEFT_BITS] = 7 if place[BYTE] == 0xFF else 8
        place[BYTE] = data[place[AT]]
        place[AT] += 1
    place[LEFT_BITS] -= 1
    return (place[BYTE] >> place[LEFT_BITS]) & 1


@part
def _aligned(reader: Reader) -> None:
    """Go to the next byte; after FF a stuffed one follows."""
    if reader.place[BYTE] == 0xFF:
        reader.place[AT] += 1
