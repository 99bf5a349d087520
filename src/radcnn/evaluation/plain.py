"""Frozen dataclasses as plain JSON values, and back without loss.

NaN (undefined) becomes null; tuples become lists; an Estimate and a Target become objects. `built` reads the fields'
types, so that one function serves every structure of this room.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from radcnn.core.errors import ReadError

T = TypeVar("T")


def plain(value: Any) -> Any:
    """A value of dataclasses, mappings, tuples and numbers as JSON values; NaN becomes null."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value


def built(kind: type[T], value: Any) -> T:
    """The inverse of `plain` for the dataclass `kind`; raises ReadError when a field is missing, unknown or damaged."""
    try:
        made: T = _built(kind, value)
    except (AttributeError, TypeError, ValueError) as cause:
        raise ReadError(f"a value of {kind.__name__} is damaged ({cause}); evaluate the run again") from cause
    return made


def _built(kind: Any, value: Any) -> Any:
    if is_dataclass(kind) and isinstance(kind, type):
        return _dataclass(kind, value)
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        some = next(part for part in inner if part is not NoneType)
        return None if value is None else _built(some, value)
    if origin is tuple:
        kinds = [inner[0]] * len(value) if inner[-1] is Ellipsis else inner
        return tuple(_built(part, item) for part, item in zip(kinds, value, strict=True))
    if origin in (dict, Mapping):
        return {key: _built(inner[1], item) for key, item in value.items()}
    if kind is float:
        return math.nan if value is None else float(value)
    return value if origin is Literal else kind(value)


def _dataclass(kind: Any, value: Any) -> Any:
    known = {field.name for field in fields(kind)}
    if not isinstance(value, dict) or set(value) != known:
        came = sorted(value) if isinstance(value, dict) else type(value).__name__
        raise ReadError(f"{kind.__name__} must have the fields {sorted(known)}, got {came}; evaluate the run again")
    hints = get_type_hints(kind)
    return kind(**{name: _built(hints[name], value[name]) for name in known})
