"""Catalogues are plain dicts in sight; a wrong name is answered with "did you mean"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TypeVar

from radcnn.core.errors import SettingsError

T = TypeVar("T")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The tail of an error sentence: the nearest known name, or the list of all when none is near.

    >>> did_you_mean("resnet81", ["resnet18", "vgg16"])
    'did you mean resnet18?'
    """
    names = sorted(known)
    near = get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]}?"
    return "known are " + ", ".join(names) if names else "none is known"


def look_up(catalogue: Mapping[str, T], name: str, kind: str) -> T:
    """The entry called `name`; raises SettingsError naming the nearest entry otherwise.

    >>> look_up({"adam": 1}, "adam", "optimizer")
    1
    """
    if name not in catalogue:
        raise SettingsError(f"{kind} {name!r} is unknown: {did_you_mean(name, catalogue)}")
    return catalogue[name]
