"""Frozen settings to plain JSON values and back, strictly: unknown names and wrong types are refused by name.

A class with `as_json` and `from_json` of its own is written and read by them.
"""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from radcnn.core.catalogue import did_you_mean
from radcnn.core.errors import SettingsError

T = TypeVar("T")


def to_plain(settings: Any) -> Any:
    """A frozen dataclass as dicts, lists, numbers and strings; `from_plain` is the inverse."""
    if hasattr(settings, "as_json"):
        return settings.as_json()
    return fields_to_plain(settings)


def fields_to_plain(settings: Any) -> Any:
    """As `to_plain`, past an `as_json` of the outermost class: for use inside it."""
    if dataclasses.is_dataclass(settings):
        return {field.name: to_plain(getattr(settings, field.name)) for field in dataclasses.fields(settings)}
    if isinstance(settings, (tuple, list)):
        return [to_plain(value) for value in settings]
    if isinstance(settings, Mapping):
        return {str(name): to_plain(value) for name, value in settings.items()}
    return str(settings) if isinstance(settings, Path) else settings


def from_plain(kind: type[T], plain: Any, whose: str) -> T:
    """The settings `kind` from plain values; fields not named keep their defaults.

    `whose` begins every error sentence, for example "transform rotate". Raises SettingsError for a name that is not
    a field (did you mean), a missing field, a value of the wrong type, or one the settings themselves refuse.
    """
    if not isinstance(plain, Mapping):
        raise SettingsError(f"{whose} must be a mapping of settings, got {type(plain).__name__}")
    known = _fields(kind)
    for name in plain:
        if name not in known:
            raise SettingsError(f"{whose} has no setting {name!r}: {did_you_mean(str(name), known)}")
    given = {name: _value(known[name], value, f"{name} of {whose}") for name, value in plain.items()}
    missing = [name for name in _required(kind) if name not in given]
    if missing:
        raise SettingsError(f"{whose} lacks {', '.join(missing)}; it has no default, so it must be given")
    return kind(**given)


def _fields(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _required(kind: Any) -> tuple[str, ...]:
    none = dataclasses.MISSING
    return tuple(f.name for f in dataclasses.fields(kind) if f.default is none and f.default_factory is none)


def _value(hint: Any, value: Any, whose: str) -> Any:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in get_args(hint):
            return None
        return _value(next(part for part in get_args(hint) if part is not type(None)), value, whose)
    if origin is Literal:
        return _choice(get_args(hint), value, whose)
    if origin is tuple:
        return _items(get_args(hint), value, whose)
    if hasattr(hint, "from_json"):
        return hint.from_json(value)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return from_plain(hint, value, whose)
    if origin is Mapping:
        return _mapping(get_args(hint), value, whose)
    if hint is Path and isinstance(value, str):
        return Path(value)
    return _scalar(hint, value, whose)


def _choice(choices: tuple[Any, ...], value: Any, whose: str) -> Any:
    if any(value == choice and type(value) is type(choice) for choice in choices):
        return value
    hint = ""
    if isinstance(value, str):
        hint = f" ({did_you_mean(value, [str(c) for c in choices])})"
    raise SettingsError(f"{whose} must be one of {', '.join(map(str, choices))}, got {value!r}{hint}")


def _items(hints: tuple[Any, ...], value: Any, whose: str) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise SettingsError(f"{whose} must be a list, got {value!r}")
    if len(hints) == 2 and hints[1] is Ellipsis:
        return tuple(_value(hints[0], item, whose) for item in value)
    if len(value) != len(hints):
        raise SettingsError(f"{whose} must have {len(hints)} items, got {list(value)!r}")
    return tuple(_value(hint, item, whose) for hint, item in zip(hints, value, strict=True))


def _mapping(hints: tuple[Any, ...], value: Any, whose: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise SettingsError(f"{whose} must be names with values, got {value!r}")
    if hints and dataclasses.is_dataclass(hints[1]):
        return {str(name): _value(hints[1], item, f"{whose}.{name}") for name, item in value.items()}
    return {str(name): item for name, item in value.items()}


def _scalar(hint: Any, value: Any, whose: str) -> Any:
    if hint is float and isinstance(value, (int, float)) and not isinstance(value, bool) and _finite(value):
        return float(value)
    if hint is not float and isinstance(value, hint) and not (hint is int and isinstance(value, bool)):
        return value
    wanted = {float: "a finite number", int: "a whole number", bool: "true or false", str: "text", Path: "a path"}[hint]
    raise SettingsError(f"{whose} must be {wanted}, got {value!r}")


def _finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # a whole number beyond the largest float
        return False


def merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values `old` with `new` put over them, section by section down to the single value.

    >>> merged({"a": {"x": 1, "y": 2}}, {"a": {"y": 3}})
    {'a': {'x': 1, 'y': 3}}
    """
    made = dict(old)
    for name, value in new.items():
        before = made.get(name)
        inner = isinstance(before, Mapping) and isinstance(value, Mapping)
        made[name] = merged(before or {}, value) if inner else value
    return made


def nested(whole: str, value: Any) -> dict[str, Any]:
    """A value by its whole name as sections within sections.

    >>> nested("training.epochs", 20)
    {'training': {'epochs': 20}}
    """
    outer, dot, inner = whole.partition(".")
    return {outer: nested(inner, value)} if dot else {outer: value}


def changed(settings: T, changes: Mapping[str, Any], whose: str) -> T:
    """The settings with some fields changed by name; strict like `from_plain`."""
    return from_plain(type(settings), {**fields_to_plain(settings), **changes}, whose)
