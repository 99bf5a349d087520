"""The headers of a codestream (ISO/IEC 15444-1 Annex A): what the decoder must know, or that it is of another kind."""

from __future__ import annotations

from dataclasses import dataclass
from struct import error as StructError
from struct import unpack_from

SOC, SOT, SOD, EOC = 0xFF4F, 0xFF90, 0xFF93, 0xFFD9
SIZ, COD, QCD = 0xFF51, 0xFF52, 0xFF5C
TLM, PLT, COM = 0xFF55, 0xFF58, 0xFF64  # lengths and comments: nothing that the decoder needs
MOST_SAMPLES = 1 << 23  # of the image; with room to work in these take 80 MiB
MOST_PRECISION = 16
MOST_LEVELS = 16
MOST_LAYERS = 64
GUARD_MASK_SHIFT, REVERSIBLE = 5, 1


@dataclass(frozen=True)
class Codestream:
    """One tile of one component, with the reversible transform and plain code blocks.

    by_layer         the packets of a layer follow each other, not those of a resolution
    levels           of the wavelet transform; `exponents` holds one number for each of its 3 levels + 1 subbands
    block_width, block_height  of code blocks, as powers of two
    parts            where the packets lie, first byte and end
    """

    rows: int
    columns: int
    precision: int
    signed: bool
    by_layer: bool
    layers: int
    levels: int
    block_width: int
    block_height: int
    guard_bits: int
    exponents: tuple[int, ...]
    parts: tuple[tuple[int, int], ...]


def codestream_of(data: bytes) -> Codestream | None:
    """What the headers say; None where the stream is of another kind, damaged or truncated."""
    try:
        return _parsed(data)
    except (StructError, LookupError):
        return None


def _parsed(data: bytes) -> Codestream | None:
    if unpack_from(">H", data, 0) != (SOC,):
        return None
    segments: dict[int, bytes] = {}
    parts: list[tuple[int, int]] = []
    at = 2
    while True:
        (marker,) = unpack_from(">H", data, at)
        if marker == EOC:
            break
        (length,) = unpack_from(">H", data, at + 2)
        body = data[at + 4 : at + 2 + length]
        if marker == SOT:
            part = _part(data, at, body, len(parts))
            if part is None:
                return None
            parts.append(part)
            at = part[1]
            continue
        if marker not in (SIZ, COD, QCD, TLM, COM) or marker in segments or parts or len(body) != length - 2:
            return None
        if marker != COM:
            segments[marker] = body
        at += 2 + length
    return _understood(segments[SIZ], segments[COD], segments[QCD], tuple(parts)) if parts else None


def _part(data: bytes, at: int, body: bytes, number: int) -> tuple[int, int] | None:
    """Where the packets of a tile part lie; None where its header changes anything, or it is not all there."""
    tile, length, numbered, count = unpack_from(">HL2B", body)
    end = at + length if length else len(data) - 2
    start = at + 4 + len(body)
    while (marker := unpack_from(">H", data, start)[0]) != SOD:
        if marker not in (PLT, COM):
            return None
        start += 2 + max(2, unpack_from(">H", data, start + 2)[0])
    start += 2
    in_order = (tile, numbered, len(body)) == (0, number, 8) and (count == 0 or number < count)
    return (start, end) if in_order and start <= end <= len(data) - 2 else None


def _understood(siz: bytes, cod: bytes, qcd: bytes, parts: tuple[tuple[int, int], ...]) -> Codestream | None:
    columns, rows, left, top, tile_columns, tile_rows, tile_left, tile_top, components = unpack_from(">8LH", siz, 2)
    depth, dx, dy = unpack_from(">3B", siz, 36)
    style, order, layers, colours, levels, width, height, options, transform = unpack_from(">2BH6B", cod)
    one_tile = (left, top, tile_left, tile_top) == (0, 0, 0, 0) and tile_columns >= columns and tile_rows >= rows
    one_component = (components, dx, dy) == (1, 1, 1)
    precision = (depth & 0x7F) + 1
    plain = (style, colours, options) == (0, 0, 0) and transform == REVERSIBLE and qcd[0] & 0x1F == 0
    sizes = (
        0 < rows * columns <= MOST_SAMPLES
        and max(rows, columns) < 1 << 15  # so that each resolution is one precinct
        and precision <= MOST_PRECISION
        and levels <= MOST_LEVELS
        and 0 < layers <= MOST_LAYERS
        and max(width, height) <= 8
        and width + height <= 8
    )
    exponents = tuple(byte >> 3 for byte in qcd[1:])
    if not (one_tile and one_component and plain and sizes and order <= 4 and len(exponents) == 3 * levels + 1):
        return None
    signed, guard_bits = bool(depth & 0x80), qcd[0] >> GUARD_MASK_SHIFT
    return Codestream(
        rows,
        columns,
        precision,
        signed,
        order == 0,
        layers,
        levels,
        width + 2,
        height + 2,
        guard_bits,
        exponents,
        parts,
    )
