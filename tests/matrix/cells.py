"""Cells of the matrix: what one reader makes of one row, in the words of docs/reading.md."""

from __future__ import annotations

import math
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from matrix.found import Answer, Found, Refusal
from matrix.judging import WITHIN_MM, Verdict, judged
from matrix.masks import ASK_FOR_THE_IMAGE, MASKERS, off_mm
from matrix.row import MaskRow, Row

Outcome = Literal["right", "refuses", "wrong", "crashes", "not asked"]


class Reads(Protocol):
    """A reader, in this process or in one of its own."""

    def __call__(self, folder: Path, asked: Mapping[str, Any], *, mask: bool = False) -> Answer: ...


@dataclass(frozen=True)
class Cell:
    """One outcome; `words` are what the table prints, `sentence` is a refusal's whole message."""

    outcome: Outcome
    words: str
    sentence: str = ""
    warned: bool = False

    def __str__(self) -> str:
        return f"{self.words} (warns)" if self.warned and self.outcome == "wrong" else self.words


NOT_ASKED = Cell("not asked", "")


def cell_of(row: Row, reader: str, reads: Reads) -> Cell:
    """Write the row with each phantom, read it, judge all of them together."""
    if row.asked and reader != "radcnn":
        return NOT_ASKED
    found: dict[str, tuple[Found, ...]] = {}
    warned = False
    with tempfile.TemporaryDirectory() as folder:
        for phantom in row.phantoms:
            answer = reads(row.written(Path(folder), phantom), row.asked)
            if answer.refusal is not None:
                return _refused(answer.refusal)
            found[phantom], warned = answer.volumes, warned or answer.warned
    verdict = judged(row, found)
    if verdict.right(row):
        return Cell("right", "right", warned=warned)
    return Cell("wrong", f"wrong: {_how(verdict, row)}", warned=warned)


def mask_cell_of(row: MaskRow, reader: str, reads: Reads) -> Cell:
    """Write the image and its mask, read the mask, compare its voxels' places with the true ones."""
    if reader not in MASKERS or (row.expected != "right" and reader not in ASK_FOR_THE_IMAGE):
        return NOT_ASKED
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "labels")
        place.mkdir()
        row.write(place)
        answer = reads(place, row.asked, mask=True)
    if answer.refusal is not None:
        return _refused(answer.refusal)
    (found,) = answer.volumes
    off = off_mm(row, found)
    if row.expected != "right":
        return Cell("wrong", "wrong: does not notice", warned=answer.warned)
    if off <= WITHIN_MM:
        return Cell("right", "right")
    return Cell("wrong", "wrong: no such mask" if math.isinf(off) else f"wrong: {_short(off)} mm", warned=answer.warned)


def as_expected(expected: str, cell: Cell) -> bool:
    """Whether radcnn did what its row says: right, or refused in the words of the row."""
    if cell.outcome == "right":
        return re.search(r"\bright\b", expected) is not None
    if cell.outcome == "refuses":
        return expected != "right" and re.search(expected, cell.sentence) is not None
    return False


def _refused(refusal: Refusal) -> Cell:
    if refusal.crashed:
        return Cell("crashes", refusal.word, refusal.sentence)
    return Cell("refuses", f"refuses: {reason_of(refusal)}", refusal.sentence)


def reason_of(refusal: Refusal) -> str:
    """A refusal in few words."""
    known = (words for said, words in REASONS.items() if re.search(said, refusal.sentence))
    return next(known, refusal.word)


REASONS = {  # what a sentence holds, and what it means; the first that fits
    "missing between|slices? seems? to be missing": "missing slice",
    "same place": "two in one place",
    "one image twice": "one image twice",
    "varies": "uneven spacing",
    "patients": "several patients",
    "holds \\d+ series": "several series",
    "[Ff]rame of reference|FrameOfReference": "other frame of reference",
    "mm beside it": "between voxels",
    "parametric map": "parametric map",
    "regularly-spaced": "not regular",
    "SLICE_INCREMENT_INCONSISTENT": "uneven spacing",
    "MISSING_DICOM_FILES": "missing files",
    "GANTRY_TILT": "gantry tilt",
    "TOO_FEW_SLICES": "too few slices",
    "same series": "several series",
    "same orientation": "other orientation",
    "frame-of-reference": "no place",
    "Multiple frames": "two in one place",
    "Unable to decode|cannot be decoded": "no decoder",
    "'DICM' prefix": "a file is no DICOM",
    "pixel_array": "no pixels",
    "valid slices": "no instance numbers",
    "ImageIO|IO object|no DICOMs": "no image",
    "not a Segmentation": "no SEG",
    "non-integer multiple": "between voxels",
    "has no attribute": "lacks an attribute",
    "list index out of range": "nothing to convert",
}


def _how(verdict: Verdict, row: Row) -> str:
    if verdict.words:
        return verdict.words
    words = []
    if not verdict.mm <= WITHIN_MM:
        words.append("place unknown" if math.isnan(verdict.mm) else f"{_short(verdict.mm)} mm")
    if not verdict.values <= row.within:
        words.append(f"{_short(verdict.values)} {row.unit}")
    return ", ".join(words)


def _short(number: float) -> str:
    """Three figures that mean something."""
    return f"{number:.0f}" if number >= 100 else f"{number:.3g}"
