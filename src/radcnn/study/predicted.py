"""Scores of new images, and how they are written: CSV for a table, JSON for a program."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from radcnn.core.errors import InputError
from radcnn.core.files import refuse_taken, write_json, write_text
from radcnn.metrics.shape import Shape

Point = tuple[float, float, float]
MEASURED = ("volume_ml", "surface_cm2", "long_axis_mm", "short_axis_mm")


@dataclass(frozen=True)
class Predicted:
    """Scores of one image: by output name, and at each operating point whether it is called positive.

    synthetic  the network was trained on simulated cases
    """

    image: str
    scores: dict[str, float]
    called: dict[str, bool]
    centre_mm: Point | None = None
    synthetic: bool = False

    def as_json(self) -> dict[str, Any]:
        """A JSON object."""
        place = {} if self.centre_mm is None else {"centre_mm": list(self.centre_mm)}
        known = {"synthetic": self.synthetic, "image": self.image}
        return {**known, **place, "scores": self.scores, "called": self.called}


@dataclass(frozen=True)
class RestoredImage:
    """An image that was restored: what it is called, and where it was written.

    dicom_not_written  why it is NIfTI, though it came as DICOM
    """

    image: str
    path: Path
    synthetic: bool
    dicom_not_written: str = ""

    def as_json(self) -> dict[str, Any]:
        """A JSON object."""
        why = {"dicom_not_written": self.dicom_not_written} if self.dicom_not_written else {}
        return {"synthetic": self.synthetic, "image": self.image, "restored": str(self.path), **why}


@dataclass(frozen=True)
class FailedImage:
    """An image of several that could not be used, and why; the others are there."""

    image: str
    failed: str

    def as_json(self) -> dict[str, Any]:
        """A JSON object."""
        return {"image": self.image, "failed": self.failed}


@dataclass(frozen=True)
class OutlinedPart:
    """One connected part of a structure: its shape, and its centre (x, y, z) in mm."""

    shape: Shape
    centre_mm: Point

    def as_json(self) -> dict[str, Any]:
        """A JSON object; slices are counted from 1, as viewers do."""
        said = {name: round(getattr(self.shape, name), 3) for name in MEASURED}
        return {**said, "slice": self.shape.slice + 1, "centre_mm": [round(at, 2) for at in self.centre_mm]}


class VolumeInterval(NamedTuple):
    """From and to which the true volume of a new patient's structure lies (ml), with which probability."""

    low: float
    high: float
    level: float


@dataclass(frozen=True)
class OutlinedImage:
    """An image whose structures were outlined: where the masks are, and how large each structure is.

    voxels, volumes_ml  by structure; without volumes where the size of a voxel is not known
    parts               the largest parts of each, likewise
    expected            the Dice that the networks expect, NaN where nothing is outlined; low ones are doubtful
    intervals           for the true volume of each in ml, and how likely it holds it, where tuning patients tell
    """

    image: str
    path: Path
    voxels: dict[str, int]
    volumes_ml: dict[str, float] | None
    synthetic: bool
    parts: dict[str, tuple[OutlinedPart, ...]] = field(default_factory=dict)
    intervals: dict[str, VolumeInterval] = field(default_factory=dict)
    expected: dict[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """A JSON object."""
        said: dict[str, Any] = {"image": self.image, "mask": self.path.name, "voxels": self.voxels}
        said["expected_dice"] = {
            k: round(dice, 4) if math.isfinite(dice) else None for k, dice in self.expected.items()
        }
        if self.volumes_ml is not None:
            said["volumes_ml"] = {name: round(ml, 3) for name, ml in self.volumes_ml.items()}
            said["intervals_ml"] = {
                name: {"low": round(one.low, 3), "high": round(one.high, 3), "level": round(one.level, 3)}
                for name, one in self.intervals.items()
            }
            said["parts"] = {name: [part.as_json() for part in parts] for name, parts in self.parts.items()}
        return said

    @property
    def told(self) -> str:
        """How large each structure is, in words."""
        if self.volumes_ml is None:
            return ", ".join(f"{name} {count} voxels" for name, count in self.voxels.items())
        return ", ".join(f"{name} {ml:.1f} ml{self._more(name)}" for name, ml in self.volumes_ml.items())

    def _more(self, name: str) -> str:
        """The interval of a structure's volume and the diameters of its largest part, in brackets."""
        said, parts = [], self.parts.get(name, ())
        if (found := self.intervals.get(name)) is not None:
            said.append(f"{found.low:.1f} to {found.high:.1f} with {found.level:.0%}")
        if parts:
            many = f"{len(parts)} parts, the largest " if len(parts) > 1 else ""
            said.append(f"{many}{parts[0].shape.long_axis_mm:.0f} x {parts[0].shape.short_axis_mm:.0f} mm")
        return f" ({'; '.join(said)})" if said else ""


Write = Callable[[Sequence[Predicted], Path], None]


def write_as_json(found: Sequence[Predicted], path: Path) -> None:
    """A JSON object with the predictions in a list."""
    synthetic = any(one.synthetic for one in found)
    predictions = [one.as_json() for one in found]
    write_json(path, {"synthetic": synthetic, "research_use_only": True, "predictions": predictions})


def write_as_csv(found: Sequence[Predicted], path: Path) -> None:
    """A row per image; calls are 1 and 0, the place is empty for a whole image."""
    scores, calls = (list(dict.fromkeys(name for one in found for name in names(one))) for names in (_scores, _calls))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    head = ("image", "x_mm", "y_mm", "z_mm", "synthetic")
    writer.writerow([*head, *(f"score: {name}" for name in scores), *(f"called at {name}" for name in calls)])
    for one in found:
        place = one.centre_mm or ("", "", "")
        called = (int(one.called[name]) for name in calls)
        writer.writerow([one.image, *place, int(one.synthetic), *(one.scores[name] for name in scores), *called])
    write_text(path, text.getvalue())


WRITERS: dict[str, Write] = {".json": write_as_json, ".csv": write_as_csv}


def writer_for(path: Path) -> Write:
    """How a new file of this name is written.

    Raises InputError for an ending that is neither .csv nor .json, and where something lies there already.
    """
    if path.suffix.lower() not in WRITERS:
        raise InputError(f"predictions are written as .csv or .json, got {path.name}; name the file with one of them")
    refuse_taken(path)
    return WRITERS[path.suffix.lower()]


def _scores(one: Predicted) -> dict[str, float]:
    return one.scores


def _calls(one: Predicted) -> dict[str, bool]:
    return one.called
