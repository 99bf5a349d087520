"""How this package compiles a loop: without the interpreter's lock, and kept on disk for the next start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import numba
from numba.core import event

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """The function as machine code.

    It is compiled at its first call for each kind of arguments, and read from disk in later processes. It holds no
    lock, so that threads of the caller run side by side; it starts none itself, so that no sum depends on their number.
    It is compiled anew when its own file changes, but not when another does whose parts it calls: touch its file, too.
    """
    return cast(Function, numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})(function))


def inlined(function: Function) -> Function:
    """The function as a part of the compiled functions that call it, never called by itself."""
    return cast(Function, numba.njit(forceinline=True, nogil=True, error_model="numpy")(function))


def part(function: Function) -> Function:
    """A function that only compiled functions call: it lies on disk with them."""
    return cast(Function, numba.njit(nogil=True, error_model="numpy")(function))


class NotCompiledError(Exception):
    """The machine code of a loop is not on disk."""


@contextmanager
def only_from_disk() -> Iterator[None]:
    """A block in which loops are read from disk and none is compiled; raises NotCompiledError where one would be."""
    with event.install_listener("numba:compile", _Refusing()):
        yield


class _Refusing(event.Listener):
    def on_start(self, _event: Any) -> None:
        raise NotCompiledError

    def on_end(self, _event: Any) -> None:
        pass
