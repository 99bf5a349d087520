"""A Finding: one thing worth knowing about the data, with its code, how serious it is and the way out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from radcnn.core.catalogue import look_up

Severity = Literal["info", "warning", "error"]


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

    def as_json(self) -> dict[str, str]:
        """A JSON object of four strings."""
        return {"code": self.code, "severity": self.severity, "sentence": self.sentence, "way_out": self.way_out}


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
    "mask does not fit its image": ("RC050", "error"),
    "empty mask": ("RC051", "warning"),
    "full mask": ("RC052", "warning"),
    "label not declared": ("RC053", "error"),
    "box outside the image": ("RC054", "error"),
}


def finding(name: str, sentence: str, way_out: str = "") -> Finding:
    """The finding called `name` in FINDINGS, about these data.

    >>> str(finding("spacing unknown", "no image states a spacing"))
    'RC019 info: no image states a spacing'
    """
    code, severity = look_up(FINDINGS, name, "finding")
    return Finding(code, severity, sentence, way_out)


def counted(number: int, singular: str, plural: str = "") -> str:
    """A number with its noun.

    >>> counted(1, "patient"), counted(3, "patient"), counted(2, "class", "classes")
    ('1 patient', '3 patients', '2 classes')
    """
    return f"{number} {singular if number == 1 else plural or singular + 's'}"
