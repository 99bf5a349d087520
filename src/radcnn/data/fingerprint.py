"""A Fingerprint: what the data are like, measured on training images, from which a plan is proposed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import SIDES, Case, Source
from radcnn.core.chance import generator
from radcnn.core.errors import InputError
from radcnn.core.volume import Volume
from radcnn.data.cohort import Cohort
from radcnn.data.findings import Finding, finding
from radcnn.data.matching import file_ending
from radcnn.data.read import read_source
from radcnn.data.splits import Split

VOXELS_PER_IMAGE = 10_000  # drawn from each image for percentiles; every image counts alike
MAX_DISTINCT = 1_024  # distinct values counted; images with more are not stored levels but measurements
MIXED = "images must be all 2D or all 3D with the same channels"


@dataclass(frozen=True)
class Intensities:
    """Grey values of the measured training images, all channels together.

    p0_5 ... p99_5  percentiles of voxels drawn alike from every image
    mean, sd, minimum, maximum, zeros  over all voxels; zeros is a share
    distinct        number of distinct values among the drawn voxels; None for more than 1,024
    binary          whether no image holds more than the same two values
    """

    p0_5: float
    p5: float
    median: float
    p95: float
    p99_5: float
    mean: float
    sd: float
    minimum: float
    maximum: float
    zeros: float
    distinct: int | None
    binary: bool


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
    size              voxels per axis; same_size when they are all alike
    spacing_mm        distances of voxels; None where an image states none
    units             units of the images ("HU", "grey", ...)
    grey_as_colour    three channels that are equal everywhere
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

    Raises InputError, naming two cases, when 2D and 3D images or numbers of channels are mixed; InputError when an
    image holds NaN or infinite values; SplitError when the split is not of this cohort.
    """
    split.verify(cohort)
    chosen = _chosen(cohort, split, sample, seed)
    gauge = _Gauge(seed)
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
        size=_extent(gauge.sizes),
        same_size=len(set(gauge.sizes)) == 1,
        spacing_mm=_extent(gauge.spacings) if len(gauge.spacings) == len(chosen) else None,
        grey_as_colour=gauge.grey_as_colour,
        intensities=gauge.intensities(),
        findings=gauge.findings(),
    )


class _Gauge:
    """Takes one image after the other, so that only one is in memory."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.first = ""
        self.rank = self.channels = 0
        self.units: set[str] = set()
        self.sizes: list[tuple[int, ...]] = []
        self.spacings: list[tuple[float, ...]] = []
        self.grey_as_colour = True
        self.drawn: list[NDArray[np.float64]] = []
        self.n, self.zeros, self.total, self.squares = 0, 0, 0.0, 0.0
        self.minimum, self.maximum = math.inf, -math.inf
        self.levels: set[float] | None = set()  # the two values of binary images; None when there are more

    def check_form(self, case: Case, volume: Volume) -> None:
        """Raise InputError unless the image has the rank and channels of the first one."""
        if not self.rank:
            self.first, self.rank, self.channels = case.id, volume.rank, volume.channels
        if (volume.rank, volume.channels) != (self.rank, self.channels):
            raise InputError(
                f"{MIXED}: case {self.first} is {_form(self.rank, self.channels)}, "
                f"case {case.id} is {_form(volume.rank, volume.channels)}; make them alike or leave some out"
            )

    def measure(self, case: Case, volume: Volume) -> None:
        self.check_form(case, volume)
        voxels = volume.voxels
        low, high = float(voxels.min()), float(voxels.max())
        if not (math.isfinite(low) and math.isfinite(high)):
            raise InputError(f"case {case.id} holds NaN or infinite values; repair the image or leave the case out")
        self.units.add(volume.units)
        self.sizes.append(volume.size)
        if volume.spacing_mm is not None:
            self.spacings.append(volume.spacing_mm)
        self.grey_as_colour &= volume.channels == 3 and bool((voxels == voxels[:1]).all())
        self._add_levels(voxels, low, high)
        self._add_moments(voxels, low, high)
        chance = generator(self.seed, "fingerprint", case.id)
        flat = voxels.reshape(-1)
        if flat.size > VOXELS_PER_IMAGE:
            flat = flat[chance.integers(0, flat.size, VOXELS_PER_IMAGE)]
        self.drawn.append(flat.astype(np.float64))

    def _add_levels(self, voxels: NDArray, low: float, high: float) -> None:
        if self.levels is None:
            return
        self.levels |= {low, high}
        if len(self.levels) > 2 or not ((voxels == low) | (voxels == high)).all():
            self.levels = None

    def _add_moments(self, voxels: NDArray, low: float, high: float) -> None:
        self.minimum, self.maximum = min(self.minimum, low), max(self.maximum, high)
        n, mean = voxels.size, float(voxels.mean(dtype=np.float64))
        # sums of squares about running means, not about 0: 3000 HU squared loses no digits (Chan et al. 1983)
        away = float(voxels.var(dtype=np.float64)) * n
        old_mean = self.total / self.n if self.n else mean
        self.squares += away + (mean - old_mean) ** 2 * self.n * n / (self.n + n)
        self.n, self.total = self.n + n, self.total + mean * n
        self.zeros += int(n - np.count_nonzero(voxels))

    def intensities(self) -> Intensities:
        drawn = np.concatenate(self.drawn)
        p0_5, p5, median, p95, p99_5 = (float(v) for v in np.percentile(drawn, (0.5, 5, 50, 95, 99.5)))
        distinct = len(np.unique(drawn))
        return Intensities(
            p0_5=p0_5,
            p5=p5,
            median=median,
            p95=p95,
            p99_5=p99_5,
            mean=self.total / self.n,
            sd=math.sqrt(self.squares / self.n),
            minimum=self.minimum,
            maximum=self.maximum,
            zeros=self.zeros / self.n,
            distinct=distinct if distinct <= MAX_DISTINCT else None,
            binary=self.levels is not None,
        )

    def findings(self) -> tuple[Finding, ...]:
        found = []
        if len(set(self.sizes)) > 1:
            sentence = f"images have {len(set(self.sizes))} different sizes; they will be brought to one"
            found.append(finding("images of different size", sentence))
        without = len(self.sizes) - len(self.spacings)
        if without:
            sentence = f"{without} of {len(self.sizes)} images state no spacing, so lengths are in voxels, not mm"
            found.append(finding("spacing unknown", sentence))
        if self.grey_as_colour:
            found.append(finding("grey stored as colour", "three channels are equal everywhere; one would do"))
        return tuple(found)


def _form(rank: int, channels: int) -> str:
    return f"{rank}D with {channels} channel{'' if channels == 1 else 's'}"


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
    return ("folder" if source.path.is_dir() else file_ending(source.path.name), source.array)


def _class_counts(cohort: Cohort, split: Split) -> dict[str, dict[str, dict[str, int]]]:
    if cohort.target.kind == "regression":
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


def _extent(values: Sequence[tuple[float, ...]]) -> Extent:
    stacked = np.asarray(values, dtype=np.float64)
    low, middle, high = (tuple(row.tolist()) for row in (stacked.min(0), np.median(stacked, axis=0), stacked.max(0)))
    return Extent(low, middle, high)


def _extent_from_json(value: dict[str, Any]) -> Extent:
    return Extent(tuple(value["minimum"]), tuple(value["median"]), tuple(value["maximum"]))
