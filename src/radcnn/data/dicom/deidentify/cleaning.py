"""One data set de-identified: every attribute is kept as known to be safe, replaced, emptied or removed.

An attribute of table E.1-1 (profile.txt) gets the table's action. Any other one stays only if it is known to be safe: a
number, a term that DICOM defines, a concept of a public vocabulary, pixels and their tables. That is stricter than the
basic profile, which leaves what the table does not list: a text nobody knows may name a patient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.tag import BaseTag
from pydicom.uid import UID_dictionary

from radcnn.core.errors import ReadError
from radcnn.data.dicom.deidentify.concepts import OF_A_CODE, OTHER, is_code, known_concept
from radcnn.data.dicom.deidentify.profile import Line, Options, profile
from radcnn.data.dicom.deidentify.safe import (
    DATES,
    DECIMALS,
    DROPPED,
    NUMBERS,
    PIXELS,
    TABLES,
    TEXTS,
    UID,
    safe_age,
    safe_code,
)
from radcnn.data.dicom.deidentify.secret import Secret, shifted
from radcnn.data.dicom.deidentify.types import Place, Types

UNDEFINED_LENGTH = 0xFFFFFFFF  # of compressed pixels, whose end is marked
DEEPEST = 32  # sequences within sequences; an enhanced image needs 4
DUMMIES = {
    **dict.fromkeys(("LO", "SH", "ST", "LT", "UT", "UC", "PN"), "removed"),
    **{"AE": "REMOVED", "CS": "OTHER", "UR": "urn:removed", "AS": "000Y"},
    **{"DA": "19700101", "TM": "000000", "DT": "19700101000000"},
}
DUMMY_CODES = {"Modality": "OT", "ContentLabel": "SEGMENTATION", "PresentationIntentType": "FOR PRESENTATION"}
NUMBERED = {  # labels that people type; numbers tell the things apart
    "SegmentLabel": ("segment", "SegmentNumber"),
    "ROIName": ("ROI", "ROINumber"),
    "ROIObservationLabel": ("ROI", "ReferencedROINumber"),
}
NEEDED = frozenset(  # without these the pixels or their place would mean something else: the object is left out
    {"PhotometricInterpretation", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "NumberOfFrames"}
    | {"RescaleSlope", "RescaleIntercept", "ContourData", "WindowCenter", "WindowWidth", "ImagerPixelSpacing"}
    | {"SpacingBetweenSlices", "SliceThickness", "GridFrameOffsetVector", "DoseGridScaling"}
)


class NotDecodedError(ReadError):
    """An attribute that is needed cannot be decoded; the sentence says no value and no file."""


@dataclass(frozen=True)
class Cleaner:
    """What is needed to clean the data set of one object; `days` its patient's dates are moved back."""

    secret: Secret
    options: Options
    types: Types
    patient: str
    days: int
    table: Mapping[int, Line] = field(default_factory=profile, repr=False)

    def cleaned(self, dataset: Dataset, path: Place = ()) -> Dataset:
        """A new data set, or item of a sequence, with what may stay.

        Raises NotDecodedError where an attribute that is needed is damaged, or sequences are nested too deeply.
        """
        if len(path) > DEEPEST:
            raise NotDecodedError(f"sequences are nested more than {DEEPEST} deep")
        made = Dataset()
        concept = bool(path) and is_code(dataset)
        if concept:
            _write_code(made, known_concept(dataset) or OTHER)
        for tag in sorted(dataset.keys()):
            if not (concept and keyword_for_tag(tag) in OF_A_CODE):
                self._attribute(made, dataset, tag, path)
        return made

    def _attribute(self, made: Dataset, dataset: Dataset, tag: BaseTag, path: Place) -> None:
        keyword = keyword_for_tag(tag)
        if _removed_by_rule(tag) or not keyword or keyword in DROPPED:
            return
        if keyword in TABLES or (keyword in PIXELS and not path):
            made[tag] = _as_it_stands(dataset, tag, keyword)
        elif keyword in NUMBERED and NUMBERED[keyword][1] in dataset:
            word, number = NUMBERED[keyword]
            made.add_new(tag, dictionary_VR(tag), f"{word} {int(dataset[number].value)}")
        elif keyword in ("PatientName", "PatientID"):
            made.add_new(tag, "PN" if keyword == "PatientName" else "LO", self.patient)
        elif line := self.table.get(tag):
            self._listed(made, dataset, tag, line, path)
        else:
            self._unlisted(made, dataset, tag, keyword, path)

    def _listed(self, made: Dataset, dataset: Dataset, tag: BaseTag, line: Line, path: Place) -> None:
        """What table E.1-1 says, unless an option that is granted keeps a value that is what it should be."""
        found = _decoded(dataset, tag)
        if found is not None and self._kept_by_option(made, found, line, path):
            return
        if "U" in line.actions:
            if found is not None and found.VR == "SQ":
                self._sequence(made, found, line.keyword, path)
            elif found is not None and not found.is_empty:
                made.add_new(tag, "UI", _each(found.value, self.secret.uid))
            return
        self._apply(made, tag, line.keyword, self._action(line, path), found, path)

    def _kept_by_option(self, made: Dataset, found: Any, line: Line, path: Place) -> bool:
        granted = self.options.grants(line)
        if not granted or found.is_empty:
            return False
        if "dates" in granted:
            return self._date(made, found)
        if "uids" in granted:
            return self._uid(made, found)
        if "patient" in granted:
            return self._characteristic(made, found)
        if found.VR == "SQ":
            self._sequence(made, found, line.keyword, path)
        else:
            made.add(found)
        return True

    def _action(self, line: Line, path: Place) -> str:
        """The first action of the line that the type of the attribute allows; alone it is the table's word."""
        if len(line.actions) == 1:
            return line.actions[0]
        kind = self.types.of(path, line.keyword)
        fits = {"X": kind == "3", "Z": kind != "1", "D": True}
        return next((action for action in line.actions if fits[action]), "D")

    def _unlisted(self, made: Dataset, dataset: Dataset, tag: BaseTag, keyword: str, path: Place) -> None:
        """What the table does not list: kept if known to be safe, else removed as far as the kind of object allows."""
        found = _decoded(dataset, tag)
        if found is not None and (found.is_empty or self._kept_as_safe(made, found, keyword, path)):
            if found.is_empty:
                made.add_new(tag, found.VR, None if found.VR != "SQ" else Items([]))
            return
        if keyword in NEEDED:
            raise NotDecodedError(f"{keyword} is damaged")
        kind = self.types.of(path, keyword)
        self._apply(made, tag, keyword, {"1": "D", "2": "Z", "3": "X"}[kind], found, path)

    def _kept_as_safe(self, made: Dataset, found: Any, keyword: str, path: Place) -> bool:
        if found.VR == "SQ":
            return self._sequence(made, found, keyword, path)
        if found.VR == "UI":
            return self._uid(made, found, known_only=not self.options.uids)
        if found.VR in DATES:
            return self.options.dates != "removed" and self._date(made, found)
        if found.VR == "CS":
            return _some(made, found, safe_code(keyword, _words(found.value)))
        if self.options.device and keyword in ("Manufacturer", "ManufacturerModelName", "SoftwareVersions"):
            made.add(found)
            return True
        if keyword in TEXTS:
            return _some(made, found, [safe for word in _words(found.value) if (safe := TEXTS[keyword](word))])
        if _is_number(found):
            made.add(found)
            return True
        return False

    def _apply(self, made: Dataset, tag: BaseTag, keyword: str, action: str, found: Any, path: Place) -> None:
        """Remove (X), empty (Z) or replace (D) an attribute."""
        if action == "X":
            return
        kind = dictionary_VR(tag)
        if kind == "SQ":
            items = found if found is not None and found.VR == "SQ" and action == "D" else None
            if items is None or not self._sequence(made, items, keyword, path):
                made.add_new(tag, "SQ", Items([]))
        elif action == "Z":
            made.add_new(tag, kind.split(" or ")[0], None)
        elif kind == "UI":
            made.add_new(tag, kind, self.secret.uid(keyword))
        elif kind in DUMMIES:
            made.add_new(tag, kind, DUMMY_CODES.get(keyword, DUMMIES[kind]))
        else:
            raise NotDecodedError(f"{keyword} is damaged")

    def _sequence(self, made: Dataset, found: Any, keyword: str, path: Place) -> bool:
        """Clean each item; an item whose concept nobody knows is left out where the sequence may be missing."""
        needed = self.types.of(path, keyword) == "1"
        items = [item for item in found.value if needed or not is_code(item) or known_concept(item)]
        if not items and found.value:
            return False
        made.add_new(found.tag, "SQ", Items([self.cleaned(item, (*path, keyword)) for item in items]))
        return True

    def _uid(self, made: Dataset, found: Any, *, known_only: bool = False) -> bool:
        """Keep UIDs that DICOM defines, and others where the option says so; replace the rest."""

        def one(uid: str) -> str:
            kept = uid in UID_dictionary or (not known_only and UID.fullmatch(uid))
            return uid if kept else self.secret.uid(uid)

        made.add_new(found.tag, "UI", _each(found.value, one))
        return True

    def _date(self, made: Dataset, found: Any) -> bool:
        """Keep or shift dates; a time of day stays as it is. False where a value is no date."""
        pattern, words = DATES.get(found.VR), _words(found.value)
        if pattern is None or not all(pattern.fullmatch(word) for word in words):
            return False
        if self.options.dates == "shifted" and found.VR != "TM":
            moved = [shifted(word, self.days) for word in words]
            if None in moved:
                return False
            words = [word for word in moved if word is not None]
        made.add_new(found.tag, found.VR, words if len(words) > 1 else words[0])
        return True

    def _characteristic(self, made: Dataset, found: Any) -> bool:
        """Keep age, sex, size and the like, where the value is one."""
        if found.VR == "AS":
            return _some(made, found, [age for word in _words(found.value) if (age := safe_age(word))])
        if found.VR == "CS":
            return _some(made, found, safe_code(found.keyword, _words(found.value)))
        if _is_number(found):
            made.add(found)
            return True
        return False


def _removed_by_rule(tag: BaseTag) -> bool:
    """Private attributes, group lengths, curves (50xx) and overlays (60xx); groups 0 to 6 are no part of a data set."""
    curve_or_overlay = 0x5000 <= tag.group <= 0x50FF or 0x6000 <= tag.group <= 0x60FF
    return bool(tag.is_private or tag.element == 0 or tag.group < 0x0008 or curve_or_overlay)


def _as_it_stands(dataset: Dataset, tag: BaseTag, keyword: str) -> Any:
    """Bytes that are not decoded; raises NotDecodedError where the file ends within them."""
    found = dataset.get_item(tag)
    if getattr(found, "is_raw", False) and found.length not in (UNDEFINED_LENGTH, len(found.value or b"")):
        raise NotDecodedError(f"{keyword} is cut short")
    return found


def _decoded(dataset: Dataset, tag: BaseTag) -> Any:
    """The attribute, of the VR that DICOM gives it; None where it cannot be decoded or is of another VR."""
    try:
        found = dataset[tag]
        said = found.VR in dictionary_VR(tag).split(" or ")
    except MemoryError:
        raise
    except Exception:
        return None
    return found if said else None


def _words(value: Any) -> list[str]:
    """One or several values as texts, without the spaces that pad them."""
    several = isinstance(value, Sequence) and not isinstance(value, str | bytes)
    return [str(one).strip() for one in value] if several else [str(value).strip()]


def _each(value: Any, change: Any) -> Any:
    changed = [change(word) for word in _words(value)]
    return changed if len(changed) > 1 else changed[0]


def _some(made: Dataset, found: Any, words: list[str]) -> bool:
    """Write the words that may stay; False where none is left."""
    if not any(words):
        return False
    made.add_new(found.tag, found.VR, words if len(words) > 1 else words[0])
    return True


def _is_number(found: Any) -> bool:
    """Whether the values are numbers, in binary or written as DICOM writes them."""
    values = found.value if isinstance(found.value, Sequence) and not isinstance(found.value, str) else [found.value]
    if found.VR in DECIMALS:
        said = (str(getattr(value, "original_string", value)).strip() for value in values)
        return all(DECIMALS[found.VR].fullmatch(one) or not one for one in said)
    return found.VR in NUMBERS and all(isinstance(value, int | float) for value in values)


def _write_code(item: Dataset, concept: tuple[str, str, str]) -> None:
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = concept[0], concept[1], concept[2][:64]
