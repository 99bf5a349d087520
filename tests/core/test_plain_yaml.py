"""YAML as a person means it: numbers are numbers, words are words, and nothing is constructed."""

from __future__ import annotations

from typing import Any

import pytest

from radcnn.core.errors import SettingsError
from radcnn.core.plain_yaml import plain_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001), ("1E6", 1e6), ("-2.5e+3", -2500.0), (".5", 0.5), ("7", 7), ("010", 10), ("+3", 3),
        ("no", "no"), ("on", "on"), ("true", True), ("False", False), ("~", None), ("", None), ("null", None),
        ("2024-01-02", "2024-01-02"), ("2024-13-45", "2024-13-45"), ("1:30", "1:30"), ("e3", "e3"), ("1_000", "1_000"),
        ("[1, 2.0, a]", [1, 2.0, "a"]), ("{a: {b: 1}}", {"a": {"b": 1}}), ("'5'", "5"),
    ],
)  # fmt: skip
def test_words_mean_what_the_core_schema_says(text: str, value: Any) -> None:
    found = plain_yaml(text, "the text")
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("text", ["[", "a: b: c", "!!python/object/apply:os.system ['true']", "!!timestamp x", "*a"])
def test_what_is_no_plain_yaml_is_refused_by_name(text: str) -> None:
    with pytest.raises(SettingsError, match="the text is not readable YAML"):
        plain_yaml(text, "the text")
