"""Noise and sharpness of images by frequency: noise power spectrum, edge and its transfer function, contrast to noise.

A network can lower every error and still show noise of another grain, or soft edges; these say so. Images are (rows,
columns) with square pixels in mm; frequencies are per mm.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from radcnn.core.errors import InputError
from radcnn.metrics.clustered import Floats

TAPERED = 0.5  # of an edge's surroundings, where noise must not be taken for an edge
FINE = 10  # places within a pixel at which an edge is sampled


class FrequencyCurve(NamedTuple):
    """A figure by frequency: frequencies (k,) per mm, ascending, and the value at each."""

    frequency_per_mm: Floats
    value: Floats


def noise_power_spectrum(noise: ArrayLike, pixel_mm: float) -> FrequencyCurve:
    """The radial noise power spectrum, in unit^2 mm^2, of images of noise alone (n, rows, columns).

    NPS = dx dy / (rows columns) <|DFT(noise - its mean)|^2>, averaged over rings (ICRU Report 87, 2012). Its integral
    over the plane is the variance. Noise alone is the difference of an image and its noiseless twin, or of two scans
    over the root of 2. Raises InputError for anything but square images of at least 8 pixels.

    >>> white = np.random.default_rng(0).normal(size=(50, 32, 32))
    >>> bool(np.abs(noise_power_spectrum(white, 0.5).value[1:] - 0.25).max() < 0.03)
    True
    """
    values = np.asarray(noise, np.float64)
    if values.ndim != 3 or values.shape[1] != values.shape[2] or values.shape[1] < 8:
        raise InputError(f"noise must be (n, rows, rows) with at least 8 rows, got {values.shape}")
    side = values.shape[1]
    apart = values - values.mean(axis=(1, 2), keepdims=True)
    power = (np.abs(np.fft.fft2(apart)) ** 2).mean(axis=0) * (pixel_mm / side) ** 2
    lines = np.fft.fftfreq(side, pixel_mm)
    ring = np.rint(np.hypot(lines[:, None], lines[None, :]) * side * pixel_mm).astype(np.intp)
    rings = side // 2
    inside = ring <= rings
    counts = np.bincount(ring[inside], minlength=rings + 1)
    means = np.bincount(ring[inside], power[inside], minlength=rings + 1) / counts
    return FrequencyCurve(np.arange(rings + 1) / (side * pixel_mm), means)


def mean_frequency(spectrum: FrequencyCurve) -> float:
    """The mean frequency of a radial noise power spectrum, per mm: lower where noise is coarse, or blotchy.

    Each ring counts as its circumference.
    """
    weight = spectrum.value * spectrum.frequency_per_mm
    return float((weight @ spectrum.frequency_per_mm) / weight.sum()) if weight.sum() > 0 else math.nan


def disc_transfer(
    image: ArrayLike, centre: tuple[float, float], radius_mm: float, pixel_mm: float, *, reach_mm: float = 8.0
) -> FrequencyCurve:
    """The modulation transfer function from the edge of a disc, at the disc's own contrast.

    The values about the edge are sorted by their distance from the centre into tenths of a pixel; the derivative of
    this edge, transformed, is the task transfer function (Richard et al. 2012, doi:10.1118/1.4725171). It is 1 at 0.

    centre    of the disc, row and column, in pixels
    reach_mm  how far inside and outside the edge is looked at

    Raises InputError where the disc and its surroundings are not within the image.
    """
    values = np.asarray(image, np.float64)
    outer = (radius_mm + reach_mm) / pixel_mm
    rows, columns = values.shape
    if not (outer <= centre[0] <= rows - 1 - outer and outer <= centre[1] <= columns - 1 - outer):
        raise InputError("the disc and its surroundings must lie within the image")
    r, c = np.indices(values.shape)
    apart = np.hypot(r - centre[0], c - centre[1]) * pixel_mm - radius_mm
    near = np.abs(apart) < reach_mm
    step = pixel_mm / FINE
    bins = int(2 * reach_mm / step)
    place = np.minimum(((apart[near] + reach_mm) / step).astype(np.intp), bins - 1)
    counts, sums = np.bincount(place, minlength=bins), np.bincount(place, values[near], minlength=bins)
    known = counts > 0
    edge: Floats = np.interp(np.arange(bins), np.flatnonzero(known), sums[known] / counts[known]).astype(np.float64)
    line = np.diff(edge) * _tapered(bins - 1)
    transfer = np.abs(np.fft.rfft(line))
    frequency = np.fft.rfftfreq(bins - 1, step).astype(np.float64)
    seen = frequency <= 0.5 / pixel_mm
    return FrequencyCurve(frequency[seen], transfer[seen] / transfer[0])


def _tapered(count: int) -> Floats:
    """Tukey's window (count,): 1 in the middle, a cosine at both ends."""
    from_end = np.minimum(np.arange(count), np.arange(count)[::-1]) / (count - 1)
    window: Floats = 0.5 * (1 - np.cos(2 * np.pi * np.minimum(from_end / TAPERED, 0.5)))
    return window


def frequency_at(spectrum: FrequencyCurve, value: float) -> float:
    """The lowest frequency at which a falling curve reaches a value: 0.5 for an MTF's half; NaN where it does not."""
    below = np.flatnonzero(spectrum.value <= value)
    if not below.size:
        return math.nan
    k = int(below[0])
    if k == 0:
        return float(spectrum.frequency_per_mm[0])
    (f0, f1), (v0, v1) = spectrum.frequency_per_mm[k - 1 : k + 1], spectrum.value[k - 1 : k + 1]
    return float(f0 + (f1 - f0) * (v0 - value) / (v0 - v1))


def contrast_to_noise(image: ArrayLike, lesion: ArrayLike, background: ArrayLike) -> float:
    """|mean of the lesion - mean of the background| over the background's standard deviation.

    lesion, background  masks of the image's size

    Raises InputError where a mask is empty or of another size.
    """
    values = np.asarray(image, np.float64)
    inside, outside = np.asarray(lesion) > 0, np.asarray(background) > 0
    if inside.shape != values.shape or outside.shape != values.shape or not inside.any() or outside.sum() < 2:
        raise InputError("lesion and background must be masks of the image's size that are not empty")
    spread = float(values[outside].std(ddof=1))
    apart = abs(float(values[inside].mean() - values[outside].mean()))
    return apart / spread if spread else math.inf
