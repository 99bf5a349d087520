"""Scores of new images, and how they are written: CSV for a table, JSON for a program."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from radcnn.core.errors import InputError
from radcnn.core.files import refuse_taken, write_json, write_text
from radcnn.data.findings import Finding
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
    """One connected part of a structure: its shape, and its centre (x, y, z) in mm (LPS).

    instance_number  of the DICOM slice that shows its diameters, as viewers show it
    """

    shape: Shape
    centre_mm: Point
    instance_number: int | None = None

    def as_json(self) -> dict[str, Any]:
        """A JSON object; slices are counted from 1, as viewers do."""
        said = {name: round(getattr(self.shape, name), 3) for name in MEASURED}
        number = {} if self.instance_number is None else {"instance_number": self.instance_number}
        place = {"slice": self.shape.slice + 1, **number}
        return {**said, **place, "centre_mm": [round(at, 2) for at in self.centre_mm]}


class VolumeInterval(NamedTuple):
    """From and to which the true volume of a new patient's structure lies (ml), with which probability."""

    low: float
    high: float
    level: float


class MaskFile(NamedTuple):
    """Where the mask of a structure is, below the folder that was written, and which number its voxels have there."""

    path: PurePath
    label: int


@dataclass(frozen=True)
class OutlinedStructure:
    """A structure that was outlined in an image.

    voxels, volume_ml  how large it is; without volume where the size of a voxel is not known
    expected     the Dice that the networks expect, NaN where nothing is outlined; low ones are doubtful
    cut_off      whether it reaches the first or the last slice, so that there may be more of it
    parts        the largest ones, where its size is known
    parts_found  how many it has in all
    interval     for the true volume, and how likely it holds it, where tuning patients tell
    """

    mask: MaskFile
    voxels: int
    expected: float
    volume_ml: float | None = None
    cut_off: bool = False
    parts: tuple[OutlinedPart, ...] = ()
    parts_found: int = 0
    interval: VolumeInterval | None = None

    @property
    def told(self) -> str:
        """How large it is, in words; in brackets how sure that is, and how large the largest part."""
        said = []
        if self.interval is not None:
            said.append(f"{self.interval.low:.1f} to {self.interval.high:.1f} with {self.interval.level:.0%}")
        if self.parts:
            many = f"{self.parts_found} parts, the largest " if self.parts_found > 1 else ""
            shape = self.parts[0].shape
            said.append(f"{many}{shape.long_axis_mm:.0f} x {shape.short_axis_mm:.0f} mm")
        if self.cut_off:
            said.append("cut off at the first or last slice")
        size = f"{self.voxels} voxels" if self.volume_ml is None else f"{self.volume_ml:.1f} ml"
        return f"{size} ({'; '.join(said)})" if said else size


@dataclass(frozen=True)
class OutlinedImage:
    """An image whose structures were outlined: where the masks are, and how large each structure is.

    structures   by name
    folder       that the files are in
    slices       whether it has several, so that structures may be cut off
    seg          the DICOM segmentation object below the folder, where the image came as DICOM
    seg_not_written  why there is none all the same
    findings     what the reader chose or changed, without the names of files
    """

    image: str
    structures: Mapping[str, OutlinedStructure]
    folder: Path
    synthetic: bool
    slices: bool = False
    seg: PurePath | None = None
    seg_not_written: str = ""
    findings: tuple[Finding, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """All that was written of it, the masks first."""
        masks = dict.fromkeys(one.mask.path for one in self.structures.values())
        return tuple(self.folder / file for file in (*masks, self.seg) if file is not None)

    @property
    def path(self) -> Path:
        """The mask, or the first of several."""
        return self.files[0]

    @property
    def voxels(self) -> dict[str, int]:
        """Voxels of each structure."""
        return {name: one.voxels for name, one in self.structures.items()}

    @property
    def told(self) -> str:
        """How large each structure is, in words."""
        return ", ".join(f"{name} {one.told}" for name, one in self.structures.items())

    def as_json(self) -> dict[str, Any]:
        """A JSON object; files are told from the folder on."""
        all_of = self.structures.items()
        masks = {name: {"file": one.mask.path.as_posix(), "label": one.mask.label} for name, one in all_of}
        said: dict[str, Any] = {"image": self.image, "masks": masks}
        if self.seg is not None:
            said["seg"] = self.seg.as_posix()
        elif self.seg_not_written:
            said |= {"seg": None, "seg_not_written": self.seg_not_written}
        said["voxels"] = self.voxels
        said["expected_dice"] = {
            name: round(one.expected, 4) if math.isfinite(one.expected) else None for name, one in all_of
        }
        if self.slices:
            said["touches_edge"] = {name: one.cut_off for name, one in all_of}
        volumes = {name: round(one.volume_ml, 3) for name, one in all_of if one.volume_ml is not None}
        if volumes:
            said["volumes_ml"] = volumes
            said["intervals_ml"] = {
                name: {"low": round(one.interval.low, 3), "high": round(one.interval.high, 3),
                       "level": round(one.interval.level, 3)}
                for name, one in all_of if one.interval is not None
            }  # fmt: skip
            said["parts_found"] = {name: one.parts_found for name, one in all_of}
            said["parts"] = {name: [part.as_json() for part in one.parts] for name, one in all_of}
        if self.findings:
            said["findings"] = [one.as_json() for one in self.findings]
        return said


Scored = Sequence[Predicted | FailedImage]
Write = Callable[[Scored, Path], None]


def write_as_json(found: Scored, path: Path) -> None:
    """A JSON object with the predictions in a list; of an image that could not be used, why."""
    synthetic = any(one.synthetic for one in _of_scores(found))
    predictions = [one.as_json() for one in found]
    write_json(path, {"synthetic": synthetic, "research_use_only": True, "predictions": predictions})


def write_as_csv(found: Scored, path: Path) -> None:
    """A row per image; calls are 1 and 0, the place is empty for a whole image, and scores where it failed."""
    scored = _of_scores(found)
    scores = list(dict.fromkeys(name for one in scored for name in one.scores))
    calls = list(dict.fromkeys(name for one in scored for name in one.called))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    head = ("image", "x_mm", "y_mm", "z_mm", "synthetic")
    writer.writerow([*head, *(f"score: {name}" for name in scores), *(f"called at {name}" for name in calls), "failed"])
    for one in found:
        if isinstance(one, FailedImage):
            writer.writerow([one.image, *[""] * (len(head) - 1 + len(scores) + len(calls)), one.failed])
            continue
        place = one.centre_mm or ("", "", "")
        called = (int(one.called[name]) for name in calls)
        writer.writerow([one.image, *place, int(one.synthetic), *(one.scores[name] for name in scores), *called, ""])
    write_text(path, text.getvalue())


def _of_scores(found: Scored) -> list[Predicted]:
    return [one for one in found if isinstance(one, Predicted)]


WRITERS: dict[str, Write] = {".json": write_as_json, ".csv": write_as_csv}


def writer_for(path: Path) -> Write:
    """How a new file of this name is written.

    Raises InputError for an ending that is neither .csv nor .json, and where something lies there already.
    """
    if path.suffix.lower() not in WRITERS:
        raise InputError(f"predictions are written as .csv or .json, got {path.name}; name the file with one of them")
    refuse_taken(path)
    return WRITERS[path.suffix.lower()]
