"""Traits of a scanner and its settings, by which images can be told apart; no word of a header leaves the child.

Words become marks (short hashes) that are compared and never shown; numbers and the month stay numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from radcnn.core.errors import ReadError
from radcnn.data.bounded import Refused, each
from radcnn.data.dicom.attributes import Attributes, mark
from radcnn.data.dicom.frame import PER_FRAME, SHARED, Frame
from radcnn.data.dicom.header import load
from radcnn.data.quiet import quiet

Trait = str | float

WORDS = {
    "manufacturer": "Manufacturer",
    "scanner model": "ManufacturerModelName",
    "station": "StationName",
    "software": "SoftwareVersions",
    "kernel": "ConvolutionKernel",
    "scan options": "ScanOptions",
    "protocol": "ProtocolName",
    "institution": "InstitutionName",
    "view": "ViewPosition",
    "photometric interpretation": "PhotometricInterpretation",
}
NUMBERS = {
    "tube voltage": "KVP",
    "slice thickness": "SliceThickness",
    "field strength": "MagneticFieldStrength",
    "repetition time": "RepetitionTime",
    "echo time": "EchoTime",
    "bits stored": "BitsStored",
}
DATES = ("AcquisitionDate", "AcquisitionDateTime", "SeriesDate", "StudyDate", "ContentDate")
TAGS = [*WORDS.values(), *NUMBERS.values(), *DATES, SHARED, PER_FRAME]


def traits_of(dataset: Any) -> dict[str, Trait]:
    """The traits that a data set states: marks of words, numbers, and the month of acquisition counted from year 0.

    What is missing or cannot be read as what it should be is left out.
    """
    said = Attributes(Frame(dataset))
    found: dict[str, Trait] = {}
    for name, keyword in WORDS.items():
        if word := _mark(said, keyword):
            found[name] = word
    for name, keyword in NUMBERS.items():
        if (number := said.number(keyword)) is not None:
            found[name] = number
    if (month := _month(said)) is not None:
        found["month"] = month
    return found


def _mark(said: Attributes, keyword: str) -> str:
    try:
        return mark(*(str(value).upper() for value in said.values(keyword)))
    except ValueError:
        return ""


def _month(said: Attributes) -> float | None:
    """12 years + months of the first date that is one; YYYYMMDD, or YYYY.MM.DD as ACR-NEMA had it."""
    for keyword in DATES:
        try:
            digits = said.text(keyword).replace(".", "")[:6]
        except ValueError:
            continue
        if len(digits) == 6 and digits.isdecimal() and 1 <= int(digits[4:]) <= 12:
            return float(12 * int(digits[:4]) + int(digits[4:]))
    return None


def dicom_traits(paths: Sequence[Path]) -> list[dict[str, Trait]]:
    """The traits of each DICOM file; none for one that cannot be read, which its reader refuses by name."""
    found = each("dicom traits", paths)
    return [{} if isinstance(one, Refused) else dict(one) for one in found]


def traits_in(path: Path) -> dict[str, Trait]:
    """What `dicom_traits` finds, read in this process."""
    with quiet():
        try:
            return traits_of(load(path, pixels=False, tags=TAGS))
        except (ReadError, MemoryError):
            raise
        except Exception:
            raise ReadError(f"{path.name} has attributes that cannot be decoded; export it again") from None
