"""Settings go to plain JSON and back without loss; every wrong one is refused with its cause."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radcnn.core.errors import SettingsError
from radcnn.core.settings import changed, fields_to_plain, from_plain, to_plain


@dataclass(frozen=True)
class Inner:
    rate: float = 0.5
    shape: tuple[int, int] = (1, 2)


@dataclass(frozen=True)
class Degrees:
    """A class that brings its own form."""

    value: float

    def as_json(self) -> str:
        return f"{self.value} degrees"

    @classmethod
    def from_json(cls, plain: Any) -> Degrees:
        return cls(float(str(plain).removesuffix(" degrees")))


@dataclass(frozen=True)
class Wrapped:
    """A class whose own form is that of its fields."""

    inner: Inner = Inner()

    def as_json(self) -> dict[str, Any]:
        made: dict[str, Any] = fields_to_plain(self)
        return made


@dataclass(frozen=True)
class Outer:
    name: str
    count: int = 3
    rate: float = 1.0
    flag: bool = False
    choice: Literal["near", "far"] = "near"
    dims: Literal[2, 3] = 2
    maybe: float | None = None
    items: tuple[float, ...] = ()
    pairs: tuple[tuple[float, float], ...] = ()
    inner: Inner = Inner()
    inners: tuple[Inner, ...] = ()
    angle: Degrees = Degrees(1.0)
    path: Path = Path("a")
    options: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.count < 0:
            raise SettingsError(f"count must not be negative, got {self.count}")


finite = st.floats(allow_nan=False, allow_infinity=False)
inners = st.builds(Inner, finite, st.tuples(st.integers(), st.integers()))
outers = st.builds(
    Outer,
    name=st.text(), count=st.integers(0), rate=finite, flag=st.booleans(), choice=st.sampled_from(["near", "far"]),
    dims=st.sampled_from([2, 3]), maybe=st.none() | finite, items=st.lists(finite).map(tuple),
    pairs=st.lists(st.tuples(finite, finite)).map(tuple), inner=inners, inners=st.lists(inners).map(tuple),
    angle=st.builds(Degrees, finite), path=st.sampled_from([Path("a/b"), Path("/x")]),
    options=st.dictionaries(st.text(), st.integers() | st.text() | st.lists(st.integers())),
)  # fmt: skip


@given(outers)
def test_settings_survive_json(settings: Outer) -> None:
    plain = json.loads(json.dumps(to_plain(settings), allow_nan=False))
    assert from_plain(Outer, plain, "study") == settings


def test_fields_that_are_not_named_keep_their_defaults() -> None:
    assert from_plain(Outer, {"name": "x"}, "study") == Outer("x")
    assert from_plain(Outer, {"name": "x", "inner": {"rate": 2}}, "study").inner == Inner(2.0)


def test_a_whole_number_is_a_number_and_stays_one() -> None:
    rate = from_plain(Outer, {"name": "x", "rate": 2}, "study").rate
    assert (rate, type(rate)) == (2.0, float)


def test_the_own_form_of_a_class_is_used_inside_others() -> None:
    assert to_plain(Outer("x", angle=Degrees(3)))["angle"] == "3 degrees"
    assert to_plain(Wrapped()) == {"inner": {"rate": 0.5, "shape": [1, 2]}}


@pytest.mark.parametrize(
    ("plain", "says"),
    [
        ([], "study must be a mapping of settings, got list"),
        (None, "study must be a mapping of settings, got NoneType"),
        ({}, "study lacks name; it has no default, so it must be given"),
        ({"name": "x", "cont": 1}, "study has no setting 'cont': did you mean count?"),
        ({"name": "x", 7: 1}, "study has no setting 7: known are"),
        ({"name": 7}, "name of study must be text, got 7"),
        ({"name": "x", "count": 2.0}, "count of study must be a whole number, got 2.0"),
        ({"name": "x", "count": True}, "count of study must be a whole number, got True"),
        ({"name": "x", "count": None}, "count of study must be a whole number, got None"),
        ({"name": "x", "count": -1}, "count must not be negative, got -1"),
        ({"name": "x", "rate": "2"}, "rate of study must be a finite number, got '2'"),
        ({"name": "x", "rate": True}, "rate of study must be a finite number, got True"),
        ({"name": "x", "rate": float("inf")}, "rate of study must be a finite number, got inf"),
        ({"name": "x", "rate": 10**400}, "rate of study must be a finite number"),
        ({"name": "x", "flag": 1}, "flag of study must be true or false, got 1"),
        ({"name": "x", "choice": "fra"}, "choice of study must be one of near, far, got 'fra' (did you mean far?)"),
        ({"name": "x", "choice": ["far"]}, "choice of study must be one of near, far, got ['far']"),
        ({"name": "x", "dims": 4}, "dims of study must be one of 2, 3, got 4"),
        ({"name": "x", "dims": True}, "dims of study must be one of 2, 3, got True"),
        ({"name": "x", "dims": 2.0}, "dims of study must be one of 2, 3, got 2.0"),
        ({"name": "x", "maybe": "a"}, "maybe of study must be a finite number, got 'a'"),
        ({"name": "x", "items": 3}, "items of study must be a list, got 3"),
        ({"name": "x", "items": "abc"}, "items of study must be a list, got 'abc'"),
        ({"name": "x", "items": [1, "b"]}, "items of study must be a finite number, got 'b'"),
        ({"name": "x", "pairs": [[1, 2, 3]]}, "pairs of study must have 2 items, got [1, 2, 3]"),
        ({"name": "x", "inner": 3}, "inner of study must be a mapping of settings, got int"),
        ({"name": "x", "inner": {"rat": 3}}, "inner of study has no setting 'rat': did you mean rate?"),
        ({"name": "x", "inner": {"shape": [1]}}, "shape of inner of study must have 2 items, got [1]"),
        ({"name": "x", "inners": [{"rate": []}]}, "rate of inners of study must be a finite number, got []"),
        ({"name": "x", "path": 3}, "path of study must be a path, got 3"),
        ({"name": "x", "options": [1]}, "options of study must be names with values, got [1]"),
    ],
)
def test_every_wrong_setting_is_refused_with_its_cause(plain: Any, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        from_plain(Outer, plain, "study")
    assert str(caught.value).startswith(says)


def test_changes_by_name_are_as_strict() -> None:
    first = Outer("x", inner=Inner(2.0))
    assert changed(first, {"count": 5}, "study") == Outer("x", 5, inner=Inner(2.0))
    assert changed(first, {}, "study") == first
    assert changed(Wrapped(), {"inner": {"rate": 3}}, "w") == Wrapped(Inner(3.0))
    with pytest.raises(SettingsError, match="did you mean count"):
        changed(first, {"cuont": 5}, "study")


@dataclass(frozen=True)
class Named:
    parts: Mapping[str, Inner] = field(default_factory=dict)


def test_settings_by_name_are_as_strict() -> None:
    assert from_plain(Named, to_plain(Named({"a": Inner(2.0)})), "n") == Named({"a": Inner(2.0)})
    with pytest.raises(SettingsError, match="has no setting 'rat': did you mean rate"):
        from_plain(Named, {"parts": {"a": {"rat": 3}}}, "n")
