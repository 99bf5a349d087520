"""A Glance: the little that the checks of inputs need of an image; one pass over a cohort, one image at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import Case, Source
from radcnn.core.errors import InputError
from radcnn.core.volume import Volume
from radcnn.data.cohort import Cohort
from radcnn.data.findings import Finding
from radcnn.data.gauge import Form
from radcnn.data.read import read_noted

Told = Callable[[int, int], None]
COUNTED = 1 << 18  # voxels that percentiles and distinct values are taken from; all of a 512 x 512 image
ENDS = (0.5, 99.5)  # percentiles that stand for black and white
AHEAD = 2  # images per worker under way at a time: what bounds the memory
AXES = (("L", "R"), ("P", "A"), ("S", "I"))  # where x, y and z of LPS grow to, and where they fall to


@dataclass(frozen=True)
class GlancedValues:
    """Grey values of an image; see `GreyValues`."""

    minimum: float
    maximum: float
    low: float
    high: float
    at_maximum: float
    distinct: int


@dataclass(frozen=True)
class Glance:
    """An image that was looked at; see `Looked`."""

    rank: int
    size: tuple[int, ...]
    channels: int
    grey_as_colour: bool
    dtype: str
    units: str
    spacing_mm: tuple[float, ...] | None
    orientation: str
    intensities: GlancedValues
    findings: tuple[Finding, ...] = ()

    @classmethod
    def of(cls, volume: Volume, findings: tuple[Finding, ...] = ()) -> Glance:
        """A glance at an image and at what its reader noticed."""
        form = Form.of(volume)
        return cls(
            rank=form.rank,
            size=volume.size,
            channels=form.channels,
            grey_as_colour=form.grey_as_colour,
            dtype=volume.voxels.dtype.name,
            units=volume.units,
            spacing_mm=volume.spacing_mm,
            orientation=orientation_of(volume),
            intensities=_values(volume.voxels[:1] if form.grey_as_colour else volume.voxels),
            findings=findings,
        )


def glances(cohort: Cohort, *, workers: int, told: Told | None = None) -> tuple[Glance, ...]:
    """A glance at the image of every case, in the cohort's order; an image of several cases is read once.

    Raises InputError, naming the case, when an image cannot be read.
    """
    first: dict[Source, Case] = {}
    for case in cohort.cases:
        first.setdefault(case.source, case)
    found: dict[Source, Glance] = {}
    for done, (source, glance) in enumerate(zip(first, _each(tuple(first.values()), workers), strict=True), start=1):
        found[source] = glance
        if told is not None:
            told(done, len(first))
    return tuple(found[case.source] for case in cohort.cases)


def _each(cases: Sequence[Case], workers: int) -> Iterator[Glance]:
    waiting: deque[Future[Glance]] = deque()
    with ThreadPoolExecutor(max(1, workers), thread_name_prefix="glance") as pool:
        try:
            for case in cases:
                waiting.append(pool.submit(_glance, case))
                if len(waiting) >= AHEAD * max(1, workers):
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _glance(case: Case) -> Glance:
    try:
        read = read_noted(case.source)
    except InputError as cause:
        raise type(cause)(f"case {case.called}: {cause}") from cause
    return Glance.of(read.volume, read.findings)


def _values(voxels: NDArray) -> GlancedValues:
    flat = voxels.reshape(-1)
    if flat.dtype == np.uint8:
        return _of_bytes(np.bincount(flat, minlength=256))
    maximum = flat.max()
    counted = flat[:: max(1, flat.size // COUNTED)]
    low, high = (float(value) for value in np.percentile(counted, ENDS))
    share = np.count_nonzero(flat == maximum) / flat.size
    return GlancedValues(float(flat.min()), float(maximum), low, high, share, len(np.unique(counted)))


def _of_bytes(counts: NDArray[np.intp]) -> GlancedValues:
    """Everything follows from the 256 counts, ten times faster than by sorting."""
    present, n = np.flatnonzero(counts), counts.sum()
    low, high = np.searchsorted(np.cumsum(counts), np.asarray(ENDS) / 100 * n)
    share = float(counts[present[-1]] / n)
    return GlancedValues(float(present[0]), float(present[-1]), float(low), float(high), share, len(present))


def orientation_of(volume: Volume) -> str:
    """Where slices, rows and columns of a volume (rows and columns of an image) go, in letters of LPS.

    >>> upright = np.diag([1.0, 1.0, 1.0, 1.0])[[2, 1, 0, 3]]
    >>> orientation_of(Volume(np.zeros((1, 2, 2, 2)), upright))
    'SPL'
    """
    if volume.affine is None or volume.frame != "patient":
        return ""
    letters = []
    for direction in volume.affine[:3, 3 - volume.rank : 3].T:
        axis = int(np.argmax(np.abs(direction)))
        letters.append(AXES[axis][0] if direction[axis] > 0 else AXES[axis][1])
    return "".join(letters)
