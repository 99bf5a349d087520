"""A Fingerprint: what the data are like, measured on training images, from which a plan is proposed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from radcnn.core.case import SIDES, Case, Source
from radcnn.core.chance import generator
from radcnn.core.files import reading
from radcnn.data.cohort import Cohort
from radcnn.data.findings import Finding
from radcnn.data.gauge import Gauge, Intensities
from radcnn.data.matching import file_ending
from radcnn.data.read import read_source
from radcnn.data.splits import Split


@dataclass(frozen=True)
class Extent:
    """Smallest, median and largest value per spatial axis: (slices,) rows, columns."""

    minimum: tuple[float, ...]
    median: tuple[float, ...]
    maximum: tuple[float, ...]


@dataclass(frozen=True)
class Fingerprint:
    """What a plan needs to know about a cohort and its split.

    cases, patients   numbers per side
    classes           cases per side, target and class; empty for a regression
    unlabelled        cases without any label
    sites             names of the sites
    measured          training images that were read for what follows
    stored_uint8      whether every measured image is stored as unsigned bytes (uint8), 0 to 255
    size              voxels per axis; same_size when they are all alike
    spacing_mm        distances of voxels; None where an image states none
    units             units of the images ("HU", "grey", ...)
    channels          stored channels; 1 as soon as one image has one
    grey_as_colour    all images are grey, some or all of them stored as three equal channels
    regions           whether cases are places in an image rather than whole images
    """

    target_kind: str
    unit: str
    cases: dict[str, int]
    patients: dict[str, int]
    classes: dict[str, dict[str, dict[str, int]]]
    unlabelled: int
    sites: tuple[str, ...]
    regions: bool
    measured: int
    rank: int
    channels: int
    units: tuple[str, ...]
    stored_uint8: bool
    size: Extent
    same_size: bool
    spacing_mm: Extent | None
    grey_as_colour: bool
    intensities: Intensities
    findings: tuple[Finding, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """A JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Fingerprint:
        """The inverse of as_json."""
        spacing = value["spacing_mm"]
        return cls(
            **{
                **value,
                "sites": tuple(value["sites"]),
                "units": tuple(value["units"]),
                "size": _extent_from_json(value["size"]),
                "spacing_mm": None if spacing is None else _extent_from_json(spacing),
                "intensities": Intensities(**value["intensities"]),
                "findings": tuple(Finding(**one) for one in value["findings"]),
            }
        )


def fingerprint(cohort: Cohort, split: Split, *, sample: int | None = 200, seed: int) -> Fingerprint:
    """Measure a cohort: counts on every side, images on the training side only.

    sample  how many training images are read; None reads all of them. Beside them one image of each kind of file
            is looked at on any side, for its form alone.

    Raises InputError, naming two cases, when 2D and 3D images, or grey and true colour, are mixed; InputError when an
    image holds NaN or infinite values; SplitError when the split is not of this cohort.
    """
    split.verify(cohort)
    chosen = _chosen(cohort, split, sample, seed)
    gauge = Gauge(seed)
    for case in chosen:
        gauge.measure(case, read_source(case.source))
    for case in _one_of_each_kind(cohort, {case.source for case in chosen}):
        gauge.check_form(case, read_source(case.source))
    return Fingerprint(
        target_kind=cohort.target.kind,
        unit=cohort.unit,
        cases={side: len(split.of(side)) for side in SIDES},
        patients={side: len({cohort.cases[i].patient for i in split.of(side)}) for side in SIDES},
        classes=_class_counts(cohort, split),
        unlabelled=int((~cohort.labelled()).sum()),
        sites=tuple(sorted({case.site for case in cohort.cases if case.site is not None})),
        regions=any(case.centre_mm is not None for case in cohort.cases),
        measured=len(chosen),
        rank=gauge.rank,
        channels=gauge.channels,
        units=tuple(sorted(gauge.units)),
        stored_uint8=gauge.stored_uint8,
        size=extent(gauge.sizes),
        same_size=len(set(gauge.sizes)) == 1,
        spacing_mm=extent(gauge.spacings) if len(gauge.spacings) == len(chosen) else None,
        grey_as_colour=gauge.grey_as_colour,
        intensities=gauge.intensities(),
        findings=gauge.findings(),
    )


def _chosen(cohort: Cohort, split: Split, sample: int | None, seed: int) -> list[Case]:
    """Training cases with different images, `sample` of them drawn by chance, in the cohort's order."""
    by_source: dict[Source, Case] = {}
    for i in split.of("training"):
        by_source.setdefault(cohort.cases[i].source, cohort.cases[i])
    cases = list(by_source.values())
    if sample is None or len(cases) <= sample:
        return cases
    drawn = generator(seed, "fingerprint").choice(len(cases), size=max(1, sample), replace=False)
    return [cases[i] for i in sorted(drawn)]


def _one_of_each_kind(cohort: Cohort, known: set[Source]) -> list[Case]:
    """The first case of each kind of file that was not measured: a stray volume among images is found early."""
    seen = {_kind(source) for source in known}
    found = []
    for case in cohort.cases:
        if (kind := _kind(case.source)) not in seen:
            seen.add(kind)
            found.append(case)
    return found


def _kind(source: Source) -> tuple[str, str | None]:
    with reading(source.path):
        return ("folder" if source.path.is_dir() else file_ending(source.path.name), source.array)


def _class_counts(cohort: Cohort, split: Split) -> dict[str, dict[str, dict[str, int]]]:
    if not cohort.target.classes:
        return {}
    targets = cohort.targets()
    return {
        side: {
            name: {
                word: int((targets[list(split.of(side)), column] == index).sum())
                for index, word in enumerate(cohort.target.classes)
            }
            for column, name in enumerate(cohort.target.names)
        }
        for side in SIDES
    }


def extent(values: Sequence[tuple[float, ...]]) -> Extent:
    stacked = np.asarray(values, dtype=np.float64)
    low, middle, high = (tuple(row.tolist()) for row in (stacked.min(0), np.median(stacked, axis=0), stacked.max(0)))
    return Extent(low, middle, high)


def _extent_from_json(value: dict[str, Any]) -> Extent:
    return Extent(tuple(value["minimum"]), tuple(value["median"]), tuple(value["maximum"]))
