"""Which bytes belong to which code block: the headers of packets (ISO/IEC 15444-1 B.9 and B.10).

Every number that a header gives is tested before it is used: a stream that is not in order ends the reading.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcnn.kernels.compiled import part
from radcnn.kernels.jpeg2000.geometry import ACROSS, DOWN, FIRST_BLOCK, FIRST_NODE, PLANES

# columns of the table of code blocks
BLOCK_PLANES, LENGTH_BITS, PASSES, FIRST_CHUNK, LAST_CHUNK, BYTES = range(6)
FIRST_LENGTH_BITS, MOST_LENGTH_BITS = 3, 30
UNKNOWN = 1 << 30  # the value of a node that is not known yet
AT, LEFT_BITS, BYTE, PAST_END = range(4)  # of the reader of bits
DEEPEST = 32  # levels of a tag tree
OUT_OF_ORDER = -1

Reader = NDArray[np.int64]
Table = NDArray[np.int64]


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
    low, value = np.zeros(2 * nodes, np.int64), np.full(2 * nodes, UNKNOWN, np.int64)
    lengths = np.empty(blocks.shape[0], np.int64)
    reader = np.zeros(4, np.int64)
    count = 0
    for packet in range(layers * (levels + 1)):
        layer, resolution = packet // (levels + 1), packet % (levels + 1)
        if not by_layer:
            layer, resolution = packet % layers, packet // layers
        first = 0 if resolution == 0 else 3 * resolution - 2
        end = 1 if resolution == 0 else first + 3
        reader[LEFT_BITS], reader[BYTE] = 0, 0
        if not _bit(data, reader):
            _aligned(reader)
            continue
        for band in range(first, end):
            if not _header(data, reader, bands[band], layer, low, value, nodes, blocks, lengths):
                return OUT_OF_ORDER
        _aligned(reader)
        for band in range(first, end):
            start = bands[band, FIRST_BLOCK]
            for block in range(start, start + bands[band, ACROSS] * bands[band, DOWN]):
                if lengths[block] < 0:
                    continue
                begin = reader[AT]
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
                reader[AT] = stop
                count += 1
    return OUT_OF_ORDER if reader[PAST_END] else count


@part
def _header(
    data: NDArray[np.uint8],
    reader: Reader,
    band: NDArray[np.int64],
    layer: int,
    low: NDArray[np.int64],
    value: NDArray[np.int64],
    nodes: int,
    blocks: Table,
    lengths: NDArray[np.int64],
) -> bool:
    """What one packet header says of one subband: `lengths` of its code blocks, -1 of those that are not in it."""
    across, down = band[ACROSS], band[DOWN]
    for number in range(across * down):
        block = band[FIRST_BLOCK] + number
        x, y = number % across, number // across
        lengths[block] = -1
        if blocks[block, PASSES] > 0:
            if not _bit(data, reader):
                continue
        else:
            if _climbed(data, reader, band, x, y, layer + 1, low, value, 0) > layer:
                continue
            missing = _climbed(data, reader, band, x, y, band[PLANES], low, value, nodes)
            if missing >= band[PLANES]:
                return False
            blocks[block, BLOCK_PLANES] = band[PLANES] - missing
        passes = _passes(data, reader)
        blocks[block, PASSES] += passes
        while _bit(data, reader):
            blocks[block, LENGTH_BITS] += 1
            if blocks[block, LENGTH_BITS] > MOST_LENGTH_BITS:
                return False
        bits = blocks[block, LENGTH_BITS]
        while passes > 1:
            bits += 1
            passes >>= 1
        lengths[block] = _bits(data, reader, bits)
    return not reader[PAST_END]


@part
def _climbed(
    data: NDArray[np.uint8],
    reader: Reader,
    band: NDArray[np.int64],
    x: int,
    y: int,
    threshold: int,
    low: NDArray[np.int64],
    value: NDArray[np.int64],
    tree: int,
) -> int:
    """The value of a leaf of a tag tree, or the threshold if it is not below it (B.10.2)."""
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
            if _bit(data, reader):
                value[node] = least
            else:
                least += 1
        low[node] = least
    return min(threshold, value[path[0]])


@part
def _passes(data: NDArray[np.uint8], reader: Reader) -> int:
    """The number of coding passes (table B.4)."""
    if not _bit(data, reader):
        return 1
    if not _bit(data, reader):
        return 2
    more = _bits(data, reader, 2)
    if more < 3:
        return 3 + more
    more = _bits(data, reader, 5)
    return 6 + more if more < 31 else 37 + _bits(data, reader, 7)


@part
def _bits(data: NDArray[np.uint8], reader: Reader, count: int) -> int:
    found = 0
    for _ in range(count):
        found = 2 * found + _bit(data, reader)
    return found


@part
def _bit(data: NDArray[np.uint8], reader: Reader) -> int:
    """The next bit; after a byte FF the next byte has seven. Beyond the end there are zeros, and that is noted."""
    if reader[LEFT_BITS] == 0:
        if reader[AT] >= data.size:
            reader[PAST_END] = 1
            return 0
        reader[LEFT_BITS] = 7 if reader[BYTE] == 0xFF else 8
        reader[BYTE] = data[reader[AT]]
        reader[AT] += 1
    reader[LEFT_BITS] -= 1
    return (reader[BYTE] >> reader[LEFT_BITS]) & 1


@part
def _aligned(reader: Reader) -> None:
    """Go to the next byte; after FF a stuffed one follows."""
    if reader[BYTE] == 0xFF:
        reader[AT] += 1
