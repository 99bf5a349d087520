"""A Case: one thing to be judged. It says where its voxels are and what is known about it, without reading them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal

Side = Literal["training", "tuning", "test"]
SideName = Literal["training", "tuning", "internal test", "external test"]  # in words
Unit = Literal["patient", "image"]  # of splits and intervals
NOTHING: Mapping[str, str] = MappingProxyType({})
SIDES: tuple[Side, ...] = ("training", "tuning", "test")
SIDE_NAMES: Mapping[Side, SideName] = {"training": "training", "tuning": "tuning", "test": "internal test"}


@dataclass(frozen=True, init=False, slots=True)
class Source:
    """Where voxels are, and how they are taken out.

    place       a file, or a folder with DICOM slices; `path` is the same as a Path, which takes five times as long to
                make, and a study may have 100,000
    array       of an npz file
    item        of that array, counted from 0; a frame of a DICOM film; a time point of a 4D NIfTI
    series      which one of a DICOM folder: SeriesNumber, SeriesInstanceUID or a rule; "" for the usual one
    allow_gaps  fill missing DICOM slices by interpolation instead of refusing the series
    voi         apply the VOI LUT of a radiograph (PS3.3 C.11.2) after the modality LUT
    segments    of a DICOM mask, names or patterns of names: label k is the segments that fit the k-th, from 1 on
    """

    place: str
    array: str | None
    item: int | None
    series: str = field(repr=False)
    allow_gaps: bool
    voi: bool
    segments: tuple[str, ...] = field(repr=False)

    def __init__(
        self,
        place: str | os.PathLike[str],
        array: str | None = None,
        item: int | None = None,
        series: str = "",
        allow_gaps: bool = False,
        voi: bool = False,
        segments: tuple[str, ...] = (),
    ) -> None:
        for name, value in (
            ("place", os.fspath(place)), ("array", array), ("item", item), ("series", series),
            ("allow_gaps", allow_gaps), ("voi", voi), ("segments", segments),
        ):  # fmt: skip
            object.__setattr__(self, name, value)

    @property
    def path(self) -> Path:
        """Where the file or folder is."""
        return Path(self.place)


@dataclass(frozen=True, slots=True)
class Case:
    """One case: an image, a volume, or a region of one.

    id        what files and reports call it, unique in the cohort; no name of a file
    name      as the user names it; it may name a patient, so it is said at the terminal and written into no study
    mark      a salted hash of the name
    patient   a salted pseudonym; the unit of splits, bootstraps and tests
    targets   one number per target: class index, 0/1, or a value; NaN means not labelled
    centre_mm the centre of the region to look at (x, y, z; LPS), or None for the whole image
    side      given by a fixed split, or None
    attributes  columns for subgroup tables
    mask      where the mask of its image is, or None
    scribble  where what training sees of the mask is, where that is another one than judges; or None
    reference  where the image is that another one is to become, or None
    box       what is to be found, as (x0, y0, x1, y1) in pixels of the image (see `data.masks.checking`), or None
    """

    id: str
    patient: str
    source: Source
    targets: tuple[float, ...]
    centre_mm: tuple[float, float, float] | None = None
    site: str | None = None
    side: Side | None = None
    attributes: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    mask: Source | None = None
    scribble: Source | None = None
    reference: Source | None = None
    box: tuple[float, float, float, float] | None = None
    name: str = field(default="", repr=False)
    mark: str = ""

    def as_taught(self) -> Case:
        """The case with the mask that training sees."""
        return self if self.scribble is None else replace(self, mask=self.scribble)

    @property
    def called(self) -> str:
        """What a message at the terminal calls it: a number alone would find no file."""
        return self.id if self.name in ("", self.id) else f"{self.id} ({self.name})"

    @property
    def own_name(self) -> str:
        """The user's name for it; chance that is drawn for the case depends on it, whatever files call the case."""
        return self.name or self.id
