"""YAML as a person means it (core schema of YAML 1.2): 1e-3 is a number, `no` a word, and a date stays text."""

from __future__ import annotations

import re
from typing import Any, NoReturn

import yaml

from radcnn.core.errors import SettingsError

WORDS = {  # kind: pattern of the whole word (YAML 1.2.2, section 10.3.2), and the characters it can begin with
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?[0-9]+", list("-+0123456789")),
    "float": (r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
              list("-+0123456789.")),
}  # fmt: skip


class _Loader(yaml.SafeLoader):
    """Plain values only, by the words above; nothing is ever constructed from a tag."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 as in the base


for _kind, (_pattern, _first) in WORDS.items():
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", re.compile(f"^(?:{_pattern})$"), _first)
_Loader.add_constructor("tag:yaml.org,2002:int", lambda _, node: int(node.value))
_Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda _, node: _refuse(node))


def _refuse(node: yaml.Node) -> NoReturn:
    raise yaml.constructor.ConstructorError(None, None, f"{node.tag} is not read", node.start_mark)


def plain_yaml(text: str, whose: str) -> Any:
    """The value of a YAML text: numbers, words, truth values, lists and names with values.

    Raises SettingsError when it is no YAML, naming `whose` it is.

    >>> plain_yaml("{rate: 1e-3, positive: no, since: 2024-13-45}", "the example")
    {'rate': 0.001, 'positive': 'no', 'since': '2024-13-45'}
    """
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as cause:
        raise SettingsError(f"{whose} is not readable YAML: {' '.join(str(cause).split())}") from cause
