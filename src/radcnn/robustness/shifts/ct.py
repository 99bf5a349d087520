"""What CT scanners do otherwise: dose, noise, kernel and calibration of HU."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from radcnn.core.errors import GeometryError
from radcnn.core.volume import Volume
from radcnn.physics.kernels import KERNELS, Kernel
from radcnn.physics.lower_dose import lower_dose
from radcnn.robustness.shifts.shift import Floats

SCANNED_WITH = KERNELS["soft"]  # how sharp a scan is taken to be where nothing says it
NOT_THERE = 0.02  # squared window of the scan's own kernel, below which a frequency is more noise than image
MARGIN = 16  # pixels about a slice that are mirrored, so that its borders are not taken for neighbours


def at_dose(volume: Volume, share: float, chance: np.random.Generator) -> Floats:
    """At this share of the scan's dose, the noise made in the sinogram (`physics.lower_dose`)."""
    return np.asarray(lower_dose(volume, share, kernel=SCANNED_WITH, chance=chance).volume.voxels, np.float32)


def with_noise(volume: Volume, sd_hu: float, chance: np.random.Generator) -> Floats:
    """With more noise of this standard deviation and of the grain of filtered back-projection.

    Its power is |f| times the squared window of the kernel (Riederer, Pelc and Chesler 1978). Equal everywhere, for
    images that show a part of the body and so cannot be projected.
    """
    frequency, pixel_mm = _frequencies(volume.size[-2:], _pixel_mm(volume))
    shape = np.sqrt(frequency) * SCANNED_WITH.response(frequency, pixel_mm)
    # the sd that white noise of sd 1 keeps: its mean power over all frequencies, of which rfft shows half
    kept = np.sqrt(_mean_power(shape, volume.size[-1]))
    white = chance.standard_normal(volume.voxels.shape, dtype=np.float32)
    grain = fft.irfft2(fft.rfft2(white) * (shape / max(kept, 1e-12)), s=volume.size[-2:])
    return np.asarray(volume.voxels + sd_hu * grain, np.float32)


def _mean_power(shape: NDArray[np.float64], columns: int) -> float:
    """Mean of squares over a whole plane of frequencies, of which (rows, columns // 2 + 1) are given."""
    counts = np.full(shape.shape[1], 2.0)
    counts[0] = 1
    if columns % 2 == 0:
        counts[-1] = 1
    return float((shape**2 @ counts).sum() / (shape.shape[0] * counts.sum()))


def with_kernel(volume: Volume, cutoff_per_mm: float, _: np.random.Generator) -> Floats:
    """As a Hann kernel that ends at this frequency would have shown it, the scan's own ending at 0.5 per mm.

    Every frequency is multiplied by `kernel_ratio`.
    """
    padded = np.pad(
        volume.voxels.astype(np.float32), (*((0, 0),) * (volume.voxels.ndim - 2), *((MARGIN, MARGIN),) * 2), "symmetric"
    )
    size = padded.shape[-2:]
    frequency, pixel_mm = _frequencies(size, _pixel_mm(volume))
    ratio = kernel_ratio(Kernel("hann", cutoff_per_mm), frequency, pixel_mm)
    made = fft.irfft2(fft.rfft2(padded) * ratio, s=size)
    return np.asarray(made[..., MARGIN:-MARGIN, MARGIN:-MARGIN], np.float32)


def kernel_ratio(kernel: Kernel, frequency_per_mm: NDArray[np.float64], pixel_mm: float) -> NDArray[np.float64]:
    """What a frequency becomes by another kernel, whose window is `new` where the scan's own is `own`.

        softer   new / own
        sharper  1 + own (new - own) / (own^2 + NOT_THERE)

    A sharper one cannot raise what the first took away: where `own` is 0 a frequency stays as it is.
    """
    end = min(SCANNED_WITH.cutoff_per_mm or np.inf, 0.5 / pixel_mm) * (1 - 1e-6)
    f = np.minimum(frequency_per_mm, end)
    own, new = SCANNED_WITH.response(f, pixel_mm), kernel.response(f, pixel_mm)
    softer = new / np.maximum(own, 1e-9)
    return np.where(new < own, softer, 1 + own * (new - own) / (own**2 + NOT_THERE))


def offset(volume: Volume, hu: float, _: np.random.Generator) -> Floats:
    """All values higher by so many HU, as a scanner that is not calibrated gives them."""
    return volume.voxels.astype(np.float32) + np.float32(hu)


def _pixel_mm(volume: Volume) -> tuple[float, float]:
    if volume.spacing_mm is None:
        raise GeometryError(
            "noise and kernels of CT are known per mm, and this image does not say the size of its pixels; choose "
            "other shifts, such as spacing or resolution"
        )
    return volume.spacing_mm[-2], volume.spacing_mm[-1]


def _frequencies(size: tuple[int, ...], pixel_mm: tuple[float, float]) -> tuple[NDArray[np.float64], float]:
    """Frequency per mm (rows, columns // 2 + 1), and the finer of the pixels' sides."""
    down, across = fft.fftfreq(size[0], pixel_mm[0]), fft.rfftfreq(size[1], pixel_mm[1])
    return np.hypot(down[:, None], across[None, :]), min(pixel_mm)
