"""How this package compiles a loop: without the interpreter's lock, and kept on disk for the next start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """The function as machine code.

    It is compiled at its first call for each kind of arguments, and read from disk in later processes. It holds no
    lock, so that threads of the caller run side by side; it starts none itself, so that no sum depends on their number.
    """
    return cast(Function, numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})(function))
