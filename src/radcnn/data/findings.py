"""A Finding: one thing worth knowing about the data, with its code, how serious it is and the way out of it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from radcnn.core.catalogue import look_up

Severity = Literal["info", "warning", "error"]
Subject = Literal["split", "patients", "labels", "images", "reading", "shortcuts", "cost"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")  # the most serious first
PAGE = "docs/checks.md"
MOST_NUMBERED = 5  # cases that a sentence lists


@dataclass(frozen=True)
class Finding:
    """What was noticed (`sentence`) and what to do about it (`way_out`, empty where nothing need be done)."""

    code: str
    severity: Severity
    sentence: str
    way_out: str = ""

    def __str__(self) -> str:
        tail = f"; {self.way_out}" if self.way_out else ""
        return f"{self.code} {self.severity}: {self.sentence}{tail}"

    @property
    def subject(self) -> Subject:
        """What it applies to."""
        return subject_of(self.code)

    @property
    def page(self) -> str:
        """Where the code is explained: what it means, how it is measured, when to mute it."""
        return f"{PAGE}#{self.code.lower()}"

    def as_json(self) -> dict[str, str]:
        """A JSON object of four strings."""
        return {"code": self.code, "severity": self.severity, "sentence": self.sentence, "way_out": self.way_out}

    def told(self) -> dict[str, str]:
        """The same with what it applies to and where it is explained, for a reader."""
        return {**self.as_json(), "subject": self.subject, "page": self.page}


FINDINGS: dict[str, tuple[str, Severity]] = {
    "fixed split kept": ("RC001", "info"),
    "no patients in the format": ("RC002", "warning"),
    "unit is the image": ("RC003", "warning"),
    "names without patient": ("RC004", "warning"),
    "patient read from the path": ("RC005", "info"),
    "patient read from DICOM": ("RC006", "info"),
    "case id shows the patient": ("RC007", "info"),
    "positive class": ("RC008", "info"),
    "kind of target": ("RC009", "info"),
    "cases without label": ("RC010", "warning"),
    "images without row": ("RC011", "warning"),
    "rare class": ("RC012", "warning"),
    "identical images": ("RC013", "warning"),
    "identical images on two sides": ("RC014", "warning"),
    "identical images, other labels": ("RC015", "warning"),
    "tuning side taken from training": ("RC016", "info"),
    "patients joined by identical images": ("RC017", "info"),
    "images of different size": ("RC018", "info"),
    "spacing unknown": ("RC019", "info"),
    "grey stored as colour": ("RC020", "info"),
    "patient at two sites": ("RC021", "warning"),
    "class missing on a side": ("RC022", "warning"),
    "identical images on test and another side": ("RC023", "error"),
    "one of several series taken": ("RC024", "warning"),
    "one of several phases taken": ("RC025", "warning"),
    "images left out of a volume": ("RC026", "info"),
    "gantry tilt resampled": ("RC027", "info"),
    "gaps interpolated": ("RC028", "warning"),
    "header contradicts positions": ("RC029", "info"),
    "CT without rescale": ("RC030", "warning"),
    "contradictory polarity": ("RC031", "warning"),
    "axes not at right angles": ("RC035", "warning"),
    "place in an atlas": ("RC036", "info"),
    "spacing contradicts the affine": ("RC037", "warning"),
    "unit of length not said": ("RC038", "info"),
    "bytes after the image": ("RC039", "warning"),
    "one picture on test and another side": ("RC040", "error"),
    "one picture on two sides": ("RC041", "warning"),
    "one picture under two patients": ("RC042", "warning"),
    "one picture, other labels": ("RC043", "warning"),
    "one patient on two sides": ("RC044", "error"),
    "one patient under several names": ("RC045", "warning"),
    "voxels that nobody looked at": ("RC046", "info"),
    "label in few masks": ("RC047", "warning"),
    "labels overlap": ("RC048", "warning"),
    "mask not as it stands": ("RC049", "warning"),
    "mask does not fit its image": ("RC050", "error"),
    "empty mask": ("RC051", "warning"),
    "full mask": ("RC052", "warning"),
    "label not declared": ("RC053", "error"),
    "box outside the image": ("RC054", "error"),
    "site tells the target": ("RC055", "error"),
    "target constant within a site": ("RC056", "warning"),
    "class at one site only": ("RC057", "warning"),
    "patient of two classes": ("RC058", "warning"),
    "patient of two kinds": ("RC059", "warning"),
    "shortcut in the file": ("RC060", "error"),
    "shortcut in site or scanner": ("RC061", "error"),
    "shortcut at the border": ("RC062", "error"),
    "shortcut by a marker": ("RC063", "error"),
    "mean or histogram tells the label": ("RC064", "warning"),
    "compressed size tells the label": ("RC065", "warning"),
    "border tells the label": ("RC066", "warning"),
    "columns tell the label": ("RC067", "warning"),
    "CT not in HU": ("RC070", "warning"),
    "units are mixed": ("RC071", "error"),
    "impossible HU": ("RC072", "warning"),
    "saturated images": ("RC073", "warning"),
    "blank images": ("RC074", "warning"),
    "spacing far from the others": ("RC075", "warning"),
    "orientations are mixed": ("RC076", "warning"),
    "bit depths are mixed": ("RC077", "warning"),
    "phases are missing": ("RC078", "warning"),
    "too few of a class for the split": ("RC079", "warning"),
    "not enough disk": ("RC080", "error"),
    "not enough memory": ("RC081", "error"),
    "longer than asked": ("RC082", "warning"),
    "segment of another name": ("RC083", "error"),
}
CODES: frozenset[str] = frozenset(code for code, _ in FINDINGS.values())
SUBJECTS: tuple[tuple[str, Subject], ...] = (  # from this code on, in order
    ("RC001", "split"),
    ("RC002", "patients"),
    ("RC008", "labels"),
    ("RC013", "images"),
    ("RC014", "split"),
    ("RC015", "labels"),
    ("RC016", "split"),
    ("RC018", "images"),
    ("RC021", "patients"),
    ("RC022", "split"),
    ("RC024", "reading"),
    ("RC040", "split"),
    ("RC046", "labels"),
    ("RC060", "shortcuts"),
    ("RC070", "images"),
    ("RC079", "split"),
    ("RC080", "cost"),
    ("RC083", "labels"),
)


def finding(name: str, sentence: str, way_out: str = "") -> Finding:
    """The finding called `name` in FINDINGS, about these data.

    >>> str(finding("spacing unknown", "no image states a spacing"))
    'RC019 info: no image states a spacing'
    """
    code, severity = look_up(FINDINGS, name, "finding")
    return Finding(code, severity, sentence, way_out)


def subject_of(code: str) -> Subject:
    """What a code applies to; codes of one subject stand together.

    >>> subject_of("RC013"), subject_of("RC014"), subject_of("RC081")
    ('images', 'split', 'cost')
    """
    return SUBJECTS[bisect_right([first for first, _ in SUBJECTS], code) - 1][1]


def by_severity(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Errors, then warnings, then what is only worth knowing; each once, otherwise in their order."""
    return tuple(sorted(dict.fromkeys(findings), key=lambda found: SEVERITIES.index(found.severity)))


def counted(number: int, singular: str, plural: str = "") -> str:
    """A number with its noun.

    >>> counted(1, "patient"), counted(3, "patient"), counted(2, "class", "classes")
    ('1 patient', '3 patients', '2 classes')
    """
    return f"{number} {singular if number == 1 else plural or singular + 's'}"


def numbered(cases: Sequence[int]) -> str:
    """The first of these cases by number, counted from 1 as in judgements; file names may name a patient.

    >>> numbered([2]), numbered([0, 6, 8]), numbered(range(9))
    ('case 3', 'cases 1, 7, 9', 'cases 1, 2, 3, 4, 5, ...')
    """
    listed = ", ".join(str(case + 1) for case in cases[:MOST_NUMBERED])
    return f"{'case' if len(cases) == 1 else 'cases'} {listed}{', ...' if len(cases) > MOST_NUMBERED else ''}"
