"""Reconstruction kernels: the filter of filtered back-projection and the sharpness (MTF) that follows from it.

The filter is the band-limited ramp sampled in space (Kak and Slaney, Principles of Computerized Tomographic Imaging,
1988, eq. 3.61), whose transform has the right mean, times a window in frequency.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Window = Literal["ramp", "shepp-logan", "cosine", "hann"]
KernelName = Literal["ramp", "shepp-logan", "cosine", "hann", "soft", "sharp"]


SHAPES: dict[Window, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "ramp": np.ones_like,
    "shepp-logan": lambda u: np.sinc(u / 2),
    "cosine": lambda u: np.cos(np.pi * u / 2),
    "hann": lambda u: 0.5 * (1 + np.cos(np.pi * u)),
}


@dataclass(frozen=True)
class Kernel:
    """A window on the ramp filter.

    window          "ramp" (none), "shepp-logan" (sinc(u / 2), u the share of the cut-off: Shepp and Logan, IEEE TNS
                    1974;21:21), "cosine" (cos(pi u / 2)) or "hann" ((1 + cos(pi u)) / 2)
    cutoff_per_mm   frequency where the window ends; None: the detector's Nyquist frequency
    """

    window: Window
    cutoff_per_mm: float | None = None

    def response(self, frequency_per_mm: NDArray[np.float64], detector_mm: float) -> NDArray[np.float64]:
        """The window's value at these frequencies, 1 at 0; 0 above the cut-off and above Nyquist."""
        nyquist = 0.5 / detector_mm
        cutoff = self.cutoff_per_mm or nyquist
        f = np.abs(frequency_per_mm)
        shape = SHAPES[self.window](np.minimum(f / cutoff, 1))
        return np.where(f <= min(cutoff, nyquist) + 1e-12, shape, 0.0)


KERNELS: dict[str, Kernel] = {
    "ramp": Kernel("ramp"),
    "shepp-logan": Kernel("shepp-logan"),
    "cosine": Kernel("cosine"),
    "hann": Kernel("hann"),
    "soft": Kernel("hann", cutoff_per_mm=0.50),
    "sharp": Kernel("hann", cutoff_per_mm=0.90),
}


def filter_response(kernel: Kernel, length: int, detector_mm: float) -> NDArray[np.float64]:
    """Real transform (length // 2 + 1) of the filter for signals zero-padded to `length`, in 1/mm."""
    n = fft.fftfreq(length, 1 / length).round().astype(int)
    taps = np.zeros(length)
    taps[n == 0] = 0.25
    odd = n % 2 == 1
    taps[odd] = -1 / (np.pi * n[odd]) ** 2
    ramp = fft.rfft(taps / detector_mm**2).real * detector_mm
    return ramp * kernel.response(fft.rfftfreq(length, detector_mm), detector_mm)


def transfer(kernel: Kernel, frequency_per_mm: NDArray[np.float64], detector_mm: float) -> NDArray[np.float64]:
    """In-plane MTF of a reconstruction: window x detector aperture x linear interpolation between detectors.

    sinc(f d) for a detector element of width d, sinc(f d)^2 for the interpolation in back-projection.
    """
    return kernel.response(frequency_per_mm, detector_mm) * np.sinc(frequency_per_mm * detector_mm) ** 3
