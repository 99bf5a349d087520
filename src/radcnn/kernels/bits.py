"""What a processor says of a 64-bit number in one instruction; for compiled loops only."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic


def _counting(name: str) -> Any:
    def counted(_context: Any, _number: Any) -> Any:
        def code(_target: Any, builder: Any, _signature: Any, values: Any) -> Any:
            return getattr(builder, name)(values[0], ir.Constant(ir.IntType(1), 0))

        return types.uint64(types.uint64), code

    return intrinsic(counted)


leading_zeros = _counting("ctlz")  # 64 of 0
trailing_zeros = _counting("cttz")
