"""Instance normalisation of maps whose channels lie side by side (n, places, channels), in float32 or bfloat16.

torch computes it on maps that lie one behind the other, so that between two convolutions that want channels side by
side all values are copied to and fro. bfloat16 comes and goes as its 16 bits; sums are taken in float32 over blocks of
places and in float64 over blocks, so that they depend neither on the number of threads nor on how large a map is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from radcnn.kernels.compiled import compiled
from radcnn.kernels.threads import over_slabs

BLOCK = 512  # places whose sums are taken together
ALONE = 1 << 16  # values that one thread normalises faster than two

Values = NDArray[Any]  # (n, places, channels) float32, or bfloat16 as uint16
Floats = NDArray[np.float32]


def moments(x: Values) -> tuple[Floats, Floats]:
    """Mean and variance (n, channels) over the places of each map."""
    n, places, channels = x.shape
    first = np.empty((n, channels), np.float32)
    _first_place(x, first)
    sums = _blocks(lambda out, start, stop: _sums(x, first, out, start, stop), x)
    away, squares = sums / places
    mean = first + away
    return mean.astype(np.float32), np.maximum(squares - away * away, 0).astype(np.float32)


def scale_into(out: Values, x: Values, factor: Floats, offset: Floats) -> None:
    """x factor + offset, each (n, channels), as x is stored."""
    _over(lambda start, stop: _scale(x, factor, offset, out, start, stop), x)


def gradient_sums(gradient: Values, x: Values, mean: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sums over the places of each map: of the gradient, and of the gradient times x - mean, (n, channels)."""
    sums = _blocks(lambda out, start, stop: _gradient_sums(gradient, x, mean, out, start, stop), x)
    return sums[0], sums[1]


def mix_into(out: Values, gradient: Values, x: Values, of_gradient: Floats, of_x: Floats, offset: Floats) -> None:
    """gradient of_gradient + x of_x + offset, each (n, channels), as x is stored."""
    _over(lambda start, stop: _mix(gradient, x, of_gradient, of_x, offset, out, start, stop), x)


def _blocks(work: Any, x: Values) -> NDArray[np.float64]:
    """Two sums for each map, (2, n, channels), from those of its blocks."""
    n, places, channels = x.shape
    many = -(-places // BLOCK)
    out = np.empty((n * many, 2, channels), np.float64)
    over_slabs(lambda start, stop: work(out, start, stop), n * many, 1 if x.size < ALONE else None)
    return np.moveaxis(out.reshape(n, many, 2, channels).sum(1), 1, 0)


def _over(work: Any, x: Values) -> None:
    over_slabs(work, x.shape[0] * -(-x.shape[1] // BLOCK), 1 if x.size < ALONE else None)


@intrinsic
def _read(typing, stored):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """A stored value as float32."""

    def widened(context, builder, signature, given):  # type: ignore[no-untyped-def]  # noqa: ARG001
        bits = builder.shl(builder.zext(given[0], ir.IntType(32)), ir.Constant(ir.IntType(32), 16))
        return builder.bitcast(bits, ir.FloatType())

    def same(context, builder, signature, given):  # type: ignore[no-untyped-def]  # noqa: ARG001
        return given[0]

    return types.float32(stored), widened if stored == types.uint16 else same


@intrinsic
def _written(typing, value, like):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """A float32 as `like` is stored: bfloat16 is rounded to the nearest, ties to even."""

    def rounded(context, builder, signature, given):  # type: ignore[no-untyped-def]  # noqa: ARG001
        word = ir.IntType(32)
        bits = builder.bitcast(given[0], word)
        odd = builder.and_(builder.lshr(bits, ir.Constant(word, 16)), ir.Constant(word, 1))
        up = builder.add(bits, builder.add(odd, ir.Constant(word, 0x7FFF)))
        return builder.trunc(builder.lshr(up, ir.Constant(word, 16)), ir.IntType(16))

    def same(context, builder, signature, given):  # type: ignore[no-untyped-def]  # noqa: ARG001
        return given[0]

    return like(types.float32, like), rounded if like == types.uint16 else same


@compiled
def _first_place(x, first):  # type: ignore[no-untyped-def]
    for n in range(x.shape[0]):
        for c in range(x.shape[2]):
            first[n, c] = _read(x[n, 0, c])


@compiled
def _sums(x, first, out, start, stop):  # type: ignore[no-untyped-def]
    """Sums of x - first and of its squares over blocks start..stop."""
    many = -(-x.shape[1] // BLOCK)
    total, squares = np.empty(x.shape[2], np.float32), np.empty(x.shape[2], np.float32)
    for block in range(start, stop):
        n, low = block // many, block % many * BLOCK
        total[:], squares[:] = 0, 0
        for place in range(low, min(low + BLOCK, x.shape[1])):
            for c in range(x.shape[2]):
                value = _read(x[n, place, c]) - first[n, c]
                total[c] += value
                squares[c] += value * value
        out[block, 0], out[block, 1] = total, squares


@compiled
def _scale(x, factor, offset, out, start, stop):  # type: ignore[no-untyped-def]
    many = -(-x.shape[1] // BLOCK)
    for block in range(start, stop):
        n, low = block // many, block % many * BLOCK
        for place in range(low, min(low + BLOCK, x.shape[1])):
            for c in range(x.shape[2]):
                out[n, place, c] = _written(_read(x[n, place, c]) * factor[n, c] + offset[n, c], x[n, place, c])


@compiled
def _gradient_sums(gradient, x, mean, out, start, stop):  # type: ignore[no-untyped-def]
    many = -(-x.shape[1] // BLOCK)
    total, along = np.empty(x.shape[2], np.float32), np.empty(x.shape[2], np.float32)
    for block in range(start, stop):
        n, low = block // many, block % many * BLOCK
        total[:], along[:] = 0, 0
        for place in range(low, min(low + BLOCK, x.shape[1])):
            for c in range(x.shape[2]):
                value = _read(gradient[n, place, c])
                total[c] += value
                along[c] += value * (_read(x[n, place, c]) - mean[n, c])
        out[block, 0], out[block, 1] = total, along


@compiled
def _mix(gradient, x, of_gradient, of_x, offset, out, start, stop):  # type: ignore[no-untyped-def]
    many = -(-x.shape[1] // BLOCK)
    for block in range(start, stop):
        n, low = block // many, block % many * BLOCK
        for place in range(low, min(low + BLOCK, x.shape[1])):
            for c in range(x.shape[2]):
                value = _read(gradient[n, place, c]) * of_gradient[n, c] + _read(x[n, place, c]) * of_x[n, c]
                out[n, place, c] = _written(value + offset[n, c], x[n, place, c])
