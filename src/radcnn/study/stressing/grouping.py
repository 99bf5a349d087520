"""What real cases are grouped by: columns of the table, their site, and what DICOM headers say of the scanner.

Words of a header are never shown: scanners and kernels are called A, B, C in the order of their number of cases.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from radcnn.core.errors import ReadError
from radcnn.data.dicom.header import dicom_files
from radcnn.data.dicom.traits import Trait, dicom_traits
from radcnn.data.kind import format_of
from radcnn.study.looking import LookedInto

TRAITS = ("manufacturer", "scanner model", "kernel", "slice thickness", "tube voltage", "field strength")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def scanner_columns(looked: LookedInto) -> dict[str, list[str]]:
    """Columns of words, one per case: those of the study's subgroups and sites, then the traits of scanners."""
    return {**looked.opened.columns(looked.cases), **traits_as_words(_traits(looked))}


def _traits(looked: LookedInto) -> list[dict[str, Trait]]:
    """Of each case; none where it is no DICOM image."""
    files = [_dicom_file(case.source.path) for case in looked.cases]
    unique = list(dict.fromkeys(file for file in files if file is not None))
    found = dict(zip(unique, dicom_traits(unique), strict=True)) if unique else {}
    return [found[file] if file is not None else {} for file in files]


def _dicom_file(path: Path) -> Path | None:
    """A DICOM file of a case, the first of its series; None for other images."""
    try:
        if path.is_dir():
            return dicom_files(path)[0]
        return path if format_of(path) == "dicom" else None
    except (ReadError, IndexError):
        return None


def traits_as_words(traits: Sequence[dict[str, Trait]]) -> dict[str, list[str]]:
    """Columns of the traits that any case has: numbers as they are, marks as letters.

    >>> traits_as_words([{"kernel": "x9"}, {"kernel": "f3", "tube voltage": 120.0}, {"kernel": "f3"}])
    {'kernel': ['B', 'A', 'A'], 'tube voltage': ['', '120', '']}
    """
    made = {}
    for name in TRAITS:
        values = [one.get(name) for one in traits]
        counts = Counter(value for value in values if isinstance(value, str))
        order = sorted(counts, key=lambda value: (-counts[value], values.index(value)))
        letters = {value: _letters(k) for k, value in enumerate(order)}
        column = ["" if v is None else letters[v] if isinstance(v, str) else f"{v:g}" for v in values]
        if any(column):
            made[name] = column
    return made


def _letters(number: int) -> str:
    """A, B ... Z, A2, B2 ..."""
    times, place = divmod(number, len(LETTERS))
    return LETTERS[place] + (str(times + 1) if times else "")
