"""A Draft: what a folder, a table or an npz file says about its cases, before patients become pseudonyms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from radcnn.core.case import Side, Source
from radcnn.data.findings import Finding
from radcnn.data.labels import Labels

SIDE_WORDS: dict[str, Side] = {
    "train": "training",
    "training": "training",
    "val": "tuning",
    "valid": "tuning",
    "validation": "tuning",
    "tune": "tuning",
    "tuning": "tuning",
    "dev": "tuning",
    "development": "tuning",
    "test": "test",
    "testing": "test",
}

Point = tuple[float, float, float]


@dataclass(frozen=True)
class Draft:
    """Columns of n cases each; None where nothing is said.

    ids          case ids, unique, as the user names them; those of files do not leave this package either
    named_by     where they come from: names of files, a case column, or the format itself (train/0)
    names        relative paths of the images, in which a pattern looks for the patient
    identifiers  the patients as the user names them; they do not leave this package
    """

    ids: tuple[str, ...]
    sources: tuple[Source, ...]
    names: tuple[str, ...]
    labels: Labels
    identifiers: tuple[str, ...] | None = None
    sides: tuple[Side, ...] | None = None
    sites: tuple[str, ...] | None = None
    centres_mm: tuple[Point, ...] | None = None
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    masks: tuple[Source | None, ...] | None = None
    scribbles: tuple[Source, ...] | None = None
    references: tuple[Source, ...] | None = None
    boxes: tuple[tuple[float, float, float, float] | None, ...] | None = None
    findings: tuple[Finding, ...] = ()
    named_by: Literal["file", "column", "format"] = "file"
    has_patients: bool = True  # False where the format itself knows no patients
