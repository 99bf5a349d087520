"""Coded concepts: those of public vocabularies (PS3.16) stay, with the vocabulary's own words; others go."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

CODE_KEYWORDS = ("CodeValue", "LongCodeValue", "URNCodeValue")
OF_A_CODE = frozenset(  # attributes of an item that names a concept; only the first four are written again
    {
        *CODE_KEYWORDS,
        "CodingSchemeDesignator",
        "CodeMeaning",
        "CodingSchemeVersion",
        "ContextIdentifier",
        "ContextUID",
        "MappingResource",
        "MappingResourceUID",
        "MappingResourceName",
        "ContextGroupVersion",
        "ContextGroupExtensionFlag",
        "ContextGroupLocalVersion",
        "ContextGroupExtensionCreatorUID",
        "EquivalentCodeSequence",
    }
)
OTHER = ("74964007", "SCT", "Other")  # stands for a concept that must be there and may not be told


def is_code(item: Any) -> bool:
    """Whether an item of a sequence names a concept."""
    return any(keyword in item for keyword in CODE_KEYWORDS)


def known_concept(item: Any) -> tuple[str, str, str] | None:
    """Value, scheme and meaning of an item's concept as the vocabulary has them; None where none knows it.

    Meanings in the object are free text and are never kept. Raises an error of pydicom where a value is damaged.
    """
    value, scheme = str(item.get("CodeValue") or ""), str(item.get("CodingSchemeDesignator") or "")
    meaning = _meanings().get((scheme, value))
    return None if meaning is None else (value, scheme, meaning)


@cache
def _meanings() -> Mapping[tuple[str, str], str]:
    """The meaning of each code of the vocabularies that pydicom knows, and of SNOMED's old codes (SRT, SNM3, 99SDM)."""
    from pydicom.sr.codedict import codes

    found = {
        (concept.scheme_designator, concept.value): concept.meaning
        for scheme in codes.schemes()
        for concept in getattr(codes, scheme).concepts.values()
    }
    return found | _old_snomed(found)


def _old_snomed(known: Mapping[tuple[str, str], str]) -> dict[tuple[str, str], str]:
    from pydicom.sr._snomed_dict import mapping

    found = {}
    for old, new in mapping["SRT"].items():
        if (meaning := known.get(("SCT", new))) is not None:
            found.update({(scheme, old): meaning for scheme in ("SRT", "SNM3", "99SDM")})
    return found
