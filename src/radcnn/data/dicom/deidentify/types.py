"""Types of attributes (PS3.5 7.4): 1 must have a value, 2 may be empty, 3 may be missing; from highdicom's tables."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

Type = Literal["1", "2", "3"]
KINDS_KEPT = 32  # whose types are remembered: a folder has few kinds, and a file may claim any
Place = tuple[str, ...]  # keywords of the sequences around an attribute, and its own


@dataclass(frozen=True, eq=False)
class Types:
    """The types of one kind of object.

    exact  by the whole path to the attribute
    near   by the sequence around it and its keyword, in any kind of object: for functional groups and old kinds
    """

    exact: Mapping[Place, Type]
    near: Mapping[Place, Type]

    def of(self, path: Place, keyword: str) -> Type:
        """The strictest type that the attribute may have here; conditional types count as if the condition held.

        What a known kind of object does not have at a place that it knows is optional.
        """
        if self.exact and (not path or path in self.exact):
            return self.exact.get((*path, keyword), "3")
        return self.near.get((*path[-1:], keyword), "3")


@lru_cache(maxsize=KINDS_KEPT)
def types_of(sop_class: str) -> Types:
    """The types of a kind of object; of an unknown kind the strictest that any kind knows.

    >>> types_of("1.2.840.10008.5.1.4.1.1.2").of((), "Modality")
    '1'
    """
    modules = _modules_of(sop_class)
    if modules is None:
        return Types({}, _near())
    found: dict[Place, Type] = {}
    for module in modules:
        for attribute in _attributes().get(module, ()):
            _enter(found, (*attribute["path"], attribute["keyword"]), attribute["type"])
    return Types(found, _near())


def _enter(found: dict[Place, Type], place: Place, said: str) -> None:
    kind: Type = "1" if said.startswith("1") else "2" if said.startswith("2") else "3"
    found[place] = min(found.get(place, kind), kind)


@cache
def _near() -> Mapping[Place, Type]:
    found: dict[Place, Type] = {}
    for attributes in _attributes().values():
        for attribute in attributes:
            _enter(found, (*attribute["path"][-1:], attribute["keyword"]), attribute["type"])
    return found


def _modules_of(sop_class: str) -> list[str] | None:
    kind = _table("sop_class_iod_map").get(sop_class)
    return None if kind is None else [module["key"] for module in _table("iod_module_map").get(kind, ())]


def _attributes() -> Mapping[str, Sequence[Mapping[str, Any]]]:
    return _table("module_attribute_map")


@cache
def _table(name: str) -> Mapping[str, Any]:
    """One of highdicom's tables of PS3.3; empty where this version of highdicom has none. It is not imported for it."""
    spec = find_spec("highdicom")
    if spec is None or spec.origin is None:
        return {}
    file = Path(spec.origin).parent / "_standard" / f"{name}.json"
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return found
