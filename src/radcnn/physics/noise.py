"""Quantum and electronic noise of CT, made where it arises: in the sinogram.

A detector element counts N ~ Poisson(I0 exp(-p)) photons and adds electronic noise of sd `electronic` (in photons);
the line integral is measured as -log(N / I0). After filtered back-projection such noise is coloured and depends on the
object, as in a scanner, unlike white noise added to the image (Barrett and Swindell, Radiological Imaging, 1981).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from radcnn.core.errors import SettingsError
from radcnn.physics.attenuation import MU_WATER_PER_MM
from radcnn.physics.beam import Beam
from radcnn.physics.kernels import Kernel
from radcnn.physics.reconstruction import fbp
from radcnn.physics.spectrum import Spectrum

FloatArray: TypeAlias = NDArray[np.floating]

LEAST_COUNT = 1.0  # a photon-starved ray is read as one photon, so that its logarithm exists


@dataclass(frozen=True)
class Dose:
    """Exposure of a scan.

    photons     photons per detector element and view in the open beam (I0)
    electronic  standard deviation of the electronic noise, in photons
    """

    photons: float
    electronic: float = 10.0

    def __post_init__(self) -> None:
        if not (self.photons > 0 and self.electronic >= 0):
            raise SettingsError(
                f"a dose needs photons above 0 and electronic noise of at least 0, "
                f"got {self.photons:g} and {self.electronic:g}"
            )


def noisy_sinogram(line_integrals: FloatArray, dose: Dose, chance: np.random.Generator) -> NDArray[np.float64]:
    """Line integrals as they would be measured: Poisson counts, electronic noise, logarithm."""
    expected = dose.photons * np.exp(-np.asarray(line_integrals, dtype=np.float64))
    counts = chance.poisson(expected) + chance.normal(0, dose.electronic, expected.shape)
    return -np.log(np.maximum(counts, LEAST_COUNT) / dose.photons)


def hardened_sinogram(
    water_mm: FloatArray, bone_mm: FloatArray | float, dose: Dose, spectrum: Spectrum, chance: np.random.Generator
) -> NDArray[np.float64]:
    """Line integrals as a beam of many energies measures them, corrected for water; without a unit.

    water_mm, bone_mm  lengths along the rays, (..., views, detectors)

    The photons of each energy are drawn by themselves; where the detector adds up energy, one of high energy counts
    more, and the noise is larger than its photons' number says (Whiting et al. 2006, doi:10.1118/1.2230762).
    """
    water, bone = np.asarray(water_mm, np.float64), np.asarray(bone_mm, np.float64)
    photons = chance.poisson(dose.photons * spectrum.transmitted(water, bone))
    signal = photons @ spectrum.signal + chance.normal(0, dose.electronic, photons.shape[:-1])
    return spectrum.water_corrected(-np.log(np.maximum(signal, LEAST_COUNT) / dose.photons))


def detector_blur(line_integrals: FloatArray, beam: Beam, fwhm_mm: float) -> FloatArray:
    """Line integrals (..., views, detectors) as a detector sees them whose signal spreads to its neighbours.

    fwhm_mm  full width at half maximum, on the detector, of the Gaussian by which what arrives, exp(-p), is spread

    To be applied before the noise, which is drawn behind the scintillator.
    """
    sigma = fwhm_mm / (2 * np.sqrt(2 * np.log(2))) / beam.detector_mm
    arriving: FloatArray = gaussian_filter1d(np.exp(-line_integrals), sigma, axis=-1, mode="nearest")
    return -np.log(arriving)


def noise_variance(line_integrals: FloatArray, dose: Dose) -> FloatArray:
    """Variance of measured line integrals to first order: exp(p) / I0 + electronic^2 exp(2 p) / I0^2.

    True for at least about 30 counts per element; below, the logarithm's skewness is no longer small.
    """
    inverse_counts = np.exp(line_integrals) / dose.photons
    return inverse_counts * (1 + dose.electronic**2 * inverse_counts)


def noise_image(
    line_integrals: FloatArray, beam: Beam, kernel: Kernel, dose: Dose, chance: np.random.Generator
) -> NDArray[np.float32]:
    """Only the noise of a reconstruction (..., size, size), in HU.

    FBP is linear, so FBP(noisy) = FBP(clean) + FBP(noise): Gaussian noise with the object's own variance in every ray
    is reconstructed. Faster than reconstructing the scan, since line_integrals may be smooth; the simplification is
    that of noise_variance.
    """
    sd = np.sqrt(noise_variance(line_integrals, dose)).astype(np.float32)
    noise = chance.standard_normal(sd.shape, dtype=np.float32) * sd
    image: NDArray[np.float32] = fbp(torch.from_numpy(noise), beam, kernel).numpy()
    image *= np.float32(1000 / MU_WATER_PER_MM)
    return image
