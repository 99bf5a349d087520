"""Options given by name become a frozen dataclass, or one sentence says which name or value is wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from radcnn.core.catalogue import look_up
from radcnn.core.errors import SettingsError

T = TypeVar("T")

WORDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a word",
    NoneType: "none",
}


def read_options(kind: type[T], given: Mapping[str, object], whose: str) -> T:
    """An options dataclass from names and values; lists (from YAML or JSON) become tuples.

    Raises SettingsError on an unknown name ("did you mean"), a wrong type or a choice that does not exist.
    """
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    hints = get_type_hints(kind)
    values = {}
    for name, value in given.items():
        look_up(known, name, f"option of {whose}")
        frozen = tuple(value) if isinstance(value, list) else value
        if not _admits(hints[name], frozen):
            raise SettingsError(f"option {name} of {whose} must be {_described(hints[name])}, got {value!r}")
        values[name] = frozen
    return kind(**values)


def at_least(lowest: float, **options: float) -> None:
    """Raises SettingsError for the first option below `lowest`."""
    for name, value in options.items():
        if value < lowest:
            raise SettingsError(f"option {name} must be at least {lowest}, got {value}")


def probability(**options: float) -> None:
    """Raises SettingsError for the first option outside 0 <= p < 1."""
    for name, value in options.items():
        if not 0 <= value < 1:
            raise SettingsError(f"option {name} must be at least 0 and below 1, got {value}")


def _admits(hint: Any, value: object) -> bool:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return isinstance(value, str | int) and value in arguments
    if origin in (Union, UnionType):
        return any(_admits(argument, value) for argument in arguments)
    if origin is tuple:
        return isinstance(value, tuple) and all(_admits(arguments[0], item) for item in value)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint)


def _described(hint: Any) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " or ".join(repr(argument) for argument in arguments)
    if origin in (Union, UnionType):
        return " or ".join(_described(argument) for argument in arguments)
    if origin is tuple:
        return f"a list of ({_described(arguments[0])})"
    return WORDS[hint]
