"""How near an image is to its reference: RMSE, PSNR, SSIM, Jin's regressed SNR, and visual information fidelity.

One image (rows, columns) or volume (slices, rows, columns) at a time, in float64. A figure of a study is the mean over
images with an interval by patient (`clustered.clustered_mean`). PSNR, SSIM and VIF mean nothing without the data range
that they were computed with, so it is always given.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import gaussian_filter

from radcnn.core.errors import InputError, SettingsError
from radcnn.metrics.clustered import Floats

SSIM_SIGMA, SSIM_REACH = 1.5, 5  # of the Gaussian window of 11 pixels of Wang et al.
SSIM_K = (0.01, 0.03)
VIF_SCALES = 4
VIF_NOISE = 2.0  # variance of the visual system's noise where the data range is 255


def windowed(image: ArrayLike, low: float, high: float) -> Floats:
    """Values between `low` and `high`, clipped: what a display window shows, in the image's own unit.

    Raises SettingsError where the window is empty.

    >>> windowed([-2000.0, 0.0, 900.0], -160, 240).tolist()
    [-160.0, 0.0, 240.0]
    """
    if not low < high:
        raise SettingsError(f"a window must end above its beginning, got {low:g} to {high:g}")
    return np.clip(np.asarray(image, np.float64), low, high)


def rms_error(image: ArrayLike, reference: ArrayLike) -> float:
    """Root mean squared difference of two images, in their unit.

    >>> round(rms_error([[1.0, 2.0]], [[1.0, 4.0]]), 4)
    1.4142
    """
    found, wanted = _pair(image, reference)
    return float(np.sqrt(np.mean((found - wanted) ** 2)))


def psnr(image: ArrayLike, reference: ArrayLike, *, data_range: float) -> float:
    """Peak signal-to-noise ratio in dB, 20 log10(data_range / RMSE); infinite for equal images.

    Raises SettingsError where the data range is not positive.

    >>> round(psnr([[0.0, 0.1]], [[0.0, 0.0]], data_range=1.0), 2)
    23.01
    """
    _check_range(data_range)
    error = rms_error(image, reference)
    return 20 * math.log10(data_range / error) if error else math.inf


def ssim(image: ArrayLike, reference: ArrayLike, *, data_range: float) -> float:
    """Mean structural similarity, with the Gaussian window of 11 pixels and standard deviation 1.5.

    Wang et al. 2004 (doi:10.1109/TIP.2003.819861). The mean is over places where the window lies within the image.
    Raises InputError for images with fewer than 11 pixels along an axis, SettingsError for a data range of 0 or less.
    """
    _check_range(data_range)
    found, wanted = _pair(image, reference)
    reach = SSIM_REACH
    if min(found.shape) < 2 * reach + 1:
        raise InputError(f"SSIM needs at least {2 * reach + 1} pixels along each axis, got {found.shape}")

    def local(values: Floats) -> Floats:
        made: Floats = gaussian_filter(values, SSIM_SIGMA, truncate=reach / SSIM_SIGMA)
        return made[tuple(slice(reach, n - reach) for n in values.shape)]

    first, second = local(found), local(wanted)
    spread_1, spread_2 = local(found**2) - first**2, local(wanted**2) - second**2
    together = local(found * wanted) - first * second
    c1, c2 = ((k * data_range) ** 2 for k in SSIM_K)
    above = (2 * first * second + c1) * (2 * together + c2)
    below = (first**2 + second**2 + c1) * (spread_1 + spread_2 + c2)
    return float((above / below).mean())


def regressed_snr(image: ArrayLike, reference: ArrayLike) -> float:
    """Signal-to-noise ratio in dB after the best scale and offset of the image, as Jin et al. 2017 report it.

    max over a, b of 20 log10(|reference| / |reference - a image - b|) (doi:10.1109/TIP.2017.2713099). Infinite for an
    image that is the reference but for scale and offset; minus infinity for a reference that is 0.

    >>> regressed_snr([[0.0, 2.0, 4.0]], [[1.0, 2.0, 3.5]]) > 20
    True
    """
    found, wanted = _pair(image, reference)
    x, y = found.ravel(), wanted.ravel()
    columns = np.stack([x, np.ones_like(x)], axis=1)
    left = y - columns @ np.linalg.lstsq(columns, y, rcond=None)[0]
    size, error = float(np.sum(y**2)), float(np.sum(left**2))
    if size == 0:
        return -math.inf
    return 10 * math.log10(size / error) if error > size * 1e-28 else math.inf


def vif(image: ArrayLike, reference: ArrayLike, *, data_range: float) -> float:
    """Visual information fidelity in the pixel domain: the share of the reference's information that is left.

    Four scales, Sheikh and Bovik 2006 (doi:10.1109/TIP.2005.859378); 1 for equal images, above 1 for a sharpened one.
    Raises InputError for images too small for four scales, SettingsError for a data range of 0 or less.
    """
    _check_range(data_range)
    found, wanted = (255.0 / data_range * part for part in _pair(image, reference))
    kept = told = 0.0
    for scale in range(1, VIF_SCALES + 1):
        window = 2 ** (VIF_SCALES - scale + 1) + 1
        if scale > 1:
            thin = tuple(slice(None, None, 2) for _ in found.shape)
            found, wanted = _valid(found, window)[thin], _valid(wanted, window)[thin]
        if min(found.shape) < window:
            raise InputError(f"VIF needs larger images for its {VIF_SCALES} scales, got {np.shape(image)}")
        first, second = _valid(wanted, window), _valid(found, window)
        spread_1 = np.maximum(_valid(wanted**2, window) - first**2, 0)
        spread_2 = np.maximum(_valid(found**2, window) - second**2, 0)
        together = _valid(wanted * found, window) - first * second
        gain = np.where(spread_1 > 1e-10, together / np.maximum(spread_1, 1e-10), 0)
        noise = np.where(gain < 0, spread_2, spread_2 - gain * together)
        gain, noise = np.maximum(gain, 0), np.maximum(noise, 1e-10)
        kept += float(np.sum(np.log10(1 + gain**2 * spread_1 / (noise + VIF_NOISE))))
        told += float(np.sum(np.log10(1 + spread_1 / VIF_NOISE)))
    return kept / told if told else math.nan


def _valid(values: Floats, window: int) -> Floats:
    """Gaussian means over windows that lie within the image; the standard deviation is a fifth of the window."""
    reach = window // 2
    made: Floats = gaussian_filter(values, window / 5, truncate=reach / (window / 5))
    return made[tuple(slice(reach, n - reach) for n in values.shape)]


def _pair(image: ArrayLike, reference: ArrayLike) -> tuple[Floats, Floats]:
    found, wanted = np.asarray(image, np.float64), np.asarray(reference, np.float64)
    if found.shape != wanted.shape or not found.size:
        raise InputError(f"an image and its reference must have one size, got {found.shape} and {wanted.shape}")
    if not (np.isfinite(found).all() and np.isfinite(wanted).all()):
        raise InputError("an image holds NaN or infinite values; figures of it would mean nothing")
    return found, wanted


def _check_range(data_range: float) -> None:
    if not (0 < data_range < math.inf):
        raise SettingsError(f"the data range must be positive, got {data_range:g}")
