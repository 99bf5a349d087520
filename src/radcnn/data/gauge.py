"""A Gauge: what images are like, measured one after the other, so that only one is in memory.

Grey images may be stored with one channel or with three equal ones; both are grey, and a folder may hold both. Grey
with one channel and true colour are never mixed: one network cannot be right about both.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import Case
from radcnn.core.chance import generator
from radcnn.core.errors import InputError
from radcnn.core.volume import Volume
from radcnn.data.findings import Finding, counted, finding

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
class Form:
    """Rank and stored channels of an image, and whether these are grey stored as three equal channels."""

    rank: int
    channels: int
    grey_as_colour: bool

    @classmethod
    def of(cls, volume: Volume) -> Form:
        """The form of an image."""
        equal = volume.channels == 3 and bool((volume.voxels == volume.voxels[:1]).all())
        return cls(volume.rank, volume.channels, equal)

    def mixes(self, other: Form) -> bool:
        """Whether images of both forms can be given to one network."""
        either = self.grey_as_colour or other.grey_as_colour
        alike = {self.channels, other.channels} <= {1, 3} if either else self.channels == other.channels
        return alike and self.rank == other.rank

    def __str__(self) -> str:
        return f"{self.rank}D with {counted(self.channels, 'channel')}"


def refuse_mixture(known: dict[Form, str], form: Form, case: str) -> None:
    """Note the form of a case beside the first case of each form; raises InputError where they do not mix."""
    for other, first in known.items():
        if not form.mixes(other):
            raise InputError(
                f"{MIXED}: case {first} is {other}, case {case} is {form}; make them alike or leave some out"
            )
    known.setdefault(form, case)


def all_grey_as_colour(forms: Collection[Form]) -> bool:
    """Whether every image is grey, and some or all store it as three equal channels."""
    return any(form.grey_as_colour for form in forms) and all(
        form.grey_as_colour or form.channels == 1 for form in forms
    )


def findings_of_forms(
    sizes: Sequence[tuple[int, ...]], without_spacing: int, forms: Collection[Form]
) -> tuple[Finding, ...]:
    """What a person should know about sizes, spacings and channels of images."""
    found = []
    if len(set(sizes)) > 1:
        sentence = f"images have {len(set(sizes))} different sizes"
        found.append(finding("images of different size", sentence))
    if without_spacing:
        unit = "voxels" if any(form.rank == 3 for form in forms) else "pixels"
        sentence = f"{without_spacing} of {len(sizes)} images state no spacing, so lengths are in {unit}, not mm"
        found.append(finding("spacing unknown", sentence))
    if all_grey_as_colour(forms):
        everywhere = all(form.channels == 3 for form in forms)
        where = "everywhere; one would do" if everywhere else "in some images; all are taken as grey"
        found.append(finding("grey stored as colour", f"three channels are equal {where}"))
    return tuple(found)


class Gauge:
    """Takes one image after the other, so that only one is in memory."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.forms: dict[Form, str] = {}  # with the first case of each
        self.units: set[str] = set()
        self.stored_uint8 = True  # whether all are
        self.sizes: list[tuple[int, ...]] = []
        self.spacings: list[tuple[float, ...]] = []
        self.drawn: list[NDArray[np.float64]] = []
        self.n, self.zeros, self.total, self.squares = 0, 0, 0.0, 0.0
        self.minimum, self.maximum = math.inf, -math.inf
        self.levels: set[float] | None = set()  # the two values of binary images; None when there are more

    @property
    def rank(self) -> int:
        """Spatial rank of all images."""
        return next(form.rank for form in self.forms)

    @property
    def channels(self) -> int:
        """Stored channels: 1 as soon as one image has one."""
        return min(form.channels for form in self.forms)

    @property
    def grey_as_colour(self) -> bool:
        """Whether every image is grey, and some or all store it as three equal channels."""
        return all_grey_as_colour(self.forms)

    def check_form(self, case: Case, volume: Volume) -> Form:
        """The form of an image; raises InputError, naming both cases, when it does not mix with one seen before."""
        form = Form.of(volume)
        refuse_mixture(self.forms, form, case.called)
        return form

    def measure(self, case: Case, volume: Volume) -> None:
        """Measure an image; raises InputError as check_form does, and when voxels are not finite."""
        form = self.check_form(case, volume)
        voxels = volume.voxels[:1] if form.grey_as_colour else volume.voxels
        low, high = float(voxels.min()), float(voxels.max())
        if not (math.isfinite(low) and math.isfinite(high)):
            raise InputError(f"case {case.called} holds NaN or infinite values; repair the image or leave the case out")
        self.units.add(volume.units)
        self.stored_uint8 &= voxels.dtype == np.uint8
        self.sizes.append(volume.size)
        if volume.spacing_mm is not None:
            self.spacings.append(volume.spacing_mm)
        self._add_levels(voxels, low, high)
        self._add_moments(voxels, low, high)
        chance = generator(self.seed, "fingerprint", case.own_name)
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
        """Grey values of all images measured."""
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
        """What a person should know about the images measured."""
        without = len(self.sizes) - len(self.spacings)
        return findings_of_forms(self.sizes, without, tuple(self.forms))
