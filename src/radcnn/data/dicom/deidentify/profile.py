"""Table E.1-1 of PS3.15 (edition 2026c): what the basic profile does with an attribute, read from profile.txt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Literal

EDITION = "PS3.15 2026c"
Dates = Literal["removed", "shifted", "kept"]


@dataclass(frozen=True)
class Line:
    """What happens to one attribute: actions in the order of preference, and the options under which it is kept."""

    keyword: str
    actions: tuple[str, ...]
    options: frozenset[str]


@dataclass(frozen=True)
class Options:
    """The options of PS3.15 E.3 that are granted.

    dates    removed; shifted by a number of days of the patient; or kept. A birth date always goes.
    uids     studies, series and images keep their UIDs
    device   texts and serial numbers of the scanner stay
    patient  age (up to 90), sex, size, weight, pregnancy and smoking stay
    """

    dates: Dates = "removed"
    uids: bool = False
    device: bool = False
    patient: bool = False

    def grants(self, line: Line) -> frozenset[str]:
        """The options of a line that are granted."""
        given = {"dates": self.dates != "removed", "uids": self.uids, "device": self.device, "patient": self.patient}
        return frozenset(name for name in line.options if given[name])

    def codes(self) -> tuple[tuple[str, str], ...]:
        """Code (DCM) and meaning of the profile and of each option, as they are written into the objects."""
        found = [("113100", "Basic Application Confidentiality Profile")]
        if self.dates == "kept":
            found.append(("113106", "Retain Longitudinal Temporal Information Full Dates Option"))
        if self.dates == "shifted":
            found.append(("113107", "Retain Longitudinal Temporal Information Modified Dates Option"))
        if self.patient:
            found.append(("113108", "Retain Patient Characteristics Option"))
        if self.device:
            found.append(("113109", "Retain Device Identity Option"))
        if self.uids:
            found.append(("113110", "Retain UIDs Option"))
        return tuple(found)


@cache
def profile() -> Mapping[int, Line]:
    """The table, by tag.

    >>> profile()[0x00100010]
    Line(keyword='PatientName', actions=('Z',), options=frozenset())
    """
    text = resources.files(__package__).joinpath("profile.txt").read_text(encoding="ascii")
    lines = (line.split() for line in text.splitlines() if line and not line.startswith("#"))
    found = {
        int(tag.replace(",", ""), 16): Line(keyword, tuple(actions.split("/")), frozenset(options))
        for tag, keyword, actions, *options in lines
    }
    return MappingProxyType(found)
