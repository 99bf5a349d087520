"""What the numbers of an image become before a network sees them; the meaning of each range is stated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import InputError, SettingsError

IntensityKind = Literal["window", "percentiles", "zscore", "range", "keep"]


@dataclass(frozen=True)
class Intensity:
    """How voxel values are mapped. Statistics "of the image" are of the whole image, before any region is cut.

    window       low..high in the volume's own units (HU for CT) to 0..1, clipped
    percentiles  the low-th to high-th percentile of the image to 0..1, clipped (1 and 99 unless given)
    range        low..high to 0..1, not clipped, for example 0 and 255; the image's extremes where not given
    zscore       mean 0, sd 1: with `mean` and `sd` where given (of the training set), else of the image
    keep         values stay as they are

    A constant image becomes 0 wherever its own statistics are used.

    >>> Intensity("window", low=-1000, high=400)
    Intensity(kind='window', low=-1000, high=400, mean=None, sd=None)
    """

    kind: IntensityKind
    low: float | None = None
    high: float | None = None
    mean: float | None = None
    sd: float | None = None

    def __post_init__(self) -> None:
        if (self.low is None) != (self.high is None):
            raise SettingsError(f"intensity {self.kind!r} needs both low and high or neither")
        if self.kind == "window" and self.low is None:
            raise SettingsError("intensity 'window' needs low and high in the volume's units, such as -1000 and 400")
        if self.kind in ("zscore", "keep") and self.low is not None:
            raise SettingsError(f"intensity {self.kind!r} has no low and high; 'window' and 'range' have")
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise SettingsError(f"low of intensity {self.kind!r} must be below high, got {self.low:g}, {self.high:g}")
        self._check_percentiles()
        self._check_mean()

    def _check_percentiles(self) -> None:
        if self.kind == "percentiles" and self.low is not None and not 0 <= self.low < (self.high or 0) <= 100:
            raise SettingsError(f"percentiles must lie within 0..100, got {self.low:g} and {self.high:g}")

    def _check_mean(self) -> None:
        if (self.mean is None) != (self.sd is None):
            raise SettingsError("intensity 'zscore' needs both mean and sd or neither")
        if self.mean is not None and self.kind != "zscore":
            raise SettingsError(f"mean and sd belong to intensity 'zscore', not to {self.kind!r}")
        if self.sd is not None and not self.sd > 0:
            raise SettingsError(f"sd of intensity 'zscore' must be positive, got {self.sd:g}")


@dataclass(frozen=True)
class LinearMap:
    """value -> (value - offset) * gain, clipped to 0..1 where `clip`; `darkest` is what padding is filled with."""

    offset: float
    gain: float
    clip: bool
    darkest: float

    def __call__(self, values: NDArray) -> NDArray[np.float32]:
        mapped = (values.astype(np.float32) - np.float32(self.offset)) * np.float32(self.gain)
        if self.clip:
            np.clip(mapped, 0.0, 1.0, out=mapped)
        return np.asarray(mapped, dtype=np.float32)


def linear_map(intensity: Intensity, voxels: NDArray) -> LinearMap:
    """The map for one image, its statistics taken from `voxels` (all of the image) where the setting asks for them.

    Raises InputError when a statistic of the image is not finite.
    """
    low, high = intensity.low, intensity.high
    if intensity.kind == "window":
        return _between(low, high, clip=True, darkest=0.0)
    if intensity.kind == "percentiles":
        low, high = percentiles(voxels, (1.0, 99.0) if low is None or high is None else (low, high))
        return _between(low, high, clip=True, darkest=0.0)
    least, most = float(voxels.min()), float(voxels.max())
    if intensity.kind == "range":
        made = _between(least if low is None else low, most if high is None else high, clip=False, darkest=0.0)
    elif intensity.kind == "keep":
        made = LinearMap(0.0, 1.0, clip=False, darkest=0.0)
    else:
        made = _standard(intensity, voxels)
    return LinearMap(made.offset, made.gain, clip=False, darkest=_finite((least - made.offset) * made.gain))


def percentiles(voxels: NDArray, at: tuple[float, float]) -> tuple[float, float]:
    """Two percentiles, as numpy's "linear" method; whole numbers of 8 or 16 bits are counted, which is far faster."""
    if voxels.dtype.kind not in "iu" or voxels.dtype.itemsize > 2:
        low, high = np.percentile(voxels, at)
        return float(low), float(high)
    least = int(voxels.min())
    ranks = np.cumsum(np.bincount((voxels.astype(np.int32) - least).ravel()))
    place = np.asarray(at) / 100 * (voxels.size - 1)
    below, above = (np.searchsorted(ranks, side, side="right") + least for side in (np.floor(place), np.ceil(place)))
    low, high = below + (above - below) * (place - np.floor(place))
    return float(low), float(high)


def _between(low: float | None, high: float | None, *, clip: bool, darkest: float) -> LinearMap:
    assert low is not None
    assert high is not None
    width = _finite(float(high)) - _finite(float(low))
    return LinearMap(float(low), 1.0 / width if width > 0 else 0.0, clip, darkest)


def _standard(intensity: Intensity, voxels: NDArray) -> LinearMap:
    if intensity.mean is not None and intensity.sd is not None:
        return LinearMap(intensity.mean, 1.0 / intensity.sd, clip=False, darkest=0.0)
    mean, sd = float(voxels.mean(dtype=np.float64)), float(voxels.std(dtype=np.float64))
    # a constant image may have an sd of rounding error only; amplified, that would be noise made of nothing
    constant = sd <= 1e-7 * max(1.0, abs(mean))
    return LinearMap(_finite(mean), 0.0 if constant else 1.0 / _finite(sd), clip=False, darkest=0.0)


def _finite(value: float) -> float:
    if not np.isfinite(value):
        raise InputError("the image holds voxels that are not finite numbers (NaN or infinity); repair or leave it out")
    return value
